import subprocess
import sys


def test_the_command_line_starts_without_what_only_serve_needs() -> None:
    code = "import sys; import hil.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(run.stdout.split()).isdisjoint({"pymodbus", "hil.bench", "websockets", "ocpp", "rich"})

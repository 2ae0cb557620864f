import subprocess
import sys


def test_the_bench_csms_imports_nothing_of_the_agent_or_its_hardware() -> None:
    program = "import sys, hil.csms.cli; print([n for n in sys.modules if n.split('.')[0] in {'agent', 'hal'}])"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"

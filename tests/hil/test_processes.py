"""Real processes, of Python itself."""

import signal
from pathlib import Path

import pytest

from hil.errors import StationError
from hil.processes import ChildProcess, last_line

STUBBORN = """
import json, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"ready": True}), flush=True)
time.sleep(60)
"""


HOPELESS = "import sys; sys.exit('no such meter')"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "played.py"


def process(module: Path, program: str = "") -> ChildProcess:
    module.write_text(program)
    return ChildProcess("played", ["played"], module.with_name("played.log"))


async def test_a_process_that_ignores_sigterm_is_killed(module: Path) -> None:
    played = process(module, STUBBORN)
    assert await played.start_until_ready() == {"ready": True}
    assert await played.end(limit_s=0.1) == -signal.SIGKILL


async def test_a_process_that_dies_before_it_is_ready_is_quoted(module: Path) -> None:
    with pytest.raises(StationError, match="the played ended unexpectedly with exit code 1: no such meter"):
        await process(module, HOPELESS).start_until_ready()


async def test_a_process_that_was_never_started_ends_without_a_code(module: Path) -> None:
    assert await process(module).end() is None


def test_the_last_line_of_a_log_leaves_out_the_frame_of_a_traceback(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("  | ValueError: broken\n    +----------------\n\n")
    assert last_line(log) == "ValueError: broken"
    assert last_line(tmp_path / "none") == ""

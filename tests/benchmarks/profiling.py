"""Where the time goes: the imports of a start-up, and cProfile of the agent's hot paths."""

import io
import pstats
import re
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.processes import ROOT
from tests.benchmarks.rig import BUILD

IMPORT_LIMIT_S = 30.0
SHOWN = 25
STARTED = {"1.6": "agent.csms.v16.adapter", "2.0.1": "agent.csms.v201.adapter"}
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


def imports(version: str) -> str:
    """The costliest imports of an agent in this version, each with what it pulls in, in microseconds."""
    names = ("agent.main", "agent.running", "websockets.asyncio.client", STARTED[version])
    code = "; ".join(f"import {name}" for name in names)
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=IMPORT_LIMIT_S, check=True)
    found = [(int(m[2]), int(m[1]), m[4]) for m in map(_LINE.match, done.stderr.splitlines()) if m]
    costly = sorted(found, reverse=True)[:SHOWN]
    lines = [f"{cumulative:>9} {own:>9}  {name}" for cumulative, own, name in costly]
    return "\n".join([f"imports, OCPP {version}", "with all it imports, by itself (us), module", *lines])


def hot_paths() -> str:
    """The functions in which profiled agents spent most time by themselves."""
    return "\n".join(_hot_path(file) for file in sorted(BUILD.glob("bench-*.prof")))


def _hot_path(file: Path) -> str:
    text = io.StringIO()
    pstats.Stats(str(file), stream=text).sort_stats("tottime").print_stats(SHOWN)
    return f"{file.name}\n{text.getvalue()}"

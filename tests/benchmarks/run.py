"""`make bench`: measures, prints the table, writes build/bench.json; a miss is a report, not a failure (runner)."""

import argparse
import asyncio
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks import (
    agent_cpu,
    answering,
    codecs,
    drain,
    forbid,
    journal_rows,
    local_list,
    meter_bus,
    opening,
    remote_start,
    size,
    smart_charging,
    start_up,
    tls_handshake,
    token_to_permit,
    virtual_hours,
)
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.profiling import hot_paths, imports
from tests.benchmarks.rig import BUILD, Options

Measure = Callable[[str, Options], Coroutine[Any, Any, list[Figure]]]
BENCHMARKS: dict[str, Measure] = {
    "start": start_up.measure,
    "answers": answering.measure,
    "remote-start": remote_start.measure,
    "forbid": forbid.measure,
    "token": token_to_permit.measure,
    "size": size.measure,
    "drain": drain.measure,
    "journal-rows": journal_rows.measure,
    "virtual-hours": virtual_hours.measure,
    "opening": opening.measure,
    "meter-bus": meter_bus.measure,
    "codecs": codecs.measure,
    "smart-charging": smart_charging.measure,
    "local-list": local_list.measure,
    "tls": tls_handshake.measure,
    "cpu": agent_cpu.measure,
}
ONCE = frozenset({"opening", "meter-bus", "codecs", "smart-charging", "local-list", "journal-rows", "tls", "cpu"})
"""The version makes no difference to these: they are measured with the first only."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if something could not be measured."""
    args = _parser().parse_args(argv)
    options = Options(quick=args.quick, profile=args.profile, versions=tuple(args.ocpp or ("1.6", "2.0.1")))
    BUILD.mkdir(exist_ok=True)
    figures: list[Figure] = []
    failures: list[str] = []
    for name, version in planned(args.only or tuple(BENCHMARKS), options.versions):
        _say(f"measuring {name}, OCPP {version} ...")
        try:
            figures += asyncio.run(BENCHMARKS[name](version, options))
        except Exception as error:  # noqa: BLE001 - told, and the next one is measured all the same
            failures.append(f"{name}, OCPP {version}: {type(error).__name__}: {error}")
            traceback.print_exc()
    sys.stdout.write("\n" + table(figures, failures) + "\n")
    path = BUILD / "bench.json"
    path.write_text(json.dumps(report(figures, failures), indent=1) + "\n", "utf-8")
    sys.stdout.write(f"written to {path}\n")
    if args.profile:
        sys.stdout.write("\n".join([*map(imports, options.versions), hot_paths()]) + "\n")
    return 1 if failures else 0


def planned(names: Sequence[str], versions: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is measured with which version, in order."""
    for name in names:
        yield from ((name, version) for version in (versions[:1] if name in ONCE else versions))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speed and size of the agent.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", action="append", choices=tuple(BENCHMARKS), help="this benchmark; may be repeated")
    parser.add_argument("--ocpp", action="append", choices=("1.6", "2.0.1"), help="this version; may be repeated")
    parser.add_argument("--profile", action="store_true", help="show where the time goes; the agent is slower then")
    return parser


def report(figures: Sequence[Figure], failures: Sequence[str]) -> dict[str, Any]:
    """Render all of it as JSON."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
        "figures": [figure.to_json() for figure in figures],
        "not_measured": list(failures),
    }


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")

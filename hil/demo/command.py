"""`pilotline-bench demo`: its options."""

import argparse
import asyncio
import sys
import time
from io import TextIOWrapper
from pathlib import Path

from hil.command_line import FAILED, WRONG_USAGE, complain
from hil.demo.performance import COMMAND, Performance
from hil.demo.stage import fresh_directory
from hil.errors import StationError

VERSIONS = ("2.0.1", "1.6")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a demo."""
    parser.add_argument("--ocpp", default=VERSIONS[0], metavar="VERSION", help="2.0.1 (default) or 1.6")
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C, to play with")
    parser.add_argument(
        "--dir", type=Path, default=Path(".demo"), help="where the directory of the run is made (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Play one session; gives the exit code."""
    if args.ocpp not in VERSIONS:
        known = " or ".join(VERSIONS)
        return complain(
            COMMAND, f"OCPP {args.ocpp!r} cannot be played; --ocpp (make demo OCPP=) takes {known}", WRONG_USAGE
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # arrows on a terminal that has none
            stream.reconfigure(errors="replace")
    try:
        directory = fresh_directory(args.dir, f"{time.strftime('%Y%m%d-%H%M%S')}-ocpp{args.ocpp}")
    except StationError as error:
        return complain(COMMAND, str(error), FAILED)
    return asyncio.run(_perform(args.ocpp, directory, keep=args.keep))


async def _perform(version: str, directory: Path, *, keep: bool) -> int:
    return await Performance(version, directory, keep=keep).run()

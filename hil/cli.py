"""`pilotline-bench`: the command line of the bench."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hil.bench_state import BenchStateError
from hil.command_line import DONE, FAILED, WRONG_USAGE, complain
from hil.ctl import run_operation

COMMAND = "pilotline-bench"
DEFAULT_DIRECTORY = Path("bench")
CONTROL_FILE = "control.sock"
KNOWN_VERSIONS = ("1.6", "2.0.1")
KNOWN_BOARDS = ("rapi", "safety", "modbus")
KNOWN_READERS = ("line", "pn532")
LAZY_COMMANDS = {
    "csms": ("hil.csms.cli", "serve the bench CSMS"),
    "watch": ("hil.watch", "show the bench on a terminal, live"),
    "replay": ("hil.replay", "play the device side of a recording to an agent"),
    "demo": ("hil.demo", "play one charging session with separate processes"),
}
"""Commands that bring their own arguments: `add_arguments(parser)` and `run(args)`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    code: int = args.run(args)
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=COMMAND, description="Simulated charging hardware and back-end.")
    parser.add_argument("--version", action="version", version=f"{COMMAND} {version('pilotline')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands.add_parser("serve", help="serve simulated hardware on pseudo-terminals"))
    _add_ctl(commands.add_parser("ctl", help="carry out one control operation, or those that are typed"))
    for name, (module, text) in LAZY_COMMANDS.items():
        _add_lazy(commands.add_parser(name, help=text), module, loaded=name in arguments)
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evses", type=int, default=1, metavar="N", help="number of EVSEs, 1 to 16 (default 1)")
    parser.add_argument("--board", choices=KNOWN_BOARDS, default="rapi", help="protocol of the boards")
    parser.add_argument("--board-profile", metavar="NAME", help="variant of the board; an unknown one names the known")
    parser.add_argument("--meter", default="eastron_sdm630", metavar="MAP", help="register map of the meters")
    parser.add_argument("--meter-transport", choices=("rtu", "tcp"), default="rtu", help="how the meters are reached")
    parser.add_argument("--reader", choices=KNOWN_READERS, default="line", help="protocol of the card reader")
    parser.add_argument("--io", action="store_true", help="a card of relays and inputs at each EVSE: lock, stop, trip")
    parser.add_argument("--power-modules", type=int, default=0, metavar="N", help="DC power modules on DIR/can1, slcan")
    parser.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help="where the lines are linked")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="control socket (default DIR/control.sock)")
    parser.add_argument("--csms-url", default="ws://127.0.0.1:9000/", help="back-end written into agent.toml")
    parser.add_argument(
        "--ocpp", default="1.6", metavar="LIST", help="versions written into agent.toml, preferred first"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="record every byte on every wire, with times")
    parser.add_argument("--overwrite", action="store_true", help="write agent.toml even if there is one")
    parser.set_defaults(run=_serve)


def _add_ctl(parser: argparse.ArgumentParser) -> None:
    default = DEFAULT_DIRECTORY / CONTROL_FILE
    parser.add_argument("--control", type=Path, default=default, metavar="SOCKET", help=f"default {default}")
    parser.add_argument("--json", action="store_true", help="print the result on one line")
    operations = "plug_in, plug_out, ev, swipe, fault, clear, meter, state, ...; without it: a prompt"
    parser.add_argument("operation", nargs="?", metavar="OP", help=operations)
    parser.add_argument("fields", nargs="*", metavar="key=value", help="fields of the operation")
    parser.set_defaults(run=_ctl)


def _ctl(args: argparse.Namespace) -> int:
    if args.operation is not None:
        return run_operation(args.control, args.operation, args.fields, as_json=args.json)
    from hil.ctl_prompt import run_prompt  # noqa: PLC0415 - readline is for people

    return run_prompt(args.control, as_json=args.json)


def _add_lazy(parser: argparse.ArgumentParser, module: str, *, loaded: bool) -> None:
    if loaded:
        command = importlib.import_module(module)
        command.add_arguments(parser)
        parser.set_defaults(run=command.run)


def _serve(args: argparse.Namespace) -> int:
    from hil.serve import ServeOptions, serve  # noqa: PLC0415 - `ctl` and `csms` start without pymodbus

    versions = tuple(part.strip() for part in args.ocpp.split(",") if part.strip())
    unknown = [each for each in versions if each not in KNOWN_VERSIONS]
    if unknown or not versions:
        return complain(COMMAND, f"--ocpp takes a list of {', '.join(KNOWN_VERSIONS)}, not {args.ocpp!r}", WRONG_USAGE)
    if not 1 <= args.evses <= 16:  # noqa: PLR2004 - the help text says so
        return complain(COMMAND, f"--evses takes 1 to 16, not {args.evses}", WRONG_USAGE)
    directory = args.dir.resolve()
    options = ServeOptions(
        directory=directory,
        evses=args.evses,
        meter_map=args.meter,
        control=args.control.resolve() if args.control else directory / CONTROL_FILE,
        csms_url=args.csms_url,
        ocpp_versions=versions,
        meter_framing=args.meter_transport,
        board=args.board,
        board_profile=args.board_profile,
        reader=args.reader,
        io=args.io,
        power_modules=args.power_modules,
        overwrite=args.overwrite,
        record=args.record.resolve() if args.record else None,
    )
    try:
        asyncio.run(serve(options))
    except (OSError, BenchStateError) as error:
        return complain(COMMAND, str(error), FAILED)
    except ValueError as error:
        return complain(COMMAND, str(error), WRONG_USAGE)
    return DONE


if __name__ == "__main__":
    sys.exit(main())

"""`pilotline`: the technician's command on the board. It works beside a running agent and changes nothing.

Exit codes: 0 done, 1 failed (of `log verify`: the log is not whole), 2 wrong usage or configuration.
"""

import argparse
import sys
from pathlib import Path

from agent.version import VERSION

DONE, FAILED, WRONG_USAGE = 0, 1, 2
DEFAULT_CONFIG = Path("/etc/pilotline/agent.toml")


def main() -> int:
    """Run one command."""
    arguments = _parser().parse_args()
    from agent.service import log_commands, session_commands, state_directory  # noqa: PLC0415 - --help needs none of it

    commands = {"log": log_commands.run, "sessions": session_commands.run}
    try:
        return commands[arguments.command](arguments)
    except state_directory.WrongUsageError as error:
        sys.stderr.write(f"pilotline: {error}\n")
        return WRONG_USAGE
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pilotline", description="The charging station, from the board's shell.")
    parser.add_argument("--version", action="version", version=f"pilotline {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    log = commands.add_parser("log", help="the security log")
    verbs = log.add_subparsers(dest="verb", required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="prove that nothing was removed, changed, re-ordered or cut off")
    verify.add_argument(
        "--head",
        metavar="SEQ:CHAIN",
        help="a head that the back-end noted (log= of a StartupOfTheDevice); the log must still have it",
    )
    show = verbs.add_parser("show", help="print the security log")
    show.add_argument("--from", dest="oldest", metavar="TIME", help="oldest entry, ISO 8601; UTC if it names no zone")
    show.add_argument("--until", dest="latest", metavar="TIME", help="latest entry")
    sessions = _session_verbs(commands)
    for verb in (verify, show, *sessions):
        place = verb.add_mutually_exclusive_group()
        place.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="agent.toml, for its state directory")
        place.add_argument("--state-dir", type=Path, help="the state directory itself")
    for verb in (verify, show, sessions[0]):  # an export is JSON
        verb.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _session_verbs(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> list[argparse.ArgumentParser]:
    sessions = commands.add_parser("sessions", help="transactions that no back-end has acknowledged")
    verbs = sessions.add_subparsers(dest="verb", required=True, metavar="VERB")
    unsent = verbs.add_parser("unsent", help="show what is queued, parked for another back-end, or given up")
    export = verbs.add_parser("export", help="write the same with every fact, one transaction a line of JSON")
    export.add_argument("file", metavar="FILE", help="a new file, readable by its owner alone; - for standard output")
    export.add_argument("--with-tokens", action="store_true", help="whole tokens, not their last two characters")
    return [unsent, export]


if __name__ == "__main__":
    sys.exit(main())

"""`pilotline log …`: the security log verified and shown."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent.service.state_directory import DATABASE_NAME, WrongUsageError, state_directory
from agent.store.errors import StoreError
from agent.store.security_log import FOLDER_NAME
from agent.store.security_log_check import Verdict, lines_between, verify_beside_agent
from agent.store.security_log_lines import Link, link_of

DONE, FAILED = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Carry out one verb and return the exit code. Raises: WrongUsageError."""
    state_dir = state_directory(arguments)
    if arguments.verb == "verify":
        return _verify(state_dir, arguments.head, as_json=arguments.json)
    return _show(state_dir, _time(arguments.oldest), _time(arguments.latest), as_json=arguments.json)


def _verify(state_dir: Path, head: str | None, *, as_json: bool) -> int:
    try:
        verdict = verify_beside_agent(state_dir / FOLDER_NAME, state_dir / DATABASE_NAME, _head(head))
    except (StoreError, OSError) as error:
        verdict = Verdict(f"the log cannot be read: {error}")
    if as_json:
        told = {"ok": verdict.problem is None, "problem": verdict.problem, "first": verdict.first}
        sys.stdout.write(json.dumps({**told, "last": verdict.last, "unanchored": verdict.unanchored}) + "\n")
    elif verdict.problem is None:
        sys.stdout.write(_whole(verdict))
    else:
        sys.stderr.write(f"pilotline: the security log is not whole: {verdict.problem}\n")
    return DONE if verdict.problem is None else FAILED


def _whole(verdict: Verdict) -> str:
    if verdict.last < verdict.first:
        return "the security log is empty, and nothing was ever written to it\n"
    behind = f"; {verdict.unanchored} of them after the last anchor" if verdict.unanchored else ""
    return f"the security log is whole: lines {verdict.first} to {verdict.last}{behind}\n"


def _show(state_dir: Path, oldest: datetime | None, latest: datetime | None, *, as_json: bool) -> int:
    try:
        for line in lines_between(state_dir / FOLDER_NAME, oldest, latest):
            sys.stdout.write(line if as_json else _readable(line))
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stderr.write(f"pilotline: the security log cannot be read: {error}\n")
        return FAILED
    return DONE


def _readable(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['seq']:>6} {entry['at']} ({entry['clock']}) {entry['type']} {entry['info']}".rstrip() + "\n"
    except (ValueError, KeyError, TypeError):
        return f"     ? damaged: {line.rstrip()}\n"


def _head(text: str | None) -> Link | None:
    if text is None:
        return None
    link = link_of(text.replace(":", " ", 1))
    if link is None:
        raise WrongUsageError(f"--head {text!r} is not SEQ:CHAIN as StartupOfTheDevice tells it")
    return link


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsageError(f"{text!r} is not a time: write it as 2026-03-14T15:09:26Z") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)

"""`pilotline-bench ctl`: one control operation, or the event stream (runner)."""

import json
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hil.command_line import DONE, FAILED, WRONG_USAGE, complain

COMMAND = "pilotline-bench ctl"
TIMEOUT_S = 10.0
TEXT_FIELDS = frozenset({"token", "type", "kind", "state"})
"""Fields that are strings whatever they look like."""


def run_operation(control: Path, operation: str, words: Sequence[str], *, as_json: bool) -> int:
    """Send one operation and print its result; gives the exit code."""
    try:
        request = {"id": 1, "op": operation, **parse_fields(words)}
    except ValueError as error:
        return complain(COMMAND, str(error), WRONG_USAGE)
    try:
        with asked(control, request) as line:
            return _follow(line, subscribed=operation == "subscribe", as_json=as_json)
    except KeyboardInterrupt:
        return DONE
    except OSError as error:
        return complain(COMMAND, no_bench(control, error), FAILED)


@contextmanager
def asked(control: Path, request: dict[str, Any]) -> Iterator[socket.socket]:
    """Give a line on which this request was sent. Raises: OSError."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(TIMEOUT_S)
        line.connect(str(control))
        line.sendall(json.dumps(request).encode() + b"\n")
        yield line


def answers(line: socket.socket) -> Iterator[dict[str, Any]]:
    """Give what comes on the line, the answer first; a line that closes at once answers with a refusal."""
    lines = _lines(line)
    yield json.loads(next(lines, b'{"ok": false, "error": "the bench closed the line"}'))
    line.settimeout(None)
    for event in lines:
        yield json.loads(event)


def no_bench(control: Path, error: OSError) -> str:
    """Say that nobody answers, and what to do."""
    return f"no bench answers at {control} ({error}); start one, or name its socket with --control"


def parse_fields(words: Sequence[str]) -> dict[str, Any]:
    """Turn `key=value` words into fields; values are JSON where they can be. Raises: ValueError."""
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is not key=value, such as evse=1")
        fields[name] = value if name in TEXT_FIELDS else _value(value)
    return fields


def _value(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return text


def _follow(line: socket.socket, *, subscribed: bool, as_json: bool) -> int:
    lines = _lines(line)
    answer = json.loads(next(lines, b"{}"))
    if not answer.get("ok"):
        return complain(COMMAND, answer.get("error", "the bench closed the line"), FAILED)
    if not subscribed:
        print(json.dumps(answer["result"], indent=None if as_json else 2))
        return DONE
    line.settimeout(None)
    try:
        for event in lines:
            print(event.decode().rstrip(), flush=True)
    except BrokenPipeError:  # `ctl subscribe | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _lines(line: socket.socket) -> Iterator[bytes]:
    with line.makefile("rb") as stream:
        yield from stream

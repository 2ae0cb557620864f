"""The prompt of `pilotline-bench ctl`: operations as they are typed, or as a script pipes them in (runner)."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil.command_line import DONE, FAILED, complain
from hil.ctl import COMMAND, answers, asked, no_bench
from hil.ctl_words import Known, completions, help_lines, request_of, words_of
from hil.state_wording import state_lines

PROMPT = "bench> "
GREETING = "Type an operation, `help`, or Ctrl-D to leave; Tab completes."


class _RefusedError(Exception):
    """What the bench refused, in its words."""


def run_prompt(control: Path, *, as_json: bool) -> int:
    """Carry out line by line until the input ends; gives 1 if anything was refused."""
    try:
        known = _known(control)
    except OSError as error:
        return complain(COMMAND, no_bench(control, error), FAILED)
    prompt = _Prompt(control, known, as_json=as_json)
    lines = _typed(known) if sys.stdin.isatty() else iter(sys.stdin)
    return prompt.run(lines)


class _Prompt:
    def __init__(self, control: Path, known: Known, *, as_json: bool) -> None:
        self._control = control
        self._known = known
        self._as_json = as_json
        self._history: list[str] = []

    def run(self, lines: Iterator[str]) -> int:
        code = DONE
        for line in lines:
            try:
                words = words_of(line)
                if words[:1] in (["quit"], ["exit"]):
                    break
                if words:
                    self._history.append(line.strip())
                    self._carry_out(words)
            except (ValueError, _RefusedError) as error:
                code = complain(COMMAND, str(error), FAILED)
            except OSError as error:
                code = complain(COMMAND, no_bench(self._control, error), FAILED)
        return code

    def _carry_out(self, words: list[str]) -> None:
        match words:
            case ["help", *rest]:
                _say(help_lines(rest[0] if rest else None, self._known))
            case ["history"]:
                _say(self._history)
            case _:
                self._ask(request_of(words))

    def _ask(self, request: dict[str, Any]) -> None:
        # A connection for each, so that a bench may be restarted under the prompt.
        with asked(self._control, {"id": 1, **request}) as line, suppress(KeyboardInterrupt):
            stream = answers(line)
            result = _result(next(stream))
            if request["op"] == "subscribe":
                for event in stream:
                    _say([json.dumps(event)])
            else:
                _say(self._wording(request["op"], result))

    def _wording(self, operation: str, result: dict[str, Any]) -> list[str]:
        if self._as_json:
            return [json.dumps(result)]
        if operation == "state":
            return state_lines(result)
        return [json.dumps(result, indent=2)] if result else ["ok"]


def _say(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("ok"):
        raise _RefusedError(answer.get("error", "the bench closed the line"))
    result: dict[str, Any] = answer["result"]
    return result


def _known(control: Path) -> Known:
    """Ask what can be typed; another socket than a bench's can be operated too, without completion."""
    with asked(control, {"id": 1, "op": "operations"}) as line:
        answer = next(answers(line))
    return Known.from_json(answer["result"]) if answer.get("ok") else Known()


def _typed(known: Known) -> Iterator[str]:
    """Give what a person types, with history and completion where Python has readline."""
    _complete_by(known)
    print(GREETING)
    while True:
        try:
            yield input(PROMPT)
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return


def _complete_by(known: Known) -> None:
    try:
        import readline  # noqa: PLC0415 - not every Python has it
    except ImportError:
        return

    def complete(begun: str, number: int) -> str | None:
        before = readline.get_line_buffer()[: readline.get_begidx()].split()
        found = completions(before, begun, known)
        return found[number] if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t")
    readline.parse_and_bind("tab: complete")

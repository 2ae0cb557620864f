"""What is typed at the prompt of `pilotline-bench ctl`: words to requests, and what can follow (rule)."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hil.ctl import parse_fields

SHORT = {"plug": "plug_in", "pull": "plug_out", "unplug": "plug_out", "tap": "swipe"}
"""Short names of operations."""
PLACES: Mapping[str, Sequence[str]] = {
    "plug_in": ("evse",),
    "plug_out": ("evse",),
    "swipe": ("token",),
    "fault": ("evse", "kind", "value"),
    "clear": ("evse", "kind"),
    "ev": ("evse", "state", "current_a"),
    "meter": ("evse",),
    "state": ("evse",),
}
"""Fields that may be given by their place, without their name."""
LOCAL = {
    "help": "say what can be typed; `help fault` says what the operation fault takes",
    "history": "say what was typed",
    "quit": "leave, as Ctrl-D does",
}
EXAMPLES = (
    "plug 1                     a car is plugged in at EVSE 1; plug 1 current_a=16 phases=3",
    "tap 04A1B2C3               a card is held to the reader",
    "fault 1 diode              a fault is brought in; clear 1 diode takes it out, clear 1 all of them",
    "ev 1 sleep                 the car asks for B, C, D or falls asleep",
    "pull 1                     the plug is pulled",
    "state                      what the bench sees",
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the bench says that it takes."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Fields by operation, those that it needs first."""
    required: Mapping[str, int] = field(default_factory=dict)
    """How many of them it needs."""
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words that a field takes."""

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> "Known":
        """Take the answer to `operations`."""
        operations = answer["operations"]
        return cls(
            {name: (*each["required"], *each["optional"]) for name, each in operations.items()},
            {name: len(each["required"]) for name, each in operations.items()},
            answer["words"],
        )


def words_of(line: str) -> list[str]:
    """Split what was typed; a comment is nothing. Raises: ValueError."""
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise ValueError(f"{line.strip()!r}: {error}".lower()) from None


def request_of(words: Sequence[str]) -> dict[str, Any]:
    """Turn words into a request. Raises: ValueError."""
    operation = SHORT.get(words[0], words[0])
    places = iter(PLACES.get(operation, ()))
    named = []
    for word in words[1:]:
        if "=" in word:
            named.append(word)
        elif (place := next(places, None)) is not None:
            named.append(f"{place}={word}")
        else:
            raise ValueError(f"{word!r} is not key=value, such as evse=1")
    return {"op": operation, **parse_fields(named)}


def completions(before: Sequence[str], begun: str, known: Known) -> list[str]:
    """What can stand in the place of the word that was begun, after these words."""
    if not before:
        return _starting(begun, (*known.fields, *SHORT, *LOCAL), " ")
    if before[0] == "help":
        return _starting(begun, (*known.fields, *SHORT), " ")
    operation = SHORT.get(before[0], before[0])
    name, equals, value = begun.partition("=")
    if equals:
        return [f"{name}={word}" for word in _starting(value, known.words.get(name, ()), " ")]
    given = [word.partition("=")[0] for word in before[1:] if "=" in word]
    by_place = len(before) - 1 - len(given)
    places = PLACES.get(operation, ())
    here = known.words.get(places[by_place], ()) if by_place < len(places) else ()
    taken = {*given, *places[:by_place]}
    further = [each for each in known.fields.get(operation, ()) if each not in taken]
    return [*_starting(begun, here, " "), *_starting(begun, further, "=")]


def help_lines(operation: str | None, known: Known) -> list[str]:
    """Say what can be typed, or what one operation takes. Raises: ValueError naming an unknown operation."""
    if operation is None:
        return [
            *EXAMPLES,
            f"operations: {', '.join(known.fields) or 'see docs/bench-engineer.md'}",
            *(f"{name:<10} {text}" for name, text in LOCAL.items()),
        ]
    name = SHORT.get(operation, operation)
    if name not in known.fields:
        raise ValueError(f"unknown operation {operation!r}; known: {', '.join(known.fields)}")
    needed = known.required[name]
    required, optional = known.fields[name][:needed], known.fields[name][needed:]
    lines = [f"{name}: needs {', '.join(required) or 'nothing'}; takes {', '.join(optional) or 'nothing else'}"]
    return lines + [f"  {each}: {', '.join(known.words[each])}" for each in known.fields[name] if each in known.words]


def _starting(begun: str, words: Sequence[str], end: str) -> list[str]:
    return sorted({word + end for word in words if word.startswith(begun)})

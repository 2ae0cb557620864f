"""Control requests: one JSON object in, one out (rule; the bench does the work).

Unknown operations and fields are refused by name, a missing or ill-typed field too; nothing raises.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hil.bench import EV_STATES, Bench, BenchError
from hil.faults import kinds_at

Convert = Callable[[Any], Any]

LARGEST = 1e9
"""Numbers beyond this are slips of the keyboard; energy stays exact below it."""


class _NotAcceptedError(ValueError):
    """A value of the wrong type; the text says what is expected."""


def _number(value: Any) -> float:  # noqa: ANN401 - JSON
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _NotAcceptedError("a number")
    if abs(value) > LARGEST:
        raise _NotAcceptedError(f"a number up to {LARGEST:g}")
    return value


def _not_negative(value: Any) -> float:  # noqa: ANN401 - JSON
    if (number := _number(value)) < 0:
        raise _NotAcceptedError("a number from 0 up")
    return number


def _positive(value: Any) -> float:  # noqa: ANN401 - JSON
    if (number := _number(value)) <= 0:
        raise _NotAcceptedError("a number above 0")
    return number


def _integer(value: Any) -> int:  # noqa: ANN401 - JSON
    if isinstance(value, bool) or not isinstance(value, int):
        raise _NotAcceptedError("a whole number")
    return value


def _phases(value: Any) -> int:  # noqa: ANN401 - JSON
    if value not in (1, 2, 3) or isinstance(value, bool):
        raise _NotAcceptedError("1, 2 or 3")
    return int(value)


def _boolean(value: Any) -> bool:  # noqa: ANN401 - JSON
    if not isinstance(value, bool):
        raise _NotAcceptedError("true or false")
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        raise _NotAcceptedError("a string")
    return value


def _numbers(value: Any) -> list[int]:  # noqa: ANN401 - JSON
    if not isinstance(value, list):
        raise _NotAcceptedError("a list of whole numbers")
    return [_integer(each) for each in value]


def _or_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


@dataclass(frozen=True, slots=True)
class _Operation:
    act: Callable[..., dict[str, Any]]
    required: Mapping[str, Convert]
    optional: Mapping[str, Convert]


_PLUG_FIELDS: dict[str, Convert] = {
    "cable_a": _or_null(_not_negative),
    "current_a": _not_negative,
    "phases": _phases,
    "delay_s": _not_negative,
    "capacity_wh": _or_null(_not_negative),
    "reaction_s": _not_negative,
    "stop_s": _not_negative,
    "ramp_a_per_s": _positive,
    "stubborn": _boolean,
    "simplified": _boolean,
    "cable_ohm": _not_negative,
    "pilot_b_ohm": _positive,
    "pilot_c_ohm": _positive,
}
_METER_FIELDS: dict[str, Convert] = {
    "energy_wh": _not_negative,
    "voltage_v": _not_negative,
    "frequency_hz": _not_negative,
    "reset_on_plug_in": _boolean,
}
FIRST_FIELDS = frozenset({"id", "op"})
STIMULI = frozenset({"plug_in", "plug_out", "ev", "swipe", "fault", "clear", "meter", "power_cut", "power_on"})
"""Operations that change the hardware: the event stream shows when."""
SECRET_FIELDS = frozenset({"token"})


class Control:
    """Carries out requests on one bench."""

    def __init__(self, bench: Bench, shutdown: Callable[[], None] = lambda: None) -> None:
        self._stop = shutdown
        self._bench = bench
        evse: dict[str, Convert] = {"evse": _integer}
        self._operations = {
            "plug_in": _Operation(bench.plug_in, evse, _PLUG_FIELDS),
            "plug_out": _Operation(bench.plug_out, evse, {}),
            "ev": _Operation(bench.ev, {**evse, "state": _text}, {"current_a": _not_negative, "phases": _phases}),
            "swipe": _Operation(self._swipe, {"token": _text}, {"type": _text, "reader": _integer, "evses": _numbers}),
            "fault": _Operation(bench.fault, {**evse, "kind": _text}, {"value": _number, "for_s": _positive}),
            "clear": _Operation(bench.clear, evse, {"kind": _text}),
            "meter": _Operation(bench.meter, evse, _METER_FIELDS),
            "state": _Operation(bench.state, {}, evse),
            "power_cut": _Operation(bench.power_cut, {}, {}),
            "power_on": _Operation(bench.power_on, {}, {}),
            "ping": _Operation(bench.ping, {}, {}),
            "operations": _Operation(self._describe, {}, {}),
            "subscribe": _Operation(dict, {}, {}),
            "shutdown": _Operation(self._shut_down, {}, {}),
        }

    def _shut_down(self) -> dict[str, Any]:
        self._stop()
        return {}

    def _describe(self) -> dict[str, Any]:
        """Tell what can be asked: fields by operation, and the words that some fields take."""
        fields = {
            name: {"required": list(operation.required), "optional": list(operation.optional)}
            for name, operation in sorted(self._operations.items())
        }
        kinds = sorted({kind for evse in self._bench.evses.values() for kind in kinds_at(evse)})
        words = {"evse": [str(number) for number in self._bench.evses], "kind": kinds, "state": list(EV_STATES)}
        return {"operations": fields, "words": words | {"type": sorted(self._bench.reader.card_types)}}

    def _swipe(self, **fields: Any) -> dict[str, Any]:
        if "type" in fields:
            fields["card_type"] = fields.pop("type")
        return self._bench.swipe(**fields)

    def handle_line(self, line: bytes) -> tuple[dict[str, Any], bool]:
        """Carry out one request line; returns the answer and whether the sender wants the event stream."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return _refusal(None, "a request is one JSON object on one line"), False
        identity = request.get("id")
        try:
            result = self._carry_out(request)
        except BenchError as error:
            return _refusal(identity, str(error)), False
        return {"id": identity, "ok": True, "result": result}, request["op"] == "subscribe"

    def _carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("op")
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise BenchError(f"unknown operation {name!r}; known: {', '.join(sorted(self._operations))}")
        given = {field: value for field, value in request.items() if field not in FIRST_FIELDS}
        known = {**operation.required, **operation.optional}
        for field in given:
            if field not in known:
                raise BenchError(f"{name} has no field {field!r}; known: {', '.join(sorted(known)) or 'none'}")
        for field in operation.required:
            if field not in given:
                raise BenchError(f"{name} needs the field {field!r}")
        fields = {field: _convert(known[field], field, value) for field, value in given.items()}
        if name in STIMULI:
            self._bench.announce(str(name), {field: fields[field] for field in fields.keys() - SECRET_FIELDS})
        return operation.act(**fields)


def _convert(convert: Convert, field: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    try:
        return convert(value)
    except _NotAcceptedError as expected:
        raise BenchError(f"field {field!r} must be {expected}") from None


def _refusal(identity: Any, error: str) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"id": identity, "ok": False, "error": error}

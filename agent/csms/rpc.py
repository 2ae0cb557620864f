"""OCPP-J frames: text to CALL, CALLRESULT or CALLERROR, and back.

Any text is survived: what is no frame becomes a `FrameError` that says how much of it could be read, so that it can be
answered. Duplicate keys, NaN, infinities and lone surrogates are refused: what is checked must be what is acted on.
Source: OCPP-J 1.6, section 4; OCPP 2.0.1 part 4, section 4.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import field
from typing import Any

from agent.csms.adapter import Payload, RpcErrorCode
from hal.value import dataclass

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
MAX_MESSAGE_ID_CHARS = 36
MAX_ACTION_CHARS = 50
MAX_DESCRIPTION_CHARS = 255
MAX_FRAME_CHARS = 1 << 21
"""Of one frame, either way; the socket refuses longer ones too. A local list of 10,000 has up to 1.6 million."""
LONG_FRAME_CHARS = 1 << 16
"""Longer ones are worth a thread."""
_MAX_ECHOED_ID_CHARS = 255
_MAX_INTEGER_BITS = 63
_OPENING = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f]{1,36})"\s*,')
"""Of a CALL whose rest cannot be read: who waits for its answer is to be told so."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a request."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a request; `code` is as spelled on the wire."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


Frame = Call | CallResult | CallError


class FrameError(Exception):
    """Text that is no frame."""

    def __init__(
        self, reason: str, *, message_id: str | None = None, answerable: bool = True, unknown_type: bool = False
    ) -> None:
        super().__init__(reason)
        self.message_id = message_id
        """None if it could not be read."""
        self.answerable = answerable
        """False for a broken answer: answering answers could go on for ever."""
        self.unknown_type = unknown_type


def parse(text: str) -> Frame:
    """Read one frame. Raises: FrameError, and nothing else whatever the text."""
    parts = _array(text)
    message_type = parts[0] if parts else 0
    message_id = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else None
    if message_type not in _READERS:
        raise FrameError("unknown message type", message_id=_echo(message_id), unknown_type=True)
    answerable = message_type == CALL
    if not message_id or len(message_id) > MAX_MESSAGE_ID_CHARS:
        raise FrameError(
            f"message id is not a text of 1 to {MAX_MESSAGE_ID_CHARS} characters",
            message_id=_echo(message_id),
            answerable=answerable,
        )
    try:
        return _READERS[message_type](message_id, parts)
    except ValueError as error:
        raise FrameError(str(error), message_id=message_id, answerable=answerable) from error


def is_long(text: str) -> bool:
    """Tell whether reading this frame would keep the station waiting."""
    return len(text) > LONG_FRAME_CHARS


def call_text(message_id: str, action: str, payload: Payload) -> str:
    """Write a CALL."""
    return call_text_of(message_id, action, payload_text(payload))


def payload_text(payload: Payload) -> str:
    """Write a payload, for `call_text_of`."""
    return _encode(payload)


def call_text_of(message_id: str, action: str, written_payload: str) -> str:
    """Write a CALL whose payload was written before; an action needs no escapes."""
    return f'[{CALL},{_encode(message_id)},"{action}",{written_payload}]'


def result_text(message_id: str, payload: Payload) -> str:
    """Write a CALLRESULT."""
    return _encode([CALL_RESULT, message_id, payload])


def error_text(message_id: str, code: str, description: str = "") -> str:
    """Write a CALLERROR; the description is clipped to what the standard allows."""
    return _encode([CALL_ERROR, message_id, code, description[:MAX_DESCRIPTION_CHARS], {}])


def error_code_named(wire_code: str) -> RpcErrorCode:
    """Read a CALLERROR code as either version spells it; unknown ones are GENERIC_ERROR."""
    return _CODES.get(wire_code, RpcErrorCode.GENERIC_ERROR)


_CODES = {code.value: code for code in RpcErrorCode} | {
    # 1.6 spells these two its own way, the second with its famous misspelling.
    "FormationViolation": RpcErrorCode.FORMAT_VIOLATION,
    "OccurenceConstraintViolation": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}


def _read_call(message_id: str, parts: list[Any]) -> Call:
    match parts:
        case [_, _, str(action), dict(payload)] if 0 < len(action) <= MAX_ACTION_CHARS:
            return Call(message_id, action, payload)
        case [_, _, str(), dict()]:
            raise ValueError(f"action is not a text of 1 to {MAX_ACTION_CHARS} characters")
        case _:
            raise ValueError("a CALL is [2, message id, action, payload object]")


def _read_result(message_id: str, parts: list[Any]) -> CallResult:
    match parts:
        case [_, _, dict(payload)]:
            return CallResult(message_id, payload)
        case _:
            raise ValueError("a CALLRESULT is [3, message id, payload object]")


def _read_error(message_id: str, parts: list[Any]) -> CallError:
    match parts:
        case [_, _, str(code), str(description), dict(details), *_]:
            return CallError(message_id, code, description, details)
        case [_, _, str(code), *_]:  # seen in the field: description null, details left out
            return CallError(message_id, code)
        case _:
            raise ValueError("a CALLERROR is [4, message id, code, description, details object]")


_READERS: dict[int, Callable[[str, list[Any]], Frame]] = {
    CALL: _read_call,
    CALL_RESULT: _read_result,
    CALL_ERROR: _read_error,
}


def _array(text: str) -> list[Any]:
    if len(text) > MAX_FRAME_CHARS:
        raise FrameError(f"frame is longer than {MAX_FRAME_CHARS} characters")
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            _refuse_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        opening = _OPENING.match(text)
        message_id = None if opening is None else opening[1]
        raise FrameError(f"not JSON: {str(error)[:100]}", message_id=message_id) from error
    if not isinstance(value, list):
        raise FrameError("not a JSON array")
    if value and not isinstance(value[0], int):
        raise FrameError("message type is not a number", message_id=None)
    return value


def _echo(message_id: str | None) -> str | None:
    return message_id if message_id and len(message_id) <= _MAX_ECHOED_ID_CHARS else None


def _refuse_lone_surrogates(value: object) -> None:
    json.dumps(value, ensure_ascii=False).encode()


def _object(pairs: list[tuple[str, Any]]) -> Payload:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key in an object")
    return result


def _number(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _integer(literal: str) -> int:
    number = int(literal)
    if number.bit_length() > _MAX_INTEGER_BITS:  # beyond it, neither SQLite nor other people's code can hold it
        raise ValueError("number out of range")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_refuse_constant
)
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

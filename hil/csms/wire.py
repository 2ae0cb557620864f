"""OCPP-J messages and schema checks, by the `ocpp` package; the only module here that imports it.

The package lets malformed date-times pass (facts: ocpp_libraries), and Python's JSON lets NaN and Infinity pass; both
are checked here as well.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import ocpp.messages  # type: ignore[import-untyped]  # the package ships no types
from ocpp.exceptions import OCPPError  # type: ignore[import-untyped]  # the package ships no types

ocpp.messages.ASYNC_VALIDATION = False

SUBPROTOCOLS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1"}
VERSIONS = tuple(SUBPROTOCOLS.values())

CALL, RESULT, ERROR = 2, 3, 4

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

# OCPP-J 1.6 spells two codes in its own way.
_CODES_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
}


class WireError(Exception):
    """A frame or payload that OCPP forbids, with the code that answers it."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(slots=True)
class Message:
    """One decoded frame."""

    kind: int
    message_id: str
    payload: Any  # any JSON until the schema has passed it
    action: str = ""
    error_code: str = ""
    error_description: str = ""


def decode(text: str) -> Message:
    """Take one frame apart. Raises: WireError."""
    try:
        found = ocpp.messages.unpack(text)
    except OCPPError as error:
        raise WireError(error.code, str(error.details.get("cause", error.description))) from error
    except (KeyError, TypeError, RecursionError) as error:
        raise WireError("ProtocolError", "not an OCPP message") from error
    if not isinstance(found.unique_id, str):
        raise WireError("ProtocolError", "the message id is no string")
    if isinstance(found, ocpp.messages.Call):
        if not isinstance(found.action, str):
            raise WireError("ProtocolError", "the action is no string")
        return Message(CALL, found.unique_id, found.payload, found.action)
    if isinstance(found, ocpp.messages.CallResult):
        return Message(RESULT, found.unique_id, found.payload)
    code, description = str(found.error_code), str(found.error_description)
    return Message(ERROR, found.unique_id, found.error_details, "", code, description)


def encode_call(message_id: str, action: str, payload: Mapping[str, Any]) -> str:
    """Write a request."""
    return str(ocpp.messages.Call(message_id, action, payload).to_json())


def encode_result(message_id: str, payload: Mapping[str, Any]) -> str:
    """Write an answer."""
    return str(ocpp.messages.CallResult(message_id, payload).to_json())


def encode_error(message_id: str, code: str, description: str, version: str) -> str:
    """Write a CALLERROR; codes are spelled as the version spells them; at most 255 characters of description."""
    spelled = _CODES_16.get(code, code) if version == "1.6" else code
    return str(ocpp.messages.CallError(message_id, spelled, description[:255], {}).to_json())


async def check_call(action: str, payload: object, version: str) -> None:
    """Check a request against its schema. Raises: WireError."""
    await _check(ocpp.messages.Call("", action, payload), version)


async def check_result(action: str, payload: object, version: str) -> None:
    """Check an answer against its schema. Raises: WireError."""
    await _check(ocpp.messages.CallResult("", payload, action), version)


async def _check(message: Any, version: str) -> None:  # noqa: ANN401 - the package's own untyped message class
    if not re.fullmatch(r"[A-Za-z0-9]{1,50}", message.action):
        raise WireError("NotImplemented", "no such action")
    try:
        await ocpp.messages.validate_payload(message, version)
    except OCPPError as error:
        raise WireError(error.code, str(error.details.get("cause", error.description))) from error
    _check_values(message.payload, _date_time_names(message.message_type_id, message.action, version))


def _check_values(value: object, names: frozenset[str], name: str = "") -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_values(inner, names, key)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner, names, name)
    elif isinstance(value, float) and not math.isfinite(value):
        raise WireError("FormatViolation", f"{name} is no JSON number: {value}")
    elif name in names and not _is_date_time(value):
        raise WireError("PropertyConstraintViolation", f"{name} is no date-time with a time zone: {value!r:.60}")


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


@cache
def _date_time_names(message_type: int, action: str, version: str) -> frozenset[str]:
    schema = ocpp.messages.get_validator(message_type, action, version).schema
    return frozenset(_names_with_format(schema))


def _names_with_format(schema: object) -> list[str]:
    if not isinstance(schema, dict):
        return []
    names = []
    for key, value in schema.items():
        if isinstance(value, dict):
            if value.get("format") == "date-time":
                names.append(key)
            names += _names_with_format(value)
    return names

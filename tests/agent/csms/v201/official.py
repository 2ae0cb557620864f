"""The official OCPP 2.0.1 schemas, enumerations and message classes, as the `ocpp` package ships them.

The only test module here that imports it, since it ships no types.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import ocpp  # type: ignore[import-untyped]  # see above
from ocpp.charge_point import camel_to_snake_case  # type: ignore[import-untyped]  # see above
from ocpp.v201 import call, enums  # type: ignore[import-untyped]  # see above

from agent.csms.adapter import Outgoing, Payload

__all__ = ["check_answer", "check_request", "check_sent", "enums"]

SCHEMAS = Path(ocpp.__file__).parent / "v201" / "schemas"


@cache
def _validator(name: str) -> Any:  # noqa: ANN401 - jsonschema_rs has no public base class
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig"))
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def check_request(action: str, payload: Payload) -> None:
    """Hold a request against its schema."""
    _validator(f"{action}Request").validate(payload)


def check_answer(action: str, payload: Payload) -> None:
    """Hold an answer against its schema."""
    _validator(f"{action}Response").validate(payload)


def check_sent(outgoing: Outgoing) -> Payload:
    """Hold what we send against schema and message class, and return its payload."""
    check_request(outgoing.action, outgoing.payload)
    getattr(call, outgoing.action)(**camel_to_snake_case(outgoing.payload))
    return outgoing.payload

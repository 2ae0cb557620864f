"""One OCPP version's official schemas and message classes, as the `ocpp` package ships them.

They are held by jsonschema_rs itself, not by the agent's check, so that a fault of that check hides no wrong message.
"""

import json
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema_rs
import ocpp  # type: ignore[import-untyped]  # it ships no types
from ocpp.charge_point import camel_to_snake_case  # type: ignore[import-untyped]  # as above

from agent.csms.adapter import Outgoing, Payload

Schema = dict[str, Any]  # Any: a JSON schema
ANSWER_SUFFIX = "Response"
_WITHOUT_ID = [Outgoing(f"{what}StatusNotification", {"status": "Idle"}) for what in ("Log", "SignedFirmware")]
"""The schemas let requestId be absent where there is no request; the package's 1.6 classes demand it."""


class OfficialSchemas:
    """`calls` is the version's module of request classes; its request schemas end in `request_suffix`."""

    def __init__(self, calls: ModuleType, request_suffix: str) -> None:
        self._calls = calls
        self._folder = Path(ocpp.__file__).parent / calls.__name__.split(".")[1] / "schemas"
        self._request_suffix = request_suffix

    def request_schema(self, action: str) -> Schema:
        """Return what a request of this action looks like."""
        return _read(self._folder / f"{action}{self._request_suffix}.json")

    def check_request(self, action: str, payload: Payload) -> None:
        """Hold a request against its schema. Raises: jsonschema_rs.ValidationError."""
        _validator(self._folder / f"{action}{self._request_suffix}.json").validate(payload)

    def check_answer(self, action: str, payload: Payload) -> None:
        """Hold an answer against its schema. Raises: jsonschema_rs.ValidationError."""
        _validator(self._folder / f"{action}{ANSWER_SUFFIX}.json").validate(payload)

    def check_sent(self, outgoing: Outgoing) -> Payload:
        """Hold what we send against schema and message class, and return its payload."""
        self.check_request(outgoing.action, outgoing.payload)
        if outgoing not in _WITHOUT_ID:
            getattr(self._calls, outgoing.action)(**camel_to_snake_case(outgoing.payload))
        return outgoing.payload


def _read(path: Path) -> Schema:
    schema: Schema = json.loads(path.read_text("utf-8-sig"))
    return schema


@cache
def _validator(path: Path) -> Any:  # noqa: ANN401 - jsonschema_rs has no public base class
    return jsonschema_rs.validator_for(_read(path), validate_formats=True)

"""Checks payloads against the official JSON schemas, both ways, with date-times really checked.

The schema files ship inside the `ocpp` distribution; they are read without importing its classes, and each validator is
built at first use. Values never appear in an error's text: a payload may carry a key or a token.
"""

import importlib.util
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.csms.adapter import Payload, RpcError, RpcErrorCode
from agent.csms.protocol_rules import ProtocolRules

logger = logging.getLogger(__name__)

_VIOLATIONS = {
    "type": RpcErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalProperties": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}
"""Schema keyword to CALLERROR code; every other keyword (enum, maxLength, format …) is a property's value."""
_MASK = "value"
_SHOWN_CHARS = 100
_RESPONSE_SUFFIX = "Response"


class Schemas:
    """The schemas of one OCPP version."""

    def __init__(self, rules: ProtocolRules) -> None:
        self._folder = _schemas_folder(rules.schema_package)
        self._request_suffix = rules.request_suffix
        self._forgiven = rules.forgiven
        self._validators: dict[str, Any] = {}  # Any: jsonschema_rs has no common public base class
        self._warned: set[str] = set()

    def prepare(self, action: str) -> None:
        """Build the validators of a CALL and its answer ahead of their use. Raises: RpcError as `check_request`."""
        self._validator(action + self._request_suffix)
        self._validator(action + _RESPONSE_SUFFIX)

    def check_request(self, action: str, payload: Payload) -> None:
        """Check a CALL's payload. Raises: RpcError (NOT_IMPLEMENTED if the version has no such action)."""
        name = action + self._request_suffix
        if not self._validator(name).is_valid(payload):
            raise _worst(self._errors(name, payload))

    def check_answer(self, action: str, payload: Payload) -> None:
        """Check a CALLRESULT's payload that we send. Raises: RpcError."""
        name = action + _RESPONSE_SUFFIX
        if not self._validator(name).is_valid(payload):
            raise _worst(self._errors(name, payload))

    def check_received_answer(self, action: str, payload: Payload) -> None:
        """Check a CALLRESULT that we got; properties too many, and forgiven ones too few, pass with one warning.

        What was asked has been done by then; refusing its answer would only do it again.
        Raises: RpcError.
        """
        name = action + _RESPONSE_SUFFIX
        if self._validator(name).is_valid(payload):
            return
        errors = [e for e in self._errors(name, payload) if not self._passes(action, e, payload)]
        if errors:
            raise _worst(iter(errors))
        if name not in self._warned:
            self._warned.add(name)
            logger.warning("answer does not fit its schema and is taken all the same action=%s", action)

    def _passes(self, action: str, error: Any, payload: Payload) -> bool:  # noqa: ANN401 - see __init__
        match error.kind.name:
            case "additionalProperties":
                return True
            case "required":
                return not error.instance_path and (action, error.kind.property) in self._forgiven
            case "type" if len(error.instance_path) == 1:
                [name] = error.instance_path
                return (action, name) in self._forgiven and payload[name] is None
        return False

    def _errors(self, name: str, payload: Payload) -> Iterator[Any]:
        try:
            yield from self._validator(name).iter_errors(payload)
        except (ValueError, OverflowError) as error:
            raise RpcError(RpcErrorCode.FORMAT_VIOLATION, "a value cannot be represented") from error

    def _validator(self, name: str) -> Any:  # noqa: ANN401 - see __init__
        validator = self._validators.get(name)
        if validator is None:
            validator = self._validators[name] = self._build(name)
        return validator

    def _build(self, name: str) -> Any:  # noqa: ANN401 - see __init__
        if not name.isalnum() or not (path := self._folder / f"{name}.json").is_file():
            raise RpcError(RpcErrorCode.NOT_IMPLEMENTED, "no such action in this version")
        import jsonschema_rs  # noqa: PLC0415 - 15 ms that need not delay the hardware

        schema = json.loads(path.read_text("utf-8-sig"))
        return jsonschema_rs.validator_for(schema, validate_formats=True, mask=_MASK)


def _schemas_folder(package: str) -> Path:
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package ocpp, whose schemas are used, is not installed")
    return Path(spec.submodule_search_locations[0]) / package / "schemas"


def _worst(errors: Iterator[Any]) -> RpcError:
    error = next(errors, None)
    if error is None:
        return RpcError(RpcErrorCode.FORMAT_VIOLATION, "not valid")
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
    code = _VIOLATIONS.get(error.kind.name, RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    return RpcError(code, f"{path[:_SHOWN_CHARS] or 'payload'}: {error.message[:_SHOWN_CHARS]}")

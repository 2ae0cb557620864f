"""The official OCPP 1.6 schemas, enumerations and message classes, as the `ocpp` package ships them.

Of the 1.6 tests, the only module that imports it, since it ships no types.
"""

from pathlib import Path

import ocpp  # type: ignore[import-untyped]  # see above
from ocpp.charge_point import camel_to_snake_case  # type: ignore[import-untyped]  # see above
from ocpp.v16 import call, enums  # type: ignore[import-untyped]  # see above

from agent.csms.adapter import Outgoing, Payload
from agent.csms.protocol_rules import RULES
from agent.csms.schemas import Schemas

__all__ = ["check_answer", "check_request", "check_sent", "enums"]

SCHEMAS = Path(ocpp.__file__).parent / "v16" / "schemas"
_OFFICIAL = Schemas(RULES["ocpp1.6"])

check_request = _OFFICIAL.check_request
check_answer = _OFFICIAL.check_answer


def check_sent(outgoing: Outgoing) -> Payload:
    """Hold what we send against schema and message class, and return its payload."""
    check_request(outgoing.action, outgoing.payload)
    getattr(call, outgoing.action)(**camel_to_snake_case(outgoing.payload))
    return outgoing.payload

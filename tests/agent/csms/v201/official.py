"""The official OCPP 2.0.1 schemas, enumerations and message classes.

Of the 2.0.1 tests, the only module that imports the `ocpp` package, since it ships no types.
"""

from ocpp.v201 import call, enums  # type: ignore[import-untyped]  # see above

from tests.agent.csms.official_schemas import OfficialSchemas

__all__ = ["OFFICIAL", "check_sent", "enums"]

OFFICIAL = OfficialSchemas(call, request_suffix="Request")
check_sent = OFFICIAL.check_sent

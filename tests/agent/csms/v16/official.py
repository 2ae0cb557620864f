"""The official OCPP 1.6 schemas, enumerations and message classes.

Of the 1.6 tests, the only module that imports the `ocpp` package, since it ships no types.
"""

from ocpp.v16 import call, enums  # type: ignore[import-untyped]  # see above

from tests.agent.csms.official_schemas import OfficialSchemas

__all__ = ["OFFICIAL", "check_sent", "enums"]

OFFICIAL = OfficialSchemas(call, request_suffix="")
check_sent = OFFICIAL.check_sent

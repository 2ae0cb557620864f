"""Fault names of both versions, for the operator: `python -m agent.csms.v16.fault_names PAGE`."""

import sys
from typing import Final

from agent.csms.v16.statuses import ERROR_CODES
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.fault_entry import Latch
from agent.domain.generated_page import GeneratedPart

_HEAD: Final = """\
| name (vendorErrorCode, techCode) | meaning | 1.6 errorCode | 2.0.1 component.variable | ChargeX | severity | clears |
|---|---|---|---|---|---|---|"""
_CLEARS: Final = {Latch.CAUSE: "by itself", Latch.UNPLUG: "by unplugging", Latch.POWER_CYCLE: "by a power cycle"}


def fault_names() -> str:
    """Render every fault, by its number."""
    rows = [
        f"| `{fault.value}` | {entry.meaning} | {ERROR_CODES[fault]} | {entry.component}.{entry.variable} "
        f"| {entry.mrec} | {entry.severity.value} | {_CLEARS[entry.latch]} |"
        for fault, entry in sorted(CATALOGUE.items(), key=lambda item: item[1].code)
    ]
    return "\n".join([_HEAD, *rows])


PART: Final = GeneratedPart("table of fault names", "agent.csms.v16.fault_names", fault_names)


if __name__ == "__main__":
    sys.exit(PART.main())

"""The technician's table of faults, from the one catalogue: `python -m agent.domain.fault_table PAGE`."""

import sys
from typing import Final

from agent.domain.error_catalogue import CATALOGUE
from agent.domain.fault_entry import FaultEntry, Latch
from agent.domain.generated_page import GeneratedPart
from hal.api import Fault

_HEAD: Final = """\
| code | name | meaning | a running session | next action | bring | clears |
|---|---|---|---|---|---|---|"""
_CLEARS: Final = {
    Latch.CAUSE: "by itself",
    Latch.UNPLUG: "by unplugging",
    Latch.POWER_CYCLE: "by switching the board off and on",
}


def fault_table() -> str:
    """Render every fault, by its number."""
    ordered = sorted(CATALOGUE.items(), key=lambda item: item[1].code)
    return "\n".join([_HEAD, *(_row(fault, entry) for fault, entry in ordered)])


def _row(fault: Fault, entry: FaultEntry) -> str:
    goes_on = "pauses" if entry.blocks_power else "goes on"
    running = goes_on if entry.ends_transaction is None else "ends"
    cells = (f"E{entry.code:02}", f"`{fault.value}`", entry.meaning, running, entry.action, entry.part)
    return f"| {' | '.join((*cells, _CLEARS[entry.latch]))} |"


PART: Final = GeneratedPart("table of faults", "agent.domain.fault_table", fault_table)


if __name__ == "__main__":
    sys.exit(PART.main())

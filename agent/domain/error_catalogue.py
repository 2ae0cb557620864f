"""One table: what each fault means to a session and to the people around it.

Source: facts safety_split_and_interfaces (names), iec61851_facts (latching). OCPP spellings stand with each version.
"""

from typing import Final

from agent.domain.vocabulary import StoppedReason
from hal.api import Fault
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """How a fault is treated."""

    meaning: str
    blocks_power: bool = True
    ends_transaction: StoppedReason | None = None
    """The reason a running transaction ends with; None: it is suspended until the fault clears."""


CATALOGUE: Final[dict[Fault, FaultEntry]] = {
    Fault.DIODE: FaultEntry("the EV's pilot diode is shorted", ends_transaction=StoppedReason.OTHER),
    Fault.VENTILATION_REQUIRED: FaultEntry("the EV asks for ventilation, which is not fitted"),
    Fault.PILOT: FaultEntry("the control pilot is shorted or out of range", ends_transaction=StoppedReason.OTHER),
    Fault.GROUND_FAULT_TRIPPED: FaultEntry("residual current detected", ends_transaction=StoppedReason.GROUND_FAULT),
    Fault.GROUND_MISSING: FaultEntry("protective earth is missing", ends_transaction=StoppedReason.GROUND_FAULT),
    Fault.CONTACTOR_WELDED: FaultEntry("the contactor does not open", ends_transaction=StoppedReason.OTHER),
    Fault.CONTACTOR_FAILED_TO_CLOSE: FaultEntry("the contactor does not close", ends_transaction=StoppedReason.OTHER),
    Fault.CONTACTOR_UNCONFIRMED: FaultEntry(
        "the opening of the contactor was not confirmed", ends_transaction=StoppedReason.OTHER
    ),
    Fault.RESIDUAL_CURRENT_SELF_TEST: FaultEntry(
        "the residual-current monitor failed its self-test", ends_transaction=StoppedReason.OTHER
    ),
    Fault.OVER_TEMPERATURE: FaultEntry("the board is too hot"),
    Fault.OVER_CURRENT: FaultEntry("the EV drew more than offered", ends_transaction=StoppedReason.OVERCURRENT_FAULT),
    Fault.PROTECTION_OFF: FaultEntry("the board runs with a protection switched off"),
    Fault.BOARD_SILENT: FaultEntry("the pilot board does not answer"),
    Fault.BOARD_UNSUITABLE: FaultEntry("the pilot board is not one that this driver can use"),
    Fault.METER_SILENT: FaultEntry("the energy meter does not answer", blocks_power=False),
    Fault.METER_IMPLAUSIBLE: FaultEntry("the energy meter's register is implausible", blocks_power=False),
    Fault.LOCK_FAILED: FaultEntry("the connector lock does not move"),
}

"""Rule: how much energy a transaction may still take whose token turned out to be invalid.

Source: OCPP 1.6 sections 4.8 and 9.1 (MaxEnergyOnInvalidId), OCPP 2.0.1 part 2, E05.
"""

from decimal import Decimal
from typing import Final

from agent.domain.transaction import TransactionState
from hal.api import MeterReading

STOP_TAKES_S: Final = 8
"""A poll of the meter, the 6 s in which the EV is asked to stop, and the contactor."""
_PHASES: Final = 3
_VOLTAGE_V: Final = 230
_SECONDS_AN_HOUR: Final = 3600


def is_spent(state: TransactionState | None, reading: MeterReading | None, *, meter_fails: bool) -> bool:
    """Tell whether a stop must begin now, so that no more than was allowed has flowed when the contactor opens.

    A meter that fails cannot say, so that is the end of it as well.
    """
    if state is None or state.allowed_until_wh is None:
        return False
    if meter_fails or state.last_register_wh is None:
        return True
    return state.last_register_wh + _while_stopping_wh(state, reading) >= state.allowed_until_wh


def _while_stopping_wh(state: TransactionState, reading: MeterReading | None) -> Decimal:
    offered_w = Decimal(state.offered_current_a) * _PHASES * _VOLTAGE_V
    power_w = offered_w if reading is None or reading.power_w is None else max(Decimal(0), reading.power_w)
    return power_w * STOP_TAKES_S / _SECONDS_AN_HOUR

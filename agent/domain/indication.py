"""What the driver sees and hears in each state: one table."""

from collections.abc import Collection
from typing import Final

from agent.domain.error_catalogue import CATALOGUE, gravest
from agent.domain.session_state import SessionState
from hal.api import Fault
from hal.panel import Buzzer, Indication, Light

_STATES: Final[dict[SessionState, Indication]] = {
    SessionState.UNKNOWN: Indication(Light.WHITE, blinking=True, buzzer=Buzzer.NONE, text="Starting up"),
    SessionState.AVAILABLE: Indication(Light.GREEN, blinking=False, buzzer=Buzzer.NONE, text="Ready: plug in or tap"),
    SessionState.AWAITING_AUTHORIZATION: Indication(Light.GREEN, True, Buzzer.NONE, "Plugged in: tap your card"),
    SessionState.AWAITING_EV: Indication(Light.GREEN, True, Buzzer.ACCEPTED, "Accepted: plug in"),
    SessionState.SUSPENDED_EVSE: Indication(Light.BLUE, True, Buzzer.NONE, "Waiting for power"),
    SessionState.SUSPENDED_EV: Indication(Light.BLUE, True, Buzzer.NONE, "Waiting for the car"),
    SessionState.CHARGING: Indication(Light.BLUE, False, Buzzer.NONE, "Charging"),
    SessionState.STOPPING: Indication(Light.BLUE, True, Buzzer.NONE, "Stopping"),
    SessionState.OPENING: Indication(Light.BLUE, True, Buzzer.NONE, "Stopping"),
    SessionState.READING_METER: Indication(Light.BLUE, True, Buzzer.NONE, "Stopping"),
    SessionState.FINISHING: Indication(Light.GREEN, True, Buzzer.NONE, "Finished: unplug"),
    SessionState.FAULTED: Indication(Light.RED, False, Buzzer.NONE, "Out of order"),
    SessionState.UNAVAILABLE: Indication(Light.YELLOW, False, Buzzer.NONE, "Not in service"),
}
REJECTED: Final = Indication(Light.RED, blinking=True, buzzer=Buzzer.REJECTED, text="Card not accepted")
RESERVED: Final = Indication(Light.YELLOW, blinking=True, buzzer=Buzzer.NONE, text="Reserved: tap your card")
RESERVED_FOR_OTHER: Final = Indication(
    Light.RED, blinking=True, buzzer=Buzzer.REJECTED, text="Reserved for another card"
)
_RESERVABLE: Final = frozenset({SessionState.AVAILABLE, SessionState.AWAITING_AUTHORIZATION})
CHECKING: Final = Indication(Light.WHITE, blinking=True, buzzer=Buzzer.NONE, text="Checking your card")


def indication_for(state: SessionState, faults: Collection[Fault], *, reserved: bool = False) -> Indication:
    """Return what to show; a fault says what the driver should do, and a number to read out on the phone."""
    shown = RESERVED if reserved and state in _RESERVABLE else _STATES[state]
    fault = gravest(faults)
    if state is not SessionState.FAULTED or fault is None:
        return shown
    return Indication(shown.light, shown.blinking, shown.buzzer, CATALOGUE[fault].shown)

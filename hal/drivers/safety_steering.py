"""From what the agent asks and a safety controller reports to the next control frame (rule).

* A contactor closes only under an unexpired permission, with the offered duty cycle seen on the pilot, nothing wrong
  and state C standing for `STABLE_C_S`, so that a B-C-B toggle of 200 to 400 ms moves nothing (sequence 11).
* It stays closed while permission lasts and the EV asks, also in X1: the host times that (sequence 10.2).
* Losing permission, the EV leaving C, a fault, the safe state, a lost or restarted board: open, and the permission must
  be given anew where it was the board or the agent that took it.
Source: facts: boards_protocols, chargebyte; iec61851_facts.
"""

import math
from typing import Final

from hal.abilities import Phases
from hal.api import BoardEvent, Fault, OfferConfirmed, PhasesSwitched, PilotState
from hal.codecs.pilot_duty import MIN_CURRENT_A, duty_permille
from hal.codecs.safety_values import (
    F_DUTY_PERMILLE,
    X1_DUTY_PERMILLE,
    ChargeControl,
    ContactorState,
    FirmwareVersion,
    RcmState,
    SafeStateReason,
)
from hal.drivers.safety_faults import SafetyFaults
from hal.drivers.safety_state import SafetyState
from hal.value import dataclass

STABLE_C_S: Final = 0.5
MIRROR_TIMEOUT_S: Final = 1.0
"""A mirror contact may disagree with what is commanded for so long."""
CLOSING_TIMEOUT_S: Final = 3.0
"""From the command to closed contacts (sequence 4); the board's own checks come in between."""
DEAF_TIMEOUT_S: Final = 2.0
"""A board that goes on missing its host for so long does not hear us."""
_FIRMWARE_APPLICATION: Final = 3
_OPEN: Final = (False, False, False)


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Configured values of one board."""

    max_current_a: float = 32.0
    phases: Phases = 3
    has_phase_switch: bool = False
    """Contactor 2 switches L2 and L3 apart from contactor 1."""
    has_ventilation: bool = False
    """State D is charged as C is; whoever permits power sees to the fan."""
    silence_limit_s: float = 5.0
    firmware_min: tuple[int, int, int] = (0, 2, 0)
    firmware_max: tuple[int, int, int] = (0, 5, 255)


class SafetySteering:
    """Knows what is wanted of one board and what the board is."""

    def __init__(self, settings: SafetySettings) -> None:
        self.settings = settings
        self.state = SafetyState()
        self.faults = SafetyFaults(has_ventilation=settings.has_ventilation)
        self._power_states = frozenset({PilotState.C, PilotState.D} if settings.has_ventilation else {PilotState.C})
        self.firmware: FirmwareVersion | None = None
        self.connected = False
        self.permitted_until_s = -math.inf
        self._offered_a = 0.0
        self._interrupted = False
        self._phases: Phases = settings.phases
        self._phases_untold = False
        self._offer_untold = False
        self._told_offer_a: float | None = None
        self._closing = False
        self._closing_since_s = self._open_since_s = self._deaf_since_s = math.inf

    # What the agent asks.

    def offer(self, offered_current_a: float) -> None:
        """Take a new offer, A; less than 6 A is none. Ends an interruption."""
        self._interrupted = False
        bounded_a = min(offered_current_a, self.settings.max_current_a)
        self._offered_a = bounded_a if bounded_a >= MIN_CURRENT_A else 0.0
        self._offer_untold = True

    def interrupt(self) -> None:
        """Put F on the pilot until the next offer."""
        self._interrupted, self._closing = True, False

    def forbid(self) -> None:
        """Withdraw permission."""
        self.permitted_until_s = -math.inf
        self._closing = False

    def switch_phases(self, phases: Phases) -> None:
        """Connect so many phases from the next closing on; ignored unless the contactor is confirmed open."""
        if self.settings.has_phase_switch and self.state.contactor_closed is False and not self._closing:
            self._phases, self._phases_untold = phases, True

    # What the board tells.

    def forget(self) -> None:
        """The board restarted or is gone: nothing is known, and permission must be given anew."""
        self.forbid()
        self.connected = False
        self.firmware = None
        self.state.forget()
        self._told_offer_a = None
        self._open_since_s = self._deaf_since_s = math.inf

    def identified(self, firmware: FirmwareVersion | None) -> None:
        """Judge the board's program; a refused one keeps every contactor open."""
        self.firmware = firmware
        low, high = self.settings.firmware_min, self.settings.firmware_max
        accepted = f"{'.'.join(map(str, low))} to {'.'.join(map(str, high))}"
        detail = ""
        if firmware is None:
            detail = f"board does not tell its firmware; {accepted} accepted"
        elif firmware.application != _FIRMWARE_APPLICATION:
            detail = f"application type {firmware.application} runs, no firmware"
        elif not low <= (firmware.major, firmware.minor, firmware.build) <= high:
            detail = f"firmware {firmware.text}; {accepted} accepted"
        self.faults.stand(Fault.BOARD_FIRMWARE, detail)

    def judge(self, now_s: float) -> None:
        """Let stand what the driver itself finds wrong with the feedback."""
        state, report = self.state, self.state.report
        if report is None:
            return
        if self._closing or state.contactor_closed is False:
            self._open_since_s = math.inf
        elif self._open_since_s == math.inf:
            self._open_since_s = now_s
        welded = state.contactor_closed is True and now_s >= self._open_since_s + MIRROR_TIMEOUT_S
        self.faults.stand(Fault.CONTACTOR_WELDED, "closed without command" if welded else "")
        if not self._closing or state.contactor_closed is True:
            self._closing_since_s = math.inf
        elif self._closing_since_s == math.inf or report.rcm is RcmState.SELF_TEST:
            self._closing_since_s = now_s
        if now_s >= self._closing_since_s + CLOSING_TIMEOUT_S:
            self.faults.stand(Fault.CONTACTOR_FAILED_TO_CLOSE, "commanded, but the mirror contact stays open")
        unused = all(contactor is ContactorState.UNUSED for contactor in report.contactors)
        self.faults.stand(Fault.BOARD_UNSUITABLE, "no contactor is configured in this board" if unused else "")
        self._judge_hearing(now_s)

    def events(self, now_s: float) -> list[BoardEvent]:
        """What the last report confirms of what is wanted."""
        events: list[BoardEvent] = []
        offered_a = self._offered_now_a()
        if offered_a is not None and (offered_a != self._told_offer_a or self._is_settled(offered_a)):
            self._offer_untold = self._offer_untold and offered_a != self._offered_a
            self._told_offer_a = offered_a
            events.append(OfferConfirmed(offered_a, now_s))
        if self._phases_untold and self.state.contactor_closed is False:
            self._phases_untold = False
            events.append(PhasesSwitched(self._phases, now_s))
        return events

    # What follows.

    def control(self, now_s: float) -> ChargeControl:
        """Return the control frame of this moment."""
        was_closing, self._closing = self._closing, self._may_be_closed(now_s)
        if self._closing and not was_closing:
            self._closing_since_s = now_s
        return ChargeControl(True, self._duty_permille, self._contactors if self._closing else _OPEN)

    def has_to_open(self, now_s: float) -> bool:
        """Tell whether a contactor is commanded that must not be any more."""
        return self._closing and not self._may_be_closed(now_s)

    @property
    def due_times_s(self) -> tuple[float, float]:
        """When permission ends, and when state C has stood for long enough."""
        return self.permitted_until_s, self.state.pilot_since_s + STABLE_C_S

    def _may_be_closed(self, now_s: float) -> bool:
        if not self.connected or now_s >= self.permitted_until_s or self._interrupted:
            return False
        if self.faults.standing or not self.state.is_normal or self.state.pilot not in self._power_states:
            return False
        stands = now_s >= self.state.pilot_since_s + STABLE_C_S
        return self._closing or (stands and self._offered_a > 0 and self._offered_now_a() == self._offered_a)

    @property
    def _duty_permille(self) -> int:
        if self._interrupted:
            return F_DUTY_PERMILLE
        return duty_permille(self._offered_a) if self._offered_a else X1_DUTY_PERMILLE

    @property
    def _contactors(self) -> tuple[bool, bool, bool]:
        report = self.state.report
        fitted = report is not None and report.contactors[1] is not ContactorState.UNUSED
        return (True, fitted and self._phases > 1, False)

    def _offered_now_a(self) -> float | None:
        """What the pilot shows, A; None while that is neither nothing nor what is wanted."""
        report = self.state.report
        if not self.connected or report is None:
            return None
        steady = report.duty_permille in {X1_DUTY_PERMILLE, F_DUTY_PERMILLE}
        if not self.state.is_normal or not report.pwm_enabled or steady:
            return 0.0
        return self._offered_a if report.duty_permille == self._duty_permille else None

    def _is_settled(self, offered_a: float) -> bool:
        return self._offer_untold and offered_a == self._offered_a

    def _judge_hearing(self, now_s: float) -> None:
        report = self.state.report
        misses = not self.state.is_normal and report and report.safe_state_reason is SafeStateReason.COM_TIMEOUT
        if not misses:
            self._deaf_since_s = math.inf
        elif self._deaf_since_s == math.inf:
            self._deaf_since_s = now_s
        deaf = now_s >= self._deaf_since_s + DEAF_TIMEOUT_S
        self.faults.stand(Fault.BOARD_SILENT, "board does not hear its host" if deaf else "")

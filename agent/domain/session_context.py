"""What one EVSE's session knows, and the conditions of the table in terms of it."""

from decimal import Decimal
from typing import Final

from agent.domain import events as ev
from agent.domain.control_pilot import X1_GRACE_S
from agent.domain.deadlines import Deadlines
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.reservation import EvseReservations, ReservationBook
from agent.domain.session_state import SessionState
from agent.domain.session_table import ACTIVE, IDLE
from agent.domain.signed_transaction import SignedTransaction, SigningTerms
from agent.domain.transaction import Cause, SessionView
from agent.domain.vocabulary import ChargingState, ConnectorStatus, IdToken
from hal.api import Fault
from hal.value import dataclass

METER_FAULTS: Final = frozenset({Fault.METER_SILENT, Fault.METER_IMPLAUSIBLE})


@dataclass(frozen=True, slots=True)
class SessionRules:
    """What is configured of a session."""

    min_current_a: float = 6.0
    connection_timeout_s: float = 60.0
    x1_grace_s: float = X1_GRACE_S
    opening_timeout_s: float = 2.0
    final_reading_timeout_s: float = 1.5
    signing_timeout_s: float = 20.0
    """Longest wait for the signed end; a meter takes up to 15 s, one that fails ends it sooner."""
    signing: SigningTerms | None = None
    """Given: without a signed begin there is no power."""
    journal_grace_s: float = 50.0
    """A running session is asked to stop this long after the journal failed; its EV has 6 s more, 60 s are allowed."""
    free_vend: IdToken | None = None
    has_lock: bool = False
    needs_meter: bool = False
    """Nothing starts while the meter fails."""
    resume_after_power_loss: bool = False
    boot_id: str = ""
    """Names this boot of the computer."""
    unauthorised_threshold_wh: Decimal = Decimal(20)


class SessionContext:
    """Facts of the present moment; every method answers one question and changes nothing."""

    state: SessionState

    def __init__(self, rules: SessionRules, *, operative: bool) -> None:
        self.rules = rules
        self.session_number = 1
        """Counts drivers: grows when a car leaves, and when an authorisation begins or ends."""
        self.plugged = False
        self.plugged_at_s = 0.0
        """Monotonic time of the last plug-in."""
        self.asking = False
        self.contactor_closed: bool | None = None
        self.locked = False
        self.operative = operative
        self.limit_a = 0.0
        self.faults: dict[Fault, str] = {}
        self.id_token: IdToken | None = None
        self.group_token: IdToken | None = None
        self._served = False
        self._departed = False
        """The car left while its authorisation was ending."""
        self._plug_in_lost = False
        """The open transaction is of another plug-in than the present one."""
        self._ending: Cause | None = None
        self._opened_at_s = 0.0
        self._is_read = False
        """The final reading was taken."""
        self._remote_start_id: int | None = None
        self.signing = SignedTransaction(rules.signing)
        self.reservations: EvseReservations = ReservationBook().at(0)
        """What is reserved, as far as it concerns this EVSE; given by the station."""
        self._deadlines = Deadlines()
        self._transaction_open = False
        self._register_known = False
        self._event: ev.Event = ev.DeadlinePassed()

    # ------------------------------------------------------------------ what others see

    @property
    def public_state(self) -> SessionState:
        """The state as published: CHARGING only once the contactor is closed; a board that cannot start is a fault."""
        if self.state is SessionState.UNKNOWN and self.is_blocked():
            return SessionState.FAULTED
        if self.state is SessionState.CHARGING and not self.contactor_closed:
            return SessionState.SUSPENDED_EV
        return self.state

    @property
    def charging_state(self) -> ChargingState:
        """ChargingStateEnumType of this moment."""
        match self.public_state:
            case SessionState.CHARGING:
                return ChargingState.CHARGING
            case SessionState.SUSPENDED_EV:
                return ChargingState.SUSPENDED_EV
            case SessionState.SUSPENDED_EVSE | SessionState.STOPPING:
                return ChargingState.SUSPENDED_EVSE
            case SessionState.FAULTED if self.id_token is not None and self.plugged:
                return ChargingState.SUSPENDED_EVSE
        return ChargingState.EV_CONNECTED if self.plugged else ChargingState.IDLE

    @property
    def connector_status(self) -> ConnectorStatus:
        """ConnectorStatusEnumType of this moment."""
        match self.public_state:
            case SessionState.FAULTED:
                return ConnectorStatus.FAULTED
            case SessionState.UNAVAILABLE:
                return ConnectorStatus.UNAVAILABLE
            case SessionState.AVAILABLE if self.reservations.is_held:
                return ConnectorStatus.RESERVED
            case SessionState.AVAILABLE | SessionState.AWAITING_EV:
                return ConnectorStatus.AVAILABLE
        return ConnectorStatus.OCCUPIED

    @property
    def awaits_register(self) -> bool:
        """True until the meter has answered, or has shown that it does not."""
        return not self._register_known and not METER_FAULTS & self.faults.keys()

    @property
    def wants_power(self) -> bool:
        """True while this EVSE claims a share of the supply."""
        return self.state in ACTIVE

    @property
    def accepts_token(self) -> bool:
        """True if a token shown now would start something here."""
        return self.state in IDLE

    # ------------------------------------------------------------------ conditions of the table

    def is_blocked(self) -> bool:
        """A fault that forbids power stands."""
        return any(CATALOGUE[fault].blocks_power for fault in self.faults)

    def is_unblocked(self) -> bool:
        """No fault forbids power."""
        return not self.is_blocked()

    def is_inoperative(self) -> bool:
        """Availability says no."""
        return not self.operative

    def is_plugged(self) -> bool:
        """A car is connected."""
        return self.plugged

    def is_served(self) -> bool:
        """An authorisation ended, or is ending now, in this plug-in."""
        return self._stays_plugged() if self.state is SessionState.READING_METER else self._served

    def is_free(self) -> bool:
        """Anyone may charge here."""
        token = self.rules.free_vend
        if token is None or not self.operative or self.cannot_bill():
            return False
        return self.reservations.admits(token, None)

    def is_authorized(self) -> bool:
        """Somebody is authorised."""
        return self.id_token is not None

    def is_stoppable(self) -> bool:
        """There is something to stop."""
        return self.id_token is not None or self._transaction_open

    def must_end(self) -> bool:
        """The open transaction cannot be shown to be of this plug-in."""
        return self._ending is not None

    def can_offer(self) -> bool:
        """All that power needs is there."""
        lock_ok = self.locked or not self.rules.has_lock
        may = self.plugged and lock_ok and self.signing.permits_power and not self.is_blocked()
        return may and self.limit_a >= self.rules.min_current_a

    def ev_asks(self) -> bool:
        """The EV is in C or D."""
        return self.asking

    def is_read(self) -> bool:
        """The final reading was taken."""
        return self._is_read

    def is_signed(self) -> bool:
        """No signature is waited for."""
        return self.signing.is_settled

    def is_unsigned(self) -> bool:
        """The meter gave no signature when it should have."""
        return self.signing.is_settled and self.signing.end is None

    def is_contactor_open(self) -> bool:
        """Feedback says open."""
        return self.contactor_closed is False

    def is_contactor_closed(self) -> bool:
        """Feedback says closed, or nothing."""
        return self.contactor_closed is not False

    def is_final_reading(self) -> bool:
        """This reading was taken after the contactor opened, and has a register."""
        event = self._event
        return (
            isinstance(event, ev.MeterSampled)
            and event.reading.energy_import_wh is not None
            and event.reading.at_s >= self._opened_at_s
        )

    def is_ending_fault(self) -> bool:
        """The new fault ends a running transaction."""
        return isinstance(self._event, ev.FaultAppeared) and CATALOGUE[self._event.fault].ends_transaction is not None

    def is_same_token(self) -> bool:
        """The token shown is the one that started."""
        token = self._shown_token()
        return token is not None and self.id_token is not None and token.same_as(self.id_token)

    def is_other_token(self) -> bool:
        """The token shown is not the one that started."""
        return not self.is_same_token()

    def is_other_group(self) -> bool:
        """The answer does not make its token a member of the starter's group."""
        event = self._event
        if not isinstance(event, ev.AuthorizationAnswered) or not event.authorization.accepted:
            return True
        group = event.authorization.group_token
        return group is None or self.group_token is None or not group.same_as(self.group_token)

    def is_stale_answer(self) -> bool:
        """The answer belongs to an earlier session."""
        return isinstance(self._event, ev.AuthorizationAnswered) and self._event.session_number != self.session_number

    def is_refused(self) -> bool:
        """The token may not charge, or not here, or nothing can be billed now."""
        event = self._event
        refused = isinstance(event, ev.AuthorizationAnswered) and not event.authorization.accepted
        return refused or self.cannot_bill() or self.is_reserved_for_other()

    def is_reserved_for_other(self) -> bool:
        """The token is as good as any, but a reservation keeps it out here. Source: OCPP 1.6 section 5.13."""
        match self._event:
            case _ if not self.accepts_token:
                return False
            case ev.AuthorizationAnswered(id_token=token, authorization=answer):
                return answer.accepted and not self.reservations.admits(token, answer.group_token)
            case ev.RemoteStartRequested(id_token=token, group_token=group_token):
                return not self.reservations.admits(token, group_token)
        return False

    def is_to_be_authorized(self) -> bool:
        """A remote start needs an answer first: the back-end wants it so, or the token's group decides."""
        event = self._event
        return isinstance(event, ev.RemoteStartRequested) and (event.authorize_first or self.is_reserved_for_other())

    def cannot_start(self) -> bool:
        """A remote start is refused: nothing can be billed, or a reservation stands in the way, whatever the group."""
        return self.cannot_bill() or (self.is_reserved_for_other() and not self.reservations.asks_for_group)

    @property
    def refusal(self) -> str:
        """Why a request is refused."""
        if not self.accepts_token:
            return self.state.value
        return "nothing can be billed now" if self.cannot_bill() else "it is reserved for another token"

    def cannot_bill(self) -> bool:
        """Nothing new may start: it could not be journalled, or there is no register to start from or to end with."""
        meter_fails = self.rules.needs_meter and not METER_FAULTS.isdisjoint(self.faults)
        return meter_fails or not (self._deadlines.journal_healthy and self._register_known)

    def _view(self) -> SessionView:
        token = self.id_token
        return SessionView(
            ev_connected=self.plugged and not self._departed,
            id_token=token,
            group_token=self.group_token,
            charging_state=self.charging_state,
            remote_start_id=self._remote_start_id,
            reservation_id=None if token is None else self.reservations.used_by(token, self.group_token),
        )

    def _resting_charging_state(self) -> ChargingState:
        return ChargingState.EV_CONNECTED if self.plugged and not self._departed else ChargingState.IDLE

    def _wait_s(self) -> float | None:
        """How long the present state may last; None: for ever."""
        rules = self.rules
        match self.state:
            case SessionState.AWAITING_EV:
                return rules.connection_timeout_s
            case SessionState.STOPPING:
                return rules.x1_grace_s
            case SessionState.OPENING:
                return rules.opening_timeout_s
            case SessionState.READING_METER:
                return rules.final_reading_timeout_s if self.signing.is_settled else rules.signing_timeout_s
            case SessionState.SUSPENDED_EVSE if self.asking and self.contactor_closed is not False:
                return rules.x1_grace_s
        return None

    def _stays_plugged(self) -> bool:
        return self.plugged and not self._departed and not self._plug_in_lost

    def _shown_token(self) -> IdToken | None:
        event = self._event
        return event.id_token if isinstance(event, ev.TokenPresented | ev.AuthorizationAnswered) else None

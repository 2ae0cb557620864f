"""A charging session and a hand that feeds it: time goes by only when told."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from agent.clock import Instant
from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.charging_session import ChargingSession
from agent.domain.facts import Fact, TransactionEnded, TransactionFact, TransactionStarted
from agent.domain.session_context import SessionRules
from agent.domain.session_machine import session_machine
from agent.domain.session_state import SessionState
from agent.domain.transaction import TransactionState
from agent.domain.vocabulary import (
    Authorization,
    AuthorizationStatus,
    ChargingState,
    IdToken,
    StoppedReason,
    TriggerReason,
)
from hal.api import MeterReading, PlugInCounter, Quality

T = TypeVar("T")
START: Final = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
DRIVER: Final = IdToken("04A1B2C3")
FRIEND: Final = IdToken("04FFFFFF")
STRANGER: Final = IdToken("04999999")
GROUP: Final = IdToken("FLEET-1")
MACHINE: Final = session_machine()


def reading(register_wh: int | str | None, at_s: float, *, quality: Quality = Quality.GOOD) -> MeterReading:
    register = None if register_wh is None else Decimal(register_wh)
    return MeterReading(START + timedelta(seconds=at_s), at_s, quality, register)


def counter(session_wh: int, total_wh: int, elapsed_s: int = 0) -> PlugInCounter:
    return PlugInCounter(Decimal(session_wh), Decimal(total_wh), elapsed_s)


def answered(
    *,
    plugged: bool = False,
    ev_asks: bool = False,
    contactor_closed: bool | None = False,
    enabled: bool = False,
    restarted: bool = False,
    dark_s: float = 0.0,
    plug_in: PlugInCounter | None = None,
) -> ev.BoardAnswered:
    return ev.BoardAnswered(plugged, ev_asks, contactor_closed, enabled, restarted, dark_s, plug_in)


def stop(reason: StoppedReason = StoppedReason.REMOTE) -> ev.StopRequested:
    return ev.StopRequested(reason, TriggerReason.REMOTE_STOP)


class SessionRig:
    """Feeds a session and remembers all it ever wanted done."""

    def __init__(
        self,
        rules: SessionRules | None = None,
        *,
        restored: TransactionState | None = None,
        last_register_wh: Decimal | None = None,
        operative: bool = True,
        limit_a: float = 16.0,
    ) -> None:
        self.session = ChargingSession(
            1,
            rules or SessionRules(),
            MACHINE,
            restored=restored,
            last_register_wh=last_register_wh,
            operative=operative,
        )
        self.session.limit_a = limit_a
        self.now_s = 100.0
        self.actions: list[act.Action] = []
        self.facts: list[Fact] = []

    @property
    def state(self) -> SessionState:
        return self.session.state

    def stands(self, state: SessionState) -> bool:
        return self.session.state is state

    def shows(self, state: SessionState) -> bool:
        return self.session.public_state is state

    def tells(self, charging_state: ChargingState) -> bool:
        return self.session.charging_state is charging_state

    @property
    def instant(self) -> Instant:
        return Instant(self.now_s, START + timedelta(seconds=self.now_s))

    def feed(self, *events: ev.Event) -> list[act.Action]:
        """Return what the last of these events caused."""
        actions: list[act.Action] = []
        for event in events:
            actions = self.session.handle(event, self.instant)
            self.actions += actions
            self.facts += [action.fact for action in actions if isinstance(action, act.Report)]
        return actions

    def wait(self, seconds: float) -> list[act.Action]:
        """Let time go by; the deadlines that fall into it are fed when they are due. Returns what they caused."""
        end_s, actions = self.now_s + seconds, list[act.Action]()
        while (deadline_s := self.session.deadline_s) is not None and deadline_s <= end_s:
            assert deadline_s >= self.now_s, "a deadline that has passed must not stay"
            self.now_s = deadline_s
            actions += self.feed(ev.DeadlinePassed())
        self.now_s = end_s
        return actions

    def read_meter(self, register_wh: int | str | None) -> list[act.Action]:
        return self.feed(ev.MeterSampled(reading(register_wh, self.now_s)))

    def answer(
        self, id_token: IdToken = DRIVER, *, accepted: bool = True, group: IdToken | None = None
    ) -> list[act.Action]:
        """Answer as if asked now."""
        status = AuthorizationStatus.ACCEPTED if accepted else AuthorizationStatus.INVALID
        return self.feed(
            ev.AuthorizationAnswered(self.session.session_number, id_token, Authorization(status, group_token=group))
        )

    # ------------------------------------------------------------------ places to start from

    def available(self) -> "SessionRig":
        self.feed(answered())
        self.read_meter(1000)
        assert self.state is SessionState.AVAILABLE
        return self

    def plugged_in(self) -> "SessionRig":
        self.available().feed(ev.EvPluggedIn())
        assert self.state is SessionState.AWAITING_AUTHORIZATION
        return self

    def authorized(self, *, group: IdToken | None = None) -> "SessionRig":
        """Plugged in and authorised; the car does not ask yet."""
        self.plugged_in().feed(ev.TokenPresented(DRIVER))
        self.answer(group=group)
        return self

    def charging(self, *, group: IdToken | None = None) -> "SessionRig":
        self.authorized(group=group).feed(ev.EvRequestedPower(), ev.PowerTurnedOn())
        assert self.state is SessionState.CHARGING
        return self

    def finish(self, register_wh: int = 2000) -> "SessionRig":
        """Let whatever is ending end."""
        self.feed(ev.PowerTurnedOff())
        self.read_meter(register_wh)
        return self


def of(kind: type[T], actions: Iterable[object]) -> list[T]:
    """Those of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def ended(rig: SessionRig) -> TransactionEnded:
    """The only transaction that ended."""
    (fact,) = of(TransactionEnded, rig.facts)
    return fact


def assert_told_whole(facts: Iterable[Fact]) -> None:
    """Gapless numbers from 0; exactly one beginning; nothing after the end."""
    numbers: dict[str, list[TransactionFact]] = {}
    for fact in facts:
        if isinstance(fact, TransactionFact):
            numbers.setdefault(fact.transaction_id, []).append(fact)
    for rows in numbers.values():
        assert [row.seq_no for row in rows] == list(range(len(rows)))
        assert [isinstance(row, TransactionStarted) for row in rows] == [True] + [False] * (len(rows) - 1)
        assert not [row for row in rows[:-1] if isinstance(row, TransactionEnded)]

"""Energy that flowed while nobody knows whose it is: never on the bill of the transaction that was open before."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from agent.clock import Instant
from agent.domain import events as ev
from agent.domain.actions import Report
from agent.domain.charging_session import ChargingSession
from agent.domain.facts import Fact, TransactionEnded, UnauthorisedEnergyFound
from agent.domain.session_context import SessionRules
from agent.domain.session_machine import session_machine
from agent.domain.transaction import TransactionState
from agent.domain.vocabulary import ChargingState, IdToken, TxPoint
from hal.api import MeterReading, PlugInCounter, Quality

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
OPEN = TransactionState(
    transaction_id="t-1",
    evse_id=1,
    next_seq_no=3,
    started_at=NOW,
    start_register_wh=Decimal(1000),
    last_register_wh=Decimal(1500),
    charging_state=ChargingState.CHARGING,
    points=(TxPoint.AUTHORIZED, TxPoint.EV_CONNECTED, TxPoint.POWER_PATH_CLOSED),
    stop_points=(TxPoint.AUTHORIZED, TxPoint.EV_CONNECTED),
    id_token=IdToken("04A1B2C3"),
)
DIRTY = ev.BoardAnswered(
    plugged=True,
    ev_asks=True,
    contactor_closed=False,
    enabled=False,
    restarted=True,
    dark_s=30.0,
    plug_in=PlugInCounter(Decimal(80), Decimal(9000), 20),
)
"""The board was dark, and gave power to whoever was plugged in before it was asked."""


def _session() -> ChargingSession:
    return ChargingSession(1, SessionRules(), session_machine(), restored=OPEN)


def _feed(session: ChargingSession, *events: ev.Event) -> list[Fact]:
    facts: list[Fact] = []
    for at_s, event in enumerate(events, start=100):
        actions = session.handle(event, Instant(float(at_s), NOW))
        facts += [action.fact for action in actions if isinstance(action, Report)]
    return facts


def _metered(register_wh: int, at_s: float) -> ev.MeterSampled:
    return ev.MeterSampled(MeterReading(NOW, at_s, Quality.GOOD, Decimal(register_wh)))


def test_an_end_after_darkness_tells_the_last_known_register_and_no_later_sample() -> None:
    facts = _feed(_session(), _metered(1580, 99.0), DIRTY, _metered(1580, 102.0))
    ended = next(fact for fact in facts if isinstance(fact, TransactionEnded))
    assert ended.register_wh == Decimal(1500)
    assert ended.samples == ()


def test_what_is_not_billed_is_reported_once() -> None:
    facts = _feed(_session(), _metered(1580, 99.0), DIRTY, _metered(1580, 102.0), _metered(1580, 103.0))
    assert [f.energy_wh for f in facts if isinstance(f, UnauthorisedEnergyFound)] == [Decimal(80)]


def test_a_register_read_before_the_board_answered_is_not_stored_as_the_transactions() -> None:
    session = _session()
    _feed(session, _metered(1580, 99.0))
    assert session.recorder.state == OPEN


def test_a_register_read_while_it_ends_is_not_stored_as_the_transactions() -> None:
    session = _session()
    closed = replace(DIRTY, contactor_closed=True)
    _feed(session, closed, _metered(1580, 102.0))
    assert session.recorder.state is not None
    assert session.recorder.state.last_register_wh == Decimal(1500)

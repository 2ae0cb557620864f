"""How much a transaction whose token is invalid may still take."""

from dataclasses import replace
from decimal import Decimal

import pytest

from agent.domain import events as ev
from agent.domain.energy_allowance import STOP_TAKES_S, is_spent
from agent.domain.transaction import TransactionState
from tests.agent.domain.session_rig import SessionRig, reading


def state_of(rig: SessionRig) -> TransactionState:
    state = rig.session.recorder.state
    assert state is not None
    return state


def test_nobody_is_limited_whose_token_is_valid() -> None:
    rig = SessionRig().charging()
    assert not is_spent(None, None, meter_fails=True)
    assert not is_spent(state_of(rig), reading(10**9, 1), meter_fails=True)


def test_the_first_word_counts_and_that_of_another_transaction_never() -> None:
    rig = SessionRig().charging()
    rig.read_meter(5000)
    rig.feed(ev.TokenInvalidated("another", 1))
    assert state_of(rig).allowed_until_wh is None
    rig.feed(ev.TokenInvalidated(state_of(rig).transaction_id, 400))
    rig.read_meter(5100)
    rig.feed(ev.TokenInvalidated(state_of(rig).transaction_id, 400))
    assert state_of(rig).allowed_until_wh == 5400


@pytest.mark.parametrize(
    ("register_wh", "power_w", "spent"),
    [
        (5399, 0, False),
        (5400, 0, True),
        (5000, 3600 * 400 // STOP_TAKES_S - 450, False),
        (5000, 3600 * 400 // STOP_TAKES_S, True),
        (5399, -5000, False),
        (5400 - 25, None, False),
        (5400 - 24, None, True),
    ],
)
def test_it_is_spent_as_soon_as_the_rest_would_flow_while_it_is_stopped(
    register_wh: int, power_w: int | None, spent: bool
) -> None:
    rig = SessionRig().charging()
    rig.read_meter(5000)
    rig.feed(ev.TokenInvalidated(state_of(rig).transaction_id, 400))
    rig.read_meter(register_wh)
    seen = replace(reading(register_wh, 1), power_w=None if power_w is None else Decimal(power_w))
    assert is_spent(state_of(rig), seen, meter_fails=False) is spent


def test_a_meter_that_cannot_say_is_the_end_of_it() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.TokenInvalidated(state_of(rig).transaction_id, 400))
    assert is_spent(state_of(rig), reading(0, 1), meter_fails=True)
    assert is_spent(replace(state_of(rig), last_register_wh=None), None, meter_fails=False)

from datetime import UTC, datetime
from decimal import Decimal

from agent.station.offer import HeldOffer
from hal.api import MeterReading, Quality


def drawn(current_a: float | None, at_s: float) -> MeterReading:
    currents = () if current_a is None else (None, Decimal(str(current_a)))
    return MeterReading(datetime(2026, 1, 1, tzinfo=UTC), at_s, Quality.GOOD, Decimal(0), current_a=currents)


def lowered(from_a: float = 16.0, to_a: float = 10.0) -> HeldOffer:
    """Lowered at 10 s."""
    offer = HeldOffer()
    offer.commanded(from_a, 0.0)
    offer.confirmed(from_a, 1.0, contactor_open=False)
    offer.commanded(to_a, 10.0)
    return offer


def test_a_lowered_offer_is_held_until_the_car_has_followed() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=False)
    offer.metered(drawn(16.0, 10.5))
    assert offer.held_a == 16.0
    offer.metered(drawn(10.4, 11.5))
    assert offer.held_a == 10.0


def test_nothing_is_let_go_before_the_board_has_confirmed() -> None:
    offer = lowered()
    offer.metered(drawn(0.0, 11.0))
    offer.contactor_opened()
    offer.waited(1000.0)
    assert offer.held_a == 16.0


def test_a_reading_from_before_the_confirmation_proves_nothing() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=False)
    offer.metered(drawn(0.0, 10.1))
    assert offer.held_a == 16.0


def test_what_the_board_said_before_it_was_told_does_not_confirm() -> None:
    offer = lowered()
    offer.confirmed(6.0, 9.9, contactor_open=True)
    assert offer.held_a == 16.0


def test_a_board_that_still_offers_more_has_not_confirmed() -> None:
    offer = lowered()
    offer.confirmed(16.0, 10.2, contactor_open=True)
    assert offer.held_a == 16.0


def test_behind_an_open_contactor_the_confirmation_is_enough_in_either_order() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=True)
    assert offer.held_a == 10.0
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=False)
    offer.contactor_opened()
    assert offer.held_a == 10.0


def test_time_lets_go_only_where_no_meter_tells_a_current() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=False)
    offer.confirmed(10.0, 13.0, contactor_open=False)
    offer.metered(drawn(None, 16.1))
    assert offer.held_a == 16.0
    offer.metered(drawn(None, 16.2))
    assert offer.held_a == 10.0


def test_a_car_that_does_not_follow_keeps_what_it_draws_however_long() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=False)
    offer.metered(drawn(16.0, 12.0))
    offer.waited(1000.0)
    assert offer.held_a == 16.0


def test_a_raise_is_held_at_once() -> None:
    offer = lowered()
    offer.confirmed(10.0, 10.2, contactor_open=True)
    offer.commanded(13.0, 20.0)
    assert offer.held_a == 13.0


def test_an_offer_may_be_raised_5_seconds_after_its_last_change() -> None:
    offer = HeldOffer()
    assert offer.may_raise(0.0)
    offer.commanded(10.0, 1.0)
    offer.commanded(10.0, 4.0)
    assert not offer.may_raise(5.9)
    assert offer.may_raise(6.0)


def test_an_offer_after_a_withdrawal_goes_at_once() -> None:
    offer = HeldOffer()
    offer.commanded(10.0, 1.0)
    offer.commanded(0.0, 2.0)
    assert offer.may_raise(2.1)


def test_what_was_offered_before_a_crash_is_held_after_it() -> None:
    offer = HeldOffer(16.0)
    offer.commanded(0.0, 1.0)
    assert offer.held_a == 16.0
    offer.confirmed(0.0, 1.5, contactor_open=True)
    assert offer.held_a == 0.0

"""Who may charge where. OCPP 1.6 sections 3.11, 5.1 and 5.13."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.reservation import Reservation, ReservationBook, ReserveOutcome
from agent.domain.session_state import SessionState as S
from agent.domain.vocabulary import IdToken

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OWNER, MEMBER, OTHER = IdToken("04A1"), IdToken("04B2"), IdToken("04C3")
GROUP = IdToken("FLEET")


@dataclass
class Place:
    state: S
    id_token: IdToken | None = None
    group_token: IdToken | None = None


def book(*states: S) -> ReservationBook:
    made = ReservationBook()
    made.seats = {number: Place(state) for number, state in enumerate(states, 1)}
    return made


def wanted(
    number: int = 1, evse_id: int | None = 1, group: IdToken | None = None, token: IdToken = OWNER, minutes: int = 10
) -> Reservation:
    return Reservation(number, evse_id, token, NOW + timedelta(minutes=minutes), group)


@pytest.mark.parametrize(
    ("states", "evse_id", "outcome"),
    [
        ((S.AVAILABLE,), 1, "Accepted"),
        ((S.CHARGING,), 1, "Occupied"),
        ((S.AWAITING_AUTHORIZATION,), 1, "Occupied"),
        ((S.AWAITING_EV,), 1, "Occupied"),
        ((S.FINISHING,), 1, "Occupied"),
        ((S.FAULTED,), 1, "Faulted"),
        ((S.UNAVAILABLE,), 1, "Unavailable"),
        ((S.UNKNOWN,), 1, "Unavailable"),
        ((S.AVAILABLE,), 2, "Rejected"),
        ((S.FAULTED, S.AVAILABLE), None, "Accepted"),
        ((S.CHARGING, S.FAULTED), None, "Occupied"),
        ((S.UNAVAILABLE, S.FAULTED), None, "Unavailable"),
        ((S.FAULTED, S.FAULTED), None, "Faulted"),
    ],
)
def test_a_reservation_is_answered_by_how_its_evse_stands(states: tuple[S, ...], evse_id: int, outcome: str) -> None:
    """Section 5.13."""
    made = book(*states)
    assert made.reserve(wanted(evse_id=evse_id)).value == outcome
    assert (made.get(1) is not None) == (outcome == "Accepted")


@pytest.mark.parametrize("token", [OWNER, OTHER])
def test_a_reserved_evse_is_occupied_for_another_reservation_of_the_same_or_another_token(token: IdToken) -> None:
    made = book(S.AVAILABLE, S.AVAILABLE)
    assert made.reserve(wanted(1)) is ReserveOutcome.ACCEPTED
    assert made.reserve(wanted(2, token=token)) is ReserveOutcome.OCCUPIED
    assert made.reserve(wanted(2, evse_id=2, token=token)) is ReserveOutcome.ACCEPTED


def test_there_are_never_more_reservations_than_free_evses() -> None:
    made = book(S.AVAILABLE, S.AVAILABLE)
    assert made.reserve(wanted(1, evse_id=None)) is ReserveOutcome.ACCEPTED
    assert made.reserve(wanted(2, evse_id=2)) is ReserveOutcome.ACCEPTED
    assert made.reserve(wanted(3, evse_id=1)) is ReserveOutcome.OCCUPIED
    assert made.reserve(wanted(3, evse_id=None)) is ReserveOutcome.OCCUPIED


def test_the_same_id_takes_the_place_of_the_reservation_before() -> None:
    """Section 5.13: SHALL replace."""
    made = book(S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(1))
    assert made.reserve(wanted(1, evse_id=2, token=OTHER)) is ReserveOutcome.ACCEPTED
    assert made.held(1) is None
    assert made.held(2) == wanted(1, evse_id=2, token=OTHER)


def test_a_replacement_that_is_refused_leaves_the_reservation_before() -> None:
    made = book(S.AVAILABLE, S.CHARGING)
    made.reserve(wanted(1))
    assert made.reserve(wanted(1, evse_id=2)) is ReserveOutcome.OCCUPIED
    assert made.held(1) == wanted(1)


@pytest.mark.parametrize("state", [S.AWAITING_AUTHORIZATION, S.AWAITING_EV])
def test_a_reservation_can_be_prolonged_when_its_driver_has_come(state: S) -> None:
    made = book(S.AVAILABLE)
    made.reserve(wanted(1))
    made.seats = {1: Place(state)}
    assert made.reserve(wanted(1, minutes=60)) is ReserveOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("token", "group", "admitted"),
    [(OWNER, None, True), (MEMBER, GROUP, True), (MEMBER, None, False), (OTHER, IdToken("OTHERS"), False)],
)
def test_a_reserved_evse_serves_its_token_and_group_alone(
    token: IdToken, group: IdToken | None, admitted: bool
) -> None:
    made = book(S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(group=GROUP))
    assert made.at(1).admits(token, group) == admitted
    assert made.at(1).used_by(token, group) == (1 if admitted else None)
    assert made.at(2).admits(token, group)
    assert made.at(2).used_by(token, group) is None


def test_without_a_parent_in_the_reservation_no_group_is_let_in() -> None:
    made = book(S.AVAILABLE)
    made.reserve(wanted())
    assert not made.at(1).admits(MEMBER, GROUP)
    assert not made.at(1).asks_for_group


def test_nobody_else_gets_the_last_free_evse_while_any_is_reserved() -> None:
    """Section 5.13: one connector remains available for the reserved idTag."""
    made = book(S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(evse_id=None))
    assert made.at(1).admits(OTHER, None)
    made.seats = {1: Place(S.CHARGING), 2: Place(S.AVAILABLE)}
    assert not made.at(2).admits(OTHER, None)
    assert made.at(2).admits(OWNER, None)
    assert made.at(2).used_by(OWNER, None) == 1
    assert not made.at(2).is_held


def test_an_evse_that_a_foreign_car_blocks_is_not_free_for_the_reservation() -> None:
    made = book(S.AWAITING_AUTHORIZATION, S.AVAILABLE)
    made.reserve(wanted(evse_id=None))
    assert not made.at(2).admits(OTHER, None)
    assert made.at(1).admits(OTHER, None)


def test_who_is_about_to_plug_in_has_what_was_kept() -> None:
    made = book(S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(evse_id=None))
    made.seats = {1: Place(S.AWAITING_EV, OWNER), 2: Place(S.AVAILABLE)}
    assert made.at(2).admits(OTHER, None)
    made.seats = {1: Place(S.AWAITING_EV, OTHER), 2: Place(S.AVAILABLE)}
    assert not made.at(2).admits(MEMBER, None)


def test_of_several_the_one_that_ends_first_is_used_up() -> None:
    made = book(S.AVAILABLE, S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(1, evse_id=None, minutes=60))
    made.reserve(wanted(2, evse_id=None, minutes=10))
    assert made.at(3).used_by(OWNER, None) == 2


@pytest.mark.parametrize(("minutes", "over"), [(9, False), (10, True), (11, True)])
def test_a_reservation_is_over_at_its_time(minutes: int, over: bool) -> None:
    made = book(S.AVAILABLE)
    made.reserve(wanted(minutes=10))
    assert bool(made.expired(NOW + timedelta(minutes=minutes))) == over
    assert made.next_expiry == NOW + timedelta(minutes=10)


def test_a_reservation_is_lost_with_its_evse_and_one_of_any_with_the_last() -> None:
    """Section 5.13: terminated when the Charge Point or connector are set to Faulted or Unavailable."""
    made = book(S.AVAILABLE, S.AVAILABLE)
    made.reserve(wanted(1, evse_id=1))
    made.reserve(wanted(2, evse_id=None))
    made.seats = {1: Place(S.FAULTED), 2: Place(S.AVAILABLE)}
    assert [each.reservation_id for each in made.lost_with(1)] == [1]
    made.seats = {1: Place(S.FAULTED), 2: Place(S.UNAVAILABLE)}
    assert [each.reservation_id for each in made.lost_with(2)] == [2]
    assert made.end(1) is not None
    assert made.end(1) is None

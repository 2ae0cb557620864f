"""Who has reserved what, and whom that keeps from charging.

Rules kept here:
* A reserved EVSE serves nobody but the token of the reservation, or one of its group.
* A reservation of no EVSE in particular (1.6: connector 0) keeps as many EVSEs free as there are such reservations:
  nobody else gets the last of them.
* One with the id of another takes its place; if it cannot, the other one stays.
Source: OCPP 1.6 sections 3.11, 5.1 and 5.13; OCPP 2.0.1 part 2, H01 to H04.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Reservation:
    """One reservation."""

    reservation_id: int
    evse_id: int | None
    """None: any EVSE."""
    id_token: IdToken
    expires_at: datetime
    group_token: IdToken | None = None

    def is_for(self, id_token: IdToken, group_token: IdToken | None) -> bool:
        """Tell whether this token, a member of this group, may use it."""
        if self.id_token.same_as(id_token):
            return True
        return self.group_token is not None and group_token is not None and self.group_token.same_as(group_token)


class ReserveOutcome(Enum):
    """ReserveNowStatusEnumType."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class Seat(Protocol):
    """What of an EVSE's session counts here."""

    @property
    def state(self) -> SessionState:
        """Where it stands."""

    @property
    def id_token(self) -> IdToken | None:
        """Who is authorised there."""

    @property
    def group_token(self) -> IdToken | None:
        """Of which group."""


_PREVENTED: Final = {
    SessionState.FAULTED: ReserveOutcome.FAULTED,
    SessionState.UNAVAILABLE: ReserveOutcome.UNAVAILABLE,
    SessionState.UNKNOWN: ReserveOutcome.UNAVAILABLE,
}
"""Of an EVSE that cannot serve at all; of any other that is not free: occupied."""
_STILL_HELD: Final = frozenset({SessionState.AWAITING_AUTHORIZATION, SessionState.AWAITING_EV})
"""Where an EVSE that was reserved before may be reserved anew though its driver has come."""


class ReservationBook:
    """The reservations of one station."""

    def __init__(self, reservations: Iterable[Reservation] = ()) -> None:
        self._reservations = {each.reservation_id: each for each in reservations}
        self.seats: Mapping[int, Seat] = {}
        """The sessions of all EVSEs; given once they are built."""

    def at(self, evse_id: int) -> "EvseReservations":
        """What the book means for one EVSE."""
        return EvseReservations(self, evse_id)

    def get(self, reservation_id: int) -> Reservation | None:
        """Return the reservation of this id."""
        return self._reservations.get(reservation_id)

    def held(self, evse_id: int) -> Reservation | None:
        """Return the reservation of this very EVSE."""
        return next((each for each in self._reservations.values() if each.evse_id == evse_id), None)

    def reserve(self, wanted: Reservation) -> ReserveOutcome:
        """Take a reservation, or say why not; then the book is as it was."""
        replaced = self._reservations.pop(wanted.reservation_id, None)
        outcome = self._judge(wanted, replaced)
        kept = wanted if outcome is ReserveOutcome.ACCEPTED else replaced
        if kept is not None:
            self._reservations[kept.reservation_id] = kept
        return outcome

    def put(self, reservation: Reservation) -> None:
        """Take this one whatever stands against it: what was there before comes back."""
        self._reservations[reservation.reservation_id] = reservation

    def end(self, reservation_id: int) -> Reservation | None:
        """Take a reservation out and return it."""
        return self._reservations.pop(reservation_id, None)

    def expired(self, now: datetime) -> list[Reservation]:
        """Return those whose time is over."""
        return [each for each in self._reservations.values() if each.expires_at <= now]

    @property
    def next_expiry(self) -> datetime | None:
        """When the first one is over."""
        return min((each.expires_at for each in self._reservations.values()), default=None)

    def lost_with(self, evse_id: int) -> list[Reservation]:
        """Return those that nobody can keep now that this EVSE is faulted or unavailable. Source: 1.6 section 5.13."""
        none_left = all(seat.state in _PREVENTED for seat in self.seats.values())
        return [
            each
            for each in self._reservations.values()
            if each.evse_id == evse_id or (each.evse_id is None and none_left)
        ]

    def admits(self, evse_id: int, id_token: IdToken, group_token: IdToken | None) -> bool:
        """Tell whether this token may start here."""
        held = self.held(evse_id)
        if held is not None:
            return held.is_for(id_token, group_token)
        if any(each.is_for(id_token, group_token) for each in self._anywhere()):
            return True
        return self._free_beside(evse_id) >= len(self._unmet())

    def used_by(self, evse_id: int, id_token: IdToken, group_token: IdToken | None) -> Reservation | None:
        """Return the reservation that this token uses up by starting here; of several, the one that ends first."""
        held = self.held(evse_id)
        usable = [held] if held is not None else sorted(self._anywhere(), key=lambda each: each.expires_at)
        return next((each for each in usable if each.is_for(id_token, group_token)), None)

    def asks_for_group(self, evse_id: int) -> bool:
        """Tell whether the group of a token could admit it here."""
        held = self.held(evse_id)
        return any(each.group_token is not None for each in ([held] if held is not None else self._anywhere()))

    def _judge(self, wanted: Reservation, replaced: Reservation | None) -> ReserveOutcome:
        if wanted.evse_id is None:
            return self._judge_any()
        seat = self.seats.get(wanted.evse_id)
        if seat is None:
            return ReserveOutcome.REJECTED
        if seat.state in _PREVENTED:
            return _PREVENTED[seat.state]
        again = replaced is not None and replaced.evse_id == wanted.evse_id and seat.state in _STILL_HELD
        free = self._is_free(wanted.evse_id) or again
        kept = self._free_beside(wanted.evse_id) >= len(self._unmet())
        return ReserveOutcome.ACCEPTED if free and kept else ReserveOutcome.OCCUPIED

    def _judge_any(self) -> ReserveOutcome:
        if sum(map(self._is_free, self.seats)) > len(self._unmet()):
            return ReserveOutcome.ACCEPTED
        prevented = {_PREVENTED.get(seat.state, ReserveOutcome.OCCUPIED) for seat in self.seats.values()}
        for outcome in (ReserveOutcome.OCCUPIED, ReserveOutcome.UNAVAILABLE):
            if outcome in prevented:
                return outcome
        return ReserveOutcome.FAULTED

    def _is_free(self, evse_id: int) -> bool:
        return self.seats[evse_id].state is SessionState.AVAILABLE and self.held(evse_id) is None

    def _free_beside(self, evse_id: int) -> int:
        return sum(self._is_free(each) for each in self.seats if each != evse_id)

    def _anywhere(self) -> list[Reservation]:
        return [each for each in self._reservations.values() if each.evse_id is None]

    def _unmet(self) -> list[Reservation]:
        """Reservations of any EVSE whose driver is not just about to plug in somewhere."""
        coming = [seat for seat in self.seats.values() if seat.state is SessionState.AWAITING_EV]
        return [each for each in self._anywhere() if not any(_is_of(each, seat) for seat in coming)]


class EvseReservations:
    """The book as one EVSE's session sees it."""

    def __init__(self, book: ReservationBook, evse_id: int) -> None:
        self._book = book
        self._evse_id = evse_id

    @property
    def is_held(self) -> bool:
        """This very EVSE is reserved."""
        return self._book.held(self._evse_id) is not None

    @property
    def asks_for_group(self) -> bool:
        """The group of a token could admit it here."""
        return self._book.asks_for_group(self._evse_id)

    def admits(self, id_token: IdToken, group_token: IdToken | None) -> bool:
        """Tell whether this token may start here."""
        return self._book.admits(self._evse_id, id_token, group_token)

    def used_by(self, id_token: IdToken, group_token: IdToken | None) -> int | None:
        """Return the id of the reservation that this token uses up by starting here."""
        used = self._book.used_by(self._evse_id, id_token, group_token)
        return None if used is None else used.reservation_id


def _is_of(reservation: Reservation, seat: Seat) -> bool:
    return seat.id_token is not None and reservation.is_for(seat.id_token, seat.group_token)

from dataclasses import dataclass, field

from agent.domain.charging_limit import Claim
from agent.domain.charging_profile import STATION
from agent.domain.profile_order import NO_ORDER, ProfileOrder
from agent.station.supply import Supply


@dataclass
class Member:
    evse_id: int
    wants: bool = True
    held_a: float = 0.0
    since: int = 0
    told: list[float] = field(default_factory=list)

    def claim(self) -> Claim:
        return Claim(self.evse_id, 32.0, 6.0, self.wants, self.since, self.held_a)

    def limit(self, current_a: float) -> None:
        self.told.append(current_a)


def supply(max_current_a: float, *members: Member) -> Supply:
    shared = Supply(max_current_a)
    for member in members:
        shared.join(member)
        member.since = shared.next_turn()
    return shared


def test_only_those_that_want_power_are_told() -> None:
    one, two = Member(1), Member(2, wants=False)
    supply(32.0, one, two).refresh()
    assert (one.told, two.told) == ([32.0], [])


def test_a_raise_waits_until_the_other_has_let_go() -> None:
    one, two = Member(1, held_a=32.0), Member(2)
    shared = supply(32.0, one, two)
    shared.refresh()
    assert (one.told, two.told) == ([16.0], [0.0])
    one.held_a = 16.0
    shared.refresh()
    assert two.told[-1] == 16.0


def test_the_ceiling_is_what_the_others_leave_now() -> None:
    one, two = Member(1, held_a=20.0), Member(2)
    shared = supply(32.0, one, two)
    assert shared.ceiling(1) == 32.0
    assert shared.ceiling(2) == 12.0
    one.held_a = 28.0
    assert shared.ceiling(2) == 0.0, "4 A are below the minimum"


def test_a_profile_of_the_station_binds_the_sum_and_nobody_who_has_a_share_is_suspended() -> None:
    one, two = Member(1, held_a=16.0), Member(2, held_a=16.0)
    shared = supply(32.0, one, two)
    assert (shared.is_ordered, shared.limited_by) == (False, "supply")
    shared.order = lambda evse_id: ProfileOrder(20.0, "of the station") if evse_id == STATION else NO_ORDER
    shared.refresh()
    assert (one.told, two.told) == ([10.0], [10.0])
    assert (shared.ceiling(1), shared.ceiling(2)) == (10.0, 10.0)
    assert (shared.is_ordered, shared.limited_by) == (True, "of the station")


def test_a_profile_that_allows_more_than_the_installation_changes_nothing() -> None:
    shared = supply(32.0, Member(1))
    shared.order = lambda _: ProfileOrder(40.0, "of the station")
    assert (shared.available_a, shared.is_ordered) == (32.0, False)

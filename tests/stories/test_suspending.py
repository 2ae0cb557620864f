"""Pauses by the car, pauses by the station, and two EVSEs on one supply. Lessons 29, 30, 35, 46."""

from collections.abc import Iterator

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.stage import Json
from tests.stories.story_bench import Story
from tests.stories.telling import story

A_PER_PERCENT = 0.6
"""Up to 51 A. Source: facts iec61851_facts, duty cycle and current."""


def sums_of_offers(events: list[Json]) -> Iterator[float]:
    """Give the sum of what all pilots offer, A, at each change that the bench saw."""
    offers_a: dict[int, float] = {}
    for event in events:
        if event["event"] == "duty":
            offers_a[event["evse"]] = (event["duty_percent"] or 0.0) * A_PER_PERCENT
            yield sum(offers_a.values())


@story()
async def test_a_car_that_pauses_keeps_its_transaction(s: Story) -> None:
    transaction_id = await begin_session(s)
    await s.ev("B")
    await s.until_told("SuspendedEV")
    await s.until_evse(contactor_closed=False)
    await s.pass_time(120)
    await s.ev("C")
    await s.until_told("Charging")
    await s.until_charging()
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()


@story()
async def test_a_full_car_is_suspended_and_billed_for_what_it_took(s: Story) -> None:
    await s.plug_in(capacity_wh=20)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_told("SuspendedEV")
    await s.until_told("Charging")
    await s.until_told("SuspendedEV")
    await leave(s)
    ended = await s.until_ended()
    assert 18 <= int(ended["energy_wh"]) <= 23


@story(evses=2, toml="[station]\nsupply_max_current_a = 20\n")
async def test_two_cars_never_are_offered_more_than_the_supply(s: Story) -> None:
    await begin_session(s, 1, CARD)
    await begin_session(s, 2, OTHER_CARD, others=1)
    await s.pass_time(30)
    await leave(s, 1)
    await s.until_ended()

    async def alone() -> bool:
        return bool((await s.state(2))["current_a"] > 15)

    await s.until(alone, "the car that stays gets the whole supply")
    await leave(s, 2)
    await s.until_ended(2)
    sums_a = list(sums_of_offers(s.stage.events))
    assert sums_a
    assert max(sums_a) <= 20.05


@story(evses=2, toml="[station]\nsupply_max_current_a = 10\n")
async def test_a_car_for_which_nothing_is_left_waits_suspended_and_goes_on(s: Story) -> None:
    """Lessons 30 and 46: no current is SuspendedEVSE within the transaction, and the demand is not forgotten."""
    await begin_session(s, 1, CARD)
    await s.plug_in(2)
    await s.until_told("Occupied", 2)
    await s.swipe(OTHER_CARD)
    waiting = await s.until_open(2)
    await s.until_told("SuspendedEVSE", 2)
    assert not (await s.state(2))["contactor_closed"]
    await s.pass_time(60)
    await leave(s, 1)
    await s.until_charging(2)
    assert (await s.until_open())["transaction_id"] == waiting["transaction_id"]
    await leave(s, 2)
    await s.until_ended(2)
    assert max(sums_of_offers(s.stage.events)) <= 10.05


@story()
async def test_a_sleeping_car_is_suspended_until_it_wakes(s: Story) -> None:
    await s.plug_in(delay_s=3600)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_told("SuspendedEV")
    await s.pass_time(60)
    await s.ev("C")
    await s.until_charging()
    await leave(s)
    await s.until_ended()
    assert len(await s.transactions()) == 1

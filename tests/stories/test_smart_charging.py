"""Charging profiles of the back-end, as the bench sees them on its side. Lessons 42 to 51; OCPP 1.6 section 3.13."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.stage import Json
from tests.stories.story_bench import Story
from tests.stories.telling import story

A_PER_PERCENT = 0.6
"""Up to 51 A. Source: facts iec61851_facts, duty cycle and current."""
ONLY_16 = ("1.6",)


def schedule(*periods: tuple[int, float], unit: str = "A", **more: Any) -> Json:
    told = [{"startPeriod": start, "limit": limit} for start, limit in periods]
    return {"chargingRateUnit": unit, "chargingSchedulePeriod": told, **more}


def profile(number: int, purpose: str, kind: str, course: Json, level: int = 0, **more: Any) -> Json:
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": course,
        **more,
    }


async def set_profile(s: Story, connector: int, given: Json) -> str:
    answer = await s.send(("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": given}))
    return str(answer["status"])


async def clear(s: Story, **criteria: Any) -> str:
    return str((await s.send(("ClearChargingProfile", criteria)))["status"])


async def composite(s: Story, connector: int, duration_s: int, unit: str = "A") -> Json:
    asked = {"connectorId": connector, "duration": duration_s, "chargingRateUnit": unit}
    return await s.send(("GetCompositeSchedule", asked))


async def station_now(s: Story) -> datetime:
    """What the station's clock shows, to the second."""
    answer = await composite(s, 0, 0)
    return datetime.fromisoformat(answer["scheduleStart"])


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def offers(s: Story, evse: int = 1) -> list[tuple[float, float]]:
    """When the pilot of this EVSE changed, and what it has offered since, A."""
    return [(event["t"], round((event["duty_percent"] or 0.0) * A_PER_PERCENT, 1)) for event in s.events("duty", evse)]


def offered_a(s: Story, evse: int = 1) -> float:
    return offers(s, evse)[-1][1]


async def until_offered(s: Story, current_a: float, evse: int = 1, within_s: float = 40.0) -> None:
    await s.until(
        lambda: abs(offered_a(s, evse) - current_a) < 0.4, f"EVSE {evse} offers {current_a} A", within_s=within_s
    )


def sums(events: list[Json]) -> Iterator[tuple[float, float]]:
    """When any pilot changed, and the sum of all offers since, A."""
    each: dict[int, float] = {}
    for event in events:
        if event["event"] == "duty":
            each[event["evse"]] = (event["duty_percent"] or 0.0) * A_PER_PERCENT
            yield event["t"], sum(each.values())


@story(versions=ONLY_16)
async def test_the_offer_follows_a_profile_across_its_periods(s: Story) -> None:
    await begin_session(s)
    await until_offered(s, 32)
    number = int((await s.until_open())["transaction_id"])
    start = await station_now(s)
    course = schedule((0, 16), (20, 10), (40, 13), startSchedule=iso(start), duration=60)
    given = profile(1, "TxProfile", "Absolute", course, transactionId=number)
    assert await set_profile(s, 1, given) == "Accepted"
    began_s = s.stage.now_s()
    await until_offered(s, 16)
    await until_offered(s, 10)
    fell_s = s.stage.now_s() - began_s
    await until_offered(s, 13)
    rose_s = s.stage.now_s() - began_s
    await until_offered(s, 32)
    ended_s = s.stage.now_s() - began_s
    assert 18 <= fell_s <= 21.5
    assert 38 <= rose_s <= 42
    assert 58 <= ended_s <= 62, "a schedule that has run out lets go"
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_no_more_than_nothing_is_allowed_suspends_at_once_and_resumes(s: Story) -> None:
    """Lesson 46; a back-end's order is no wish that could wait for the contactor's rest."""
    await begin_session(s)
    transaction_id = (await s.until_open())["transaction_id"]
    assert await set_profile(s, 0, profile(5, "TxDefaultProfile", "Relative", schedule((0, 0)))) == "Accepted"
    await until_offered(s, 0, within_s=1.5)
    await s.until_told("SuspendedEVSE")
    await s.until_evse(contactor_closed=False, within_s=10)
    await s.pass_time(60)
    assert offered_a(s) == 0
    assert await clear(s, id=5) == "Accepted"
    await s.until_charging()
    await s.until_told("Charging")
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()
    assert len(await s.transactions()) == 1


@story(versions=ONLY_16)
async def test_less_than_the_least_of_the_board_suspends(s: Story) -> None:
    assert (
        await set_profile(s, 1, profile(5, "TxDefaultProfile", "Relative", schedule((0, 5.9), (30, 6)))) == "Accepted"
    )
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_told("SuspendedEVSE")
    assert not (await s.state())["contactor_closed"]
    await s.until_charging()
    assert offered_a(s) == 6
    assert {current_a for _, current_a in offers(s) if current_a < 50} <= {0, 6}
    await leave(s)
    await s.until_ended()


@story(evses=2, versions=ONLY_16, toml="[station]\nsupply_max_current_a = 40\n")
async def test_two_cars_never_are_offered_more_than_the_whole_station_may_draw(s: Story) -> None:
    await begin_session(s, 1, CARD)
    await begin_session(s, 2, OTHER_CARD, others=1)
    await until_offered(s, 20, 1)
    await until_offered(s, 20, 2)
    await s.pass_time(10, scaled=False)  # a board changes its duty cycle no sooner after it was changed
    start = await station_now(s)
    course = schedule((0, 26), (20, 13), (40, 7), (60, 30), duration=400, startSchedule=iso(start))
    assert await set_profile(s, 0, profile(1, "ChargePointMaxProfile", "Absolute", course)) == "Accepted"
    began_s = s.stage.now_s()
    await s.pass_time(85, scaled=False)
    for since_s, until_s, limit_a in ((0, 20, 26), (20, 40, 13), (40, 60, 7), (60, 85, 30)):
        settled = [
            total_a for at_s, total_a in sums(s.stage.events) if began_s + since_s + 1 <= at_s < began_s + until_s - 2
        ]
        assert all(total_a <= limit_a + 0.05 for total_a in settled), [
            (round(t - began_s, 2), a) for t, a in sums(s.stage.events)
        ]
        before = [total_a for at_s, total_a in sums(s.stage.events) if at_s < began_s + until_s - 2]
        assert 5.9 < before[-1] <= limit_a + 0.05
    assert (await s.state(1))["current_a"] + (await s.state(2))["current_a"] <= 30
    for evse in (1, 2):
        await leave(s, evse)
    await s.until_ended(2)


@story(versions=ONLY_16)
async def test_profiles_hold_after_a_power_cut_and_one_that_is_over_lets_go(s: Story) -> None:
    """Lesson 49: all purposes, not only the last; lesson 50: from the first offer on."""
    start = await station_now(s)
    over = iso(start + timedelta(seconds=90))
    station = profile(1, "ChargePointMaxProfile", "Absolute", schedule((0, 14), startSchedule=iso(start)), validTo=over)
    assert await set_profile(s, 0, station) == "Accepted"
    assert await set_profile(s, 1, profile(2, "TxDefaultProfile", "Relative", schedule((0, 10)))) == "Accepted"
    await s.kill_agent()
    await s.power_cut()
    await s.pass_time(5)
    await s.power_on()
    await s.pass_time(5)
    await s.start_agent()
    s.stage.events.clear()
    await begin_session(s)
    await until_offered(s, 10)
    assert await clear(s, chargingProfilePurpose="TxDefaultProfile") == "Accepted"
    await until_offered(s, 14)
    assert max(current_a for _, current_a in offers(s) if current_a < 50) <= 14
    await until_offered(s, 32, within_s=120)
    assert await station_now(s) >= start + timedelta(seconds=90)
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_a_profile_of_a_transaction_goes_with_it(s: Story) -> None:
    assert await set_profile(s, 1, profile(2, "TxDefaultProfile", "Relative", schedule((0, 16)))) == "Accepted"
    await begin_session(s)
    assert await set_profile(s, 1, profile(3, "TxProfile", "Relative", schedule((0, 8)))) == "Accepted"
    await until_offered(s, 8)
    await leave(s)
    await s.until_ended()
    await begin_session(s, card=OTHER_CARD)
    await until_offered(s, 16)
    assert await clear(s, id=3) == "Unknown"
    await leave(s)
    await s.until_ended(2)


@story(versions=ONLY_16)
async def test_a_remote_start_brings_its_profile(s: Story) -> None:
    assert await set_profile(s, 0, profile(1, "TxDefaultProfile", "Relative", schedule((0, 12)))) == "Accepted"
    brought = profile(9, "TxProfile", "Relative", schedule((0, 20), (30, 9)), level=3)
    request = {"idTag": CARD, "connectorId": 1, "chargingProfile": brought}
    assert (await s.send(("RemoteStartTransaction", request)))["status"] == "Accepted"
    await s.plug_in()
    await s.until_charging()
    await until_offered(s, 20)
    await until_offered(s, 9)
    await leave(s)
    await s.until_ended()
    await begin_session(s, card=OTHER_CARD)
    await until_offered(s, 12)
    await leave(s)
    await s.until_ended(2)


@story(versions=ONLY_16)
async def test_a_profile_that_came_with_a_start_nobody_used_is_for_nobody_else(s: Story) -> None:
    assert await s.set_variable("TxCtrlr.EVConnectionTimeOut", "10") == "Accepted"
    brought = profile(9, "TxProfile", "Relative", schedule((0, 8)))
    request = {"idTag": CARD, "connectorId": 1, "chargingProfile": brought}
    assert (await s.send(("RemoteStartTransaction", request)))["status"] == "Accepted"
    await s.pass_time(15, scaled=False)
    await begin_session(s)
    await until_offered(s, 32)
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_what_is_told_for_the_time_to_come_is_what_the_car_is_offered(s: Story) -> None:
    await begin_session(s)
    start = await station_now(s)
    daily = schedule((0, 16), (30, 10), duration=60, startSchedule=iso(start - timedelta(days=1)))
    given = profile(4, "TxDefaultProfile", "Recurring", daily, recurrencyKind="Daily")
    assert await set_profile(s, 1, given) == "Accepted"
    answer = await composite(s, 1, 300)
    told = answer["chargingSchedule"]["chargingSchedulePeriod"]
    late = (datetime.fromisoformat(answer["scheduleStart"]) - start).seconds
    assert [each["limit"] for each in told] == [16, 10, 32]
    assert [each["startPeriod"] for each in told] == [0, 30 - late, 60 - late]
    watts = (await composite(s, 1, 300, "W"))["chargingSchedule"]["chargingSchedulePeriod"]
    assert [each["limit"] for each in watts] == [11_040, 6_900, 22_080]
    for limit_a in (16, 10, 32):
        await until_offered(s, limit_a)
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_a_clock_that_is_set_moves_what_is_absolute_and_nothing_else(s: Story) -> None:
    """The quirk that a back-end teaches another time: an absolute profile follows it, a relative one counts seconds."""
    await begin_session(s)
    start = await station_now(s)
    absolute = schedule((0, 20), (3600, 10), startSchedule=iso(start))
    assert await set_profile(s, 0, profile(1, "ChargePointMaxProfile", "Absolute", absolute)) == "Accepted"
    assert await set_profile(s, 1, profile(2, "TxProfile", "Relative", schedule((0, 15), (3600, 8)))) == "Accepted"
    await until_offered(s, 15)
    later = start + timedelta(seconds=4000)
    await s.script("Heartbeat", {"payload": {"currentTime": iso(later)}})
    assert await s.set_variable("OCPPCommCtrlr.HeartbeatInterval", "5") == "Accepted"
    await until_offered(s, 10)
    await s.script("Heartbeat")
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16, evses=2)
async def test_two_evses_have_lowered_when_the_stations_limit_goes_down(s: Story) -> None:
    """The way to the boards is part of the limit: no moment after the boundary sees more than it allows."""
    await begin_session(s, 1)
    await begin_session(s, 2, card=OTHER_CARD, others=1)
    start = await station_now(s)
    course = schedule((0, 32), (25, 20), (45, 14), startSchedule=iso(start))
    assert await set_profile(s, 0, profile(8, "ChargePointMaxProfile", "Absolute", course)) == "Accepted"
    at_most_s = s.stage.now_s()
    await until_offered(s, 10, 1)
    await until_offered(s, 10, 2)
    assert s.stage.now_s() <= at_most_s + 25
    await until_offered(s, 7, 1)
    await until_offered(s, 7, 2)
    assert s.stage.now_s() <= at_most_s + 45
    for evse in (1, 2):
        await leave(s, evse)
    await s.until_ended(2)

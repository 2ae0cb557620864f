"""Reservations. Requirement: OCPP 1.6 sections 3.11, 5.1 and 5.13."""

from datetime import datetime, timedelta
from typing import Any

from tests.stories.sessions import CARD, OTHER_CARD, THIRD_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

AN_HOUR_S = 3600


async def now(s: Story) -> datetime:
    """The back-end's time, by its answer to a heartbeat that it asks for."""
    assert (await s.send(s.dialect.trigger("Heartbeat")))["status"] == "Accepted"
    sent = [f for f in s.stage.frames if f["direction"] == "out" and "currentTime" in f["payload"]]
    return datetime.fromisoformat(sent[-1]["payload"]["currentTime"])


async def reserve(s: Story, connector: int = 1, *, number: int = 7, seconds: float = AN_HOUR_S, **more: Any) -> str:
    expiry = (await now(s) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    payload = {"connectorId": connector, "idTag": CARD, "reservationId": number, "expiryDate": expiry, **more}
    return str((await s.send(("ReserveNow", payload)))["status"])


async def refused(s: Story, card: str, evse: int = 1) -> None:
    await s.swipe(card)
    await s.pass_time(5)
    assert not (await s.state(evse))["contactor_closed"]


def reservation_ids(s: Story) -> list[int | None]:
    return [frame["payload"].get("reservationId") for frame in s.requests("StartTransaction")]


@story(versions=("1.6",), smoke=True)
async def test_a_reserved_connector_refuses_another_card_and_serves_its_own(s: Story) -> None:
    assert await reserve(s) == "Accepted"
    await s.until_told("Reserved")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await refused(s, OTHER_CARD)
    assert not s.requests("StartTransaction")
    await s.swipe(CARD)
    await s.until_charging()
    await s.until_open()
    assert reservation_ids(s) == [7]
    assert (await s.send(("CancelReservation", {"reservationId": 7})))["status"] == "Rejected"
    await leave(s)
    await s.until_ended()


@story(versions=("1.6",), cases=("asked", "cached", "listed"))
async def test_a_card_of_the_reservations_group_is_served(s: Story) -> None:
    await s.token(OTHER_CARD, "Accepted", parent="FLEET")
    if s.case == "cached":
        await begin_session(s, card=OTHER_CARD)
        await leave(s)
        await s.until_ended()
        s.skip_frames()
    if s.case == "listed":
        entry = {"idTag": OTHER_CARD, "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
        request = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
        assert (await s.send(("SendLocalList", request)))["status"] == "Accepted"
    assert await reserve(s, parentIdTag="fleet") == "Accepted"
    await s.until_told("Reserved")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await refused(s, THIRD_CARD)
    await s.swipe(OTHER_CARD)
    await s.until_charging()
    await s.until_open()
    assert reservation_ids(s) == [7]
    asked = [frame["payload"]["idTag"] for frame in s.requests("Authorize")]
    assert (OTHER_CARD in asked) == (s.case == "asked")
    await leave(s)
    await s.until_ended(2 if s.case == "cached" else 1)


@story(versions=("1.6",))
async def test_a_reservation_is_over_at_its_time_also_without_a_back_end(s: Story) -> None:
    assert await reserve(s, seconds=60) == "Accepted"
    await s.until_told("Reserved")
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.pass_time(61, scaled=False)
    await s.plug_out()
    s.skip_frames()
    await s.reachable()
    await s.until_told("Available")
    await begin_session(s, card=OTHER_CARD)
    await s.until_open()
    assert reservation_ids(s) == [None]
    await leave(s)
    await s.until_ended()


@story(versions=("1.6",))
async def test_a_reservation_outlives_a_power_cut(s: Story) -> None:
    assert await reserve(s) == "Accepted"
    await s.until_told("Reserved")
    await s.kill_agent()
    await s.power_cut()
    await s.power_on()
    await s.start_agent()
    await s.until_told("Reserved")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await refused(s, OTHER_CARD)
    await s.swipe(CARD)
    await s.until_charging()
    await s.until_open()
    assert reservation_ids(s) == [7]
    await leave(s)
    await s.until_ended()


@story(versions=("1.6",))
async def test_a_reset_and_an_orderly_stop_keep_reservations(s: Story) -> None:
    assert await reserve(s) == "Accepted"
    await s.until_told("Reserved")
    s.skip_frames()
    assert (await s.send(s.dialect.reset("Immediate")))["status"] == "Accepted"
    await s.expect("BootNotification")
    await s.until_told("Reserved")
    assert (await s.send(("CancelReservation", {"reservationId": 7})))["status"] == "Accepted"
    await s.until_told("Available")
    await s.kill_agent()
    await s.start_agent()
    await s.until_told("Available")


@story(versions=("1.6",), cases=("fault", "availability"))
async def test_a_reservation_ends_with_a_fault_and_with_availability(s: Story) -> None:
    """Section 5.13: terminated, and new ones are answered Faulted or Unavailable."""
    assert await reserve(s) == "Accepted"
    await s.until_told("Reserved")
    if s.case == "fault":
        await s.fault("board_silent")
        await s.until_told("Faulted")
        assert await reserve(s, number=8) == "Faulted"
        await s.clear("board_silent")
    else:
        await s.send(s.dialect.change_availability(1, operative=False))
        await s.until_told("Unavailable")
        assert await reserve(s, number=8) == "Unavailable"
        await s.send(s.dialect.change_availability(1, operative=True))
    await s.until_told("Available")
    assert (await s.send(("CancelReservation", {"reservationId": 7})))["status"] == "Rejected"


@story(versions=("1.6",), evses=2)
async def test_the_last_free_connector_is_kept_for_a_reservation_of_connector_0(s: Story) -> None:
    assert await reserve(s, 0) == "Accepted"
    await begin_session(s, 1, OTHER_CARD)
    assert await reserve(s, 2, number=8) == "Occupied"
    assert await s.remote_start(THIRD_CARD, 2) == "Rejected"
    await s.plug_in(2)
    await s.until_evse(2, pilot_state="B")
    await refused(s, THIRD_CARD, 2)
    await s.swipe(CARD)
    await s.until_charging(2)
    await s.until_open(2)
    assert reservation_ids(s) == [None, 7]
    await leave(s, 2)
    await leave(s, 1)
    await s.until_ended(2)


@story(versions=("1.6",), evses=2)
async def test_a_remote_start_goes_where_its_token_has_reserved(s: Story) -> None:
    assert await reserve(s, 2) == "Accepted"
    await s.until_told("Reserved", 2)
    assert await reserve(s, 2, number=8) == "Occupied"
    assert await s.remote_start(OTHER_CARD, 2) == "Rejected"
    assert await s.remote_start(CARD) == "Accepted"
    await s.plug_in(2)
    await s.until_charging(2)
    await s.until_open()
    assert reservation_ids(s) == [7]
    await leave(s, 2)
    await s.until_ended()


@story(versions=("2.0.1",))
async def test_the_reservations_messages_of_2_0_1_are_not_built_and_answered_so(s: Story) -> None:
    for action in ("ReserveNow", "CancelReservation"):
        answer = await s.stage.csms("send", action=action, payload={}, raw=True)
        assert answer["call_error"]["code"] == "NotSupported"

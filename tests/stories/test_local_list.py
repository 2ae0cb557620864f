"""The local authorisation list. Requirement: OCPP 1.6 sections 3.5, 5.10 and 5.15; lessons 78 to 80."""

from collections.abc import Mapping

from tests.stories.sessions import CARD, OTHER_CARD, THIRD_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

Told = Mapping[str, dict[str, str] | None]

ACCEPTED = {"status": "Accepted"}
BLOCKED = {"status": "Blocked"}


async def send_list(s: Story, version: int, told: Told, kind: str = "Full") -> str:
    """Send a list of tokens; None: off the list."""
    entries = [{"idTag": tag} if info is None else {"idTag": tag, "idTagInfo": info} for tag, info in told.items()]
    payload = {"listVersion": version, "updateType": kind, "localAuthorizationList": entries}
    return str((await s.send(("SendLocalList", payload)))["status"])


async def list_version(s: Story) -> int:
    return int((await s.send(("GetLocalListVersion", {})))["listVersion"])


@story(versions=("1.6",), toml="[authorization]\ncache_enabled = false\n", smoke=True)
async def test_offline_a_listed_card_starts_and_another_does_not(s: Story) -> None:
    assert await list_version(s) == 0
    assert await send_list(s, 1, {CARD: ACCEPTED}) == "Accepted"
    assert await list_version(s) == 1
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(OTHER_CARD)
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    await s.swipe(CARD)
    await s.until_charging()
    await s.reachable()
    await s.until_open()
    assert not s.requests("Authorize")
    await leave(s)
    await s.until_ended()


@story(versions=("1.6",))
async def test_a_blocked_entry_beats_what_the_cache_remembers(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    assert await send_list(s, 1, {CARD: BLOCKED}) == "Accepted"
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(CARD)
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    await s.plug_out()
    await s.reachable()
    await s.until(lambda: bool(s.requests("Heartbeat")), "the link is back")


@story(versions=("1.6",))
async def test_a_back_end_that_contradicts_the_list_is_told_so(s: Story) -> None:
    """Section 3.5.2: StatusNotification of connector 0 with LocalListConflict; the transaction is stopped."""
    assert await send_list(s, 1, {CARD: ACCEPTED}) == "Accepted"
    await s.token(CARD, "Blocked")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    conflict = await s.expect("StatusNotification", lambda payload: payload["errorCode"] == "LocalListConflict")
    assert conflict["connectorId"] == 0
    assert (await s.until_ended())["stop_reason"] == "DeAuthorized"
    await leave(s)


@story(versions=("1.6",))
async def test_ten_thousand_entries_are_taken_while_a_car_charges(s: Story) -> None:
    await begin_session(s, card=THIRD_CARD)
    entries = {f"T{n:05}": ACCEPTED for n in range(9_999)}
    assert await send_list(s, 7, entries | {CARD: ACCEPTED}) == "Accepted"
    assert await list_version(s) == 7
    assert (await s.state())["contactor_closed"]
    assert await send_list(s, 8, {"ONE_MORE": ACCEPTED}, "Differential") == "Failed"
    assert await send_list(s, 7, {"T00000": None}, "Differential") == "VersionMismatch"
    assert await send_list(s, 8, {"T00000": None, "ONE_MORE": BLOCKED}, "Differential") == "Accepted"
    await s.kill_agent()
    await s.start_agent()
    assert await list_version(s) == 8
    await leave(s)
    await s.until_ended()
    s.skip_frames()
    await begin_session(s, card=CARD)
    assert not s.requests("Authorize")
    await leave(s)
    await s.until_ended(2)


@story(versions=("1.6",))
async def test_a_list_that_is_switched_off_is_told_as_none_and_not_used(s: Story) -> None:
    assert await send_list(s, 1, {CARD: BLOCKED}) == "Accepted"
    off = ("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
    assert (await s.send(off))["status"] == "Accepted"
    assert await list_version(s) == -1
    assert await send_list(s, 2, {}) == "NotSupported"
    await begin_session(s)
    await leave(s)
    await s.until_ended()


@story(versions=("2.0.1",))
async def test_the_lists_messages_of_2_0_1_are_not_built_and_answered_so(s: Story) -> None:
    for action in ("SendLocalList", "GetLocalListVersion"):
        answer = await s.stage.csms("send", action=action, payload={}, raw=True)
        assert answer["call_error"]["code"] == "NotSupported"

"""What a configuration key does once the back-end has set it over the wire. OCPP 1.6 sections 9.1 to 9.4.

Each story would go otherwise with the key's default.
"""

from itertools import pairwise

import pytest

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

ONLY_16 = ("1.6",)


async def change(s: Story, **keys: object) -> None:
    for key, value in keys.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        answer = await s.send(("ChangeConfiguration", {"key": key, "value": text}))
        assert answer["status"] == "Accepted", key


async def number(s: Story, key: str) -> int:
    answer = await s.send(("GetConfiguration", {"key": [key]}))
    return int(answer["configurationKey"][0]["value"])


async def is_charging(s: Story) -> bool:
    return bool((await s.state())["contactor_closed"])


async def known_card(s: Story) -> None:
    """Let the cache know the card."""
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    s.skip_frames()


async def tap_in(s: Story, card: str) -> None:
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(card)
    await s.pass_time(5, scaled=False)


@story(versions=ONLY_16)
async def test_connection_time_out_ends_an_authorisation_without_a_car(s: Story) -> None:
    await change(s, ConnectionTimeOut=5)
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.pass_time(8, scaled=False)
    await s.plug_in()
    await s.pass_time(5, scaled=False)
    assert not await is_charging(s)
    await s.plug_out()


@story(versions=ONLY_16)
async def test_heartbeat_interval_is_the_time_between_heartbeats(s: Story) -> None:
    await change(s, HeartbeatInterval=4)
    s.skip_frames()
    await s.until(lambda: len(s.requests("Heartbeat")) >= 4, "four heartbeats", within_s=30)
    beats = [frame["t"] for frame in s.requests("Heartbeat")]
    assert all(later - earlier == pytest.approx(4, abs=1) for earlier, later in pairwise(beats))


@story(versions=ONLY_16)
async def test_transaction_messages_are_tried_as_often_and_as_far_apart_as_their_keys_say(s: Story) -> None:
    """Section 3.7.1: the wait grows with each failure."""
    await change(s, TransactionMessageAttempts=4, TransactionMessageRetryInterval=3, MeterValueSampleInterval=40)
    await begin_session(s)
    await s.pass_time(2, scaled=False)
    await s.script("MeterValues", {"answer": "error"})
    s.skip_frames()
    await s.until(lambda: len(s.requests("MeterValues")) == 4, "four attempts", within_s=70)
    await s.pass_time(12, scaled=False)
    tries = [frame["t"] for frame in s.requests("MeterValues")]
    assert [later - earlier for earlier, later in pairwise(tries)] == pytest.approx([3, 6, 9], abs=1)
    await s.script("MeterValues")
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_without_authorization_cache_a_card_is_asked_about_each_time(s: Story) -> None:
    await change(s, AuthorizationCacheEnabled=False)
    for count in (1, 2):
        s.skip_frames()
        await begin_session(s)
        assert len(s.requests("Authorize")) == 1
        await leave(s)
        await s.until_ended(count)


@story(versions=ONLY_16)
async def test_without_local_pre_authorize_a_known_card_waits_for_the_back_end(s: Story) -> None:
    await known_card(s)
    await change(s, LocalPreAuthorize=False)
    await s.token(CARD, "Blocked")
    await tap_in(s, CARD)
    assert s.requests("Authorize")
    assert not await is_charging(s)
    await s.plug_out()


@story(versions=ONLY_16)
async def test_without_local_authorize_offline_a_known_card_does_not_start_out_of_reach(s: Story) -> None:
    await known_card(s)
    await change(s, LocalAuthorizeOffline=False)
    await s.unreachable()
    await tap_in(s, CARD)
    assert not await is_charging(s)
    await s.plug_out()
    await s.reachable()


@story(versions=ONLY_16)
async def test_allow_offline_tx_for_unknown_id_lets_anybody_start_out_of_reach(s: Story) -> None:
    await change(s, AllowOfflineTxForUnknownId=True)
    await s.unreachable()
    await tap_in(s, OTHER_CARD)
    assert await is_charging(s)
    await s.reachable()
    await s.until_open()
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_authorize_remote_tx_requests_asks_before_a_remote_start(s: Story) -> None:
    await change(s, AuthorizeRemoteTxRequests=True)
    await s.token(OTHER_CARD, "Blocked")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.remote_start(OTHER_CARD, 1)
    await s.expect("Authorize")
    await s.pass_time(5, scaled=False)
    assert not await is_charging(s)
    await s.plug_out()


@story(versions=ONLY_16)
async def test_without_stop_transaction_on_invalid_id_a_refused_card_charges_on(s: Story) -> None:
    await change(s, StopTransactionOnInvalidId=False)
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    await begin_session(s)
    await s.pass_time(20, scaled=False)
    assert await is_charging(s)
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"


@story(versions=ONLY_16)
async def test_max_energy_on_invalid_id_is_all_that_a_refused_card_gets(s: Story) -> None:
    await change(s, StopTransactionOnInvalidId=False, MaxEnergyOnInvalidId=150)
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    before_wh = await s.register_wh()
    await begin_session(s)
    assert (await s.until_ended(within_s=200))["stop_reason"] == "DeAuthorized"
    await leave(s)
    assert 0 < await s.register_wh() - before_wh <= 150


@story(versions=ONLY_16)
async def test_meter_values_carry_the_measurands_of_their_keys(s: Story) -> None:
    """MeterValuesSampledData, MeterValuesAlignedData, and the intervals of both."""
    await change(s, MeterValuesSampledData="Voltage", MeterValuesAlignedData="Frequency")
    await change(s, MeterValueSampleInterval=3, ClockAlignedDataInterval=5)
    await begin_session(s)
    await s.pass_time(2, scaled=False)
    s.skip_frames()
    await s.pass_time(16, scaled=False)
    told = {
        (sampled["context"], sampled["measurand"])
        for frame in s.requests("MeterValues")
        for value in frame["payload"]["meterValue"]
        for sampled in value["sampledValue"]
    }
    assert told == {("Sample.Periodic", "Voltage"), ("Sample.Clock", "Frequency")}
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_a_profile_may_be_as_big_as_the_keys_say_and_no_bigger(s: Story) -> None:
    """ChargeProfileMaxStackLevel, ChargingScheduleMaxPeriods, MaxChargingProfilesInstalled."""

    async def install(id_: int, level: int, periods: int) -> str:
        course = [{"startPeriod": 10 * n, "limit": 16.0} for n in range(periods)]
        profile = {
            "chargingProfileId": id_,
            "stackLevel": level,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": course},
        }
        answer = await s.send(("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}))
        return str(answer.get("status", answer))

    highest, longest = await number(s, "ChargeProfileMaxStackLevel"), await number(s, "ChargingScheduleMaxPeriods")
    most = await number(s, "MaxChargingProfilesInstalled")
    assert await install(1, highest + 1, 1) == "Rejected"
    assert await install(1, 0, longest + 1) == "Rejected"
    assert most <= highest + 1, "every profile can have a level of its own"
    assert [await install(n + 1, n, longest) for n in range(most)] == ["Accepted"] * most
    assert await install(most + 1, most, 1) == "Rejected"


@story(versions=ONLY_16)
async def test_a_profile_of_one_phase_switches_no_phases(s: Story) -> None:
    """ConnectorSwitch3to1PhaseSupported is false."""
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0, "numberPhases": 1}],
        },
    }
    assert (await s.send(("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})))[
        "status"
    ] == "Accepted"
    await begin_session(s)
    await s.pass_time(10, scaled=False)
    assert (await s.state())["phases_supplied"] == 3
    await leave(s)
    await s.until_ended()


@story(versions=ONLY_16)
async def test_a_list_may_be_as_long_as_its_keys_say_and_no_longer(s: Story) -> None:
    """SendLocalListMaxLength, LocalAuthListMaxLength."""
    most = await number(s, "SendLocalListMaxLength")
    assert most == await number(s, "LocalAuthListMaxLength")

    async def send(version: int, kind: str, first: int, last: int) -> str:
        entries = [{"idTag": f"T{n}", "idTagInfo": {"status": "Accepted"}} for n in range(first, last)]
        answer = await s.send(
            ("SendLocalList", {"listVersion": version, "updateType": kind, "localAuthorizationList": entries})
        )
        return str(answer["status"])

    assert await send(1, "Full", 0, most + 1) == "Failed"
    assert await send(1, "Full", 0, most) == "Accepted"
    assert await send(2, "Differential", most, most + 1) == "Failed"
    assert (await s.send(("GetLocalListVersion", {})))["listVersion"] == 1

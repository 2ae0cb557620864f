"""What a back-end may ask. Requirement: the message lists of the first issue; lessons 19, 20."""

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

TRIGGERS = ("Heartbeat", "StatusNotification", "MeterValues")


def boots(s: Story) -> int:
    return len(s.requests("BootNotification"))


@story()
async def test_unavailability_waits_for_the_transaction_and_outlives_a_restart(s: Story) -> None:
    await begin_session(s)
    answer = await s.send(s.dialect.change_availability(1, operative=False))
    assert answer["status"] == "Scheduled"
    await s.pass_time(10)
    assert (await s.state())["contactor_closed"]
    await s.plug_out()
    await s.until_told("Unavailable")
    await s.until_ended()
    await s.kill_agent()
    await s.start_agent()
    await s.until_told("Unavailable")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(CARD)
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    await s.plug_out()
    await s.send(s.dialect.change_availability(1, operative=True))
    await s.until_told("Available")


@story(evses=2)
async def test_the_whole_station_can_be_made_unavailable(s: Story) -> None:
    answer = await s.send(s.dialect.change_availability(None, operative=False))
    assert answer["status"] == "Accepted"
    await s.until_told("Unavailable", 1)
    await s.until_told("Unavailable", 2)
    await s.send(s.dialect.change_availability(None, operative=True))
    await s.until_told("Available", 1)
    await s.until_told("Available", 2)


@story()
async def test_an_immediate_reset_ends_the_session_and_the_station_comes_back(s: Story) -> None:
    await begin_session(s)
    s.skip_frames()
    answer = await s.send(s.dialect.reset("Immediate"))
    assert answer["status"] == "Accepted"
    ended = await s.until_ended(within_s=60)
    assert ended["stop_reason"] == s.dialect.reason("ImmediateReset")
    await s.expect("BootNotification")
    s.skip_frames()
    await s.until_told("Occupied")
    assert not (await s.state())["contactor_closed"]
    await s.swipe(OTHER_CARD)
    await s.until_charging()
    await leave(s)
    await s.until_ended(2)


@story(versions=("1.6",))
async def test_a_soft_reset_ends_the_session_in_order(s: Story) -> None:
    await begin_session(s)
    s.skip_frames()
    await s.send(("Reset", {"type": "Soft"}))
    assert (await s.until_ended(within_s=60))["stop_reason"] == "SoftReset"
    await s.expect("BootNotification")
    await leave(s)


@story(versions=("2.0.1",))
async def test_a_reset_on_idle_waits_for_the_session(s: Story) -> None:
    await begin_session(s)
    s.skip_frames()
    answer = await s.send(s.dialect.reset("OnIdle"))
    assert answer["status"] == "Scheduled"
    await s.pass_time(30)
    assert (await s.state())["contactor_closed"]
    assert not boots(s)
    await s.plug_out()
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"
    await s.expect("BootNotification")
    await s.until_told("Available")


@story(cases=TRIGGERS)
async def test_a_triggered_message_comes(s: Story) -> None:
    s.skip_frames()
    evse = None if s.case == "Heartbeat" else 1
    answer = await s.send(s.dialect.trigger(s.case, evse))
    assert answer["status"] == "Accepted"
    await s.expect(s.case)


@story(versions=("1.6",))
async def test_a_triggered_boot_notification_comes(s: Story) -> None:
    s.skip_frames()
    assert (await s.send(s.dialect.trigger("BootNotification")))["status"] == "Accepted"
    await s.expect("BootNotification")


@story(versions=("2.0.1",))
async def test_an_accepted_station_rejects_a_trigger_of_its_boot(s: Story) -> None:
    """OCPP 2.0.1 F06.FR.17."""
    assert (await s.send(s.dialect.trigger("BootNotification")))["status"] == "Rejected"


@story(versions=("2.0.1",))
async def test_a_triggered_transaction_event_comes_with_a_sample(s: Story) -> None:
    await begin_session(s)
    assert (await s.send(s.dialect.trigger("TransactionEvent", 1)))["status"] == "Accepted"
    event = await s.expect("TransactionEvent", lambda payload: payload["triggerReason"] == "Trigger")
    assert event["meterValue"]
    await leave(s)
    await s.until_ended()


@story(versions=("2.0.1",))
async def test_a_trigger_of_what_is_not_built_is_answered_so(s: Story) -> None:
    """In 1.6 every message that can be triggered is built."""
    trigger = s.dialect.trigger("LogStatusNotification")
    assert (await s.send(trigger))["status"] == "NotImplemented"


@story()
async def test_a_changed_sample_interval_takes_effect_at_once_and_stays(s: Story) -> None:
    name = "SampledDataCtrlr.TxUpdatedInterval"
    await begin_session(s)
    assert await s.set_variable(name, "2") == "Accepted"
    s.skip_frames()

    def sampled() -> bool:
        return sum(s.dialect.is_sample(frame, "Sample.Periodic") for frame in s.requests()) >= 4

    await s.until(sampled, "four periodic samples", within_s=75)
    await s.kill_agent()
    await s.start_agent()
    assert s.dialect.value_in(await s.send(s.dialect.get_variable(name))) == "2"
    s.skip_frames()
    await s.until(sampled, "four periodic samples after a restart", within_s=30)
    await leave(s)
    await s.until_ended()


@story()
async def test_clock_aligned_samples_come_on_the_clock(s: Story) -> None:
    await begin_session(s)
    assert await s.set_variable("AlignedDataCtrlr.Interval", "5") == "Accepted"
    s.skip_frames()
    for _ in range(3):
        await s.until(lambda: any(s.dialect.is_sample(f, "Sample.Clock") for f in s.requests()), "a clock sample")
        frame = next(f for f in s.requests() if s.dialect.is_sample(f, "Sample.Clock"))
        assert int(frame["payload"]["meterValue"][0]["timestamp"][17:19]) % 5 <= 1
        s.skip_frames()
    await leave(s)
    await s.until_ended()


@story()
async def test_a_cleared_cache_asks_again(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    s.skip_frames()
    await begin_session(s)
    assert not s.requests("Authorize")
    await leave(s)
    await s.until_ended(2)
    assert (await s.send(("ClearCache", {})))["status"] == "Accepted"
    await begin_session(s)
    assert s.requests("Authorize")
    await leave(s)
    await s.until_ended(3)


@story()
async def test_what_is_not_built_is_answered_so_and_nothing_happens(s: Story) -> None:
    await begin_session(s)
    for action in ("PublishFirmware", "MakeCoffee"):
        answer = await s.stage.csms("send", action=action, payload={}, raw=True)
        assert answer["call_error"]["code"] in {"NotImplemented", "NotSupported"}
    assert (await s.state())["contactor_closed"]
    await leave(s)
    await s.until_ended()


@story()
async def test_data_transfer_of_an_unknown_vendor_is_answered_so(s: Story) -> None:
    answer = await s.send(("DataTransfer", {"vendorId": "com.example"}))
    assert answer["status"] in {"UnknownVendorId", "UnknownVendor"}


@story()
async def test_many_changes_in_a_row_neither_restart_nor_stop_the_station(s: Story) -> None:
    """Lesson 20."""
    await begin_session(s)
    s.skip_frames()
    for number in range(30):
        assert await s.set_variable("OCPPCommCtrlr.HeartbeatInterval", str(100 + number)) == "Accepted"
    assert not boots(s)
    assert (await s.state())["contactor_closed"]
    await leave(s)
    await s.until_ended()


@story()
async def test_a_remote_start_may_need_authorisation(s: Story) -> None:
    assert await s.set_variable("AuthCtrlr.AuthorizeRemoteStart", "true") == "Accepted"
    await s.token(OTHER_CARD, "Blocked")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.remote_start(OTHER_CARD, 1)
    await s.expect("Authorize")
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    await s.remote_start(CARD, 1)
    await s.until_charging()
    await leave(s)
    await s.until_ended()


@story(versions=("1.6",))
async def test_a_status_must_last_for_the_minimum_duration_and_a_fault_must_not(s: Story) -> None:
    """OCPP 1.6 section 9.1.20; lesson 41."""
    change = ("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "20"})
    assert (await s.send(change))["status"] == "Accepted"
    s.skip_frames()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.pass_time(2)
    await s.plug_out()
    await s.fault("meter_silent")
    faulted = await s.expect(
        "StatusNotification", lambda payload: payload["errorCode"] == "PowerMeterFailure", within_s=15
    )
    assert faulted["connectorId"] == 1
    assert not [frame for frame in s.requests("StatusNotification") if frame["payload"]["status"] == "Preparing"]
    await s.clear("meter_silent")
    await s.until_told("Available", within_s=60)

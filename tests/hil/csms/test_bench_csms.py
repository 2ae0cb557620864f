import asyncio
import json

import pytest

from hil.csms.behaviour import Answer, Behaviour, Drop
from hil.csms.bench_csms import BenchCsms
from hil.csms.memory_connection import memory_connection_pair
from hil.csms.station_link import NotConnectedError, StationRefusedError, StationSilentError
from hil.csms.tokens import Token
from hil.csms.wire import WireError
from hil.virtual_time import run_virtual
from tests.hil.csms.messages import BOOT_16, BOOT_201, event_201, meter_16, start_16, stop_16
from tests.hil.csms.station import BareStation, end_of, station_in_memory

BOOTS = [("1.6", BOOT_16), ("2.0.1", BOOT_201)]


@pytest.mark.parametrize(("version", "boot"), BOOTS)
async def test_boot_and_heartbeat_are_accepted_by_default(version: str, boot: dict[str, object]) -> None:
    async with station_in_memory(BenchCsms(), version) as station:
        answer = await station.ask("BootNotification", boot)
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        assert (await station.ask("Heartbeat", {}))["currentTime"].endswith("Z")


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
@pytest.mark.parametrize(("version", "boot"), BOOTS)
async def test_boot_is_answered_as_planned(version: str, boot: dict[str, object], status: str) -> None:
    csms = BenchCsms()
    csms.boot.status, csms.boot.interval_s, csms.boot.current_time = status, 7, "2030-01-01T00:00:00Z"
    async with station_in_memory(csms, version) as station:
        answer = await station.ask("BootNotification", boot)
        assert answer == {"status": status, "interval": 7, "currentTime": "2030-01-01T00:00:00Z"}
        await station.ask("Heartbeat", {})
    assert csms.stations["CP1"].requests_before_accepted == 1


async def test_boot_without_answer_leaves_other_requests_answered() -> None:
    csms = BenchCsms()
    csms.boot.status = None
    async with station_in_memory(csms) as station:
        await station.say("BootNotification", BOOT_16)
        await station.ask("Heartbeat", {})
    assert [frame.action for frame in csms.frames if frame.direction == "out"] == ["Heartbeat"]


async def test_16_transaction_gets_an_id_and_the_tokens_status() -> None:
    csms = BenchCsms()
    csms.tokens["TAG"] = Token("Blocked", parent="P")
    async with station_in_memory(csms) as station:
        answer = await station.ask("StartTransaction", start_16(idTag="tag"))
        assert answer == {"transactionId": 1, "idTagInfo": {"status": "Blocked", "parentIdTag": "P"}}
        assert await station.ask("MeterValues", meter_16(1)) == {}
        assert await station.ask("StopTransaction", stop_16(1)) == {}
    assert csms.ledger.transactions[0].is_whole
    assert csms.ledger.problems() == []


async def test_201_event_gets_the_tokens_status_only_when_it_carries_one() -> None:
    csms = BenchCsms()
    csms.tokens["TAG"] = Token("Expired", parent="P")
    async with station_in_memory(csms, "2.0.1") as station:
        started = event_201("Started", 0, idToken={"idToken": "TAG", "type": "ISO14443"})
        info = {"status": "Expired", "groupIdToken": {"idToken": "P", "type": "Central"}}
        assert await station.ask("TransactionEvent", started) == {"idTokenInfo": info}
        assert await station.ask("TransactionEvent", event_201("Ended", 1)) == {}


@pytest.mark.parametrize(
    ("version", "action", "request_payload", "refusal"),
    [
        ("1.6", "Authorize", {"idTag": "X"}, {"idTagInfo": {"status": "Invalid"}}),
        ("1.6", "BootNotification", BOOT_16, "Rejected"),
        ("1.6", "DataTransfer", {"vendorId": "v"}, {"status": "Rejected"}),
        (
            "2.0.1",
            "Authorize",
            {"idToken": {"idToken": "X", "type": "Central"}},
            {"idTokenInfo": {"status": "Invalid"}},
        ),
        ("2.0.1", "TransactionEvent", event_201("Started", 0), {"idTokenInfo": {"status": "Invalid"}}),
    ],
)
async def test_reject_uses_the_refusing_status_of_the_action(
    version: str, action: str, request_payload: dict[str, object], refusal: object
) -> None:
    csms = BenchCsms()
    csms.script[action] = Behaviour.reject()
    async with station_in_memory(csms, version) as station:
        answer = await station.ask(action, request_payload)
        assert answer == refusal or answer["status"] == refusal


async def test_reject_of_an_action_without_status_is_a_callerror() -> None:
    csms = BenchCsms()
    csms.script["Heartbeat"] = Behaviour.reject()
    async with station_in_memory(csms) as station:
        assert await station.refused("Heartbeat", {}) == "InternalError"


async def test_chosen_payload_status_and_merged_fields_are_sent() -> None:
    csms = BenchCsms()
    csms.script["DataTransfer"] = [
        Behaviour(payload={"status": "UnknownVendorId"}, times=1),
        Behaviour(status="UnknownMessageId", merge={"data": "d"}, times=1),
    ]
    async with station_in_memory(csms) as station:
        assert await station.ask("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
        assert await station.ask("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownMessageId", "data": "d"}
        assert await station.ask("DataTransfer", {"vendorId": "v"}) == {"status": "Accepted"}


async def test_a_scripted_payload_is_checked_unless_raw() -> None:
    csms = BenchCsms()
    csms.script["Heartbeat"] = [Behaviour(payload={"x": 1}, times=1), Behaviour(payload={"x": 1}, raw=True)]
    async with station_in_memory(csms) as station:
        assert await station.refused("Heartbeat", {}) == "InternalError"
        assert await station.ask("Heartbeat", {}) == {"x": 1}


async def test_callerror_carries_the_scripted_code() -> None:
    csms = BenchCsms()
    csms.script["CP1", "*"] = Behaviour.error("GenericError", times=1)
    async with station_in_memory(csms) as station:
        assert await station.refused("Heartbeat", {}) == "GenericError"
        await station.ask("Heartbeat", {})


def test_silence_and_delay_take_loop_time_only() -> None:
    async def story() -> None:
        csms = BenchCsms()
        csms.script["Heartbeat"] = [Behaviour.silent(times=1), Behaviour.delayed(3600, times=1)]
        async with station_in_memory(csms) as station:
            loop = asyncio.get_running_loop()
            await station.say("Heartbeat", {})
            before_s = loop.time()
            late = await station.say("Heartbeat", {})
            frame = json.loads(await station.connection.recv())
            assert frame[1] == late
            assert loop.time() - before_s == pytest.approx(3600)

    run_virtual(story())


def test_a_later_request_overtakes_a_delayed_one() -> None:
    async def story() -> None:
        csms = BenchCsms()
        csms.script["Heartbeat"] = Behaviour.delayed(1, times=1)
        async with station_in_memory(csms) as station:
            slow = await station.say("Heartbeat", {})
            fast = await station.say("Heartbeat", {})
            assert [(await station.hear())[1], (await station.hear())[1]] == [fast, slow]

    run_virtual(story())


async def test_held_answer_comes_after_the_next_one() -> None:
    csms = BenchCsms()
    csms.script["Heartbeat"] = Behaviour(hold=True, times=1)
    async with station_in_memory(csms) as station:
        first, second = await station.say("Heartbeat", {}), await station.say("Heartbeat", {})
        assert [(await station.hear())[1], (await station.hear())[1]] == [second, first]


async def test_answer_can_come_twice_and_under_an_unknown_id() -> None:
    csms = BenchCsms()
    csms.script["Heartbeat"] = [Behaviour(copies=2, times=1), Behaviour(wrong_id=True, times=1)]
    async with station_in_memory(csms) as station:
        message_id = await station.say("Heartbeat", {})
        assert await station.hear() == await station.hear()
        await station.say("Heartbeat", {})
        frame = await station.hear()
        assert frame[0] == 3
        assert frame[1] not in {message_id, "m2"}


async def test_drop_before_loses_the_answer_and_drop_after_delivers_it() -> None:
    csms = BenchCsms()
    csms.script["StartTransaction"] = [
        Behaviour.dropping(Drop.BEFORE, times=1),
        Behaviour.dropping(Drop.AFTER, close_code=1011, times=1),
    ]
    async with station_in_memory(csms) as station:
        await station.say("StartTransaction", start_16())
        closed = await station.closed()
        assert (closed.rcvd, closed.sent) == (None, None)
    async with station_in_memory(csms) as station:
        assert (await station.ask("StartTransaction", start_16()))["transactionId"] == 1
        closed = await station.closed()
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1011
    assert csms.ledger.repeats == 1


@pytest.mark.parametrize(
    ("version", "action", "payload", "code"),
    [
        ("1.6", "Authorize", {}, "ProtocolError"),
        ("1.6", "Authorize", {"idTag": "X", "y": 1}, "FormationViolation"),
        ("2.0.1", "Heartbeat", {"y": 1}, "FormatViolation"),
        ("1.6", "StartTransaction", start_16(timestamp="yesterday"), "PropertyConstraintViolation"),
        ("1.6", "StartTransaction", start_16(timestamp="2026-01-01T10:00:00"), "PropertyConstraintViolation"),
        ("1.6", "StartTransaction", start_16(connectorId="one"), "TypeConstraintViolation"),
        ("1.6", "NoSuchAction", {}, "NotImplemented"),
        ("1.6", "../../etc/passwd", {}, "NotImplemented"),
        ("1.6", "Reset", {"type": "Hard"}, "NotImplemented"),
    ],
)
async def test_a_request_against_the_schema_is_refused_and_not_booked(
    version: str, action: str, payload: dict[str, object], code: str
) -> None:
    csms = BenchCsms()
    async with station_in_memory(csms, version) as station:
        assert await station.refused(action, payload) == code
    assert csms.ledger.transactions == []


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[]", "[2]", '[2,1,"Heartbeat",{}]', '[9,"a"]', "[[2]]", "7"])
async def test_frames_that_are_no_ocpp_are_logged_and_survived(text: str) -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station:
        await station.connection.send(text)
        await station.ask("Heartbeat", {})
    assert [frame.kind for frame in csms.frames][1] == "invalid"


@pytest.mark.parametrize("payload", ["null", "[]", "7", '"x"'])
async def test_a_payload_that_is_no_object_is_refused_even_without_validation(payload: str) -> None:
    async with station_in_memory(BenchCsms(validation=False)) as station:
        await station.connection.send(f'[2,"x","StartTransaction",{payload}]')
        assert (await station.hear())[0] == 4


async def _answer(station: BareStation, kind: int, *rest: object) -> list[object]:
    frame: list[object] = json.loads(await station.connection.recv())
    await station.connection.send(json.dumps([kind, frame[1], *rest]))
    return frame


async def test_send_gives_the_stations_answer() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station, asyncio.TaskGroup() as group:
        asked = group.create_task(csms.send("CP1", "GetConfiguration", {}))
        frame = await _answer(station, 3, {"unknownKey": ["a"]})
        assert frame[2:] == ["GetConfiguration", {}]
        assert await asked == {"unknownKey": ["a"]}


async def test_send_reports_a_callerror_and_an_invalid_answer() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station, asyncio.TaskGroup() as group:
        group.create_task(_answer(station, 4, "NotSupported", "no", {}))
        with pytest.raises(StationRefusedError, match="NotSupported"):
            await csms.send("CP1", "ClearCache", {})
        group.create_task(_answer(station, 3, {"status": "Perhaps"}))
        with pytest.raises(StationRefusedError, match="invalid answer"):
            await csms.send("CP1", "ClearCache", {})


async def test_send_refuses_an_invalid_request_unless_raw() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station, asyncio.TaskGroup() as group:
        with pytest.raises(WireError):
            await csms.send("CP1", "Reset", {"type": "Warm"})
        group.create_task(_answer(station, 3, {"status": "Rejected"}))
        assert await csms.send("CP1", "Reset", {"type": "Warm"}, raw=True) == {"status": "Rejected"}


async def test_send_text_sends_any_text() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station:
        await csms.send_text("CP1", "[2,")
        assert await station.connection.recv() == "[2,"


def test_a_silent_station_times_out_in_loop_time() -> None:
    async def story() -> None:
        csms = BenchCsms()
        async with station_in_memory(csms):
            with pytest.raises(StationSilentError):
                await csms.send("CP1", "ClearCache", {}, timeout_s=30)

    run_virtual(story())


async def _leave_when_asked(station: BareStation) -> None:
    await station.hear()
    await station.connection.close()


async def test_a_station_that_leaves_fails_the_pending_request() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station, asyncio.TaskGroup() as group:
        group.create_task(_leave_when_asked(station))
        with pytest.raises(NotConnectedError):
            await csms.send("CP1", "ClearCache", {})
    with pytest.raises(NotConnectedError):
        await csms.send("CP1", "ClearCache", {})


async def test_a_newer_connection_replaces_the_older() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as older, station_in_memory(csms) as newer:
        closed = await older.closed()
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1008
        await newer.ask("Heartbeat", {})
    assert csms.stations["CP1"].connections == 2


async def test_expect_finds_requests_that_came_before_and_after_it_was_asked() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station, asyncio.TaskGroup() as group:
        await station.ask("Heartbeat", {})
        assert (await csms.expect("Heartbeat")).action == "Heartbeat"
        waiting = group.create_task(csms.expect("StartTransaction", where=lambda payload: payload["connectorId"] == 2))
        await station.ask("StartTransaction", start_16())
        await station.ask("StartTransaction", start_16(connectorId=2))
        assert (await waiting).payload["connectorId"] == 2


def test_expect_gives_up_in_loop_time_and_never_finds_the_same_request_twice() -> None:
    async def story() -> None:
        csms = BenchCsms()
        async with station_in_memory(csms) as station:
            await station.ask("Heartbeat", {})
            await csms.expect("Heartbeat")
            with pytest.raises(TimeoutError, match="no Heartbeat within 60 s"):
                await csms.expect("Heartbeat", timeout_s=60)

    run_virtual(story())


async def test_repeated_message_ids_are_counted() -> None:
    csms = BenchCsms()
    for _ in range(2):
        async with station_in_memory(csms) as station:
            await station.ask("Heartbeat", {})
    assert csms.stations["CP1"].repeated_message_ids == 1


async def test_unknown_answers_are_logged_and_ignored() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station:
        await station.connection.send('[3,"nobody-asked",{}]')
        await station.ask("Heartbeat", {})
    assert [(f.direction, f.kind) for f in csms.frames][1] == ("in", "result")


async def test_a_version_that_is_not_supported_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"2\.1"):
        await BenchCsms().accept("CP1", "2.1", memory_connection_pair()[1])


async def test_without_validation_answers_are_the_same() -> None:
    async with station_in_memory(BenchCsms(validation=False)) as station:
        assert (await station.ask("StartTransaction", start_16()))["transactionId"] == 1
        assert end_of(station).is_closed is False


def test_answer_kinds_are_the_names_of_the_control_socket() -> None:
    assert {answer.value for answer in Answer} == {"accept", "reject", "error", "silent"}

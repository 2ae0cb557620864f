"""Every way in which a back-end or a network can behave, over real sockets."""

import asyncio
from dataclasses import replace

import pytest

from agent.csms.adapter import LinkLostError, Outgoing, Payload, Reply, RpcError
from agent.csms.call_queue import Urgency
from tests.agent.csms.link_house import IMPATIENT, QUICK, TOKEN, house, online_house, status
from tests.fakes.plain_adapter import PlainAdapter
from tests.fakes.scripted_csms import NOW, Json, Refuse, ScriptedCsms, scripted_csms


async def test_boots_once_and_only_shows_itself_by_a_heartbeat_after_a_reconnect() -> None:
    async with online_house() as home:
        await home.csms.connection.close()
        await home.csms.until_called("Heartbeat")
        await home.until_online()
        assert home.csms.actions() == ["BootNotification", "Heartbeat"]
        assert home.adapter.used == 1


async def test_connects_at_once_but_boots_only_when_the_station_is_ready() -> None:
    ready = asyncio.Event()
    async with scripted_csms() as csms, house(csms, ready=ready) as home:
        await csms.until(lambda: len(csms.connections) == 1)
        assert (await csms.ask("GetConfiguration", {}))[0] == 3
        assert csms.actions() == []
        ready.set()
        await home.until_online()
        assert csms.actions() == ["BootNotification"]


async def test_boots_again_where_the_back_end_forgot_the_station() -> None:
    async with online_house() as home:

        async def forgotten(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            raise Refuse("SecurityError", "boot first")

        home.csms.on("Heartbeat", forgotten)
        await home.csms.connection.close()
        await home.csms.until_called("BootNotification", 2)
        assert home.csms.actions() == ["BootNotification", "Heartbeat", "BootNotification"]


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1008, 1011, 3000, 4000])
async def test_every_close_code_leads_to_a_reconnect(code: int) -> None:  # lesson 17
    async with online_house() as home:
        await home.csms.connection.close(code)
        await home.csms.until_called("Heartbeat")
        assert len(home.csms.connections) == 2


async def test_a_cut_socket_leads_to_a_reconnect() -> None:  # lessons 16, 17
    async with online_house() as home:
        home.csms.connection.transport.abort()
        await home.csms.until_called("Heartbeat")
        assert len(home.csms.connections) == 2


async def test_an_unanswered_boot_is_sent_again() -> None:  # lesson 18
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms, timing=IMPATIENT) as home:
            await csms.until_called("BootNotification", 2)
            assert not home.client.back_end.is_online
            csms.on("BootNotification", {"status": "Accepted", "currentTime": NOW, "interval": 10})
            await home.until_online()
            assert len({message_id for message_id, _, _ in csms.calls}) == len(csms.calls)


@pytest.mark.parametrize("first", ["Pending", "Rejected"])
async def test_waits_the_back_ends_interval_before_booting_again(first: str) -> None:
    async with scripted_csms() as csms:

        async def answer(csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            return {"status": first if len(csms.calls) == 1 else "Accepted", "currentTime": NOW, "interval": 1}

        csms.on("BootNotification", answer)
        async with house(csms) as home:
            await csms.until_called("BootNotification")
            began = asyncio.get_running_loop().time()
            await home.until_online()
            assert asyncio.get_running_loop().time() - began > 0.8
            assert csms.actions() == ["BootNotification", "BootNotification"]


async def test_a_late_boot_answer_is_still_taken() -> None:  # lessons 6, 22
    async with scripted_csms() as csms:
        release = asyncio.Event()

        async def slow(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            await release.wait()
            return {"status": "Accepted", "currentTime": NOW, "interval": 10}

        csms.on("BootNotification", slow)
        timing = replace(IMPATIENT, boot_retry=replace(IMPATIENT.boot_retry, minimum_s=60.0, maximum_s=60.0))
        async with house(csms, timing=timing) as home:
            await csms.until_called("BootNotification")
            await asyncio.sleep(2 * IMPATIENT.call_timeout_s)
            release.set()
            await home.until_online()
            assert home.clock.learnt == []


async def test_the_clock_learns_from_boot_and_heartbeat() -> None:  # lesson 120
    async with online_house() as home:
        assert len(home.clock.learnt) == 1
        await home.csms.connection.close()
        await home.csms.until_called("Heartbeat")
        await home.until_online()
        assert len(home.clock.learnt) == 2


async def test_requests_are_answered_before_the_boot_is_accepted_in_16() -> None:  # lesson 21
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms):
            await csms.until_called("BootNotification")
            assert await csms.ask("GetConfiguration", {}) == [3, "q", {"configurationKey": []}]


async def test_requests_before_the_boot_is_answered_are_a_security_error_in_201() -> None:  # B01, B03
    async with scripted_csms(subprotocols=("ocpp2.0.1",)) as csms:
        csms.on("BootNotification", None)
        async with house(csms, adapters={"2.0.1": _adapter_201}):
            await csms.until(lambda: bool(csms.connections))
            assert (await csms.ask("GetVariables", {}))[2] == "SecurityError"
            assert (await csms.ask_raw("nonsense"))[:3] == [4, "-1", "RpcFrameworkError"]
            assert (await csms.ask_raw('[9,"x"]'))[:3] == [4, "x", "MessageTypeNotSupported"]


def _adapter_201() -> PlainAdapter:
    return PlainAdapter("ocpp2.0.1")


async def test_nothing_is_sent_before_the_back_end_accepted() -> None:
    async with scripted_csms() as csms:
        csms.on("BootNotification", {"status": "Pending", "currentTime": NOW, "interval": 60})
        async with house(csms) as home:
            home.client.back_end.publish_status(status())
            await csms.until_heard("BootNotification")
            with pytest.raises(LinkLostError):
                await home.client.link.call(Outgoing("Heartbeat", {}), Urgency.STATUS)
            await home.client.send(Outgoing("Heartbeat", {}))
            assert csms.actions() == ["BootNotification", "Heartbeat"]


async def test_a_triggered_boot_that_is_accepted_brings_the_station_online() -> None:
    async with scripted_csms() as csms:
        csms.on("BootNotification", {"status": "Pending", "currentTime": NOW, "interval": 600})
        async with house(csms) as home:
            await csms.until_heard("BootNotification")
            csms.on("BootNotification", {"status": "Accepted", "currentTime": NOW, "interval": 600})
            await home.client.send(home.adapter.boot_request(triggered=True))
            await home.until_online()
            assert csms.actions() == ["BootNotification", "BootNotification"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[2,"q","Nope",{}]', "NotImplemented"),
        ('[2,"q","GetDiagnostics",{"location":"ftp://x"}]', "NotSupported"),
        ('[2,"q","GetConfiguration",{"key":[1]}]', "TypeConstraintViolation"),
        ('[2,"q","GetConfiguration",{"x":1}]', "OccurenceConstraintViolation"),
        ('[2,"q","GetConfiguration"]', "FormationViolation"),
        ('[2,"q","GetConfiguration",[]]', "FormationViolation"),
        ('[7,"q",{}]', "FormationViolation"),
    ],
)
async def test_what_cannot_be_served_is_answered_by_name(text: str, code: str) -> None:
    async with online_house() as home:
        answer = await home.csms.ask_raw(text)
        assert answer[:3] == [4, "q", code]


async def test_garbage_and_foreign_answers_leave_the_link_as_it_was() -> None:  # lessons 6, 19
    async with online_house() as home:
        for text in ("", "{", "[]", '[3,"nobody",{}]', '[4,"nobody","X","",{}]', '[3,"nobody"]', "[2]", b"\xff\x00"):
            await home.csms.connection.send(text)
        assert await home.csms.ask("GetConfiguration", {}) == [3, "q", {"configurationKey": []}]
        assert len(home.csms.connections) == 1


async def test_a_failing_handler_is_an_internal_error_and_the_link_lives(caplog: pytest.LogCaptureFixture) -> None:
    async with online_house() as home:

        async def fails_later(_payload: Payload) -> Reply:
            await asyncio.sleep(0)
            raise KeyError("later")

        def fails(_payload: Payload) -> Reply:
            raise KeyError("now")

        home.adapter.handlers["Reset"] = fails
        home.adapter.handlers["ClearCache"] = fails_later
        assert (await home.csms.ask("Reset", {"type": "Hard"}))[2] == "InternalError"
        assert (await home.csms.ask("ClearCache", {}))[2] == "InternalError"
        assert len(home.csms.connections) == 1
        assert "handler failed action=ClearCache" in caplog.text


async def test_an_answer_that_breaks_its_schema_is_never_sent() -> None:
    async with online_house() as home:
        home.adapter.handlers["Reset"] = lambda _payload: Reply({"status": "Maybe"})
        assert (await home.csms.ask("Reset", {"type": "Hard"}))[2] == "InternalError"


async def test_the_follow_up_begins_after_the_answer_and_may_call() -> None:
    async with online_house() as home:

        async def follow_up() -> None:
            await home.client.send(Outgoing("Heartbeat", {}))

        home.adapter.handlers["TriggerMessage"] = lambda _payload: Reply({"status": "Accepted"}, follow_up)
        answer = await home.csms.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
        assert answer == [3, "q", {"status": "Accepted"}]
        await home.csms.until_called("Heartbeat")


async def test_requests_are_answered_while_a_call_of_ours_is_unanswered() -> None:
    async with online_house() as home:
        home.csms.on("Authorize", None)
        asking = asyncio.create_task(home.client.back_end.authorize(TOKEN))
        await home.csms.until_called("Authorize")
        assert (await home.csms.ask("GetConfiguration", {}))[0] == 3
        asking.cancel()


async def test_exactly_one_call_is_in_flight() -> None:  # lesson 10
    async with online_house() as home:
        running, most = 0, 0

        async def slow(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return {"currentTime": NOW}

        home.csms.on("Heartbeat", slow)
        await asyncio.gather(*(home.client.send(Outgoing("Heartbeat", {})) for _ in range(5)))
        assert most == 1


async def test_call_already_in_progress_means_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.csms.calls.TRY_AGAIN_WAIT_S", 0.01)
    async with online_house() as home:
        ids: list[str] = []

        async def busy_once(_csms: ScriptedCsms, message_id: str, _payload: Json) -> Json:
            ids.append(message_id)
            if len(ids) == 1:
                raise Refuse("GenericError", "A call is already in progress")
            return {"currentTime": NOW}

        home.csms.on("Heartbeat", busy_once)
        assert await home.client.send(Outgoing("Heartbeat", {})) == {"currentTime": NOW}
        assert len(set(ids)) == 2


async def test_a_call_error_carries_its_code_and_text() -> None:
    async with online_house() as home:

        async def refuses(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            raise Refuse("VendorTrouble", "no")

        home.csms.on("Heartbeat", refuses)
        with pytest.raises(RpcError, match="VendorTrouble: no"):
            await home.client.send(Outgoing("Heartbeat", {}))


async def test_a_socket_that_answers_nothing_is_given_up() -> None:  # lesson 16
    timing = replace(QUICK, call_timeout_s=0.1, liveness_s=0.15)
    async with online_house(timing) as home:
        home.csms.on("Heartbeat", None)
        home.csms.on("Authorize", None)
        with pytest.raises(Exception, match=r"not answered|link lost"):
            await home.client.back_end.authorize(TOKEN)
        await home.csms.until(lambda: len(home.csms.connections) == 2)


async def test_no_common_version_is_said_and_tried_again() -> None:
    async with scripted_csms(subprotocols=()) as csms, house(csms) as home:
        await csms.until(lambda: len(csms.connections) >= 2)
        assert home.client.link.explanation == "the back-end accepted none of ocpp1.6"


async def test_the_negotiated_version_is_the_one_that_is_used_and_built() -> None:  # lesson 28
    built: list[str] = []

    def build(version: str) -> PlainAdapter:
        built.append(version)
        return PlainAdapter(f"ocpp{version}")

    adapters = {"2.0.1": lambda: build("2.0.1"), "1.6": lambda: build("1.6")}
    async with scripted_csms(subprotocols=("ocpp1.6",)) as csms, house(csms, adapters=adapters) as home:
        await home.until_online()
        assert built == ["1.6"]
        assert csms.requests[0].headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1, ocpp1.6"
        assert csms.requests[0].path == "/ocpp/CP%201"  # lesson 93


async def test_a_flood_of_requests_is_answered_and_the_loop_stays_responsive() -> None:  # lesson 20
    async with online_house() as home:
        csms = home.csms
        for number in range(2000):
            await csms.connection.send(f'[2,"{number}","GetConfiguration",{{}}]')
        await csms.until(lambda: len(csms.answers) == 2000)
        assert [answer[1] for answer in csms.answers] == [str(number) for number in range(2000)]


async def test_an_acceptance_that_is_taken_back_ends_in_booting_again() -> None:
    async with scripted_csms() as csms:

        async def answer(csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            boots = csms.actions().count("BootNotification")
            return {"status": "Rejected" if boots == 2 else "Accepted", "currentTime": NOW, "interval": 1}

        csms.on("BootNotification", answer)
        async with house(csms) as home:
            await home.until_online()
            await home.client.send(home.adapter.boot_request(triggered=True))
            assert not home.client.back_end.is_online
            await csms.until_called("BootNotification", 3)
            await home.until_online()

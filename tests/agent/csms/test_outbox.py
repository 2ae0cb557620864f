import asyncio
from dataclasses import replace

import pytest

from agent.csms.adapter import Outgoing
from agent.domain.delivery import TransactionAtCsms
from agent.domain.facts import Fact, JournalRow
from tests.agent.csms.link_house import IMPATIENT, QUICK, House, ended, house, online_house, started, updated
from tests.fakes.plain_adapter import PlainAdapter
from tests.fakes.scripted_csms import Json, Refuse, ScriptedCsms, scripted_csms


def facts_told(home: House) -> list[str]:
    return [action for action in home.csms.actions() if action not in {"BootNotification", "Heartbeat"}]


async def test_facts_go_in_order_with_the_id_that_the_start_was_given() -> None:  # lessons 1, 3
    async with online_house() as home:
        home.journal.put(started(), updated(), ended())
        await home.journal.until_empty()
        assert facts_told(home) == ["StartTransaction", "DataTransfer", "StopTransaction"]
        assert home.csms.calls[-1][2]["transactionId"] == 7
        assert home.journal.acknowledged == [1, 2, 3]


async def test_what_happened_offline_is_told_once_the_back_end_is_there() -> None:  # lesson 7
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms, timing=IMPATIENT) as home:
            home.journal.put(started(), ended())
            await csms.until_called("BootNotification")
            assert facts_told(home) == []
            csms.on("BootNotification", {"status": "Accepted", "currentTime": "2030-01-01T00:00:00Z", "interval": 9})
            await home.journal.until_empty()
            assert facts_told(home) == ["StartTransaction", "StopTransaction"]


async def test_each_attempt_has_its_own_id_and_the_same_content() -> None:  # lessons 4, 5
    async with online_house() as home:
        home.adapter.retry_interval_s = 0
        refusals = 2

        async def refuse_twice(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            nonlocal refusals
            refusals -= 1
            if refusals >= 0:
                raise Refuse("InternalError")
            return {"transactionId": 9, "idTagInfo": {"status": "Accepted"}}

        home.csms.on("StartTransaction", refuse_twice)
        home.journal.put(started())
        await home.journal.until_empty()
        starts = [call for call in home.csms.calls if call[1] == "StartTransaction"]
        assert len({message_id for message_id, _, _ in starts}) == 3
        assert starts[0][2] == starts[1][2] == starts[2][2]
        assert home.journal.ids["t1"].csms_transaction_id == 9


async def test_a_message_never_answered_is_parked_and_the_next_one_goes() -> None:  # lesson 14
    async with online_house(IMPATIENT) as home:
        home.adapter.retry_interval_s = 0
        home.csms.on("StopTransaction", None)
        home.journal.put(ended(), updated())
        await home.journal.until_empty()
        assert [row_id for row_id, _ in home.journal.parked] == [1]
        assert home.journal.acknowledged == [2]
        assert home.csms.actions().count("StopTransaction") == 3


async def test_loss_of_the_link_is_no_attempt() -> None:
    async with online_house() as home:
        home.adapter.attempts = 1
        cuts = 3

        async def cut(csms: ScriptedCsms, _id: str, _payload: Json) -> Json | None:
            nonlocal cuts
            cuts -= 1
            if cuts >= 0:
                csms.connection.transport.abort()
                return None
            return {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}

        home.csms.on("StartTransaction", cut)
        home.journal.put(started())
        await home.journal.until_empty()
        assert home.journal.parked == []
        assert len(home.csms.connections) == 4


async def test_a_late_answer_settles_its_row_without_another_attempt() -> None:  # lessons 4, 6, 22
    async with online_house(replace(QUICK, call_timeout_s=0.1)) as home:
        home.adapter.retry_interval_s = 3600
        release = asyncio.Event()

        async def late(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            await release.wait()
            return {"transactionId": 11, "idTagInfo": {"status": "Accepted"}}

        home.csms.on("StartTransaction", late)
        home.journal.put(started())
        await home.csms.until_called("StartTransaction")
        await home.csms.until_called("Heartbeat")  # the probe that follows a missing answer
        release.set()
        await home.journal.until_empty()
        assert home.csms.actions().count("StartTransaction") == 1
        assert home.journal.ids["t1"].csms_transaction_id == 11


async def test_an_answer_to_a_message_of_an_earlier_connection_counts() -> None:  # lesson 6
    async with online_house(IMPATIENT) as home:
        ids: list[str] = []

        async def cut_first(csms: ScriptedCsms, message_id: str, _payload: Json) -> Json | None:
            ids.append(message_id)
            if len(ids) == 1:
                csms.connection.transport.abort()
                return None
            await csms.connection.send(f'[3,"{ids[0]}",{{"transactionId":5,"idTagInfo":{{"status":"Accepted"}}}}]')
            return None

        home.csms.on("StartTransaction", cut_first)
        home.journal.put(started())
        await home.journal.until_empty()
        assert home.journal.ids["t1"].csms_transaction_id == 5


async def test_a_refused_token_of_a_running_transaction_is_deauthorized() -> None:
    async with online_house() as home:
        home.csms.on("StartTransaction", {"transactionId": 7, "idTagInfo": {"status": "Blocked"}})
        home.journal.put(started(), ended())
        await home.journal.until_empty()
        await asyncio.sleep(0)
        assert home.deauthorized == ["t1"]


async def test_an_unknown_property_in_an_answer_does_not_send_the_fact_twice() -> None:
    async with online_house() as home:
        home.csms.on("StopTransaction", {"vendorSays": "hello"})
        home.journal.put(ended())
        await home.journal.until_empty()
        assert home.csms.actions().count("StopTransaction") == 1
        assert home.journal.acknowledged == [1]


async def test_a_transaction_of_another_back_end_is_set_aside_for_it_and_not_sent() -> None:
    async with online_house() as home:
        home.journal.owners["t1"] = "wss://other ocpp1.6"
        home.journal.put(updated())
        await home.journal.until_empty()
        assert facts_told(home) == []
        assert list(home.journal.set_aside) == ["other ocpp1.6"]


@pytest.mark.parametrize("scheme", ["ws://", "wss://", ""])
async def test_the_same_back_end_over_another_scheme_is_the_same(scheme: str) -> None:
    """Its security profile may have been raised since, and older firmware kept the scheme."""
    async with online_house() as home:
        home.journal.owners["t1"] = f"{scheme}127.0.0.1:{home.csms.port}/ocpp/CP%201 ocpp1.6"
        home.journal.put(updated())
        await home.journal.until_empty()
        assert len(facts_told(home)) == 1


async def test_what_was_set_aside_for_this_back_end_is_told_once_it_is_there() -> None:
    async with scripted_csms() as csms, house(csms) as home:
        owner = f"127.0.0.1:{csms.port}/ocpp/CP%201 ocpp1.6"
        home.journal.owners["t1"] = owner
        home.journal.set_aside[owner] = [JournalRow(1, updated())]
        home.journal.set_aside["other ocpp1.6"] = [JournalRow(2, updated(2, "t2"))]
        await home.until_online()
        await csms.until(lambda: len(facts_told(home)) == 1)
        assert list(home.journal.set_aside) == ["other ocpp1.6"]


class CountingAdapter(PlainAdapter):
    """Notes which facts it was asked to map."""

    def __init__(self) -> None:
        super().__init__()
        self.mapped: list[Fact] = []

    def fact_requests(self, fact: Fact, at_csms: TransactionAtCsms) -> list[Outgoing]:
        self.mapped.append(fact)
        return super().fact_requests(fact, at_csms)


async def test_a_fact_is_mapped_while_the_disk_works_but_not_told() -> None:
    adapter = CountingAdapter()
    async with scripted_csms() as csms, house(csms, adapter=adapter) as home:
        await home.until_online()
        (tell,) = home.journal.listeners
        tell(started())
        assert adapter.mapped == [started()]
        assert facts_told(home) == []


async def test_a_fact_that_is_being_written_leaves_the_one_under_way_alone() -> None:
    adapter = CountingAdapter()
    async with scripted_csms() as csms, house(csms, adapter=adapter) as home:
        await home.until_online()
        csms.on("StartTransaction", None)
        home.journal.put(started())
        await csms.until_called("StartTransaction")
        (tell,) = home.journal.listeners
        tell(ended())
        assert ended() not in adapter.mapped

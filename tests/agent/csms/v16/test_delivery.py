"""One transaction from facts to frames, through the real outbox and a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.csms.adapter import Adapter
from agent.domain.vocabulary import IdToken
from tests.agent.csms.link_house import House, house
from tests.agent.csms.transaction_facts import ENDED, STARTED, UPDATED
from tests.agent.csms.v16.rig import Rig
from tests.fakes.scripted_csms import Json, ScriptedCsms, scripted_csms


@asynccontextmanager
async def online() -> AsyncIterator[House]:
    def adapter() -> Adapter:
        return Rig().adapter

    async with scripted_csms() as csms, house(csms, adapters={"1.6": adapter}) as home:
        csms.on("StartTransaction", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
        await home.until_online()
        yield home


def told(home: House) -> list[tuple[str, Json]]:
    silent = {"BootNotification", "Heartbeat", "StatusNotification"}
    return [(action, payload) for _, action, payload in home.csms.calls if action not in silent]


async def test_start_samples_and_stop_go_in_order_under_the_number_of_the_start() -> None:
    async with online() as home:
        home.journal.put(STARTED, UPDATED, ENDED)
        await home.journal.until_empty()
        assert [(action, payload.get("transactionId")) for action, payload in told(home)] == [
            ("StartTransaction", None),
            ("MeterValues", 7),
            ("MeterValues", 7),
            ("StopTransaction", 7),
        ]
        assert home.journal.acknowledged == [1, 2, 3]


async def test_a_start_whose_answer_was_lost_is_told_again_with_the_same_content() -> None:
    """A back-end recognises it by connector, idTag, timestamp and meterStart."""
    async with online() as home:
        cuts = 1

        async def cut(csms: ScriptedCsms, _id: str, _payload: Json) -> Json | None:
            nonlocal cuts
            cuts -= 1
            if cuts >= 0:
                csms.connection.transport.abort()
                return None
            return {"transactionId": 8, "idTagInfo": {"status": "Accepted"}}

        home.csms.on("StartTransaction", cut)
        home.journal.put(replace(STARTED, samples=()), ENDED)
        await home.journal.until_empty()
        first, second, stop = told(home)
        assert first == second
        assert stop[1]["transactionId"] == 8


async def test_a_refused_token_reaches_the_station_and_the_stop_still_has_its_number() -> None:
    async with online() as home:
        home.csms.on("StartTransaction", {"transactionId": 9, "idTagInfo": {"status": "Invalid"}})
        home.journal.put(STARTED, ENDED)
        await home.journal.until_empty()
        assert home.deauthorized == ["tx-1"]
        assert told(home)[-1][1]["transactionId"] == 9


@pytest.mark.parametrize("tag", [{}, {"idTagInfo": None}])
async def test_a_start_answered_without_a_word_on_the_token_is_answered(tag: Json) -> None:
    """Section 4.8 requires idTagInfo; a back-end that forgets it has begun the transaction all the same."""
    async with online() as home:
        home.csms.on("StartTransaction", {"transactionId": 9, **tag})
        home.csms.on("StopTransaction", {**tag})
        home.journal.put(STARTED, ENDED)
        await home.journal.until_empty()
        assert [action for action, _ in told(home)] == ["StartTransaction", "MeterValues", "StopTransaction"]
        assert told(home)[-1][1]["transactionId"] == 9
        assert home.deauthorized == []
        assert home.journal.acknowledged == [1, 2]


async def test_two_transactions_keep_their_numbers_apart() -> None:
    async with online() as home:
        number = 40

        async def count(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            nonlocal number
            number += 1
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}

        home.csms.on("StartTransaction", count)
        home.journal.put(
            replace(STARTED, samples=()),
            replace(STARTED, transaction_id="tx-2", evse_id=1, id_token=IdToken("OTHER"), samples=()),
            replace(ENDED, transaction_id="tx-2", evse_id=1),
            ENDED,
        )
        await home.journal.until_empty()
        stops = [payload["transactionId"] for action, payload in told(home) if action == "StopTransaction"]
        assert stops == [42, 41]

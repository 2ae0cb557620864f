"""The link connects anew when it is told to, says what came of it, and keeps back-ends apart."""

import asyncio
from dataclasses import replace

from agent.csms.adapter import Adapter
from agent.csms.back_off import BackOffRange
from tests.agent.csms.link_house import IMPATIENT, QUICK, house
from tests.fakes.plain_adapter import PlainAdapter
from tests.fakes.scripted_csms import scripted_csms


async def test_a_wish_to_connect_anew_waits_for_no_back_off() -> None:
    """White paper edition 3, A01 and A05: the station reconnects after the answer."""
    slow = replace(QUICK, reconnect=BackOffRange(60.0, 60.0, 0.0))
    async with scripted_csms() as csms, house(csms, timing=slow) as home:
        await home.until_online()
        home.client.link.redial("something is tried")
        await csms.until(lambda: len(csms.connections) == 2)
        await csms.connection.close()
        await asyncio.wait_for(home.client.link.offline.wait(), 5)
        home.client.link.redial("and again, while it waits")
        await csms.until(lambda: len(csms.connections) == 3)


async def test_a_connection_counts_only_once_the_back_end_has_answered() -> None:
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms, timing=IMPATIENT) as home:
            heard: list[str] = []
            registered = asyncio.Event()
            home.client.link.on_registered = registered.set
            home.client.link.on_failed = lambda _reason: heard.append("failed")
            await csms.until_called("BootNotification")
            await csms.connection.close()
            await csms.until(lambda: len(csms.connections) == 2)
            assert heard == ["failed"]
            csms.on("BootNotification", {"status": "Pending", "currentTime": "2030-01-01T00:00:00Z", "interval": 9})
            await csms.until_called("BootNotification", 3)
            await asyncio.wait_for(registered.wait(), 5)
            assert heard == ["failed"]


async def test_each_back_end_gets_an_adapter_of_its_own_and_is_told_of_the_boot() -> None:
    built: list[PlainAdapter] = []

    def build() -> Adapter:
        built.append(PlainAdapter())
        return built[-1]

    async with scripted_csms() as csms, house(csms, adapters={"1.6": build}) as home:
        await home.until_online()
        home.client.link.back_end_name = lambda: "another"
        home.client.link.redial("another back-end")
        await csms.until_called("BootNotification", 2)
        assert len(built) == 2
        assert csms.actions().count("Heartbeat") == 0

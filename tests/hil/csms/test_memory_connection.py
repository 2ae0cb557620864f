import asyncio
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

from hil.csms.behaviour import Behaviour
from hil.csms.bench_csms import BenchCsms
from hil.csms.memory_connection import memory_connection_pair
from hil.virtual_time import run_virtual
from tests.hil.csms.messages import meter_16, start_16, stop_16
from tests.hil.csms.station import station_in_memory


async def test_frames_arrive_in_order_both_ways() -> None:
    station, csms = memory_connection_pair()
    for text in "abc":
        await station.send(text)
    await csms.send("x")
    assert [await csms.recv() for _ in range(3)] == ["a", "b", "c"]
    assert await station.recv() == "x"


async def test_closing_delivers_what_was_sent_and_tells_both_ends_the_code() -> None:
    station, csms = memory_connection_pair()
    await station.send("last words")
    await station.close(1001, "bye")
    assert await csms.recv() == "last words"
    with pytest.raises(ConnectionClosedOK) as heard:
        await csms.recv()
    assert heard.value.rcvd is not None
    assert (heard.value.rcvd.code, heard.value.rcvd.reason) == (1001, "bye")
    with pytest.raises(ConnectionClosedOK):
        await station.send("too late")
    await station.close()


async def test_an_error_code_is_a_connection_closed_error() -> None:
    station, csms = memory_connection_pair()
    await csms.close(1011)
    with pytest.raises(ConnectionClosedError):
        await station.recv()


async def test_cutting_loses_what_was_under_way_and_wakes_a_reader() -> None:
    station, csms = memory_connection_pair()
    await station.send("lost")
    csms.abort()
    for end in (station, csms):
        with pytest.raises(ConnectionClosed) as closed:
            await end.recv()
        assert closed.value.rcvd is None


def test_latency_is_loop_time() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        station, csms = memory_connection_pair(latency_s=15)
        before_s = loop.time()
        await station.send("a")
        assert await csms.recv() == "a"
        assert loop.time() - before_s == pytest.approx(15)

    run_virtual(story())


def test_ten_hours_of_slow_answers_pass_in_virtual_time() -> None:
    async def story() -> BenchCsms:
        csms = BenchCsms()
        csms.script["*"] = Behaviour.delayed(30)
        async with station_in_memory(csms, latency_s=0.1) as station:
            await station.say("StartTransaction", start_16())
            await station.connection.recv()
            for hour in range(10):
                await asyncio.sleep(3600)
                await station.say("MeterValues", meter_16(1, str(1000 + hour), f"2026-01-01T{10 + hour}:30:00Z"))
                await station.connection.recv()
            await station.say("StopTransaction", stop_16(1))
            await station.connection.recv()
        return csms

    csms = run_virtual(story())
    (transaction,) = csms.ledger.transactions
    assert transaction.is_whole
    assert csms.ledger.problems() == []
    assert (transaction.meter_values, transaction.energy_wh) == (10, Decimal(2000))

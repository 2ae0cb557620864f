import asyncio
import time

import pytest

from hil.virtual_time import START_S, VirtualTimeDeadlockError, run_virtual


def test_ten_hours_of_sleep_take_no_real_time() -> None:
    async def story() -> float:
        await asyncio.sleep(36_000)
        return asyncio.get_running_loop().time()

    before_s = time.process_time()
    assert run_virtual(story()) == pytest.approx(START_S + 36_000)
    assert time.process_time() - before_s < 1


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def story() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []
        for delay_s in (3.0, 1.0, 2.0):
            loop.call_later(delay_s, lambda: seen.append(round(loop.time() - START_S, 9)))
        await asyncio.sleep(5)
        return seen

    assert run_virtual(story()) == [1.0, 2.0, 3.0]


def test_no_timer_is_early_so_that_waiting_for_nearly_now_always_ends() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        busy = asyncio.create_task(_stay_ready(100))
        due_s = loop.time() + 1e-12
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(due_s):
                await asyncio.Event().wait()
        assert loop.time() >= due_s
        await busy

    run_virtual(story())


async def _stay_ready(rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


def test_deadlock_is_an_error_that_names_the_waiting_task() -> None:
    async def story() -> None:
        await asyncio.create_task(asyncio.Event().wait(), name="waits-for-ever")

    with pytest.raises(VirtualTimeDeadlockError, match="waits-for-ever"):
        run_virtual(story())


def test_clock_stands_still_while_a_thread_works() -> None:
    async def story() -> float:
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.to_thread(time.sleep, 0.05)
        timer.cancel()
        return loop.time()

    assert run_virtual(story()) == START_S


def test_bytes_on_a_socket_come_before_a_jump() -> None:
    async def story() -> float:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        assert await asyncio.wait_for(reader.readline(), 60) == b"hello\n"
        writer.close()
        server.close()
        return asyncio.get_running_loop().time()

    assert run_virtual(story()) < START_S + 60

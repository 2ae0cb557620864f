import asyncio

import pytest

from hal.together import together


async def fail_at_the_end() -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        raise OSError("the line went in the same moment")


async def fail_soon() -> None:
    await asyncio.sleep(0.001)
    raise OSError("the line is gone")


async def again_and_again(rounds: list[int]) -> None:
    while len(rounds) < 100:
        rounds.append(1)
        try:
            await together(fail_at_the_end(), asyncio.sleep(3600))
        except OSError:
            continue


async def test_a_loop_ends_though_a_task_failed_in_the_moment_of_its_cancellation() -> None:
    rounds: list[int] = []
    task = asyncio.create_task(again_and_again(rounds))
    await asyncio.sleep(0.01)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done
    assert task.cancelled()
    assert len(rounds) == 1


async def test_one_failure_ends_the_rest_and_leaves_the_caller_free_to_go_on() -> None:
    ended: list[str] = []

    async def wait_for_ever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("other")

    for _ in range(3):
        with pytest.raises(OSError, match="the line is gone"):
            await together(fail_soon(), wait_for_ever())
    assert ended == ["other"] * 3
    current = asyncio.current_task()
    assert current is not None
    assert not current.cancelling()
    await asyncio.sleep(0)


async def test_it_ends_when_all_have_ended() -> None:
    await together(asyncio.sleep(0), asyncio.sleep(0.001))

import asyncio

from hal.cancelling import end_if_cancelled, until_failure


async def fail_at_the_end() -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        raise OSError("the line went in the same moment")


async def for_ever(rounds: list[int]) -> None:
    while len(rounds) < 100:
        rounds.append(1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail_at_the_end())
                await until_failure()
        except* OSError:
            pass
        end_if_cancelled()
        await asyncio.sleep(0)


async def test_a_loop_ends_though_its_group_failed_in_the_moment_of_its_cancellation() -> None:
    rounds: list[int] = []
    task = asyncio.create_task(for_ever(rounds))
    await asyncio.sleep(0.01)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done
    assert task.cancelled()
    assert len(rounds) == 1


async def test_a_task_that_nobody_cancelled_goes_on() -> None:
    end_if_cancelled()
    current = asyncio.current_task()
    assert current is not None
    assert not current.cancelling()


async def fail() -> None:
    await asyncio.sleep(0)
    raise OSError("the line is gone")


async def test_a_loop_whose_group_failed_goes_on() -> None:
    for _ in range(3):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await until_failure()
        except* OSError:
            pass
        end_if_cancelled()

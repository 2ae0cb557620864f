import asyncio

from agent.csms.call_queue import OVERTAKEN_AT_MOST, CallQueue, Urgency

LIMIT_S = 10.0


async def order_of(*urgencies: Urgency) -> list[Urgency]:
    queue, order = CallQueue(), list[Urgency]()

    async def take(urgency: Urgency) -> None:
        async with queue.turn(urgency):
            order.append(urgency)

    async with queue.turn(Urgency.BOOT), asyncio.TaskGroup() as group:
        for urgency in urgencies:
            group.create_task(take(urgency))
        await asyncio.sleep(0)
        queue._pass_on()
        queue._busy = True
    return order


async def test_the_most_urgent_goes_first_and_equals_in_order() -> None:
    assert await order_of(Urgency.STATUS, Urgency.TRANSACTION, Urgency.AUTHORIZE, Urgency.BOOT) == [
        Urgency.BOOT,
        Urgency.AUTHORIZE,
        Urgency.TRANSACTION,
        Urgency.STATUS,
    ]


async def test_a_long_drain_starves_nobody() -> None:
    order = await order_of(Urgency.STATUS, *[Urgency.TRANSACTION] * 20)
    assert order.index(Urgency.STATUS) == OVERTAKEN_AT_MOST


async def test_a_cancelled_waiter_leaves_the_turn_to_the_next() -> None:
    queue = CallQueue()

    async def take() -> None:
        async with queue.turn(Urgency.STATUS):
            pass

    async with queue.turn(Urgency.BOOT):
        first, second = asyncio.create_task(take()), asyncio.create_task(take())
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait((first, second), timeout=LIMIT_S)
    assert first.cancelled()
    assert second.done()


async def test_a_turn_that_ends_while_a_waiter_is_being_cancelled_goes_to_the_next() -> None:
    queue = CallQueue()

    async def take() -> None:
        async with queue.turn(Urgency.STATUS):
            pass

    async with queue.turn(Urgency.BOOT):
        first, second = asyncio.create_task(take()), asyncio.create_task(take())
        await asyncio.sleep(0)
        first.cancel()  # its task has not run when the turn ends
    async with asyncio.timeout(LIMIT_S):
        await second
    assert first.cancelled()
    async with asyncio.timeout(LIMIT_S), queue.turn(Urgency.SAMPLE):
        pass

import asyncio
import logging

import pytest

from hal.drivers.rfid_line import LineRfidReader
from hal.panel import CardPresented
from hal.transports.memory_port import memory_pipe
from tests.hal.drivers.openevse_bench import virtual


@virtual
async def test_card_is_told_once_while_held_and_again_after_the_debounce() -> None:
    near, far = memory_pipe()
    await far.open()
    cards: list[CardPresented] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(LineRfidReader(near, token_type="ISO15693").run(cards.append))
        await asyncio.sleep(0.1)
        for _ in range(5):
            far.write(b"04A2B3C4\r\n")
            await asyncio.sleep(0.5)
        assert [(card.uid, card.token_type) for card in cards] == [("04A2B3C4", "ISO15693")]
        far.write(b"04A2B3C5\r\n")
        await asyncio.sleep(2.1)
        far.write(b"04A2B3C5\r\n")
        await asyncio.sleep(0.1)
        assert [card.uid for card in cards] == ["04A2B3C4", "04A2B3C5", "04A2B3C5"]
        task.cancel()


@virtual
async def test_reader_survives_wrong_lines_and_a_pulled_cable_and_drops_a_half_line() -> None:
    near, far = memory_pipe()
    await far.open()
    cards: list[CardPresented] = []
    reader = LineRfidReader(near, case="lower")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reader.run(cards.append))
        await asyncio.sleep(0.1)
        far.write(b"\xffnonsense\r\n04A2")
        await asyncio.sleep(0.1)
        near.cut()
        await asyncio.sleep(3)
        near.mend()
        await far.open()
        await asyncio.sleep(5)
        far.write(b"04a2b3c4\n")
        await asyncio.sleep(0.1)
        task.cancel()
    assert [card.uid for card in cards] == ["04a2b3c4"]
    assert reader.bad_lines == 1


def test_wrong_line_is_logged_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def story() -> None:
        near, far = memory_pipe()
        await far.open()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(LineRfidReader(near).run(lambda _card: None))
            await asyncio.sleep(0.1)
            far.write(b"04A2B3C4D5\n")
            await asyncio.sleep(0.1)
            task.cancel()

    with caplog.at_level(logging.DEBUG):
        story()
    assert "bad_lines=1" in caplog.text
    assert "A2B3" not in caplog.text

"""One contact at a Modbus card, read from the bench's card over a line."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_contact import POLL_INTERVAL_S, ModbusContact
from hal.transports.memory_port import memory_pipe
from hil.devices.modbus_io import INPUTS, IoCardSimulator
from hil.world import EvseWorld
from tests.hal.drivers.openevse_bench import virtual


@dataclass
class Rig:
    card: IoCardSimulator
    heard: list[bool] = field(default_factory=list)


@asynccontextmanager
async def reading() -> AsyncIterator[Rig]:
    near, far = memory_pipe()
    rig = Rig(IoCardSimulator(EvseWorld(asyncio.get_running_loop()), lambda _name, _fields: None))
    rig.card.output = far.write
    await far.open()

    async def answer() -> None:
        while True:
            rig.card.receive(await far.read())

    bus = ModbusBus(near, "rtu", timeout_s=0.1, retries=0, baudrate=9600, name="card")
    contact = ModbusContact(bus, 1, INPUTS["grid_limit"])
    tasks = [asyncio.create_task(task) for task in (answer(), bus.run(), contact.run(rig.heard.append))]
    await asyncio.sleep(1)
    yield rig
    for task in tasks:
        task.cancel()


@virtual
async def test_every_look_is_told_and_a_change_within_one(caplog: pytest.LogCaptureFixture) -> None:
    async with reading() as rig:
        looks = len(rig.heard)
        assert set(rig.heard) == {False}
        assert looks >= 0.8 / POLL_INTERVAL_S
        rig.card.close_grid_contact(closed=True)
        await asyncio.sleep(2 * POLL_INTERVAL_S)
        assert rig.heard[-1] is True
        assert not caplog.records


@virtual
async def test_a_silent_card_tells_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with reading() as rig:
        rig.card.muted = True
        await asyncio.sleep(1)
        looks = len(rig.heard)
        await asyncio.sleep(10)
        assert len(rig.heard) == looks
        rig.card.muted = False
        await asyncio.sleep(2)
        assert len(rig.heard) > looks
        told = [record.getMessage() for record in caplog.records if "contact" in record.getMessage()]
        assert [text.split(":")[0] for text in told] == [
            "contact lost unit=1 input=3",
            "contact is back unit=1 input=3",
        ]

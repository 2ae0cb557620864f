"""The driver against the behaving card of the bench, over a real Modbus bus in virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hal.abilities import CardEvent, FanChanged
from hal.api import Fault, FaultCleared, FaultRaised, LockChanged, PortError
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_io import ModbusIo
from hal.drivers.modbus_io_steering import CardSettings
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.devices.modbus_io import IoCardSimulator
from hil.world import EvseWorld
from tests.hal.drivers.openevse_bench import virtual

WHOLE = CardSettings(
    lock_coil=0,
    unlock_coil=1,
    lock_input=0,
    emergency_stop_input=1,
    fan_coil=2,
    fan_input=2,
    shunt_trip_coil=3,
)


@dataclass
class Rig:
    card: IoCardSimulator
    driver: ModbusIo
    line: MemoryPort
    world: EvseWorld
    events: list[tuple[float, CardEvent]] = field(default_factory=list)
    seen: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def told(self, kind: type) -> list[CardEvent]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def faults(self) -> list[tuple[str, Fault]]:
        both = (event for _, event in self.events if isinstance(event, FaultRaised | FaultCleared))
        return [("raised" if isinstance(event, FaultRaised) else "cleared", event.fault) for event in both]


@asynccontextmanager
async def rig(settings: CardSettings = WHOLE) -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    seen: list[tuple[float, str, dict[str, Any]]] = []
    world = EvseWorld(loop)
    card = IoCardSimulator(world, lambda event, fields: seen.append((loop.time(), event, fields)))
    near, far = memory_pipe()
    bus = ModbusBus(near, "rtu", timeout_s=0.2, retries=0)
    made = Rig(card, ModbusIo(bus, settings), near, world, seen=seen)
    card.output = far.write

    async def hear() -> None:
        while True:
            try:
                await far.open()
                while True:
                    card.receive(await far.read())
            except PortError:
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        runs = (hear(), bus.run(), made.driver.run(lambda event: made.events.append((loop.time(), event))))
        tasks = [group.create_task(run) for run in runs]
        await asyncio.sleep(1)
        yield made
        for task in tasks:
            task.cancel()


@virtual
async def test_lock_and_unlock_are_confirmed_by_the_end_switch_and_the_motor_stops_there() -> None:
    async with rig() as r:
        for locked in (True, False):
            (r.driver.lock if locked else r.driver.unlock)()
            await asyncio.sleep(1)
            assert r.card.locked is locked
            assert not any(r.card.coils)
        assert [event.locked for event in r.told(LockChanged) if isinstance(event, LockChanged)] == [False, True, False]
        assert r.card.tries == 2
        assert r.faults == []


@virtual
async def test_blocked_motor_is_tried_three_times_and_is_a_fault_within_five_seconds() -> None:
    async with rig() as r:
        r.card.lock_blocked = True
        began_s = asyncio.get_running_loop().time()
        r.driver.lock()
        await asyncio.sleep(5)
        assert r.card.tries == 3
        assert not any(r.card.coils)
        assert r.faults == [("raised", Fault.LOCK_FAILED)]
        assert 3 < r.events[-1][0] - began_s <= 5
        assert LockChanged(locked=True, at_s=0) not in r.told(LockChanged)


@virtual
async def test_blocked_lock_that_comes_free_is_locked_by_itself_and_the_fault_goes() -> None:
    async with rig() as r:
        r.card.lock_blocked = True
        r.driver.lock()
        await asyncio.sleep(60)
        assert r.card.tries == pytest.approx(3 + 5, abs=1)
        r.card.lock_blocked = False
        await asyncio.sleep(12)
        assert r.faults == [("raised", Fault.LOCK_FAILED), ("cleared", Fault.LOCK_FAILED)]
        kinds = [type(event) for _, event in r.events]
        assert kinds[-2:] == [LockChanged, FaultCleared]


@virtual
async def test_lock_that_moves_by_itself_is_told_and_driven_back_however_long_it_has_stood() -> None:
    async with rig() as r:
        r.driver.lock()
        await asyncio.sleep(600)
        r.events.clear()
        r.card.move_lock(locked=False)
        await asyncio.sleep(2)
        assert [event.locked for event in r.told(LockChanged) if isinstance(event, LockChanged)] == [False, True]


@virtual
async def test_nothing_is_driven_before_something_is_wished_and_what_was_left_on_is_switched_off() -> None:
    async with rig() as r:
        assert r.card.tries == 0
    async with rig() as r:
        r.card.power_off()
        r.card.coils[1] = True
        r.card.muted = True
        await asyncio.sleep(2)
        r.card.muted = False
        await asyncio.sleep(1)
        assert not any(r.card.coils)


@virtual
async def test_emergency_stop_is_told_within_a_fifth_of_a_second_and_cleared_by_itself() -> None:
    async with rig() as r:
        assert r.faults == []
        pressed_s = asyncio.get_running_loop().time()
        r.card.press(pressed=True)
        await asyncio.sleep(3)
        assert r.faults == [("raised", Fault.EMERGENCY_STOP)]
        assert r.events[-1][0] - pressed_s <= 0.2
        r.card.press(pressed=False)
        await asyncio.sleep(1)
        assert r.faults[1:] == [("cleared", Fault.EMERGENCY_STOP)]


@virtual
async def test_contact_that_bounces_for_less_than_20_ms_is_nothing() -> None:
    async with rig() as r:
        for _ in range(200):
            r.card.stop_pressed = True
            await asyncio.sleep(0.015)
            r.card.stop_pressed = False
            await asyncio.sleep(0.0437)
        assert r.faults == []


@virtual
async def test_stop_that_is_pressed_at_the_start_stands_at_once() -> None:
    async with rig(CardSettings(emergency_stop_input=3)) as r:  # nothing is wired to 3: a broken wire
        assert r.faults == [("raised", Fault.EMERGENCY_STOP)]
    async with rig(CardSettings(emergency_stop_input=3, emergency_stop_normally_closed=False)) as r:
        assert r.faults == []


@virtual
async def test_fan_is_told_when_it_runs_not_when_it_is_switched() -> None:
    async with rig() as r:
        r.driver.run_fan(on=True)
        await asyncio.sleep(0.4)
        assert r.card.coils[2]
        assert r.told(FanChanged) == []
        await asyncio.sleep(0.5)
        r.card.stop_fan(fails=True)
        await asyncio.sleep(0.5)
        assert [event.running for event in r.told(FanChanged) if isinstance(event, FanChanged)] == [True, False]


@virtual
async def test_fan_without_feedback_runs_once_the_card_has_switched_it() -> None:
    async with rig(CardSettings(fan_coil=2)) as r:
        r.driver.run_fan(on=True)
        await asyncio.sleep(0.2)
        assert [event.running for event in r.told(FanChanged) if isinstance(event, FanChanged)] == [True]
        r.card.muted = True
        await asyncio.sleep(2)
        assert [event.running for event in r.told(FanChanged) if isinstance(event, FanChanged)] == [True, False]


@virtual
async def test_shunt_trip_is_a_pulse_that_takes_the_supply_away() -> None:
    async with rig() as r:
        r.driver.trip()
        await asyncio.sleep(0.5)
        assert r.card.coils[3]
        assert not r.world.supplied
        await asyncio.wait_for(r.driver.at_rest(), 2)
        assert not any(r.card.coils)
        r.card.reset_breaker()
        assert r.world.supplied


@virtual
async def test_at_rest_waits_for_the_motor_that_was_just_asked() -> None:
    async with rig() as r:
        await asyncio.wait_for(r.driver.at_rest(), 1)
        r.driver.lock()
        await asyncio.wait_for(r.driver.at_rest(), 2)
        assert r.card.locked
        assert not any(r.card.coils)


@virtual
async def test_at_rest_waits_for_a_motor_that_is_tried_again_by_itself() -> None:
    async with rig() as r:
        r.card.lock_blocked = True
        r.driver.lock()
        await asyncio.sleep(5)
        async with asyncio.timeout(12):
            while not any(r.card.coils):  # noqa: ASYNC110 - the card tells no event of its coils
                await asyncio.sleep(0.01)
        await asyncio.wait_for(r.driver.at_rest(), 2)
        assert not any(r.card.coils)


def test_silent_card_is_a_fault_with_one_line_and_its_outputs_are_written_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @virtual
    async def story() -> None:
        async with rig() as r:
            r.driver.run_fan(on=True)
            await asyncio.sleep(1)
            r.card.muted = True
            await asyncio.sleep(1.7)
            assert r.faults == [("raised", Fault.BOARD_SILENT)]
            r.card.power_off()
            await asyncio.sleep(60)
            r.card.muted = False
            await asyncio.sleep(2)
            assert r.faults[1:] == [("cleared", Fault.BOARD_SILENT)]
            assert r.card.fan_runs

    with caplog.at_level(logging.INFO):
        story()
    assert [record.getMessage().split(" unit")[0] for record in caplog.records] == [
        "input/output card lost",
        "input/output card is back",
    ]


@virtual
async def test_pulled_line_is_the_same_fault_and_no_busy_loop() -> None:
    async with rig() as r:
        r.line.cut()
        await asyncio.sleep(30)
        r.line.mend()
        await asyncio.sleep(40)
        assert r.faults == [("raised", Fault.BOARD_SILENT), ("cleared", Fault.BOARD_SILENT)]

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

import pytest

from agent.domain.events import Event, FaultAppeared, FaultDisappeared, MeterSampled
from agent.station.metering import READ_TIMEOUT_S, Metering
from hal.api import BusTimeoutError, Fault, LinkErrors, MeterReading, Quality
from hil.virtual_time import run_virtual


class Meter:
    """Counts up with every reading; can fall silent, hang or tell nonsense."""

    bills = True
    errors = LinkErrors()

    def __init__(self) -> None:
        self.silent = self.hangs = False
        self.quality = Quality.GOOD
        self.reads = 0

    def restore_total(self, energy_import_wh: Decimal) -> None:
        raise AssertionError(f"nobody restores {energy_import_wh} here")

    async def read(self) -> MeterReading:
        self.reads += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.silent:
            raise BusTimeoutError("no reply")
        energy = Decimal(self.reads) if self.quality is Quality.GOOD else None
        return MeterReading(datetime(2026, 1, 1, tzinfo=UTC), asyncio.get_running_loop().time(), self.quality, energy)


class Rig:
    def __init__(self) -> None:
        self.meter = Meter()
        self.metering = Metering(1, self.meter)
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.metering.run(self.events.append))
        await asyncio.sleep(0.5)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def faults(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, FaultAppeared | FaultDisappeared)]


def test_a_silent_meter_is_a_fault_after_two_misses_and_recovers() -> None:
    async def story() -> None:
        async with Rig() as rig:
            rig.meter.silent = True
            await asyncio.sleep(1.0)
            assert not rig.faults()
            await asyncio.sleep(1.0)
            assert rig.faults() == [FaultAppeared(Fault.METER_SILENT, "no reply")]
            await asyncio.sleep(5.0)
            rig.meter.silent = False
            await asyncio.sleep(1.0)
            assert rig.faults()[1:] == [FaultDisappeared(Fault.METER_SILENT)]
            assert isinstance(rig.events[-1], MeterSampled)

    run_virtual(story())


def test_a_meter_that_hangs_is_given_up_in_time() -> None:
    async def story() -> None:
        async with Rig() as rig:
            rig.meter.hangs = True
            await asyncio.sleep(2 * READ_TIMEOUT_S + 3.0)
            assert rig.faults() == [FaultAppeared(Fault.METER_SILENT, "no answer")]

    run_virtual(story())


def test_a_register_that_cannot_be_billed_is_a_fault_but_still_shown() -> None:
    async def story() -> None:
        async with Rig() as rig:
            rig.meter.quality = Quality.NO_ENERGY
            await asyncio.sleep(2.0)
            rig.meter.quality = Quality.GOOD
            await asyncio.sleep(1.0)
            assert [type(event) for event in rig.faults()] == [FaultAppeared, FaultDisappeared]
            assert not [event for event in rig.faults() if event.fault is not Fault.METER_IMPLAUSIBLE]  # type: ignore[union-attr]  # both have it
            assert len([event for event in rig.events if isinstance(event, MeterSampled)]) == 4

    run_virtual(story())


@pytest.mark.parametrize("silent", [True, False])
def test_a_fresh_reading_is_taken_after_the_question(silent: bool) -> None:
    async def story() -> None:
        async with Rig() as rig:
            rig.meter.silent = silent
            asked_s = asyncio.get_running_loop().time()
            reading = await rig.metering.fresh()
            assert asyncio.get_running_loop().time() - asked_s < 0.1
            assert (reading is None) == silent
            assert reading is None or reading.at_s >= asked_s

    run_virtual(story())


def test_a_question_during_a_reading_gets_the_next_one() -> None:
    async def story() -> None:
        async with Rig() as rig:
            rig.meter.hangs = True
            await asyncio.sleep(1.0)
            question = asyncio.create_task(rig.metering.fresh())
            given_up = asyncio.create_task(rig.metering.fresh())
            await asyncio.sleep(0.1)
            given_up.cancel()
            rig.meter.hangs = False
            reading = await question
            assert reading is not None
            assert reading.energy_import_wh == rig.meter.reads

    run_virtual(story())

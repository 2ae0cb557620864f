"""Meters of all models over a line in memory, in virtual time; then one over a PTY."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import (
    BadFrameError,
    BusTimeoutError,
    DeviceRefusedError,
    EnergyMeter,
    HalError,
    HardwareFault,
    LinkErrors,
    Quality,
)
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_meter import ModbusMeter
from hal.drivers.register_reading import plan_reads
from hal.meters.register_map import RegisterMap, load_register_map, meter_names
from hal.transports.memory_port import memory_pipe
from hal.transports.serial_port import SerialPort
from hil.devices.meter_registers import MeterValues
from hil.devices.modbus_meter import SimulatedMeter
from hil.virtual_time import run_virtual
from tests.fakes import modbus_server as fake
from tests.fakes.modbus_server import ModbusServer
from tests.hal.drivers.meter_images import EXPORT_WH, HZ, IMAGES, TOTAL_W, WH, A, V, W, block

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FLOAT32_ROUNDING = Decimal("0.001")
SUNSPEC_METER = 40002 + 67


def clock() -> datetime:
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass
class Wired:
    meter: ModbusMeter
    server: ModbusServer
    registers: dict[int, int]
    bus: ModbusBus


@contextlib.asynccontextmanager
async def wired(name: str, **settings_of_meter: Any) -> AsyncIterator[Wired]:  # Any: keywords of the meter
    near, far = memory_pipe()
    bus, server = ModbusBus(near, "rtu"), ModbusServer(far)
    registers = dict(IMAGES[name].registers)
    server.units = {5: registers}
    register_map = load_register_map(name, billing=False, allow_coarse_register=True)
    tasks = [asyncio.create_task(server.run()), asyncio.create_task(bus.run())]
    try:
        await asyncio.sleep(0.01)
        yield Wired(ModbusMeter(bus, 5, register_map, clock=clock, **settings_of_meter), server, registers, bus)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def virtual(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(story)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(story(*args, **kwargs), debug=True)

    return run


def near(found: Decimal | None, expected: float) -> bool:
    return found is not None and abs(found - Decimal(expected)) <= FLOAT32_ROUNDING * Decimal(max(1, expected / 1000))


def all_near(found: tuple[Decimal | None, ...], expected: tuple[float, ...]) -> bool:
    return len(found) == len(expected) and all(near(f, e) for f, e in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", meter_names())
@virtual
async def test_every_model_reads_what_its_registers_say(name: str) -> None:
    image = IMAGES[name]
    async with wired(name) as wire:
        reading = await wire.meter.read()
    assert {function for _, function, _, _ in wire.server.asked} == {image.function}
    assert reading.quality is (Quality.GOOD if image.energy else Quality.NO_ENERGY)
    assert near(reading.energy_import_wh, WH) if image.energy else reading.energy_import_wh is None
    assert near(reading.energy_export_wh, EXPORT_WH) if image.exports else reading.energy_export_wh is None
    assert near(reading.power_w, TOTAL_W)
    assert near(reading.frequency_hz, HZ) if image.hertz else reading.frequency_hz is None
    assert all_near(reading.voltage_v, V[: image.phases])
    assert all_near(reading.current_a, A[: image.phases])
    assert all_near(reading.power_l_w, W[: image.phases] if image.phase_watts else ())


def test_there_is_an_image_for_every_model() -> None:
    assert tuple(sorted(IMAGES)) == meter_names()


@pytest.mark.parametrize("name", meter_names())
def test_no_read_is_longer_than_the_model_allows_and_no_value_is_cut(name: str) -> None:
    register_map = load_register_map(name, billing=False)
    blocks = plan_reads(register_map)
    assert all(1 <= read.count <= register_map.max_registers for read in blocks)
    covered = [set(range(read.address, read.address + read.count)) for read in blocks]
    if "energy_import" in register_map.points:
        start = register_map.points["energy_import"].address
        assert {start, start + 1} <= covered[-1]


def test_adjoining_registers_are_read_at_once() -> None:
    reads = plan_reads(load_register_map("eastron_sdm630"))
    assert [(read.address, read.count) for read in reads] == [(0, 18), (0x34, 2), (0x46, 6)]


def is_energy_meter(meter: EnergyMeter) -> bool:
    return meter.bills


@virtual
async def test_the_driver_is_an_energy_meter_that_bills_if_its_map_does() -> None:
    async with wired("eastron_sdm630") as wire:
        assert is_energy_meter(wire.meter)
    async with wired("carlo_gavazzi_em580") as wire:
        assert not is_energy_meter(wire.meter)


@virtual
async def test_every_sample_is_fresh_and_carries_its_own_time() -> None:
    async with wired("eastron_sdm630") as wire:
        first = await wire.meter.read()
        await asyncio.sleep(60)
        wire.registers |= block(0x48, "f", 1240.0)
        second = await wire.meter.read()
    assert second.energy_import_wh == Decimal(1_240_000)
    assert second.at - first.at >= timedelta(seconds=60)
    assert second.at_s - first.at_s >= 60
    assert second.at.tzinfo is UTC


@virtual
async def test_a_silent_meter_gives_no_value_and_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with wired("eastron_sdm630") as wire:
        await wire.meter.read()
        wire.server.always(fake.silent)
        for _ in range(20):
            with pytest.raises(BusTimeoutError, match="unit 5"):
                await wire.meter.read()
        wire.server.always(None)
        assert (await wire.meter.read()).quality is Quality.GOOD
        assert wire.meter.errors == LinkErrors(timeouts=40)
    phrases = [r.message.split(" meter=")[0] for r in caplog.records if r.name.startswith("hal")]
    assert phrases == ["meter in trouble", "meter reads well again"]


@virtual
async def test_trouble_that_lasts_is_repeated_every_ten_minutes_and_no_oftener(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with wired("eastron_sdm630") as wire:
        del wire.server.units[5]
        for _ in range(180):
            with pytest.raises(BusTimeoutError):
                await wire.meter.read()
            await asyncio.sleep(7)
    assert len([r for r in caplog.records if r.name.startswith("hal")]) == 3


@virtual
async def test_energy_that_runs_backwards_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    async with wired("eastron_sdm630") as wire:
        await wire.meter.read()
        wire.registers |= block(0x48, "f", 0.0)
        for _ in range(3):
            reading = await wire.meter.read()
            assert (reading.quality, reading.energy_import_wh) == (Quality.NO_ENERGY, None)
            assert near(reading.power_w, TOTAL_W)
        assert wire.meter.errors.implausible == 3
        wire.registers |= block(0x48, "f", 1234.5)
        assert (await wire.meter.read()).energy_import_wh == Decimal(1_234_500)
    assert sum("energy_backwards" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("name", "energy"),
    [
        ("eastron_sdm630", block(0x48, "I", 0x7FC00000)),
        ("eastron_sdm630", block(0x48, "I", 0xFFFFFFFF)),
        ("eastron_sdm630", block(0x48, "f", float("inf"))),
        ("eastron_sdm630", block(0x48, "f", -1.0)),
        ("eastron_sdm630", block(0x48, "f", 9000.0)),
        ("abb_b23_b24", block(0x5000, "Q", 2**64 - 1)),
        ("carlo_gavazzi_em340", block(0x34, "i", 2**31 - 1, low_first=True)),
        ("schneider_iem3155", block(0x0C83, "q", -(2**63))),
        ("iskra_wm3m4c", {414: 0x8000}),
        ("iskra_wm3m4c", {414: 2}),
        ("sunspec_201_204", {SUNSPEC_METER + 54: 0x8000}),
        ("sunspec_201_204", block(SUNSPEC_METER + 46, "I", 0)),
    ],
)
@virtual
async def test_what_is_no_energy_never_becomes_energy(name: str, energy: dict[int, int]) -> None:
    async with wired(name) as wire:
        assert (await wire.meter.read()).quality is Quality.GOOD
        wire.registers |= energy
        reading = await wire.meter.read()
        assert (reading.quality, reading.energy_import_wh) == (Quality.NO_ENERGY, None)
        assert wire.meter.errors.implausible == 1


@virtual
async def test_a_missing_voltage_is_none_and_harms_nothing_else() -> None:
    async with wired("abb_b23_b24") as wire:
        wire.registers |= block(0x5B02, "I", 0xFFFFFFFF)
        reading = await wire.meter.read()
    assert reading.voltage_v[1] is None
    assert reading.quality is Quality.GOOD


@virtual
async def test_a_sunspec_accumulator_that_wraps_goes_on_with_its_scale() -> None:
    async with wired("sunspec_201_204") as wire:
        wire.registers |= block(SUNSPEC_METER + 46, "I", 2**32 - 2)
        before = await wire.meter.read()
        wire.registers |= block(SUNSPEC_METER + 46, "I", 1)
        after = await wire.meter.read()
    assert before.energy_import_wh == Decimal(2**32 - 2) * 100
    assert after.energy_import_wh == Decimal(2**32 + 1) * 100
    assert wire.meter.errors.implausible == 0


@virtual
async def test_a_wrapped_total_goes_on_after_a_restart() -> None:
    async with wired("sunspec_201_204") as wire:
        wire.meter.restore_total(Decimal(2**32 * 100 + WH))
        assert (await wire.meter.read()).energy_import_wh == 2**32 * 100 + WH


@pytest.mark.parametrize("base", [40000, 50000, 0])
@virtual
async def test_a_sunspec_meter_is_found_at_each_base(base: int) -> None:
    async with wired("sunspec_201_204") as wire:
        moved = {address - 40000 + base: word for address, word in wire.registers.items()}
        wire.registers.clear()
        wire.registers |= moved
        assert (await wire.meter.read()).energy_import_wh == WH


@virtual
async def test_a_sunspec_device_without_the_meter_model_is_refused_by_name() -> None:
    async with wired("sunspec_213") as wire:
        wire.registers.clear()
        wire.registers |= IMAGES["sunspec_201_204"].registers
        with pytest.raises(HardwareFault, match="no SunSpec model 213; found 1, 203"):
            await wire.meter.read()
        wire.registers.clear()
        with pytest.raises(HardwareFault, match="no SunSpec mark"):
            await wire.meter.read()


@virtual
async def test_a_gateway_in_trouble_is_not_taken_for_a_device_without_sunspec() -> None:
    async with wired("sunspec_213") as wire:
        wire.server.always(fake.refusing(11))
        with pytest.raises(DeviceRefusedError, match="gateway target"):
            await wire.meter.read()


@virtual
async def test_sunspec_models_that_move_are_found_again() -> None:
    async with wired("sunspec_201_204") as wire:
        await wire.meter.read()
        wire.registers[SUNSPEC_METER] = 160
        with pytest.raises(BadFrameError, match="moved"):
            await wire.meter.read()
        wire.registers[SUNSPEC_METER] = 203
        assert (await wire.meter.read()).energy_import_wh == WH


@virtual
async def test_a_failed_read_leaves_the_register_history_alone() -> None:
    async with wired("eastron_sdm630") as wire:
        await wire.meter.read()
        for misbehaviour in (fake.flipped, fake.as_unit(9), fake.refusing(4), fake.instead(b"\x00")):
            wire.server.always(misbehaviour)
            with pytest.raises(HalError):
                await wire.meter.read()
        wire.server.always(None)
        assert (await wire.meter.read()).energy_import_wh == WH
        assert wire.meter.errors == LinkErrors(bad_frames=6, exceptions=1)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(meter_names()), st.lists(st.binary(max_size=30), min_size=1, max_size=3))
def test_no_reply_crashes_a_meter_or_reaches_its_history(name: str, parts: list[bytes]) -> None:
    async def story() -> None:
        async with wired(name) as wire:
            before = await wire.meter.read()
            wire.server.misbehave(*[fake.instead(*parts)] * 2)
            with contextlib.suppress(HalError):
                await asyncio.wait_for(wire.meter.read(), 60)
            assert (await wire.meter.read()).energy_import_wh == before.energy_import_wh

    run_virtual(story())


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(meter_names()), st.data())
def test_any_register_content_gives_a_reading_or_none(name: str, data: st.DataObject) -> None:
    register_map: RegisterMap = load_register_map(name, billing=False)

    async def story() -> None:
        async with wired(name) as wire:
            fixed = set(range(40000, 40071)) | set(range(50000, 50071)) if register_map.sunspec_models else set()
            changeable = sorted(set(wire.registers) - fixed)
            wire.registers |= {address: data.draw(st.integers(0, 0xFFFF)) for address in changeable[:40]}
            reading = await wire.meter.read()
            assert (reading.energy_import_wh is not None) == (reading.quality is Quality.GOOD)
            assert reading.energy_import_wh is None or reading.energy_import_wh >= 0

    run_virtual(story())


async def test_a_meter_on_a_real_pty_is_read() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    simulated = SimulatedMeter("eastron_sdm630", 1)

    def to_host(reply: bytes) -> None:
        os.write(master, reply)

    simulated.output = to_host
    simulated.set_source(lambda: MeterValues(Decimal(2500), current_a=(8.0, 8.0, 8.0)))
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: simulated.receive(os.read(master, 256)))
    bus = ModbusBus(SerialPort(os.ttyname(slave), 9600), "rtu", baudrate=9600)
    task = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(10):
            reading = await ModbusMeter(bus, 1, load_register_map("eastron_sdm630"), clock=clock).read()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)
    assert reading.energy_import_wh == Decimal(2500)
    assert reading.power_w == Decimal(5520)

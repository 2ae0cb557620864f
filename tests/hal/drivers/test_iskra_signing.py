"""The driver of the signing meter against the simulated one, over a line in memory, verified by pyocmf."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any

import pytest
from pyocmf import OCMF, check_eichrecht_transaction

from hal.api import BusTimeoutError, DeviceRefusedError
from hal.drivers.iskra_signing import IskraSignedMeter
from hal.drivers.modbus_bus import ModbusBus
from hal.signed_meter import SignedRecord, SigningRequest, SigningState
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.devices.iskra_signing import SigningBlock
from hil.devices.meter_registers import MeterValues
from hil.devices.modbus_meter import SimulatedMeter
from hil.virtual_time import run_virtual

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
REQUEST = SigningRequest("t-1", "ISO14443", "04A1B2C3", "BENCH-0001 1", ("RFID_PLAIN",))


@dataclass
class Line:
    meter: IskraSignedMeter
    simulated: SimulatedMeter
    energy_wh: Decimal = Decimal(108_814)

    @property
    def block(self) -> SigningBlock:
        assert self.simulated.signing is not None
        return self.simulated.signing


@contextlib.asynccontextmanager
async def line() -> AsyncIterator[Line]:
    near, far = memory_pipe()
    bus = ModbusBus(near, "rtu")
    simulated = SimulatedMeter("iskra_wm3m4c")
    simulated.output = far.write
    joined = Line(IskraSignedMeter(bus, 1), simulated)
    simulated.set_source(lambda: MeterValues(joined.energy_wh))
    tasks = [asyncio.create_task(bus.run()), asyncio.create_task(_pump(far, simulated))]
    try:
        await asyncio.sleep(0.01)
        yield joined
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(far: MemoryPort, meter: SimulatedMeter) -> None:
    await far.open()
    while True:
        meter.receive(await far.read())


def virtual(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(story)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(story(*args, **kwargs))

    return run


def verified(record: SignedRecord) -> OCMF:
    parsed = OCMF.from_string(record.text, strict=True)
    assert parsed.verify_signature(record.public_key)
    return parsed


@virtual
async def test_begin_and_end_are_one_transaction_to_an_independent_verifier() -> None:
    async with line() as joined:
        await joined.meter.set_time(NOW)
        begin = verified(await joined.meter.start_signed_transaction(REQUEST))
        assert await joined.meter.state() is SigningState.ACTIVE
        joined.energy_wh += 636
        end = verified(await joined.meter.stop_signed_transaction(REQUEST))
        assert await joined.meter.state() is SigningState.IDLE
        assert (
            check_eichrecht_transaction(begin.payload, end.payload.model_copy(update={"RD": end.payload.RD[1:]})) == []
        )
        assert (begin.payload.PG, end.payload.PG) == ("T1", "T2")
        assert [reading.TX for reading in end.payload.RD] == ["B", "E"]
        assert [str(reading.RV) for reading in end.payload.RD] == ["108.8140", "109.4500"]
        assert begin.payload.MS == end.payload.MS == (await joined.meter.identity()).serial_number


@virtual
async def test_one_changed_digit_is_rejected() -> None:
    async with line() as joined:
        record = await joined.meter.start_signed_transaction(REQUEST)
        tampered = OCMF.from_string(record.text.replace('"RV":108.8140', '"RV":108.8141'))
        assert tampered.verify_signature(record.public_key) is False


@virtual
async def test_the_record_holds_the_bytes_that_the_meter_signed() -> None:
    async with line() as joined:
        record = await joined.meter.start_signed_transaction(REQUEST)
        length = joined.block._registers[7057]
        words = [joined.block._registers[7612 + offset] for offset in range((length + 1) // 2)]
        signed = b"".join(word.to_bytes(2, "big") for word in words)[:length]
        assert record.text.encode().split(b"|")[1] == signed


@virtual
async def test_a_transaction_that_a_power_failure_left_open_is_closed_with_p() -> None:
    async with line() as joined:
        await joined.meter.set_time(NOW)
        await joined.meter.start_signed_transaction(REQUEST)
        joined.block.power_off()
        assert await joined.meter.state() is SigningState.ACTIVE_AFTER_POWER_FAILURE
        await joined.meter.set_time(NOW)
        end = verified(await joined.meter.stop_signed_transaction(REQUEST))
        assert [reading.TX for reading in end.payload.RD] == ["B", "P"]
        assert await joined.meter.state() is SigningState.IDLE


@virtual
async def test_a_clock_that_nobody_set_is_not_called_synchronised() -> None:
    async with line() as joined:
        record = await joined.meter.start_signed_transaction(REQUEST)
        assert json.loads(record.text.split("|")[1])["RD"][0]["TM"].endswith(" U")


@virtual
async def test_the_latest_record_can_be_read_once_more_without_signing() -> None:
    async with line() as joined:
        assert await joined.meter.last_record() is None
        record = await joined.meter.start_signed_transaction(REQUEST)
        assert await joined.meter.last_record() == record
        assert joined.block.signer.records == 1


@virtual
async def test_a_start_whose_confirmation_is_lost_signs_once() -> None:
    async with line() as joined:
        output = joined.simulated.output
        lost: list[bytes] = []

        def lossy(data: bytes) -> None:
            if not lost and data[1] == 16 and int.from_bytes(data[2:4], "big") == 7051:
                lost.append(data)
            else:
                output(data)

        joined.simulated.output = lossy
        verified(await joined.meter.start_signed_transaction(REQUEST))
        assert lost
        assert joined.block.signer.records == 1


@virtual
async def test_a_meter_that_does_not_sign_is_an_error_in_bounded_time() -> None:
    async with line() as joined:
        joined.block.fails = True
        with pytest.raises(DeviceRefusedError, match="254"):
            await joined.meter.start_signed_transaction(REQUEST)
        joined.block.fails, joined.block.is_silent = False, True
        started_s = asyncio.get_running_loop().time()
        with pytest.raises(BusTimeoutError):
            await joined.meter.start_signed_transaction(REQUEST)
        assert asyncio.get_running_loop().time() - started_s < 5


@virtual
async def test_a_second_start_is_refused() -> None:
    async with line() as joined:
        await joined.meter.start_signed_transaction(REQUEST)
        with pytest.raises(DeviceRefusedError):
            await joined.meter.start_signed_transaction(REQUEST)


@virtual
async def test_key_and_counter_outlive_the_bench() -> None:
    async with line() as first:
        begin = await first.meter.start_signed_transaction(REQUEST)
        saved = json.loads(json.dumps(first.block.to_json()))
    async with line() as second:
        second.block.restore(saved)
        assert await second.meter.state() is SigningState.ACTIVE_AFTER_POWER_FAILURE
        end = await second.meter.stop_signed_transaction(REQUEST)
        assert end.public_key == begin.public_key
        assert verified(end).payload.PG == "T2"

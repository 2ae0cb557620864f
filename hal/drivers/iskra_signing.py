"""Signed transactions of Iskra's WM3M4 and WM3M4C on a Modbus bus (runner).

Rules kept here:
* A command is written once: were it repeated after a lost reply, the meter could sign twice. Its state tells the rest.
* Every wait has an end; a failing meter raises and leaves its state to be asked.
Source: facts meters.yaml, iskra_wm3m4c, signing. Not tried against a physical meter.
"""

import asyncio
import contextlib
from datetime import datetime
from typing import Final

from hal.api import BadFrameError, BusTimeoutError, DeviceRefusedError
from hal.codecs import iskra_signing as layout
from hal.drivers.modbus_bus import ModbusBus
from hal.signed_meter import MeterIdentity, SignedRecord, SigningRequest, SigningState

STATE_TIMEOUT_S: Final = 2.0
SIGNATURE_TIMEOUT_S: Final = 15.0
"""As long as EVerest waits for this meter's signature."""
POLL_S: Final = 0.1
REGISTERS_AT_ONCE: Final = 100
_STATES: Final = {
    0: SigningState.IDLE,
    1: SigningState.ACTIVE,
    2: SigningState.ACTIVE_AFTER_POWER_FAILURE,
    3: SigningState.ACTIVE_AFTER_RESET,
}


class IskraSignedMeter:
    """Implements `SignedMeter` for one unit."""

    def __init__(self, bus: ModbusBus, unit: int) -> None:
        self._bus = bus
        self._unit = unit
        self._public_key = ""

    async def identity(self) -> MeterIdentity:
        """Read serial number and public key. Raises: HalError."""
        words = await self._bus.read_registers(
            self._unit, layout.INPUT, layout.SERIAL_NUMBER, layout.SERIAL_NUMBER_COUNT
        )
        serial = layout.to_text(words, 2 * len(words)).strip("\0 ")
        key = await self._read(layout.PUBLIC_KEY, layout.PUBLIC_KEY_COUNT)
        self._public_key = layout.public_key(key)
        return MeterIdentity(serial, self._public_key)

    async def state(self) -> SigningState:
        """Tell whether a signed transaction is open. Raises: HalError."""
        (value,) = await self._read(layout.STATE, 1)
        if value not in _STATES:
            raise BadFrameError(f"unit {self._unit}: unknown state {value} of the signed transaction")
        return _STATES[value]

    async def set_time(self, utc: datetime) -> None:
        """Set the meter's clock and declare it synchronised. Raises: HalError."""
        seconds = int(utc.timestamp())
        await self._write(layout.UNIX_TIME, seconds >> 16 & 0xFFFF, seconds & 0xFFFF)
        await self._write(layout.TIME_ZONE_MINUTES, 0)
        await self._write(layout.TIME_STATUS, layout.SYNCHRONISED)

    async def start_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        """Sign the begin and return its record. Raises: HalError."""
        await self._write(layout.SIGNATURE_FORMAT, layout.DEFAULT_SIGNATURE_FORMAT)
        await self._write_metadata(request)
        return await self._sign(layout.START_TRANSACTION, is_open=True)

    async def stop_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        """Sign the end and return its record; after a power failure the meter wants its metadata again."""
        if await self.state() is SigningState.ACTIVE_AFTER_POWER_FAILURE:
            await self._write_metadata(request)
        return await self._sign(layout.STOP_TRANSACTION, is_open=False)

    async def last_record(self) -> SignedRecord | None:
        """Read the latest record once more without signing anything; None if there is none. Raises: HalError."""
        (status,) = await self._read(layout.COMMAND_STATUS, 1)
        (length,) = await self._read(layout.DATASET_LENGTH, 1)
        return await self._record() if length and status == layout.STATUS_SIGNED else None

    async def _sign(self, command: int, *, is_open: bool) -> SignedRecord:
        with contextlib.suppress(BusTimeoutError, BadFrameError):  # whether the command arrived, the state tells
            await self._bus.write_registers(self._unit, layout.COMMAND, (command,), is_repeatable=False)
        await self._until_open(is_open=is_open)
        await self._until_signed()
        return await self._record()

    async def _until_open(self, *, is_open: bool) -> None:
        try:
            async with asyncio.timeout(STATE_TIMEOUT_S):
                while True:
                    if (await self.state()).is_open is is_open:
                        return
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            (status,) = await self._read(layout.COMMAND_STATUS, 1)
            reason = layout.STATUS_NAMES.get(status, f"command status {status}")
            raise DeviceRefusedError(f"unit {self._unit} did not take the command to sign: {reason}") from error

    async def _until_signed(self) -> None:
        try:
            async with asyncio.timeout(SIGNATURE_TIMEOUT_S):
                while True:
                    (status,) = await self._read(layout.COMMAND_STATUS, 1)
                    if status == layout.STATUS_SIGNED:
                        return
                    if status >= layout.FIRST_FAILURE:
                        reason = layout.STATUS_NAMES.get(status, f"command status {status}")
                        raise DeviceRefusedError(f"unit {self._unit} did not sign: {reason}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise BusTimeoutError(f"unit {self._unit} did not sign in {SIGNATURE_TIMEOUT_S:g} s") from error

    async def _record(self) -> SignedRecord:
        lengths = await self._read(layout.DATASET_LENGTH, 2)
        if not 0 < lengths[0] <= layout.MAX_TEXT_BYTES or not 0 < lengths[1] <= layout.MAX_SIGNATURE_BYTES:
            raise BadFrameError(f"unit {self._unit}: a record of {lengths[0]} and {lengths[1]} bytes cannot be")
        dataset = layout.to_text(await self._read(layout.DATASET, (lengths[0] + 1) // 2), lengths[0])
        signature = layout.to_bytes(await self._read(layout.SIGNATURE, (lengths[1] + 1) // 2), lengths[1])
        text = layout.ocmf_record(dataset, signature)
        if not self._public_key:
            await self.identity()
        return SignedRecord(text, self._public_key, layout.SIGNING_METHOD)

    async def _write_metadata(self, request: SigningRequest) -> None:
        try:
            data = layout.metadata(request).encode()
        except ValueError as error:
            raise DeviceRefusedError(str(error)) from error
        words = layout.to_words(data)
        for at in range(0, len(words), REGISTERS_AT_ONCE):
            await self._write(layout.METADATA + at, *words[at : at + REGISTERS_AT_ONCE])
        await self._write(layout.METADATA_LENGTH, len(data))

    async def _read(self, address: int, count: int) -> tuple[int, ...]:
        words: tuple[int, ...] = ()
        while len(words) < count:
            size = min(count - len(words), REGISTERS_AT_ONCE)
            words += await self._bus.read_registers(self._unit, layout.HOLDING, address + len(words), size)
        return words

    async def _write(self, address: int, *words: int) -> None:
        await self._bus.write_registers(self._unit, address, words)

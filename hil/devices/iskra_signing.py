"""The signing block of a simulated Iskra WM3M4: registers in, registers out, signatures in between.

The layout is written here once more, from the facts, so that a misreading of the driver's cannot hide. Begin and end
are signed one record each; that of the end holds both readings, as this meter's does.
Source: facts meters.yaml, iskra_wm3m4c, signing; the serial number's place from EVerest's RsIskraMeter.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

from hil.devices.ocmf_signer import OcmfSigner, SignedReading

SERIAL_INPUT_REGISTERS = 9
SERIAL_BYTES = 8
SIGNING_TIME_S = 0.5
START, STOP = 0x4200, 0x7200
READ_HOLDING, WRITE_ONE, WRITE_MANY = 3, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS = 1, 2
IN_PROGRESS, SIGNED, IDLE_STATUS, INVALID_COMMAND, SIGNATURE_ERROR = 2, 15, 1, 130, 254
SYNCHRONISED = 2
MAX_WORDS = 125
RECORD_REGISTERS = 512

STATE, COMMAND, STATUS, TIME_ZONE, UNIX_TIME = 7000, 7051, 7052, 7053, 7054
METADATA_LENGTH, DATASET_LENGTH, SIGNATURE_LENGTH, FORMAT, TIME_STATUS = 7056, 7057, 7058, 7059, 7071
METADATA, DATASET, KEY, SIGNATURE, END = 7100, 7612, 8124, 8188, 8230
WRITABLE = frozenset({TIME_ZONE, UNIX_TIME, UNIX_TIME + 1, METADATA_LENGTH, FORMAT, TIME_STATUS})


class State(IntEnum):
    """Register 7000."""

    IDLE = 0
    ACTIVE = 1
    ACTIVE_AFTER_POWER_FAILURE = 2


class SigningBlock:
    """Everything of the meter that has to do with signing."""

    def __init__(self, serial_number: str, energy_wh: Callable[[], Decimal]) -> None:
        self.signer = OcmfSigner(serial_number)
        self.state = State.IDLE
        self.fails = False
        """True: every command ends in an error."""
        self.is_silent = False
        """True: nothing of this block answers, while the rest of the meter does."""
        self._energy_wh = energy_wh
        self._own: OcmfSigner | None = None
        """The registered meter's, while another one stands in its place."""
        self._registers = dict.fromkeys(range(STATE, END), 0)
        self._registers[STATUS] = IDLE_STATUS
        self._readings: tuple[SignedReading, ...] = ()
        self._set_at_s = 0.0
        self._synchronised = False
        self._done_at_s: float | None = None

    # ------------------------------------------------------------------ what happens to the meter

    def power_off(self) -> None:
        """Lose supply: an open transaction stays open, the clock is lost."""
        if self.state is State.ACTIVE:
            self.state = State.ACTIVE_AFTER_POWER_FAILURE
        self._synchronised = False
        self._done_at_s = None
        self._registers[STATUS] = IDLE_STATUS

    def exchange(self, *, on: bool) -> None:
        """Put another meter, with another serial number and key, in this one's place; or this one back."""
        if on and self._own is None:
            self._own, self.signer = self.signer, OcmfSigner(f"X{self.signer.serial_number}"[:SERIAL_BYTES])
        elif not on and self._own is not None:
            self.signer, self._own = self._own, None

    # ------------------------------------------------------------------ the wire

    def serial_registers(self) -> dict[int, int]:
        """Input registers of the serial number."""
        data = self.signer.serial_number.encode().ljust(SERIAL_BYTES, b"\0")
        return dict(enumerate(_words(data), start=SERIAL_INPUT_REGISTERS))

    def answer(self, pdu: bytes) -> bytes:
        """Answer a request to holding registers."""
        function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
        match function:
            case 3:
                return self._read(address, int.from_bytes(pdu[3:5], "big"))
            case 6:
                return self._write(function, address, _words(pdu[3:5])) or pdu
            case 16:
                return self._write(function, address, _words(pdu[6:])) or pdu[:5]
        return bytes([function | 0x80, ILLEGAL_FUNCTION])

    def _read(self, address: int, count: int) -> bytes:
        self._settle()
        if not 1 <= count <= MAX_WORDS or any(a not in self._registers for a in range(address, address + count)):
            return bytes([READ_HOLDING | 0x80, ILLEGAL_ADDRESS])
        shown = {**self._registers, STATE: self.state, **_at(KEY, self.signer.public_point)}
        return bytes([READ_HOLDING, 2 * count]) + b"".join(
            shown[a].to_bytes(2, "big") for a in range(address, address + count)
        )

    def _write(self, function: int, address: int, words: list[int]) -> bytes | None:
        for offset, word in enumerate(words):
            register = address + offset
            if register == COMMAND:
                self._command(word)
            elif register in WRITABLE or METADATA <= register < METADATA + RECORD_REGISTERS:
                self._registers[register] = word
            else:
                return bytes([function | 0x80, ILLEGAL_ADDRESS])
            if register == UNIX_TIME + 1:
                self._set_at_s = asyncio.get_running_loop().time()
            if register == TIME_STATUS:
                self._synchronised = word == SYNCHRONISED
        return None

    # ------------------------------------------------------------------ signing

    def _command(self, command: int) -> None:
        may = self.state is State.IDLE if command == START else self.state is not State.IDLE and command == STOP
        template = self._template()
        if self.fails or not may or template is None:
            self._registers[STATUS] = SIGNATURE_ERROR if self.fails else INVALID_COMMAND
            return
        if command == START:
            self._readings = (self._reading("B"),)
            self.state = State.ACTIVE
        else:
            reason = "E" if self.state is State.ACTIVE else "P"
            self._readings = (*self._readings[:1], self._reading(reason))
            self.state = State.IDLE
        dataset, signature = self.signer.sign(template, self._readings)
        for start, length_at, data in (
            (DATASET, DATASET_LENGTH, dataset.encode()),
            (SIGNATURE, SIGNATURE_LENGTH, signature),
        ):
            self._registers.update(_at(start, data))
            self._registers[length_at] = len(data)
        self._registers[STATUS] = IN_PROGRESS
        self._done_at_s = asyncio.get_running_loop().time() + SIGNING_TIME_S

    def _template(self) -> str | None:
        """Metadata as the host wrote it; None if it is no JSON object."""
        words = [self._registers[METADATA + offset] for offset in range(RECORD_REGISTERS)]
        data = b"".join(word.to_bytes(2, "big") for word in words)[: self._registers[METADATA_LENGTH]]
        try:
            return data.decode() if isinstance(json.loads(data), dict) else None
        except ValueError:
            return None

    def _reading(self, reason: str) -> SignedReading:
        elapsed_s = asyncio.get_running_loop().time() - self._set_at_s
        unix_time = self._registers[UNIX_TIME] << 16 | self._registers[UNIX_TIME + 1]
        return SignedReading(
            datetime.fromtimestamp(unix_time, UTC) + timedelta(seconds=elapsed_s),
            "S" if self._synchronised else "U",
            reason,
            self._energy_wh(),
            "G" if self._own is None else "X",
        )

    def _settle(self) -> None:
        if self._done_at_s is not None and asyncio.get_running_loop().time() >= self._done_at_s:
            self._done_at_s = None
            self._registers[STATUS] = SIGNED

    # ------------------------------------------------------------------ what outlives the process

    def to_json(self) -> dict[str, Any]:
        """Render key, counter, registers and the open transaction."""
        return {
            "signer": (self._own or self.signer).to_json(),
            "state": self.state.value,
            "registers": [self._registers[register] for register in range(STATE, END)],
            "begin": [_saved_reading(reading) for reading in self._readings[:1]],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what `to_json` gave; the bench was dark meanwhile."""
        self.signer = OcmfSigner.from_json(saved["signer"])
        self.state = State(saved["state"])
        self._registers.update(enumerate(saved["registers"], start=STATE))
        self._readings = tuple(_restored_reading(reading) for reading in saved["begin"])
        self.power_off()


def _saved_reading(reading: SignedReading) -> list[str]:
    return [reading.at.isoformat(), reading.time_status, reading.reason, str(reading.energy_wh), reading.meter_status]


def _restored_reading(saved: list[str]) -> SignedReading:
    at, time_status, reason, energy_wh, meter_status = saved
    return SignedReading(datetime.fromisoformat(at), time_status, reason, Decimal(energy_wh), meter_status)


def _words(data: bytes) -> list[int]:
    padded = data + b"\0" * (len(data) % 2)
    return [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]


def _at(start: int, data: bytes) -> dict[int, int]:
    return dict(enumerate(_words(data), start=start))

"""Temperatures, versions and error messages of chargebyte's safety controller (values).

`from_data` never raises for eight bytes. Source: facts: boards_protocols, chargebyte.
"""

from decimal import Decimal
from typing import Final, Self

from hal.codecs.safety_codes import Com
from hal.codecs.safety_frame import DATA_SIZE, SafetyFrame
from hal.value import dataclass

PT1000_CHANNELS: Final = 4
CHARGE_SOM_PLATFORM: Final = 0x81
CCY_PLATFORM: Final = 0x82
FIRMWARE_APPLICATION: Final = 3
MAX_TEMPERATURE_C: Final = Decimal("819.0")
MIN_TEMPERATURE_C: Final = Decimal("-819.2")

_TENTH = Decimal("0.1")
_UNUSED = 0x1FFF
_SIGN, _SPAN = 0x2000, 0x4000
_FLAG_BITS, _CHARGING_STOPPED, _SELF_TEST_FAILED = 2, 0x1, 0x2
_WORD_SIZE = 2


@dataclass(frozen=True, slots=True)
class Temperature:
    """One PT1000 channel; `temperature_c` is None if it is not used."""

    temperature_c: Decimal | None = None
    charging_stopped: bool = False
    """The board stopped charging because of this channel."""
    self_test_failed: bool = False

    def to_word(self) -> int:
        """Return the 16 bits of the channel; a temperature outside the range stands at its end."""
        value = _UNUSED
        if self.temperature_c is not None:
            bounded_c = min(max(self.temperature_c, MIN_TEMPERATURE_C), MAX_TEMPERATURE_C)
            value = int((bounded_c / _TENTH).to_integral_value()) % _SPAN
        return (
            value << _FLAG_BITS | self.charging_stopped * _CHARGING_STOPPED | self.self_test_failed * _SELF_TEST_FAILED
        )

    @classmethod
    def from_word(cls, word: int) -> Self:
        """Read the 16 bits of a channel."""
        value = word >> _FLAG_BITS
        temperature_c = None if value == _UNUSED else (value - _SPAN * (value >= _SIGN)) * _TENTH
        return cls(temperature_c, bool(word & _CHARGING_STOPPED), bool(word & _SELF_TEST_FAILED))


@dataclass(frozen=True, slots=True)
class Temperatures:
    """The four PT1000 channels."""

    channels: tuple[Temperature, Temperature, Temperature, Temperature] = (Temperature(),) * PT1000_CHANNELS

    def to_data(self) -> bytes:
        """Return the eight data bytes."""
        return b"".join(channel.to_word().to_bytes(_WORD_SIZE, "big") for channel in self.channels)

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes."""
        words = (int.from_bytes(data[2 * n : 2 * n + 2], "big") for n in range(PT1000_CHANNELS))
        first, second, third, fourth = (Temperature.from_word(word) for word in words)
        return cls((first, second, third, fourth))

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.PT1000, self.to_data())


@dataclass(frozen=True, slots=True)
class FirmwareVersion:
    """Which program the board runs and for which board it was made."""

    major: int
    minor: int
    build: int
    platform: int = CHARGE_SOM_PLATFORM
    application: int = FIRMWARE_APPLICATION
    parameter_version: int = 0

    @property
    def text(self) -> str:
        """Version as people write it: 0.3.1."""
        return f"{self.major}.{self.minor}.{self.build}"

    def to_data(self) -> bytes:
        """Return the eight data bytes."""
        head = bytes([self.major, self.minor, self.build, self.platform, self.application])
        return (head + self.parameter_version.to_bytes(_WORD_SIZE, "big")).ljust(DATA_SIZE, b"\x00")

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes."""
        major, minor, build, platform, application = data[:5]
        return cls(major, minor, build, platform, application, int.from_bytes(data[5:7], "big"))

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.FIRMWARE_VERSION, self.to_data())


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """An error message as it came; what the numbers mean is the manufacturer's."""

    data: bytes

    def to_data(self) -> bytes:
        """Return the eight data bytes."""
        return self.data

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes."""
        return cls(data)

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.ERROR_MESSAGE, self.to_data())

"""Builds the devices of a station from plain values; only drivers that are configured are imported."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hal.abilities import Contact, Phases, PhaseSwitch, PilotInterrupt
from hal.api import EnergyMeter, HardwareFault, PilotController
from hal.panel import Indicator, RfidReader
from hal.serial_server import SerialServer
from hal.signed_meter import SignedMeter
from hal.transports.can_line import CanSettings
from hal.transports.port import Port
from hal.transports.serial_port import SerialPort
from hal.value import dataclass

if TYPE_CHECKING:
    from hal.codecs.modbus_frame import Framing
    from hal.drivers.modbus_bus import ModbusBus
    from hal.drivers.modbus_io import ModbusIo
    from hal.drivers.modbus_io_steering import CardSettings
    from hal.drivers.safety_line import SafetyLine

CARD_TIMEOUT_S: Final = 0.2
"""A card that has not answered by then is asked anew: its inputs are wanted ten times a second."""


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial device, here or at a device server, and how it is set."""

    path: Path | SerialServer
    baudrate: int
    parity: str = "N"
    stopbits: int = 1

    def port(self) -> Port:
        """Build the port; nothing is opened yet."""
        if isinstance(self.path, SerialServer):
            return self._distant_port(self.path)
        return SerialPort(str(self.path), self.baudrate, parity=self.parity, stopbits=self.stopbits)

    def _distant_port(self, server: SerialServer) -> Port:
        if server.protocol == "tcp":
            return TcpLine(server.host, server.tcp_port).port()
        from hal.transports.rfc2217_port import Rfc2217Port  # noqa: PLC0415 - only where a line is behind the network

        return Rfc2217Port(
            server.host, server.tcp_port, baudrate=self.baudrate, parity=self.parity, stopbits=self.stopbits
        )


@dataclass(frozen=True, slots=True)
class TcpLine:
    """A device behind TCP."""

    host: str
    tcp_port: int

    def port(self) -> Port:
        """Build the port; nothing is opened yet."""
        from hal.transports.tcp_port import TcpPort  # noqa: PLC0415 - only where a device is behind TCP

        return TcpPort(self.host, self.tcp_port)


@dataclass(frozen=True, slots=True)
class OpenEvseSettings:
    """What is configured of an OpenEVSE board."""

    max_current_a: float
    phases: int
    poll_interval_s: float
    allow_protection_off: frozenset[str]
    stored_current_a: int | None = 6
    """Written to the board's EEPROM when it is new to this station, A; None: never."""


@dataclass(frozen=True, slots=True)
class BoardDevices:
    """A board and what it offers beside pilot and contactor; None: not this board."""

    pilot: PilotController
    interrupt: PilotInterrupt | None = None
    phase_switch: PhaseSwitch | None = None


@dataclass(frozen=True, slots=True)
class SafetyBoardSettings:
    """What is configured of a safety controller."""

    max_current_a: float
    phases: Phases
    silence_limit_s: float
    firmware_min: tuple[int, int, int]
    firmware_max: tuple[int, int, int]
    has_ventilation: bool = False
    has_phase_switch: bool = False


def safety_board(port: Port, settings: SafetyBoardSettings) -> BoardDevices:
    """Build the driver of a safety controller on a serial line."""
    from hal.drivers.safety_line import SerialSafetyLine  # noqa: PLC0415 - only what is configured is imported

    return _safety_board(SerialSafetyLine(port), settings)


def can_safety_board(can: CanSettings, settings: SafetyBoardSettings) -> BoardDevices:
    """Build the driver of a safety controller on CAN. Raises: ValueError for an interface that is not supported."""
    from hal.drivers.safety_can_line import FILTER, CanSafetyLine  # noqa: PLC0415 - only what is configured is imported
    from hal.transports.can_port import CanPort  # noqa: PLC0415

    return _safety_board(CanSafetyLine(CanPort(can).line(FILTER)), settings)


def _safety_board(line: "SafetyLine", settings: SafetyBoardSettings) -> BoardDevices:
    from hal.drivers.safety_board import SafetyBoard  # noqa: PLC0415 - only what is configured is imported
    from hal.drivers.safety_steering import SafetySettings  # noqa: PLC0415

    board = SafetyBoard(
        line,
        SafetySettings(
            max_current_a=settings.max_current_a,
            phases=settings.phases,
            has_phase_switch=settings.has_phase_switch,
            has_ventilation=settings.has_ventilation,
            silence_limit_s=settings.silence_limit_s,
            firmware_min=settings.firmware_min,
            firmware_max=settings.firmware_max,
        ),
    )
    return BoardDevices(board, interrupt=board, phase_switch=board if settings.has_phase_switch else None)


def openevse_board(port: Port, settings: OpenEvseSettings) -> PilotController:
    """Build the driver of an OpenEVSE board. Raises: ValueError for settings that the board cannot have."""
    from hal.drivers.openevse import OpenEvseBoard  # noqa: PLC0415 - only what is configured is imported

    return OpenEvseBoard(
        port,
        max_current_a=int(settings.max_current_a),
        phases=settings.phases,
        poll_interval_s=settings.poll_interval_s,
        allow_protection_off=settings.allow_protection_off,
        stored_current_a=settings.stored_current_a,
    )


@dataclass(frozen=True, slots=True)
class ControllerBoardSettings:
    """What is configured of a Modbus charge controller; None: as its profile has it."""

    profile: str
    unit: int | None
    charging_point: int
    max_current_a: float
    phases: int
    poll_interval_s: float


def controller_line(
    profile: str,
    *,
    port: Path | SerialServer | None,
    host: str | None,
    tcp_port: int | None,
    baudrate: int | None,
    parity: str | None,
) -> SerialLine | TcpLine:
    """Line of a charge controller: what is configured, else what its profile says. Raises: ValueError if unknown."""
    from hal.controllers.profile import load_profile  # noqa: PLC0415 - only what is configured is imported

    own = load_profile(profile).line
    if port is None:
        return TcpLine(host or "", tcp_port or own.tcp_port)
    return SerialLine(port, baudrate or own.baudrate, parity or own.parity, own.stopbits)


ISKRA = "iskra_wm3m4c"
"""The one map of a meter that is known to sign."""


class MeterBuses:
    """Modbus lines; meters and charge controllers on the same line share one bus, which asks one at a time."""

    def __init__(self, utc: Callable[[], datetime]) -> None:
        self._utc = utc
        self._buses: dict[object, ModbusBus] = {}

    @property
    def buses(self) -> "tuple[ModbusBus, ...]":
        """All buses, each of which has to run."""
        return tuple(self._buses.values())

    def meter(
        self,
        line: SerialLine | TcpLine,
        unit: int,
        map_name: str,
        *,
        allow_coarse_register: bool = False,
        open_port: Callable[[], Port] | None = None,
    ) -> EnergyMeter:
        """Build the driver of one meter. Raises: HardwareFault if it cannot be billed from, or is not known."""
        from hal.drivers.modbus_meter import ModbusMeter  # noqa: PLC0415 - only what is configured is imported
        from hal.meters.register_map import load_register_map  # noqa: PLC0415

        register_map = load_register_map(map_name, allow_coarse_register=allow_coarse_register)
        return ModbusMeter(self._bus(line, open_port), unit, register_map, clock=self._utc)

    def signed_meter(
        self, line: SerialLine | TcpLine, unit: int, map_name: str, *, open_port: Callable[[], Port] | None = None
    ) -> SignedMeter:
        """Build the driver of a meter's signing. Raises: HardwareFault if it is not known how this model signs."""
        from hal.drivers.iskra_signing import IskraSignedMeter  # noqa: PLC0415 - only what is configured is imported

        if map_name != ISKRA:
            raise HardwareFault(f"how {map_name} signs is not built; {ISKRA} is")
        return IskraSignedMeter(self._bus(line, open_port), unit)

    def controller(
        self,
        line: SerialLine | TcpLine,
        settings: ControllerBoardSettings,
        *,
        open_port: Callable[[], Port] | None = None,
    ) -> PilotController:
        """Build the driver of one charge controller. Raises: ValueError for settings that it cannot have."""
        from hal.controllers.profile import load_profile  # noqa: PLC0415 - only what is configured is imported
        from hal.drivers.modbus_controller import ControllerSettings, ModbusController  # noqa: PLC0415

        profile = load_profile(settings.profile)
        return ModbusController(
            self._bus(line, open_port),
            profile,
            ControllerSettings(
                unit=settings.unit or profile.line.unit,
                charging_point=settings.charging_point,
                max_current_a=settings.max_current_a,
                phases=settings.phases,
                poll_interval_s=settings.poll_interval_s,
            ),
        )

    def _bus(self, line: SerialLine | TcpLine, open_port: Callable[[], Port] | None) -> "ModbusBus":
        from hal.drivers.modbus_bus import ModbusBus  # noqa: PLC0415 - only what is configured is imported

        key = line.path if isinstance(line, SerialLine) else line
        if key not in self._buses:
            framing: Framing = "rtu" if isinstance(line, SerialLine) else "tcp"
            baudrate = line.baudrate if isinstance(line, SerialLine) else 9600
            port = open_port() if open_port is not None else line.port()
            self._buses[key] = ModbusBus(port, framing, baudrate=baudrate, name=str(key))
        return self._buses[key]


class Cards:
    """Modbus cards of relays and inputs; EVSEs on the same line share one bus."""

    def __init__(self) -> None:
        self._buses: dict[object, ModbusBus] = {}

    @property
    def buses(self) -> "tuple[ModbusBus, ...]":
        """All buses, each of which has to run."""
        return tuple(self._buses.values())

    def share(
        self,
        line: SerialLine | TcpLine,
        settings: "CardSettings",
        open_port: Callable[[], Port],
        poll_interval_s: float,
    ) -> "ModbusIo":
        """Build the driver of one EVSE's share of a card."""
        from hal.drivers.modbus_io import ModbusIo  # noqa: PLC0415 - only what is configured is imported

        return ModbusIo(self._bus(line, open_port), settings, poll_interval_s=poll_interval_s)

    def contact(self, line: SerialLine | TcpLine, unit: int, number: int, open_port: Callable[[], Port]) -> Contact:
        """Build the driver of one contact at a card, which may be an EVSE's as well."""
        from hal.drivers.modbus_contact import ModbusContact  # noqa: PLC0415 - as above

        return ModbusContact(self._bus(line, open_port), unit, number)

    def _bus(self, line: SerialLine | TcpLine, open_port: Callable[[], Port]) -> "ModbusBus":
        from hal.drivers.modbus_bus import ModbusBus  # noqa: PLC0415 - as above

        key = line.path if isinstance(line, SerialLine) else line
        if key not in self._buses:
            framing: Framing = "rtu" if isinstance(line, SerialLine) else "tcp"
            baudrate = line.baudrate if isinstance(line, SerialLine) else 9600
            self._buses[key] = ModbusBus(
                open_port(), framing, timeout_s=CARD_TIMEOUT_S, retries=0, baudrate=baudrate, name=str(key)
            )
        return self._buses[key]


def card_settings(**numbers: Any) -> "CardSettings":
    """Say what is wired to which coil and input of a card."""
    from hal.drivers.modbus_io_steering import CardSettings  # noqa: PLC0415 - only what is configured is imported

    return CardSettings(**numbers)


@dataclass(frozen=True, slots=True)
class UidSettings:
    """How a UID is written, and what kind of card a line reader reads."""

    lower_case: bool = False
    reversed_bytes: bool = False
    uid_lengths: tuple[int, ...] = (4, 7, 10)
    token_type: str = "ISO14443"  # noqa: S105 - a kind of card


def line_reader(port: Port, settings: UidSettings) -> RfidReader:
    """Build the driver of a reader that sends one UID per line."""
    from hal.drivers.rfid_line import LineRfidReader  # noqa: PLC0415 - only what is configured is imported

    return LineRfidReader(
        port,
        case="lower" if settings.lower_case else "upper",
        byte_order="lsb" if settings.reversed_bytes else "msb",
        uid_lengths=settings.uid_lengths,
        token_type=settings.token_type,
    )


def pn532_reader(port: Port, settings: UidSettings, poll_interval_s: float) -> RfidReader:
    """Build the driver of a reader with a PN532; it reads ISO 14443 type A."""
    from hal.codecs.rfid import UidFormat  # noqa: PLC0415 - only what is configured is imported
    from hal.drivers.pn532_reader import Pn532Reader  # noqa: PLC0415

    uid_format = UidFormat(
        case="lower" if settings.lower_case else "upper",
        byte_order="lsb" if settings.reversed_bytes else "msb",
        lengths=settings.uid_lengths,
    )
    return Pn532Reader(port, uid_format, poll_interval_s=poll_interval_s)


def line_indicator(port: Port) -> Indicator:
    """Build the driver of an indicator that takes one JSON line per change."""
    from hal.drivers.indicator_line import LineIndicator  # noqa: PLC0415 - only what is configured is imported

    return LineIndicator(port)

"""From the configuration to the devices of the station; the one place of the agent that knows `hal.board`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.config import AgentConfig, ConfigError, EvseConfig, MeterConfig, ReaderConfig
from agent.config_errors import KeyPath, key_text
from agent.config_limits import GridContactConfig
from agent.config_tables import BoardConfig, IoConfig
from agent.domain.pilot_commands import SequenceValues
from agent.station.board_with_card import BoardWithCard
from agent.station.sequenced_board import SequencedBoard
from hal.abilities import ConnectorLock, Contact, InputOutputCard, Phases
from hal.api import BoardCapabilities, EnergyMeter, HardwareFault, HostLossAction, PilotController
from hal.board import (
    BoardDevices,
    Cards,
    ControllerBoardSettings,
    MeterBuses,
    OpenEvseSettings,
    SafetyBoardSettings,
    SerialLine,
    TcpLine,
    UidSettings,
    can_safety_board,
    card_settings,
    controller_line,
    line_indicator,
    line_reader,
    openevse_board,
    pn532_reader,
    safety_board,
)
from hal.panel import Indicator, RfidReader
from hal.signed_meter import SignedMeter
from hal.transports.can_line import CanSettings
from hal.transports.port import Port
from hal.value import dataclass

if TYPE_CHECKING:
    from hal.drivers.modbus_io import ModbusIo

OpenLine = Callable[[SerialLine | TcpLine], Port]


class Runner(Protocol):
    """A device that needs a task of its own."""

    async def run(self) -> Any:  # noqa: ANN401 - never returns
        """Own its resource for ever."""


@dataclass(frozen=True, slots=True)
class EvseHardware:
    """The devices of one EVSE."""

    board: PilotController
    meter: EnergyMeter
    indicator: Indicator | None
    signed_meter: SignedMeter | None = None
    lock: ConnectorLock | None = None
    card: InputOutputCard | None = None


@dataclass(frozen=True, slots=True)
class ReaderHardware:
    """A reader and the EVSEs that it serves."""

    reader: RfidReader
    evse_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hardware:
    """All devices of a station."""

    evses: dict[int, EvseHardware]
    readers: tuple[ReaderHardware, ...]
    runners: tuple[Runner, ...]
    grid_contact: Contact | None = None


def build_hardware(
    config: AgentConfig, utc: Callable[[], datetime], open_line: OpenLine = lambda line: line.port()
) -> Hardware:
    """Build every device; nothing is opened yet. Raises: ConfigError for a board or a meter that cannot be used."""
    buses = MeterBuses(utc)
    cards = Cards()
    evses: dict[int, EvseHardware] = {}
    for index, evse in enumerate(config.evse):
        path = ("evse", index)
        try:
            meter = _meter(evse.meter, buses, open_line)
            signed_meter = _signed_meter(evse.meter, buses, open_line) if evse.meter.signed else None
        except HardwareFault as fault:
            raise _refusal(config, (*path, "meter", "map"), f"a meter that can be billed from; {fault}") from fault
        card = _card(evse.io, cards, open_line) if evse.io is not None else None
        board = _board(evse, buses, open_line, card)
        check_host_loss(config, index, board.capabilities)
        lock = card if evse.io is not None and evse.io.lock_coil is not None else None
        evses[evse.id] = EvseHardware(board, meter, _indicator(evse, open_line), signed_meter, lock, card)
    all_ids = tuple(evses)
    readers = tuple(_reader(reader, all_ids, open_line) for reader in config.reader)
    grid_contact = _grid_contact(config, cards, open_line)
    return Hardware(evses, readers, (*buses.buses, *cards.buses), grid_contact)


def check_host_loss(config: AgentConfig, index: int, capabilities: BoardCapabilities) -> None:
    """Refuse a board that would leave power on with Linux dead, unless that was accepted. Raises: ConfigError."""
    if capabilities.host_loss_action is HostLossAction.NONE and not config.evse[index].board.accept_host_loss:
        wanted = "true, since this board does nothing when Linux falls silent, or another board"
        raise _refusal(config, ("evse", index, "board", "accept_host_loss"), wanted)


def _refusal(config: AgentConfig, path: KeyPath, expected: str) -> ConfigError:
    return config.sources.error(path, key_text(path), expected)


def _board(evse: EvseConfig, buses: MeterBuses, open_line: OpenLine, card: "ModbusIo | None") -> SequencedBoard:
    if evse.board.driver == "modbus":
        controller = _beside(evse, _controller(evse, buses, open_line), card)
        return SequencedBoard(controller, SequenceValues(phases=_phases(evse)))
    if evse.board.driver == "safety":
        devices = _safety_board(evse, open_line)
        return SequencedBoard(
            _beside(evse, devices.pilot, card),
            _sequence_values(evse.board, _phases(evse)),
            interrupt=devices.interrupt,
        )
    port = _board_port(evse.board, open_line)
    settings = OpenEvseSettings(
        max_current_a=evse.max_current_a,
        phases=evse.phases,
        poll_interval_s=evse.board.poll_interval_s or 1.0,
        allow_protection_off=frozenset(evse.board.allow_protection_off),
        stored_current_a=evse.board.stored_current_a or None,
    )
    return SequencedBoard(_beside(evse, openevse_board(port, settings), card), SequenceValues(phases=_phases(evse)))


def _beside(evse: EvseConfig, board: PilotController, card: "ModbusIo | None") -> PilotController:
    """Put the card, if there is one, beside the board."""
    if card is None or evse.io is None:
        return board
    return BoardWithCard(
        evse.id,
        board,
        card,
        has_lock=evse.io.lock_coil is not None,
        ventilator=card if evse.io.fan_coil is not None else None,
        shunt_trip=card if evse.io.shunt_trip_coil is not None else None,
    )


def _grid_contact(config: AgentConfig, cards: Cards, open_line: OpenLine) -> Contact | None:
    if config.limits.grid_operator is None:
        return None
    contact = config.limits.grid_operator.contact
    line = _card_line(contact)
    return cards.contact(line, contact.unit, contact.input, lambda: open_line(line))


def _card_line(card: IoConfig | GridContactConfig) -> SerialLine | TcpLine:
    if card.port is None:
        return TcpLine(card.host or "", card.tcp_port)
    return SerialLine(card.port, card.baudrate, card.parity, card.stopbits)


def _card(io: IoConfig, cards: Cards, open_line: OpenLine) -> "ModbusIo":
    line = _card_line(io)
    settings = card_settings(
        unit=io.unit,
        emergency_stop_normally_closed=io.emergency_stop_normally_closed,
        shunt_trip_s=io.shunt_trip_s,
        **io.coils,
        **io.inputs,
    )
    return cards.share(line, settings, lambda: open_line(line), io.poll_interval_s)


def _board_port(board: BoardConfig, open_line: OpenLine) -> Port:
    return open_line(SerialLine(board.port or Path(), board.line_baudrate))


def _safety_board(evse: EvseConfig, open_line: OpenLine) -> BoardDevices:
    board, settings = evse.board, _safety_settings(evse)
    if board.can_interface is not None:
        return can_safety_board(CanSettings(board.can_interface, board.can_channel or "", board.can_bitrate), settings)
    return safety_board(_board_port(board, open_line), settings)


def _controller(evse: EvseConfig, buses: MeterBuses, open_line: OpenLine) -> PilotController:
    board = evse.board
    line = controller_line(
        board.profile or "",
        port=board.port,
        host=board.host,
        tcp_port=board.tcp_port,
        baudrate=board.baudrate,
        parity=board.parity,
    )
    settings = ControllerBoardSettings(
        profile=board.profile or "",
        unit=board.unit,
        charging_point=board.charging_point,
        max_current_a=evse.max_current_a,
        phases=evse.phases,
        poll_interval_s=board.poll_interval_s or 0.25,
    )
    return buses.controller(line, settings, open_port=lambda: open_line(line))


def _phases(evse: EvseConfig) -> Phases:
    return 1 if evse.phases == 1 else 3


def _safety_settings(evse: EvseConfig) -> SafetyBoardSettings:
    return SafetyBoardSettings(
        max_current_a=evse.max_current_a,
        phases=_phases(evse),
        silence_limit_s=evse.board.silence_limit_s,
        firmware_min=evse.board.firmware_version_min,
        firmware_max=evse.board.firmware_version_max,
        has_ventilation=evse.io is not None and evse.io.fan_coil is not None,
    )


def _sequence_values(board: BoardConfig, phases: Phases) -> SequenceValues:
    return SequenceValues(
        wakes_up=board.wakes_up,
        wake_up_after_s=board.wake_up_after_s,
        wake_up_f_s=board.wake_up_f_s,
        wake_up_x1_s=board.wake_up_x1_s,
        phases=phases,
    )


def _indicator(evse: EvseConfig, open_line: OpenLine) -> Indicator | None:
    if evse.indicator is None or evse.indicator.port is None:
        return None
    return line_indicator(open_line(SerialLine(evse.indicator.port, evse.indicator.baudrate)))


def _meter_line(meter: MeterConfig) -> SerialLine | TcpLine:
    if meter.port is not None:
        return SerialLine(meter.port, meter.baudrate, meter.parity, meter.stopbits)
    return TcpLine(meter.host or "", meter.tcp_port)


def _signed_meter(meter: MeterConfig, buses: MeterBuses, open_line: OpenLine) -> SignedMeter:
    line = _meter_line(meter)
    return buses.signed_meter(line, meter.unit, meter.map, open_port=lambda: open_line(line))


def _meter(meter: MeterConfig, buses: MeterBuses, open_line: OpenLine) -> EnergyMeter:
    line = _meter_line(meter)
    return buses.meter(
        line,
        meter.unit,
        meter.map,
        allow_coarse_register=meter.allow_coarse_register,
        open_port=lambda: open_line(line),
    )


def _reader(reader: ReaderConfig, all_ids: tuple[int, ...], open_line: OpenLine) -> ReaderHardware:
    settings = UidSettings(
        lower_case=reader.uid_case == "lower",
        reversed_bytes=reader.byte_order == "lsb",
        uid_lengths=reader.uid_lengths,
        token_type=reader.token_type,
    )
    port = open_line(SerialLine(reader.port, reader.line_baudrate))
    if reader.driver == "pn532":
        return ReaderHardware(pn532_reader(port, settings, reader.poll_interval_s), reader.evses or all_ids)
    return ReaderHardware(line_reader(port, settings), reader.evses or all_ids)

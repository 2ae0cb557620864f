"""From the configuration to the devices of the station; the one place of the agent that knows `hal.board`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from agent.config import AgentConfig, EvseConfig, MeterConfig, ReaderConfig
from hal.api import EnergyMeter, HardwareFault, HostLossAction, PilotController
from hal.board import (
    MeterBuses,
    OpenEvseSettings,
    SerialLine,
    TcpLine,
    UidSettings,
    line_indicator,
    line_reader,
    openevse_board,
)
from hal.panel import Indicator, RfidReader
from hal.transports.port import Port

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


def build_hardware(
    config: AgentConfig, utc: Callable[[], datetime], open_line: OpenLine = lambda line: line.port()
) -> Hardware:
    """Build every device; nothing is opened yet. Raises: HardwareFault, ValueError for what cannot be used."""
    buses = MeterBuses(utc)
    evses = {evse.id: _evse(evse, buses, open_line) for evse in config.evse}
    all_ids = tuple(evses)
    readers = tuple(_reader(reader, all_ids, open_line) for reader in config.reader)
    return Hardware(evses, readers, buses.buses)


def _evse(evse: EvseConfig, buses: MeterBuses, open_line: OpenLine) -> EvseHardware:
    board = openevse_board(
        open_line(SerialLine(evse.board.port, evse.board.baudrate)),
        OpenEvseSettings(
            max_current_a=evse.max_current_a,
            phases=evse.phases,
            poll_interval_s=evse.board.poll_interval_s,
            allow_protection_off=frozenset(evse.board.allow_protection_off),
            stored_current_a=evse.board.stored_current_a or None,
        ),
    )
    if board.capabilities.host_loss_action is HostLossAction.NONE and not evse.board.accept_host_loss:
        raise HardwareFault(
            f"EVSE {evse.id}: this board does nothing when Linux falls silent; accept_host_loss = true takes it anyway"
        )
    indicator = None
    if evse.indicator is not None and evse.indicator.port is not None:
        indicator = line_indicator(open_line(SerialLine(evse.indicator.port, evse.indicator.baudrate)))
    return EvseHardware(board, _meter(evse.meter, buses, open_line), indicator)


def _meter(meter: MeterConfig, buses: MeterBuses, open_line: OpenLine) -> EnergyMeter:
    line: SerialLine | TcpLine
    if meter.port is not None:
        line = SerialLine(meter.port, meter.baudrate, meter.parity, meter.stopbits)
    else:
        line = TcpLine(meter.host or "", meter.tcp_port)
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
    port = open_line(SerialLine(reader.port, reader.baudrate))
    return ReaderHardware(line_reader(port, settings), reader.evses or all_ids)

"""The driver over real lines: a PTY pair, one line shared by two controllers and a meter, and a TCP connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hal.api import BoardConnected, BoardEvent, PilotChanged, PilotController, PilotState, PowerOff, PowerOn
from hal.board import ControllerBoardSettings, MeterBuses, controller_line
from hil.device_line import DeviceLine
from hil.devices.modbus_controller import ModbusController
from hil.devices.modbus_controller_values import Kind, ModbusControllerModel
from hil.devices.modbus_meter import SimulatedMeter
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.lines.pty_line import PtyLine
from hil.lines.tcp_line import TcpLine
from hil.world import EvseWorld

PATIENCE_S = 30.0
BRISK = VehicleModel(reaction_s=0.05, stop_s=0.05)


def utc() -> datetime:
    return datetime.now(UTC)


class Heard:
    """What a driver told, to be waited for."""

    def __init__(self) -> None:
        self.events: list[BoardEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: BoardEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def expect(self, match: Callable[[BoardEvent], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not any(match(event) for event in self.events):
                self._changed.clear()
                await self._changed.wait()

    async def kind(self, kind: type[BoardEvent]) -> None:
        await self.expect(lambda event: isinstance(event, kind))


def settings(kind: Kind, unit: int = 1) -> ControllerBoardSettings:
    return ControllerBoardSettings(kind, unit, 1, 16.0, 3, 0.25)


def simulated(kind: Kind, unit: int = 1) -> tuple[ModbusController, Vehicle]:
    world = EvseWorld(asyncio.get_running_loop())
    board = ModbusController(world, lambda _event, _fields: None, ModbusControllerModel(kind=kind, unit=unit))
    return board, Vehicle(world)


@asynccontextmanager
async def running(buses: MeterBuses, *drivers: PilotController) -> AsyncIterator[tuple[Heard, ...]]:
    heard = tuple(Heard() for _ in drivers)
    tasks = [asyncio.create_task(bus.run()) for bus in buses.buses]
    tasks += [asyncio.create_task(driver.run(told)) for driver, told in zip(drivers, heard, strict=True)]
    try:
        yield heard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def charge_and_stop(driver: PilotController, heard: Heard, car: Vehicle) -> None:
    await heard.kind(BoardConnected)
    driver.offer_current(16)
    driver.permit_power(asyncio.get_running_loop().time() + 60)
    car.plug_in(BRISK)
    await heard.kind(PowerOn)
    driver.offer_current(0)
    await heard.kind(PowerOff)
    car.plug_out()
    await heard.expect(lambda event: isinstance(event, PilotChanged) and event.state is PilotState.A)


@pytest.mark.parametrize("kind", ["evse_wb", "phoenix_ev_cc", "heidelberg"])
async def test_a_controller_on_a_real_serial_line_charges_and_stops(kind: Kind, tmp_path: Path) -> None:
    board, car = simulated(kind)
    pty = PtyLine(tmp_path / "board", board.receive)
    pty.open()
    board.output = pty.write
    board.power_on()
    buses = MeterBuses(utc)
    line = controller_line(kind, port=tmp_path / "board", host=None, tcp_port=None, baudrate=None, parity="N")
    driver = buses.controller(line, settings(kind))
    async with running(buses, driver) as (heard,):
        await charge_and_stop(driver, heard, car)
    board.power_off()
    pty.close()


async def test_two_controllers_and_a_meter_share_one_line(tmp_path: Path) -> None:
    (first, first_car), (second, second_car) = simulated("heidelberg", 1), simulated("evse_wb", 2)
    meter = SimulatedMeter("eastron_sdm630", 3)
    devices = (first, second, meter)

    def receive(data: bytes) -> None:
        for device in devices:
            device.receive(data)

    pty = PtyLine(tmp_path / "rs485", receive)
    pty.open()
    for device in devices:
        device.output = pty.write
    first.power_on()
    second.power_on()
    buses = MeterBuses(utc)
    line = controller_line("evse_wb", port=tmp_path / "rs485", host=None, tcp_port=None, baudrate=None, parity=None)
    drivers = buses.controller(line, settings("heidelberg", 1)), buses.controller(line, settings("evse_wb", 2))
    energy_meter = buses.meter(line, 3, "eastron_sdm630")
    assert len(buses.buses) == 1
    async with running(buses, *drivers) as heard, asyncio.TaskGroup() as group:
        group.create_task(charge_and_stop(drivers[0], heard[0], first_car))
        group.create_task(charge_and_stop(drivers[1], heard[1], second_car))
        for _ in range(5):
            assert (await energy_meter.read()).energy_import_wh == 0
    first.power_off()
    second.power_off()
    pty.close()


async def test_a_controller_on_tcp_charges_stops_and_is_found_again_behind_a_new_connection() -> None:
    board, car = simulated("phoenix_charx")
    server = TcpLine(DeviceLine(board))
    await server.open()
    board.power_on()
    buses = MeterBuses(utc)
    line = controller_line(
        "phoenix_charx", port=None, host="127.0.0.1", tcp_port=server.port, baudrate=None, parity=None
    )
    driver = buses.controller(line, settings("phoenix_charx"))
    async with running(buses, driver) as (heard,):
        await charge_and_stop(driver, heard, car)
        port = server.port
        await server.close()
        heard.events.clear()
        await server.open(port)
        car.plug_in(BRISK)
        await heard.expect(lambda event: isinstance(event, PilotChanged) and event.state is PilotState.B)
    board.power_off()
    await server.close()


def test_settings_that_a_controller_cannot_have_are_refused_by_name() -> None:
    line = controller_line("evse_wb", port=Path("/dev/none"), host=None, tcp_port=None, baudrate=None, parity=None)
    too_small = ControllerBoardSettings("evse_wb", None, 1, 5.0, 3, 0.25)
    with pytest.raises(ValueError, match="needs at least 6 A"):
        MeterBuses(utc).controller(line, too_small)
    second_point = ControllerBoardSettings("evse_wb", None, 2, 16.0, 3, 0.25)
    with pytest.raises(ValueError, match="charging_point is 2"):
        MeterBuses(utc).controller(line, second_point)

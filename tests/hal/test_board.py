"""What building a station's devices imports, opens and shares."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hal.api import HardwareFault
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
from hal.drivers.modbus_meter import ModbusMeter
from hal.panel import Buzzer, CardPresented, Indication, Light
from hal.transports.memory_port import memory_pipe
from tests.agent.installed import TEXT, write
from tests.hal.drivers.openevse_bench import virtual

ROOT = Path(__file__).parents[2]
DRIVERS = {"openevse", "modbus_meter", "modbus_bus", "rfid_line", "indicator_line"}
HEAVY = {
    "pymodbus",
    "ocpp",
    "websockets",
    "hal.transports.tcp_port",
    "agent.csms.v16.adapter",
    "agent.csms.v201.adapter",
}

BUILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from agent.config import load_config
from agent.hardware import build_hardware
build_hardware(load_config(Path(sys.argv[1]), bench=True), lambda: datetime.now(UTC))
print(*sys.modules)
"""
OPEN = """
import asyncio, sys
from pathlib import Path
from agent.assembly import Agent, Surfaces
from agent.station.station_clock import StationClock
from agent.config import load_config
from agent.hardware import build_hardware
from agent.store.database import Database

async def main() -> None:
    config = load_config(Path(sys.argv[1]), bench=True)
    clock = StationClock()
    hardware = build_hardware(config, lambda: clock.now().utc)
    agent = Agent(config, hardware, clock, Surfaces(Database(Path(sys.argv[1] + ".sqlite"))), lambda: None)
    await agent.open()
    agent._adapter(sys.argv[2])
    await agent.close()

asyncio.run(main())
print(*sys.modules)
"""


def utc() -> datetime:
    return datetime.now(UTC)


def imported(code: str, *arguments: str | Path) -> set[str]:
    """Names of all modules that are loaded after this code has run in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def drivers(modules: set[str]) -> set[str]:
    return DRIVERS & {name.removeprefix("hal.drivers.") for name in modules if name.startswith("hal.drivers.")}


# ---------------------------------------------------------------------- imports


def test_hal_board_itself_imports_no_driver() -> None:
    modules = imported("import sys, hal.board; print(*sys.modules)")
    assert not drivers(modules)
    assert not HEAVY & modules


def test_every_driver_that_is_configured_is_imported_and_none_of_tcp(tmp_path: Path) -> None:
    modules = imported(BUILD, write(tmp_path))
    assert drivers(modules) == DRIVERS
    assert "hal.transports.tcp_port" not in modules


def test_no_driver_that_is_not_configured_is_imported(tmp_path: Path) -> None:
    lines = [line for line in TEXT.splitlines() if "indicator" not in line]
    text = "\n".join(lines[: lines.index("[[reader]]")]).replace('driver = "line"', "")
    modules = imported(BUILD, write(tmp_path, text=text))
    assert drivers(modules) == {"openevse", "modbus_meter", "modbus_bus"}


def test_tcp_is_imported_where_a_meter_is_behind_it(tmp_path: Path) -> None:
    lines = [line for line in TEXT.splitlines() if not line.startswith('port = "lines/evse1/meter"')]
    text = "\n".join(lines).replace('map = "eastron_sdm630"', 'map = "eastron_sdm630"\nhost = "127.0.0.1"', 1)
    assert "hal.transports.tcp_port" in imported(BUILD, write(tmp_path, text=text))


@pytest.mark.parametrize(("version", "package", "other"), [("1.6", "v16", "v201"), ("2.0.1", "v201", "v16")])
def test_an_ocpp_version_that_is_not_in_use_is_not_imported(
    tmp_path: Path, version: str, package: str, other: str
) -> None:
    modules = imported(OPEN, write(tmp_path), version)
    assert f"agent.csms.{package}.adapter" in modules
    assert {name for name in modules if name.startswith((f"agent.csms.{other}", f"ocpp.{other}"))} <= {
        f"agent.csms.{other}"
    }


# ---------------------------------------------------------------------- meters and their buses


def test_two_meters_on_one_line_share_one_bus() -> None:
    buses = MeterBuses(utc)
    line = SerialLine(Path("/dev/meters"), 9600)
    first = buses.meter(line, 1, "eastron_sdm630")
    second = buses.meter(line, 2, "eastron_sdm120")
    assert isinstance(first, ModbusMeter)
    assert isinstance(second, ModbusMeter)
    assert first._bus is second._bus is buses.buses[0]
    assert len(buses.buses) == 1


def test_meters_on_other_lines_have_buses_of_their_own() -> None:
    buses = MeterBuses(utc)
    lines = (
        SerialLine(Path("/dev/meters1"), 9600),
        SerialLine(Path("/dev/meters2"), 9600),
        TcpLine("meters", 502),
        TcpLine("meters", 503),
    )
    for line in (*lines, *lines):
        buses.meter(line, 1, "eastron_sdm630")
    assert len(buses.buses) == len(lines)


def test_a_shared_line_is_opened_as_its_first_meter_says() -> None:
    buses = MeterBuses(utc)
    opened = [memory_pipe()[0], memory_pipe()[0]]
    ports = iter(opened)
    for unit in (1, 2):
        buses.meter(SerialLine(Path("/dev/meters"), 9600), unit, "eastron_sdm630", open_port=lambda: next(ports))
    assert list(ports) == opened[1:]


def test_a_meter_that_cannot_bill_or_is_unknown_is_refused_by_name_and_leaves_no_bus() -> None:
    buses = MeterBuses(utc)
    line = SerialLine(Path("/dev/meters"), 9600)
    with pytest.raises(HardwareFault, match="Carlo Gavazzi EM580"):
        buses.meter(line, 1, "carlo_gavazzi_em580", allow_coarse_register=True)
    with pytest.raises(HardwareFault, match="allow_coarse_register permits it"):
        buses.meter(line, 1, "janitza_umg")
    with pytest.raises(ValueError, match="did you mean 'eastron_sdm630'"):
        buses.meter(line, 1, "eastron_sdm631")
    assert not buses.buses
    assert buses.meter(line, 1, "janitza_umg", allow_coarse_register=True).bills


# ---------------------------------------------------------------------- boards, readers, indicators


def test_a_board_declares_what_was_configured() -> None:
    settings = OpenEvseSettings(
        max_current_a=24.9, phases=1, poll_interval_s=1.0, allow_protection_off=frozenset({"diode"})
    )
    capabilities = openevse_board(memory_pipe()[0], settings).capabilities
    assert (capabilities.max_current_a, capabilities.phases) == (24, 1)
    assert "diode" not in capabilities.enforces
    unknown = OpenEvseSettings(16, 1, 1.0, frozenset({"fuse"}))
    with pytest.raises(ValueError, match="fuse"):
        openevse_board(memory_pipe()[0], unknown)


@virtual
async def test_a_reader_reads_as_it_is_configured() -> None:
    near, far = memory_pipe()
    await far.open()
    cards: list[CardPresented] = []
    settings = UidSettings(lower_case=True, reversed_bytes=True, uid_lengths=(4,), token_type="ISO15693")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(line_reader(near, settings).run(cards.append))
        await asyncio.sleep(0.1)
        far.write(b"04AABBCC112233\r\n04AABBCC\r\n")
        await asyncio.sleep(0.1)
        task.cancel()
    assert [(card.uid, card.token_type) for card in cards] == [("ccbbaa04", "ISO15693")]


@virtual
async def test_an_indicator_writes_to_the_port_that_it_is_given() -> None:
    near, far = memory_pipe()
    await far.open()
    indicator = line_indicator(near)
    indicator.show(Indication(Light.GREEN, blinking=False, buzzer=Buzzer.NONE, text="Ready"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(indicator.run())
        assert b"Ready" in await far.read()
        task.cancel()

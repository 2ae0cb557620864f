"""Power modules of a real `pilotline-bench` process, driven over slcan."""

import asyncio
from pathlib import Path

import pytest

from hal.drivers.infypower import InfypowerModules, InfypowerSettings
from hal.power_module import PowerModuleConnected, PowerModuleEvent, VoltageCurrentMeasured
from hal.transports.can_line import CanSettings
from hal.transports.can_port import CanPort
from hil.cli import main
from hil.power_modules import PowerModules
from tests.hil.test_serve import ServedBench

PATIENCE_S = 30.0


async def test_served_power_modules_deliver_to_a_driver_on_slcan(tmp_path: Path) -> None:
    with ServedBench(tmp_path, "--power-modules", "2") as served:
        assert served.ready["can1"] == str(tmp_path / "can1")
        settings = InfypowerSettings((0, 1), group=1)
        line = CanPort(CanSettings("slcan", served.ready["can1"], 125_000)).line(settings.filter)
        driver = InfypowerModules(line, settings)
        events: asyncio.Queue[PowerModuleEvent] = asyncio.Queue()
        running = asyncio.create_task(driver.run(events.put_nowait))
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(event := await events.get(), PowerModuleConnected):
                pass
            assert event.capabilities.max_current_a == 200.0
            driver.permit_output(asyncio.get_running_loop().time() + PATIENCE_S)
            driver.set_output(400.0, 60.0)
            while not (isinstance(told := await events.get(), VoltageCurrentMeasured) and told.current_a > 59.9):
                pass
            assert await driver.switch_off()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_a_bench_without_power_modules_has_no_can_adapter(tmp_path: Path) -> None:
    with ServedBench(tmp_path) as served:
        assert "can1" not in served.ready
        assert not (tmp_path / "can1").exists()


@pytest.mark.parametrize("modules", [-1, 61])
def test_more_modules_than_a_bus_holds_are_refused(tmp_path: Path, modules: int) -> None:
    with pytest.raises(ValueError, match=f"power modules: 0 to 60, not {modules}"):
        PowerModules(tmp_path / "can1", modules)


def test_the_command_line_refuses_more_modules_than_a_bus_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--dir", str(tmp_path), "--power-modules", "61"]) == 2
    assert "power modules: 0 to 60, not 61" in capsys.readouterr().err

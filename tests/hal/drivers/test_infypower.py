"""The driver of Infypower modules: delivery, leases, silences, faults. Facts: boards_protocols, CAN, Infypower."""

import asyncio
from itertools import pairwise

import pytest

from hal.api import Fault
from hal.codecs.infypower import Address, Command, ModuleState, switches_on
from hal.drivers.infypower import InfypowerSettings
from hal.power_module import (
    SAFE_CURRENT_A,
    OutputRefused,
    PowerMode,
    PowerModeChanged,
    PowerModuleConnected,
    PowerModuleLost,
    VoltageCurrentMeasured,
)
from hil.devices.infypower import ModuleModel
from tests.hal.drivers.infypower_bench import bench, now
from tests.hal.drivers.openevse_bench import virtual


@virtual
async def test_it_connects_with_the_capabilities_of_all_modules_together() -> None:
    async with bench((0, 1, 4)) as made:
        capabilities = (await made.expect(PowerModuleConnected)).capabilities
        assert capabilities.max_current_a == 300.0
        assert capabilities.max_power_w == 90_000.0
        assert (capabilities.min_voltage_v, capabilities.max_voltage_v) == (50.0, 1000.0)
        assert capabilities.host_loss_off_s == 10.0


@virtual
async def test_it_delivers_with_setpoint_and_permission() -> None:
    async with bench() as made:
        await made.delivering(400.0, 50.0)
        assert (await made.expect(PowerModeChanged, lambda e: e.mode is PowerMode.EXPORT)).at_s > 0
        assert made.modules[0].voltage_v == pytest.approx(385.0, abs=0.5)


@virtual
async def test_without_permission_nothing_is_switched_on() -> None:
    async with bench() as made:
        await made.expect(PowerModuleConnected)
        made.driver.set_output(400.0, 50.0)
        await asyncio.sleep(5.0)
        assert made.switched("module_on") == []


@virtual
async def test_without_setpoint_nothing_is_switched_on() -> None:
    async with bench() as made:
        await made.expect(PowerModuleConnected)
        made.renew()
        await asyncio.sleep(5.0)
        assert made.switched("module_on") == []


@virtual
async def test_the_current_is_shared_among_the_modules() -> None:
    async with bench((0, 1)) as made:
        await made.delivering(400.0, 80.0)
        assert [module.setpoint.current_a for module in made.modules] == [40.0, 40.0]


@virtual
async def test_a_group_is_commanded_by_one_frame() -> None:
    settings = InfypowerSettings((0, 1), group=7)
    async with bench((0, 1), settings, ModuleModel(group=7)) as made:
        await made.delivering(400.0, 80.0)
        assert [module.setpoint.current_a for module in made.modules] == [40.0, 40.0]
        sent = [Address.from_id(frame.arbitration_id) for _, frame in made.line.sent]
        ordered = [address for address in sent if address is not None and address.command is Command.SET_OUTPUT]
        assert {(address.destination, address.device) for address in ordered} == {(7, 0x0B)}


@virtual
async def test_voltage_and_current_are_told_at_least_once_a_second() -> None:
    async with bench((0, 1)) as made:
        since = await made.delivering()
        await asyncio.sleep(20.0)
        told = [event.at_s for event in made.events[since:] if isinstance(event, VoltageCurrentMeasured)]
        assert max(later - earlier for earlier, later in pairwise(told)) <= 1.0


@virtual
async def test_switching_off_returns_only_below_the_safe_current() -> None:
    async with bench(model=ModuleModel(current_ramp_a_per_s=50.0)) as made:
        await made.delivering(400.0, 50.0)
        began_s = now()
        assert await made.driver.switch_off()
        assert made.modules[0].current_a < SAFE_CURRENT_A
        assert 0.9 <= now() - began_s <= 1.5


@virtual
async def test_switching_off_tells_when_the_current_did_not_go_in_time() -> None:
    async with bench(model=ModuleModel(current_ramp_a_per_s=10.0)) as made:
        await made.delivering(400.0, 50.0)
        began_s = now()
        assert not await made.driver.switch_off(timeout_s=2.0)
        assert now() - began_s == pytest.approx(2.0)
        assert made.switched("module_off")[-1][0] == pytest.approx(began_s)


@virtual
async def test_off_is_not_believed_while_nothing_is_heard() -> None:
    async with bench() as made:
        await made.delivering()
        made.line.pull()
        assert not await made.driver.switch_off()


@virtual
async def test_switching_off_right_after_on_is_ordered_at_once_and_measured_anew() -> None:
    async with bench() as made:
        await made.expect(VoltageCurrentMeasured)
        made.driver.permit_output(now() + 3.0)
        made.driver.set_output(400.0, 50.0)
        began_s = now()
        assert await made.driver.switch_off()
        assert now() > began_s
        assert made.switched("module_off")[0][0] == pytest.approx(began_s)
        await asyncio.sleep(2.0)
        assert not made.modules[0].on
        assert made.modules[0].current_a == 0.0


@virtual
async def test_an_expired_permission_switches_off_in_that_moment() -> None:
    async with bench() as made:
        await made.expect(PowerModuleConnected)
        until_s = now() + 3.0
        made.driver.permit_output(until_s)
        made.driver.set_output(400.0, 50.0)
        await made.expect(PowerModeChanged, lambda e: e.mode is PowerMode.EXPORT)
        await made.expect(PowerModeChanged, lambda e: e.mode is PowerMode.OFF, len(made.events))
        [(at_s, why)] = made.switched("module_off")
        assert at_s == pytest.approx(until_s)
        assert why == "command"


@virtual
async def test_a_permission_renewed_after_its_end_delivers_nothing_by_itself() -> None:
    async with bench() as made:
        await made.delivering()
        made.hang()
        await asyncio.sleep(4.0)
        made.renew()
        await asyncio.sleep(5.0)
        assert not made.modules[0].on


@virtual
async def test_a_dead_host_leaves_the_module_off_ten_seconds_later() -> None:
    async with bench() as made:
        await made.delivering()
        made.line.pull()
        last_s = made.line.sent[-1][0]
        await asyncio.sleep(30.0)
        [(at_s, why)] = made.switched("module_off")
        assert at_s == pytest.approx(last_s + 10.0)
        assert why == "host_silent"


@virtual
async def test_an_adapter_away_for_three_seconds_interrupts_nothing() -> None:
    async with bench() as made:
        since = await made.delivering()
        made.line.pull()
        await asyncio.sleep(3.0)
        made.line.cut = False
        await asyncio.sleep(5.0)
        assert made.switched("module_off") == []
        assert not [event for event in made.events[since:] if isinstance(event, PowerModuleLost | PowerModeChanged)]


@virtual
async def test_an_adapter_away_for_thirty_seconds_is_a_loss_after_the_module_is_off() -> None:
    async with bench() as made:
        since = await made.delivering()
        made.line.pull()
        lost = await made.expect(PowerModuleLost, since=since)
        assert lost.at_s > made.switched("module_off")[0][0]
        await asyncio.sleep(30.0 - 15.0)
        made.line.cut = False
        await made.expect(PowerModuleConnected, since=since)
        await asyncio.sleep(5.0)
        assert not made.modules[0].on
        assert len([event for event in made.events[since:] if isinstance(event, PowerModuleLost)]) == 1


@virtual
async def test_modules_that_only_hear_are_not_kept_on_by_polling() -> None:
    async with bench() as made:
        since = await made.delivering()
        made.modules[0].answers = False
        quiet_s = now()
        lost = await made.expect(PowerModuleLost, since=since)
        at_s, why = made.switched("module_off")[0]
        assert at_s == pytest.approx(quiet_s + 4.0, abs=0.5)
        assert why == "command"
        assert lost.at_s - quiet_s > 10.0


@virtual
async def test_one_silent_module_takes_the_whole_set_down() -> None:
    async with bench((0, 1)) as made:
        since = await made.delivering(400.0, 80.0)
        made.modules[1].muted = True
        await made.expect(PowerModuleLost, since=since)
        assert not made.modules[0].on
        assert made.modules[1].on is False


@virtual
async def test_nobody_on_the_bus_is_told_once() -> None:
    async with bench() as made:
        made.modules[0].muted = True
        began_s = now()
        assert (await made.expect(PowerModuleLost)).at_s - began_s > 10.0
        await asyncio.sleep(40.0)
        assert len(made.events) == 1


@virtual
async def test_a_module_that_appears_late_is_found() -> None:
    async with bench() as made:
        made.modules[0].muted = True
        await made.expect(PowerModuleLost)
        await asyncio.sleep(40.0)
        made.modules[0].muted = False
        appeared_s = now()
        assert (await made.expect(PowerModuleConnected)).at_s - appeared_s <= 0.5


@virtual
async def test_a_module_left_on_that_only_hears_is_off_before_it_counts_as_lost() -> None:
    async with bench() as made:
        made.modules[0].on = True
        made.modules[0].answers = False
        await made.expect(PowerModuleLost)
        assert not made.modules[0].on


@virtual
async def test_a_fault_of_a_module_stops_the_set_and_is_told_by_name() -> None:
    async with bench((0, 1)) as made:
        await made.delivering(400.0, 80.0)
        made.modules[1].set_fault(ModuleState.OVER_TEMPERATURE)
        await asyncio.sleep(1.0)
        assert made.raised() == [Fault.POWER_MODULE]
        assert [module.on for module in made.modules] == [False, False]
        made.modules[1].set_fault(ModuleState.OVER_TEMPERATURE, present=False)
        await asyncio.sleep(3.0)
        assert made.cleared() == [Fault.POWER_MODULE]
        assert [module.on for module in made.modules] == [False, False]


@virtual
async def test_a_module_left_on_by_an_earlier_process_is_switched_off() -> None:
    async with bench() as made:
        made.modules[0].on = True
        await made.expect(PowerModuleConnected)
        await asyncio.sleep(1.0)
        assert not made.modules[0].on


@pytest.mark.parametrize(
    ("voltage_v", "current_a", "named"),
    [(1001.0, 10.0, "1001 V"), (49.0, 10.0, "49 V"), (400.0, 100.5, "100.5 A"), (400.0, -1.0, "-1 A")],
)
@virtual
async def test_what_cannot_be_had_is_refused_and_changes_nothing(
    voltage_v: float, current_a: float, named: str
) -> None:
    async with bench() as made:
        await made.delivering(400.0, 50.0)
        made.driver.set_output(voltage_v, current_a)
        assert named in (await made.expect(OutputRefused)).reason
        await asyncio.sleep(3.0)
        assert made.modules[0].setpoint.current_a == 50.0


@virtual
async def test_a_setpoint_before_the_connection_is_refused() -> None:
    async with bench() as made:
        made.driver.set_output(400.0, 50.0)
        await made.expect(PowerModuleConnected)
        made.renew()
        await asyncio.sleep(2.0)
        assert not made.modules[0].on


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"addresses": ()}, "addresses"),
        ({"addresses": (1, 1)}, "addresses"),
        ({"addresses": (0x3F,)}, "addresses"),
        ({"mute_s": 10.0}, "mute_s"),
        ({"quiet_after_s": 0.3}, "quiet_after_s"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        InfypowerSettings(**settings)  # type: ignore[arg-type]  # wrong on purpose


@virtual
async def test_orders_on_the_wire_are_few() -> None:
    async with bench() as made:
        await made.delivering()
        since_s = now()
        await asyncio.sleep(10.0)
        frames = [frame for at_s, frame in made.line.sent if at_s > since_s]
        assert len(frames) <= 10 * (2 * 4 + 2) + 4
        off = [f for f in frames if f.arbitration_id >> 16 & 0x3F == 0x1A and not switches_on(f.data)]
        assert off == []

"""The driver of Modbus charge controllers against each simulated one, in virtual time."""

import asyncio
from contextlib import suppress

import pytest

from hal.api import (
    BoardConnected,
    BoardLost,
    BoardReset,
    DeviceRefusedError,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    OfferConfirmed,
    PilotChanged,
    PilotState,
    PowerOff,
    PowerOn,
    TemperatureMeasured,
)
from hal.codecs.modbus_frame import ReadRequest
from hal.drivers.modbus_bus import ModbusBus
from hil.devices.vehicle import VehicleModel
from hil.world import PilotKind, PilotLoad, Wiring
from tests.hal.drivers.controller_rig import KINDS, now, rig
from tests.hal.drivers.openevse_bench import virtual

every_kind = pytest.mark.parametrize("kind", KINDS)
without_watchdog = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "heidelberg"])


@every_kind
@virtual
async def test_a_controller_is_found_open_and_off(kind: str) -> None:
    async with rig(kind) as made:
        status = (await made.connected()).status
        assert (status.pilot, status.contactor_closed, status.plug_in) == (PilotState.A, False, None)
        await made.until(lambda: made.board.control.offer_a == 0)


@every_kind
@virtual
async def test_a_car_charges_with_what_is_offered_and_its_states_are_told_in_order(kind: str) -> None:
    async with rig(kind) as made:
        await made.charge(13.0)
        states = [event.state for event in made.events if isinstance(event, PilotChanged)]
        assert states == [PilotState.B, PilotState.C]
        assert made.world.output.duty_percent == pytest.approx(13 / 0.6)


@every_kind
@virtual
async def test_nothing_is_offered_without_permission(kind: str) -> None:
    async with rig(kind) as made:
        await made.connected()
        made.driver.offer_current(16)
        made.car.plug_in(VehicleModel())
        await made.expect(PilotChanged, lambda event: event.state is PilotState.B)
        await asyncio.sleep(10)
        assert made.world.output.kind is PilotKind.STEADY
        assert not any(isinstance(event, PowerOn) for event in made.events)


@every_kind
@virtual
async def test_a_new_offer_reaches_the_pilot_within_a_second(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.driver.offer_current(8.9)
        took_s = await made.until(lambda: made.world.output.duty_percent < 16 / 0.6 - 1)
        told = await made.expect(OfferConfirmed, since=since)
        assert took_s < 1
        assert 8 <= told.offered_current_a <= 8.9
        assert made.world.output.duty_percent <= 8.9 / 0.6 + 0.001


@every_kind
@virtual
async def test_a_withdrawn_offer_ends_the_pwm_and_the_opening_is_told_when_it_is_seen(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.driver.offer_current(0)
        assert await made.until(lambda: made.world.output.kind is PilotKind.STEADY) < 0.5
        closed = [made.world.contactor_closed]
        off = await made.expect(PowerOff, since=since)
        assert [*closed, made.world.contactor_closed] == [True, False]
        assert any(isinstance(event, OfferConfirmed) and event.offered_current_a == 0 for event in made.events[since:])
        assert off.at_s <= now()


@every_kind
@virtual
async def test_forbidding_withdraws_the_write_that_waits_and_nothing_switches_on_behind_it(kind: str) -> None:
    async with rig(kind) as made:
        await made.charge(16.0)
        crowd = [made.group.create_task(_ask(made.bus)) for _ in range(50)]
        made.driver.offer_current(20)
        await asyncio.sleep(0.3)
        commands = len(made.commands())
        made.driver.forbid_power(ForbidReason.FAULT)
        await asyncio.gather(*crowd)
        await asyncio.sleep(10)
        assert [command.split()[-1] for command in made.commands()[commands:]][:1] == ["0"]
        assert {command.split()[-1] for command in made.commands()[commands:]} == {"0"}
        assert not made.world.contactor_closed


@every_kind
@virtual
async def test_a_permission_that_runs_out_switches_off_by_itself(kind: str) -> None:
    async with rig(kind) as made:
        await made.charge(16.0, until_s=10.0)
        end_s = made.driver._steering.permitted_until_s
        await made.until(lambda: made.board.control.offer_a == 0)
        assert 0 <= now() - end_s < 0.3


@every_kind
@virtual
async def test_a_permission_that_runs_out_on_a_busy_line_switches_off_before_what_waits(kind: str) -> None:
    async with rig(kind) as made:
        await made.charge(16.0, until_s=10.0)
        end_s = made.driver._steering.permitted_until_s
        await asyncio.sleep(end_s - now() - 0.4)
        crowd = [made.group.create_task(_ask(made.bus)) for _ in range(300)]
        await made.until(lambda: made.board.control.offer_a == 0)
        assert 0 <= now() - end_s < 0.1
        assert not all(task.done() for task in crowd)
        for task in crowd:
            task.cancel()


async def _ask(bus: ModbusBus) -> None:
    with suppress(DeviceRefusedError):
        await bus.submit(ReadRequest(1, 3, 1000, 1))


@every_kind
@virtual
async def test_a_car_that_pauses_keeps_its_offer_and_charges_again_when_permitted(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.car.demand(PilotLoad.B)
        await made.expect(PowerOff, since=since)
        made.driver.forbid_power(ForbidReason.EV_STOPPED)
        await asyncio.sleep(20)
        assert made.world.output.kind is PilotKind.PWM
        made.car.demand(PilotLoad.C)
        await made.expect(PilotChanged, lambda event: event.state is PilotState.C, since=since)
        made.driver.permit_power(now() + 60)
        await made.until(lambda: made.world.contactor_closed)
        await asyncio.sleep(5)
        assert made.world.contactor_closed


@every_kind
@virtual
async def test_a_car_that_comes_back_without_a_new_permission_is_switched_off(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.car.demand(PilotLoad.B)
        await made.expect(PowerOff, since=since)
        made.driver.forbid_power(ForbidReason.EV_STOPPED)
        await asyncio.sleep(5)
        made.car.demand(PilotLoad.C)
        assert await made.until(lambda: made.board.control.offer_a == 0) < 1.5


@every_kind
@virtual
async def test_unplugging_under_load_opens_in_the_board_and_is_told(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.car.plug_out()
        assert await made.until(lambda: not made.world.contactor_closed) < 0.1
        await made.expect(PilotChanged, lambda event: event.state is PilotState.A, since=since)
        await made.expect(PowerOff, since=since)


@every_kind
@pytest.mark.parametrize("wiring", [Wiring.DIODE_SHORTED, Wiring.RESIDUAL_CURRENT])
@virtual
async def test_a_fault_of_the_board_is_raised_switches_off_and_is_cleared(kind: str, wiring: Wiring) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.world.set_wiring(wiring, present=True)
        raised = await made.expect(FaultRaised, since=since)
        assert raised.fault is Fault.BOARD_INTERNAL
        await made.until(lambda: made.board.control.offer_a == 0)
        made.world.set_wiring(wiring, present=False)
        made.car.plug_out()
        assert (await made.expect(FaultCleared, since=since)).fault is Fault.BOARD_INTERNAL


@every_kind
@virtual
async def test_a_pilot_shorted_to_earth_is_told_as_a_fault_or_as_state_e(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        if kind == "evse_wb":
            assert (await made.expect(FaultRaised, since=since)).fault is Fault.BOARD_INTERNAL
        else:
            await made.expect(PilotChanged, lambda event: event.state is PilotState.E, since=since)
        await made.expect(PowerOff, since=since)


@every_kind
@virtual
async def test_state_d_is_refused_since_nothing_ventilates(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.car.demand(PilotLoad.D)
        if kind == "heidelberg":
            return  # its states know no D
        assert (await made.expect(FaultRaised, since=since)).fault is Fault.VENTILATION_REQUIRED
        await made.until(lambda: not made.world.contactor_closed)


@every_kind
@virtual
async def test_a_silent_controller_is_lost_once_and_found_again(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        start_s = now()
        made.board.muted = True
        lost = await made.expect(BoardLost, since=since)
        assert lost.at_s - start_s < 4.5
        assert (await made.expect(FaultRaised, since=since)).fault is Fault.BOARD_SILENT
        await asyncio.sleep(20)
        assert sum(isinstance(event, BoardLost) for event in made.events) == 1
        made.board.muted = False
        await made.expect(BoardConnected, since=since)
        assert (await made.expect(FaultCleared, since=since)).fault is Fault.BOARD_SILENT


@every_kind
@virtual
async def test_a_line_that_is_gone_for_two_seconds_leaves_the_car_charging(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.line.cut()
        await asyncio.sleep(1.5)
        made.line.mend()
        await asyncio.sleep(8)
        assert made.world.contactor_closed
        assert not any(isinstance(event, BoardLost | PowerOff) for event in made.events[since:])


@every_kind
@virtual
async def test_permission_that_ended_while_the_line_was_gone_switches_off_first_of_all(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.line.cut()
        await made.expect(BoardLost, since=since)
        made.driver.forbid_power(ForbidReason.FAULT)
        await asyncio.sleep(3)
        commands = len(made.commands())
        made.line.mend()
        await made.until(lambda: made.board.control.offer_a == 0, 40)
        if made.commands()[commands:]:
            assert made.commands()[commands].endswith("= 0")


@every_kind
@virtual
async def test_a_controller_that_restarts_is_told_as_reset_and_gives_no_power_until_permitted_anew(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.board.reset()
        await made.expect(BoardReset, since=since)
        connected = await made.expect(BoardConnected, since=since)
        assert connected.status.restarted
        await asyncio.sleep(10)
        assert not made.world.contactor_closed
        made.driver.offer_current(16)
        made.driver.permit_power(now() + 60)
        await made.until(lambda: made.world.contactor_closed)


@every_kind
@virtual
async def test_after_a_restart_of_the_agent_a_session_is_taken_over_without_moving_the_contactor(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.kill_driver()
        await asyncio.sleep(2)
        switched = sum(event == "contactor" for _, event, _ in made.seen)
        made.start_driver(made.new_driver())
        status = (await made.expect(BoardConnected, since=since)).status
        assert (status.plug_in, status.restarted, status.pilot) == (None, False, PilotState.C)
        assert status.enabled
        assert status.contactor_closed
        await asyncio.sleep(3)
        made.driver.offer_current(16)
        made.driver.permit_power(now() + 60)
        await asyncio.sleep(20)
        assert made.world.contactor_closed
        assert sum(event == "contactor" for _, event, _ in made.seen) == switched


@every_kind
@virtual
async def test_a_controller_found_switched_on_is_switched_off_when_nobody_decides_within_five_seconds(
    kind: str,
) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.kill_driver()
        await asyncio.sleep(1)
        made.start_driver(made.new_driver())
        connected = await made.expect(BoardConnected, since=since)
        await made.until(lambda: made.board.control.offer_a == 0)
        assert 4.5 < now() - connected.at_s < 5.5
        await made.expect(PowerOff, since=since)


@every_kind
@virtual
async def test_a_controller_found_switched_on_without_a_car_is_switched_off_first_of_all(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.kill_driver()
        made.car.plug_out()
        await asyncio.sleep(1)
        commands = len(made.commands())
        made.start_driver(made.new_driver())
        status = (await made.expect(BoardConnected, since=since)).status
        assert not status.enabled
        assert made.commands()[commands].endswith("= 0")


@virtual
async def test_a_controller_with_a_watchdog_opens_by_itself_without_its_host() -> None:
    async with rig("heidelberg") as made:
        await made.charge(16.0)
        assert made.driver.capabilities.host_loss_action is HostLossAction.OPEN
        made.kill_driver()
        took_s = await made.until(lambda: not made.world.contactor_closed)
        assert 2.5 <= took_s < 6


@virtual
async def test_a_fed_watchdog_never_bites_while_a_car_charges_for_an_hour() -> None:
    async with rig("heidelberg") as made:
        since = await made.charge(16.0, until_s=7200)
        await asyncio.sleep(3600)
        assert made.world.contactor_closed
        assert not any(isinstance(event, PowerOff | OfferConfirmed | FaultRaised) for event in made.events[since:])


@without_watchdog
@virtual
async def test_a_controller_without_a_watchdog_declares_that_it_goes_on_without_its_host(kind: str) -> None:
    async with rig(kind) as made:
        await made.charge(16.0)
        made.kill_driver()
        await asyncio.sleep(60)
        assert made.world.contactor_closed
        assert made.driver.capabilities.host_loss_action is HostLossAction.NONE
        assert made.driver.capabilities.unauthorised_after_host_loss


@virtual
async def test_a_watchdog_that_cannot_be_set_makes_the_controller_unsuitable() -> None:
    async with rig("heidelberg", started=False) as made:
        del made.board._layout.registers["holding", 262]
        made.board._layout.registers["holding", 262] = type(made.board._layout.registers["holding", 261])(lambda: 160)
        made.start_driver(made.driver)
        await made.connected()
        raised = [event.fault for event in made.events if isinstance(event, FaultRaised)]
        assert raised == [Fault.BOARD_UNSUITABLE]
        made.driver.offer_current(16)
        made.driver.permit_power(now() + 60)
        made.car.plug_in(VehicleModel())
        await asyncio.sleep(10)
        assert not made.world.contactor_closed


@virtual
async def test_what_the_controller_measures_of_its_temperature_is_told() -> None:
    async with rig("heidelberg") as made:
        await made.charge(16.0)
        made.world.set_wiring(Wiring.HOT, present=True)
        hot = await made.expect(TemperatureMeasured, lambda event: (event.temperature_c or 0) > 80)
        assert hot.sensor == "board"
        await asyncio.sleep(2)
        assert made.world.contactor_closed


@virtual
async def test_evse_wb_offers_nothing_after_a_restart_once_it_was_set_up() -> None:
    async with rig("evse_wb") as made:
        await made.connected()
        assert "holding 2000 = 0" in made.commands()
        made.kill_driver()
        made.board.reset()
        made.car.plug_in(VehicleModel())
        await asyncio.sleep(20)
        assert not made.world.contactor_closed


@virtual
async def test_evse_wb_is_told_hundredths_of_an_ampere_where_it_takes_them() -> None:
    async with rig("evse_wb", fine_steps=True) as made:
        await made.charge(13.37)
        assert made.world.output.duty_percent == pytest.approx(13.37 / 0.6, abs=0.02)
    async with rig("evse_wb", fine_steps=True, firmware=16) as made:
        await made.charge(13)
        assert "holding 1000 = 13" in made.commands()


@virtual
async def test_writes_to_evse_wb_keep_their_200_ms_and_none_is_lost() -> None:
    async with rig("evse_wb") as made:
        await made.charge(16.0)
        for current_a in (6, 7, 8, 9, 10):
            made.driver.offer_current(current_a)
            await asyncio.sleep(0.05)
        made.driver.forbid_power(ForbidReason.STOPPED)
        assert await made.until(lambda: made.board.control.offer_a == 0) < 0.4
        assert not [fields for _, event, fields in made.seen if event == "command_refused"]


@virtual
async def test_a_charx_point_is_steered_at_its_own_registers() -> None:
    async with rig("phoenix_charx", charging_point=3) as made:
        status = (await made.connected()).status
        await made.charge(16.0)
        assert status.firmware_version == "1.5.1"
        assert made.commands()[:2] == ["holding 3301 = 16", "holding 3300 = 1"]


@virtual
async def test_a_weld_is_raised_where_the_current_proves_it() -> None:
    async with rig("phoenix_charx") as made:
        since = await made.charge(16.0, stubborn=True)
        made.world.set_wiring(Wiring.WELDED, present=True)
        made.driver.offer_current(0)
        raised = await made.expect(FaultRaised, lambda event: event.fault is Fault.CONTACTOR_WELDED, since=since)
        assert "closed" in raised.detail


@virtual
async def test_an_opening_that_cannot_be_seen_is_not_told_but_flagged() -> None:
    async with rig("phoenix_ev_cc") as made:
        since = await made.charge(16.0, stubborn=True)
        made.driver.forbid_power(ForbidReason.STOPPED)
        raised = await made.expect(FaultRaised, since=since)
        assert raised.fault is Fault.CONTACTOR_UNCONFIRMED
        assert not any(isinstance(event, PowerOff) for event in made.events[since:])
        made.car.plug_out()
        assert (await made.expect(FaultCleared, since=since)).fault is Fault.CONTACTOR_UNCONFIRMED

"""What one model of charge controller has and the others have not: watchdog, fine steps, write gaps, points."""

import asyncio

import pytest

from hal.api import (
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    OfferConfirmed,
    PowerOff,
    TemperatureMeasured,
)
from hil.devices.vehicle import VehicleModel
from hil.world import Wiring
from tests.hal.drivers.controller_rig import KINDS, now, rig
from tests.hal.drivers.openevse_bench import virtual

without_watchdog = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "heidelberg"])


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


@pytest.mark.parametrize("kind", ["evse_wb", "phoenix_ev_cc"])
@virtual
async def test_a_state_of_fault_shows_no_open_contactor_where_no_register_tells_of_it(kind: str) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0, stubborn=True)
        made.world.set_wiring(Wiring.DIODE_SHORTED, present=True)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.BOARD_INTERNAL, since=since)
        await asyncio.sleep(10.0)
        assert not any(isinstance(event, PowerOff) for event in made.events[since:])
        raised = [event.fault for event in made.events[since:] if isinstance(event, FaultRaised)]
        assert raised == [Fault.BOARD_INTERNAL]  # and no second one that sends for a contactor
        made.world.set_wiring(Wiring.DIODE_SHORTED, present=False)
        made.car.plug_out()
        await made.expect(PowerOff, since=since)

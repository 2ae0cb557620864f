"""Faults of the safety controller, raised and cleared one by one. Limits: facts bench_scenarios."""

import asyncio

import pytest

from hal.api import (
    BoardConnected,
    CableDetected,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    PowerOff,
    PowerOn,
    TemperatureMeasured,
)
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import PilotLoad, Wiring
from tests.hal.drivers.openevse_bench import virtual
from tests.hal.drivers.safety_bench import bench, now


@pytest.mark.parametrize(
    ("wiring", "fault"),
    [
        (Wiring.DIODE_SHORTED, Fault.DIODE),
        (Wiring.PILOT_SHORTED, Fault.PILOT),
        (Wiring.RESIDUAL_CURRENT, Fault.GROUND_FAULT_TRIPPED),
        (Wiring.HOT, Fault.OVER_TEMPERATURE),
    ],
)
@virtual
async def test_a_fault_while_charging_opens_is_told_once_and_clears_after_unplugging(
    wiring: Wiring, fault: Fault
) -> None:
    async with bench() as made:
        since = await made.charging()
        start_s = now()
        made.wire(wiring)
        raised = await made.expect(FaultRaised, since=since)
        assert raised.fault is fault
        assert raised.at_s - start_s <= 1.0
        assert made.contactor_moves()[-1][0] - start_s <= 0.1
        await asyncio.sleep(3.0)
        assert made.raised(since) == [fault]
        made.driver.offer_current(0.0)
        made.wire(wiring, present=False)
        made.car(PilotLoad.A)
        await made.expect(FaultCleared, lambda event: event.fault is fault)
        await asyncio.sleep(3.0)
        assert made.raised(since) == [fault]
        assert made.cleared(since) == [fault]
        assert made.count(PowerOn, since) == 0


@virtual
async def test_a_diode_fault_stands_until_the_car_has_gone() -> None:
    async with bench() as made:
        await made.connected()
        made.wire(Wiring.DIODE_SHORTED)
        made.car(PilotLoad.B)
        made.driver.offer_current(16.0)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.DIODE)
        made.driver.offer_current(0.0)
        await asyncio.sleep(30.0)
        assert made.cleared() == []


@virtual
async def test_two_faults_are_raised_and_cleared_one_by_one() -> None:
    async with bench() as made:
        await made.connected()
        made.surround(emergency_stops=frozenset({1}))
        await made.expect(FaultRaised, lambda event: event.fault is Fault.EMERGENCY_STOP)
        made.wire(Wiring.PILOT_SHORTED)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.PILOT)
        made.wire(Wiring.PILOT_SHORTED, present=False)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.PILOT)
        assert made.cleared() == [Fault.PILOT]
        made.surround(emergency_stops=frozenset())
        await made.expect(FaultCleared, lambda event: event.fault is Fault.EMERGENCY_STOP)
        await asyncio.sleep(2.0)
        assert made.raised() == [Fault.EMERGENCY_STOP, Fault.PILOT]


@virtual
async def test_a_welded_contactor_is_told_within_a_second_and_power_is_not_called_off() -> None:
    async with bench() as made:
        since = await made.charging()
        made.wire(Wiring.WELDED)
        start_s = now()
        made.driver.forbid_power(ForbidReason.STOPPED)
        raised = await made.expect(FaultRaised, lambda event: event.fault is Fault.CONTACTOR_WELDED)
        assert raised.at_s - start_s <= 1.0
        assert made.count(PowerOff, since) == 0


@virtual
async def test_a_contactor_found_welded_at_start_is_told_before_the_board_is_there() -> None:
    async with bench(booted=False) as made:
        made.wire(Wiring.WELDED)
        await made.connected()
        kinds = [type(event) for event in made.events]
        assert made.raised() == [Fault.CONTACTOR_WELDED]
        assert kinds.index(FaultRaised) < kinds.index(BoardConnected)


@virtual
async def test_a_contactor_that_does_not_close_is_told_within_a_second_and_not_tried_again() -> None:
    async with bench() as made:
        await made.connected()
        made.wire(Wiring.FAILS_TO_CLOSE)
        made.driver.offer_current(16.0)
        made.driver.permit_power(now() + 3600.0)
        made.car(PilotLoad.C)
        raised = await made.expect(FaultRaised)
        assert raised.fault is Fault.CONTACTOR_FAILED_TO_CLOSE
        await asyncio.sleep(10.0)
        commanded = [at_s for at_s, control in made.controls if any(control.contactors)]
        assert raised.at_s - commanded[0] <= 2.0  # half a second of C and the self-test come before the coil
        assert max(commanded) <= raised.at_s
        made.car(PilotLoad.A)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.CONTACTOR_FAILED_TO_CLOSE)


@virtual
async def test_a_failed_self_test_gives_no_power() -> None:
    async with bench() as made:
        await made.connected()
        made.wire(Wiring.SELF_TEST_FAILS)
        made.driver.offer_current(16.0)
        made.driver.permit_power(now() + 3600.0)
        made.car(PilotLoad.C)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.RESIDUAL_CURRENT_SELF_TEST)
        await asyncio.sleep(10.0)
        assert made.raised() == [Fault.RESIDUAL_CURRENT_SELF_TEST]
        assert not made.world.contactor_closed


@virtual
async def test_a_missing_sensor_is_a_fault_and_never_cold() -> None:
    async with bench() as made:
        await made.expect(TemperatureMeasured, lambda event: event.temperature_c == 25)
        since = len(made.events)
        made.surround(sensor_c=((1, None),))
        await made.expect(FaultRaised, lambda event: event.fault is Fault.TEMPERATURE_SENSOR, since)
        await made.expect(TemperatureMeasured, lambda event: event.temperature_c is None, since)
        made.surround(sensor_c=())
        await made.expect(FaultCleared, lambda event: event.fault is Fault.TEMPERATURE_SENSOR, since)


@virtual
async def test_temperatures_do_not_flood() -> None:
    async with bench() as made:
        await made.connected()
        since = len(made.events)
        await asyncio.sleep(60.0)
        assert made.count(TemperatureMeasured, since) <= 13


@virtual
async def test_state_d_gets_no_power() -> None:
    async with bench() as made:
        since = await made.charging()
        made.car(PilotLoad.D)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.VENTILATION_REQUIRED)
        await asyncio.sleep(2.0)
        assert made.count(PowerOff, since) == 1
        made.car(PilotLoad.C)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.VENTILATION_REQUIRED)


@pytest.mark.parametrize(
    ("resistance_ohm", "ampacity_a"), [(1500.0, 13.0), (680.0, 20.0), (220.0, 32.0), (100.0, 63.0)]
)
@virtual
async def test_the_cable_is_read_from_the_proximity_contact(resistance_ohm: float, ampacity_a: float) -> None:
    async with bench(SafetyBoardModel(socket=True)) as made:
        await made.connected()
        made.world.change(proximity_ohm=resistance_ohm)
        await made.expect(CableDetected, lambda event: event.ampacity_a == ampacity_a)
        made.world.change(proximity_ohm=None)
        await made.expect(CableDetected, lambda event: event.ampacity_a is None, len(made.events))


@virtual
async def test_a_cable_that_is_there_already_is_told_before_the_board_is() -> None:
    async with bench(SafetyBoardModel(socket=True)) as made:
        await made.connected()
        made.world.change(proximity_ohm=1500.0)
        await made.expect(CableDetected, lambda event: event.ampacity_a == 13.0)
        await made.kill()
        await made.restart_driver()
        connected = await made.connected()
        told = [event.ampacity_a for event in made.events if isinstance(event, CableDetected)]
        assert told == [13.0]
        assert isinstance(made.events[made.events.index(connected) - 1], CableDetected)


@virtual
async def test_a_proximity_of_no_cable_is_a_fault() -> None:
    async with bench(SafetyBoardModel(socket=True)) as made:
        await made.connected()
        made.world.change(proximity_ohm=30.0)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.PROXIMITY)

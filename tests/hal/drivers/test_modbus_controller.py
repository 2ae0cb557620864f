"""The driver of Modbus charge controllers against each simulated one, in virtual time."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from hal.api import (
    BoardConnected,
    BoardLost,
    DeviceRefusedError,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    OfferConfirmed,
    PilotChanged,
    PilotState,
    PowerOff,
    PowerOn,
)
from hal.codecs.modbus_frame import ReadRequest
from hal.drivers.modbus_bus import ModbusBus
from hil.devices.vehicle import VehicleModel
from hil.world import PilotKind, PilotLoad, Wiring
from tests.hal.drivers.controller_rig import KINDS, now, rig
from tests.hal.drivers.openevse_bench import virtual

every_kind = pytest.mark.parametrize("kind", KINDS)


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
        assert 4.5 < lost.at_s - start_s < 7
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


@contextmanager
def unhung(seconds: int = 10) -> Iterator[None]:
    """Fail instead of hanging where a loop never lets go of the thread."""

    def stop(_number: int, _frame: object) -> None:
        raise AssertionError(f"the loop was not let go for {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@every_kind
@virtual
async def test_an_order_to_switch_off_that_waits_long_for_its_turn_does_not_hold_up_the_loop(kind: str) -> None:
    with unhung():
        async with rig(kind) as made:
            await made.charge(16.0)
            made.bus.set_write_gap(1, 4.0)
            made.driver.offer_current(10)
            await made.until(lambda: made.board.control.offer_a == 10)
            made.driver.forbid_power(ForbidReason.STOPPED)
            await made.until(lambda: made.board.control.offer_a == 0, 10)


@virtual
async def test_a_stop_in_the_middle_of_connecting_does_not_withdraw_the_watchdog() -> None:
    async with rig("heidelberg", started=False) as made:
        made.bus.set_write_gap(1, 0.3)
        made.start_driver(made.driver)
        async with asyncio.timeout(30):
            while not made.events:
                made.driver.forbid_power(ForbidReason.STOPPED)
                await asyncio.sleep(0.7)
        await made.connected()
        assert [event.fault for event in made.events if isinstance(event, FaultRaised)] == []

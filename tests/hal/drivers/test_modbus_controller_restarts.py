"""What the driver of Modbus charge controllers makes of restarts, the controller's and the agent's, in virtual time."""

import asyncio

import pytest

from hal.api import BoardConnected, BoardLost, BoardReset, ForbidReason, PilotState, PowerOff
from tests.hal.drivers.controller_rig import KINDS, now, rig
from tests.hal.drivers.openevse_bench import virtual

every_kind = pytest.mark.parametrize("kind", KINDS)


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


@every_kind
@pytest.mark.parametrize("dark_s", [6.0, 8.0, 30.0])
@virtual
async def test_darkness_under_load_is_told_although_switching_off_was_ordered_into_it(kind: str, dark_s: float) -> None:
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.board.power_off()
        dark_since_s = now()
        lost = await made.expect(BoardLost, since=since)
        made.driver.forbid_power(ForbidReason.FAULT)
        made.driver.offer_current(0)
        await asyncio.sleep(max(0.0, dark_since_s + dark_s - now()))
        made.board.power_on()
        assert (await made.expect(BoardConnected, since=since)).status.restarted
        assert lost.last_heard_s is not None
        assert abs(lost.last_heard_s - dark_since_s) <= 1.0


@pytest.mark.parametrize("kind", ["evse_wb", "phoenix_ev_cc", "phoenix_charx"])
@virtual
async def test_a_line_cut_under_load_is_no_darkness_although_switching_off_was_ordered_into_it(kind: str) -> None:
    """A Heidelberg takes its current away by its watchdog."""
    async with rig(kind) as made:
        since = await made.charge(16.0)
        made.line.cut()
        await made.expect(BoardLost, since=since)
        made.driver.forbid_power(ForbidReason.FAULT)
        made.driver.offer_current(0)
        await asyncio.sleep(3.0)
        made.line.mend()
        assert not (await made.expect(BoardConnected, since=since)).status.restarted

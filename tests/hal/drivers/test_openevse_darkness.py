"""An OpenEVSE board that was dark: noticed even where its boot message was missed, and asleep before it closes."""

import asyncio

import pytest

from hal.api import BoardConnected, Fault, FaultCleared, FaultRaised, ForbidReason, PilotChanged, PilotState, PowerOff
from hil.devices.openevse_board_values import BoardModel
from hil.world import Wiring
from tests.hal.drivers.openevse_bench import Bench, bench, charging, virtual

MISSED_S = 6.0
"""So long dark that the line is given up and the boot message comes while it is closed."""
BOOT_S = 2.7
DARK_S = (0.2, 2.0, 3.5, MISSED_S, 9.0, 30.0)
DARKNESS = [*((dark_s, False) for dark_s in DARK_S), *((dark_s, True) for dark_s in DARK_S[1:])]
"""The shortest is over before the line is given up, so nobody could miss its boot message."""
SELF_TEST_S = 5.0


async def dark(made: Bench, dark_s: float, *, unheard: bool = False) -> BoardConnected:
    """Take the board's supply away for so long; returns what is told then. `unheard`: its boot message is lost."""
    since = len(made.events)
    made.board.power_off()
    await asyncio.sleep(dark_s)
    made.board.muted = unheard
    made.board.power_on()
    await asyncio.sleep(BOOT_S if unheard else 0.0)
    made.board.muted = False
    return await made.expect(BoardConnected, since=since)


@pytest.mark.parametrize(("dark_s", "unheard"), DARKNESS)
@virtual
async def test_a_weld_ends_with_the_darkness_in_which_it_was_repaired(dark_s: float, unheard: bool) -> None:
    async with bench() as made:
        since = await charging(made)
        made.world.set_wiring(Wiring.WELDED, present=True)
        made.driver.forbid_power(ForbidReason.STOPPED)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.CONTACTOR_WELDED, since=since)
        made.driver.forbid_power(ForbidReason.FAULT)
        await asyncio.sleep(10.0)
        made.world.set_wiring(Wiring.WELDED, present=False)
        assert not any(isinstance(event, FaultCleared) for event in made.events)
        assert (await dark(made, dark_s, unheard=unheard)).status.restarted
        await made.expect(FaultCleared, lambda event: event.fault is Fault.CONTACTOR_WELDED)


@pytest.mark.parametrize(("dark_s", "unheard"), DARKNESS)
@virtual
async def test_darkness_of_a_board_that_offers_nothing_is_noticed(dark_s: float, unheard: bool) -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(0)
        await asyncio.sleep(10.0)
        assert (await dark(made, dark_s, unheard=unheard)).status.restarted


@virtual
async def test_a_board_found_awake_that_must_not_run_is_put_to_sleep_before_all_questions() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(0)
        await asyncio.sleep(10.0)
        since, heard = len(made.events), len(made.heard)
        made.line.cut()
        await asyncio.sleep(1.0)
        made.board.control.enable()
        made.line.mend()
        await made.expect(BoardConnected, since=since)
        assert made.commands(heard)[-9:][:2] == ["$GS", "$FS"]


@virtual
async def test_a_line_that_was_gone_is_no_darkness() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(0)
        await asyncio.sleep(10.0)
        for gone_s in (6.0, 30.0):
            since = len(made.events)
            made.line.cut()
            await asyncio.sleep(gone_s)
            made.line.mend()
            assert not (await made.expect(BoardConnected, since=since)).status.restarted


@pytest.mark.parametrize("loop_delay_s", [0.0, 0.03])
@pytest.mark.parametrize("dark_s", DARK_S)
@virtual
async def test_a_board_whose_car_asks_after_darkness_is_asleep_before_it_closes(
    dark_s: float, loop_delay_s: float
) -> None:
    async with bench(model=BoardModel(loop_delay_s=loop_delay_s)) as made:
        since = await charging(made)
        made.board.power_off()
        await made.expect(PowerOff, since=since) if made.world.contactor_closed else None
        made.driver.forbid_power(ForbidReason.FAULT)
        await asyncio.sleep(dark_s)
        closed_s: list[float] = []
        made.board.power_on()
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 2.6 + SELF_TEST_S
        while loop.time() < end_s:
            if made.world.contactor_closed:
                closed_s.append(loop.time())
            await asyncio.sleep(0.01)
        assert closed_s == []


@virtual
async def test_a_car_that_stayed_is_not_taken_for_gone_when_its_board_is_back() -> None:
    async with bench() as made:
        await charging(made)
        for dark_s in DARK_S:
            since = len(made.events)
            assert (await dark(made, dark_s)).status.pilot in {PilotState.B, PilotState.C}
            await asyncio.sleep(5.0)
            gone = [e for e in made.events[since:] if isinstance(e, PilotChanged) and e.state is PilotState.A]
            assert gone == []

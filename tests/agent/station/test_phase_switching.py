"""One to three phases while a car charges (PH-01): sequences, driver and behaving safety controller with its car.

Nothing asks for it yet, since charging profiles are not built: the wish is given to the board itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.domain.pilot_commands import SequenceValues
from agent.station.sequenced_board import SequencedBoard
from hal.api import PhasesSwitched, PowerOn
from hal.drivers.safety_board import SafetyBoard
from hal.drivers.safety_steering import SafetySettings
from hil.devices.vehicle import Vehicle, VehicleModel
from tests.hal.drivers.openevse_bench import virtual
from tests.hal.drivers.safety_bench import Bench, bench, now

DEAD_TIME_S = 10.0
X1_GRACE_S, X1_END_S = 6.0, 6.5
LET_GO_S = 3.0
SWITCHES = 2
SETTINGS = SafetySettings(phases=1, has_phase_switch=True)
VALUES = SequenceValues(phases=1, phase_dead_time_s=DEAD_TIME_S, max_phase_switches=SWITCHES)


@asynccontextmanager
async def charging(model: VehicleModel) -> AsyncIterator[tuple[Bench, SequencedBoard]]:
    async with bench(settings=SETTINGS) as made:
        await made.kill()
        made.events.clear()
        made.driver = SafetyBoard(made.frames, SETTINGS)
        board = SequencedBoard(made.driver, VALUES, interrupt=made.driver, phase_switch=made.driver)
        made.running = asyncio.create_task(board.run(made.emit))
        await made.connected()
        board.offer_current(16.0)
        board.permit_power(now() + 3600.0)
        Vehicle(made.world).plug_in(model)
        await made.expect(PowerOn)
        await asyncio.sleep(10.0)
        assert made.world.phases_supplied == 1
        assert made.world.current_a == pytest.approx(16.0, abs=0.1)
        yield made, board


def times(made: Bench, since_s: float) -> list[tuple[str, float]]:
    """What moved since then: the pilot, contactor 1 and contactor 2, which carries L2 and L3."""
    named = []
    for at_s, name, fields in made.seen:
        if at_s >= since_s and name == "duty":
            named.append((fields["output"], at_s))
        elif at_s >= since_s and name in {"contactor", "contactor_2"}:
            named.append((f"{name} {'closes' if fields['closed'] else 'opens'}", at_s))
    return named


@pytest.mark.parametrize(("stubborn", "least_s", "most_s"), [(False, 0.0, LET_GO_S), (True, X1_GRACE_S, X1_END_S)])
@virtual
async def test_phases_are_switched_with_the_contactor_open_for_the_dead_time(
    stubborn: bool,
    least_s: float,
    most_s: float,
) -> None:
    async with charging(VehicleModel(stubborn=stubborn, current_a=16.0)) as (made, board):
        start_s, since = now(), len(made.events)
        board.switch_phases(3)
        await made.expect(PhasesSwitched, lambda event: event.phases == 3, since)
        await made.expect(PowerOn, since=since)
        await asyncio.sleep(10.0)
        moved = times(made, start_s)
        assert [name for name, _ in moved] == [
            "steady_12v",
            "contactor opens",
            "pwm",
            "contactor_2 closes",
            "contactor closes",
        ]
        at_s = dict(moved)
        assert least_s <= at_s["contactor opens"] - at_s["steady_12v"] <= most_s
        assert at_s["contactor_2 closes"] - at_s["contactor opens"] >= DEAD_TIME_S
        assert made.world.phases_supplied == 3
        assert not any(name == "phase_switch_under_load" for _, name, _ in made.seen)


@virtual
async def test_phases_are_switched_so_many_times_in_one_plug_in() -> None:
    async with charging(VehicleModel(current_a=16.0)) as (made, board):
        for phases in (3, 1):
            since = len(made.events)
            board.switch_phases(phases)
            await made.expect(PowerOn, since=since)
            await asyncio.sleep(5.0)
        assert board.phase_refusal(3) is not None
        board.switch_phases(3)
        await asyncio.sleep(60.0)
        assert (made.world.contactor_closed, made.world.phases_supplied) == (True, 1)

"""Random stories of agent, car, faults and line: the board is never closed without permission for long."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import BoardConnected, BoardEvent, ForbidReason, PowerOff, PowerOn
from hil.devices.vehicle import VehicleModel
from hil.virtual_time import run_virtual
from hil.world import PilotLoad, Wiring
from tests.hal.drivers.openevse_bench import Bench, bench, now

STEPS: dict[str, Callable[[Bench], None]] = {
    "offer_16": lambda made: made.driver.offer_current(16),
    "offer_8": lambda made: made.driver.offer_current(8),
    "offer_0": lambda made: made.driver.offer_current(0),
    "permit": lambda made: made.driver.permit_power(now() + 10),
    "ev_stopped": lambda made: made.driver.forbid_power(ForbidReason.EV_STOPPED),
    "stopped": lambda made: made.driver.forbid_power(ForbidReason.STOPPED),
    "fault": lambda made: made.driver.forbid_power(ForbidReason.FAULT),
    "plug_in": lambda made: made.car.plug_in(VehicleModel()),
    "plug_out": lambda made: made.car.plug_out(),
    "ev_b": lambda made: made.car.demand(PilotLoad.B),
    "ev_c": lambda made: made.car.demand(PilotLoad.C),
    "short": lambda made: made.world.set_wiring(Wiring.PILOT_SHORTED, present=True),
    "no_short": lambda made: made.world.set_wiring(Wiring.PILOT_SHORTED, present=False),
    "noise": lambda made: made.far.write(b"\xff$AT 03 $\r\n$OK :07^00\r"),
    "board_reset": lambda made: made.board.reset(),
    "wait": lambda _made: None,
}
LONGEST_OPENING_S = 5.0
"""Return grace, self-test, opening after `$FS`, one turn of the poll: none adds up to more."""


LOOK_S = 0.25


@dataclass
class Watched:
    """What was seen of the contactor while the steps were played."""

    unpermitted_s: float = 0.0
    longest_unpermitted_s: float = 0.0
    closed_at_end: bool = True
    told_closed_at_end: bool = True

    def look(self, made: Bench) -> None:
        """Count how long it has been closed without permission."""
        permitted = now() < made.driver._steering.wanted.permitted_until_s
        closed = made.world.contactor_closed and not permitted
        self.unpermitted_s = self.unpermitted_s + LOOK_S if closed else 0.0
        self.longest_unpermitted_s = max(self.longest_unpermitted_s, self.unpermitted_s)


async def _play(steps: list[tuple[str, float]]) -> Watched:
    watched = Watched()
    async with bench() as made:
        await made.connected()
        for name, pause_s in steps:
            STEPS[name](made)
            for _ in range(round(pause_s / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                watched.look(made)
        await asyncio.sleep(30)
        watched.closed_at_end = made.world.contactor_closed
        watched.told_closed_at_end = _told_closed(made.events)
    return watched


def _told_closed(events: list[BoardEvent]) -> bool:
    last = [event for event in events if isinstance(event, PowerOn | PowerOff | BoardConnected)][-1]
    return last.status.contactor_closed is not False if isinstance(last, BoardConnected) else isinstance(last, PowerOn)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from([0.0, 0.25, 1.0, 4.0])), max_size=25))
def test_power_never_outlives_permission_whatever_happens(steps: list[tuple[str, float]]) -> None:
    watched = run_virtual(_play(steps))
    assert watched.longest_unpermitted_s <= LONGEST_OPENING_S
    assert not watched.closed_at_end
    assert not watched.told_closed_at_end

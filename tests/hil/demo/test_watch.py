import asyncio

import pytest

from hil.demo.observed import Observed
from hil.demo.watch import Watch
from hil.errors import StationError
from tests.hil.demo.frames import connected


async def test_a_waiter_returns_once_the_picture_fits() -> None:
    seen = Observed("1.6")
    waiting = asyncio.create_task(Watch(seen).until(lambda: seen.online, 5.0, "never online"))
    await asyncio.sleep(0)
    seen.take_bench({"event": "contactor", "closed": True, "t": 1.0})
    await asyncio.sleep(0)
    assert not waiting.done()
    seen.take_csms(connected(1.0))
    await waiting


async def test_what_was_not_seen_in_time_is_said_in_one_sentence() -> None:
    with pytest.raises(StationError, match=r"^the contactor does not close \(waited 0\.01 s\)$"):
        await Watch(Observed("1.6")).until(lambda: False, 0.01, "the contactor does not close")


def test_a_demand_that_does_not_hold_ends_the_demo() -> None:
    watch = Watch(Observed("1.6"))
    watch.demand(holds=True, otherwise="fine")
    with pytest.raises(StationError, match="broken"):
        watch.demand(holds=False, otherwise="broken")

"""A computer that starts in 1970: it charges, and when it learns the time it tells when things really were.

Lessons 116, 118, 119; OCPP 1.6, 3.8 (time notations) and 4.2 (a Charge Point sets its clock by BootNotification).
"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hil.virtual_time import run_virtual
from tests.stories.sessions import CARD
from tests.stories.stage import Plan
from tests.stories.story_bench import Story
from tests.stories.virtual_stage import virtual_stage

CHARGED_S = 600.0
TOML = '[authorization]\noffline_unknown_token = "accept"\n'


async def tell(version: str, directory: Path, *, killed: bool, ntp: bool) -> None:
    plan = Plan(version, toml=TOML)
    async with virtual_stage(plan, directory) as stage:
        s, station = Story(stage, plan), stage._station
        station.system.begin_in_1970()
        station.reachable = False
        await s.open_books()
        await stage.start_agent()
        await s.plug_in()
        await s.until_evse(pilot_state="B")
        await s.pass_time(8)
        await s.swipe(CARD)
        await s.until_charging(within_s=60)
        began = station.system.true_utc()
        assert station.clock.now().utc.year == 1970
        await s.pass_time(CHARGED_S)
        if killed:
            await s.kill_agent()
            if ntp:
                station.system.wrong_by = timedelta(0)
            await stage.start_agent()
            await s.pass_time(30)
        station.system.synchronised = ntp
        if ntp:
            station.system.wrong_by = timedelta(0)
            await s.pass_time(20)
        await s.swipe(CARD)
        await s.until_evse(contactor_closed=False)
        ended = station.system.true_utc()
        await s.reachable()
        told = await s.until_ended(within_s=120)
        assert abs(datetime.fromisoformat(told["started_at"]) - began) < timedelta(seconds=30)
        assert abs(datetime.fromisoformat(told["ended_at"]) - ended) < timedelta(seconds=30)
        await s.plug_out()
        await s.until_told("Available")
        assert not [frame for frame in s.requests() if "1970-" in str(frame["payload"])], "no status, no sample"
        await s.close_books()


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("killed", "ntp"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_session_that_began_in_1970_is_dated_back(version: str, killed: bool, ntp: bool, tmp_path: Path) -> None:
    run_virtual(tell(version, tmp_path, killed=killed, ntp=ntp))

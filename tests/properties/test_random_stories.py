"""Random stories of a whole station: whatever happens, in whatever order, these promises hold.

Both profiles draw the same stories in every run. `STORY_SEED=random` (or a number) draws others for the slow one, and
`STORY_SHRINK=1` looks for a shorter story once one fails: a story takes half a second, shrinking it many minutes.
"""

import logging
import os
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hil.virtual_time import run_virtual
from tests.properties.operations import ALICE, Op, op, stories
from tests.properties.player import Player, play_story
from tests.properties.verdict import findings

logging.getLogger("transitions").setLevel(logging.ERROR)  # as the agent does
VERSIONS = ("1.6", "2.0.1")
WANTED_SEED = os.environ.get("STORY_SEED", "1")
SEED = random.SystemRandom().randrange(1_000_000) if WANTED_SEED == "random" else int(WANTED_SEED)
TOLD = [Phase.explicit, Phase.generate]
SHRUNK = [*TOLD, Phase.shrink]


def tell(version: str, evses: int, ops: Sequence[Op]) -> Player:
    """Play one story and complain of everything that does not hold after it."""
    with TemporaryDirectory() as directory:
        player = run_virtual(play_story(Path(directory), version, evses, ops))
        found = findings(player)
        story = [f"OCPP {version}, {evses} EVSEs", *(f"    {each}," for each in ops)]
        assert not found, "\n".join([*story, *found, "the station answered:", *player.answers])
    return player


quick = settings(
    max_examples=16,
    derandomize=True,
    deadline=None,
    phases=TOLD,
    suppress_health_check=list(HealthCheck),
)
thorough = settings(
    max_examples=50,
    database=None,
    deadline=None,
    phases=SHRUNK if os.environ.get("STORY_SHRINK") else TOLD,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("evses", [1, 2])
@quick
@given(data=st.data())
def test_every_story_keeps_the_promises(version: str, evses: int, data: st.DataObject) -> None:
    tell(version, evses, data.draw(stories(evses, longest=14)))


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("evses", [1, 2])
@seed(SEED)
@thorough
@given(data=st.data())
def test_every_one_of_many_stories_keeps_the_promises(version: str, evses: int, data: st.DataObject) -> None:
    print(f"STORY_SEED={SEED}")  # noqa: T201 - shown if it fails
    tell(version, evses, data.draw(stories(evses, longest=24)))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_player_and_the_watch_see_an_everyday_session(version: str) -> None:
    player = tell(version, 1, [op("plug_in"), op("swipe", 0, token=ALICE), op("wait", 0, s=60.0)])
    (transaction,) = player.station.csms.ledger.transactions
    assert transaction.energy_wh is not None
    assert transaction.energy_wh > 150
    assert player.watch.evses[1].closings == 1
    assert player.watch.is_undisturbed(1, player.watch.evses[1].registers[0][0] + 5.0, float("inf"))


@pytest.mark.parametrize("kind", ["ground", "rcd_ac", "diode", "over_temperature"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_fault_in_the_middle_ends_power_and_is_billed_right(version: str, kind: str) -> None:
    charge = [op("plug_in"), op("swipe", 0, token=ALICE), op("wait", 0, s=30.0)]
    player = tell(version, 1, [*charge, op("fault", kind=kind), op("wait", 0, s=20.0), op("clear")])
    assert player.watch.evses[1].closings >= 1

"""Random stories of a whole station: whatever happens, in whatever order, these promises hold."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.virtual_time import run_virtual
from tests.properties.operations import Op, stories
from tests.properties.player import play_story
from tests.properties.verdict import findings

VERSIONS = ("1.6", "2.0.1")


def tell(version: str, evses: int, ops: Sequence[Op]) -> None:
    """Play one story and complain of everything that does not hold after it."""
    with TemporaryDirectory() as directory:
        player = run_virtual(play_story(Path(directory), version, evses, ops))
        found = findings(player)
        story = [f"OCPP {version}, {evses} EVSEs", *(f"    {each}," for each in ops)]
        assert not found, "\n".join([*story, *found, "the station answered:", *player.answers])


common = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("evses", [1, 2])
@common
@given(data=st.data())
def test_every_story_keeps_the_promises(version: str, evses: int, data: st.DataObject) -> None:
    tell(version, evses, data.draw(stories(evses, longest=25)))

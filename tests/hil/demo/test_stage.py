from pathlib import Path

import pytest

from hil.demo.observed import Observed
from hil.demo.stage import Stage, fresh_directory
from hil.errors import StationError


def test_each_demo_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    first, second = (fresh_directory(tmp_path / ".demo", "now") for _ in range(2))
    assert (first.name, second.name) == ("now", "now-2")
    assert second.is_dir()


def test_a_directory_that_cannot_be_made_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StationError, match="choose another --dir"):
        fresh_directory(tmp_path / "file", "now")


async def test_sockets_stand_beside_the_logs() -> None:
    assert Stage(Path("/x"), Observed("1.6")).sockets == Path("/x")


async def test_a_path_too_long_for_a_unix_socket_moves_the_sockets_elsewhere(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 100)
    stage = Stage(directory, Observed("1.6"))
    assert len(str(stage.sockets / "bench.sock")) < 100
    assert await stage.end(hasty=True) == []
    assert not stage.sockets.exists()

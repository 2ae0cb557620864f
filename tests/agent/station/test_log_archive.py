"""What diagnostics consist of. OCPP 1.6 section 5.9 (startTime, stopTime); white paper, GetLog.req."""

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.station.log_archive import LogArchive

T0 = datetime(2026, 1, 15, 12, tzinfo=UTC)


def line(seconds: float, text: str) -> str:
    return f"{T0 + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ} {text}\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "agent.log"
    (tmp_path / "agent.log.10").write_text(line(0, "first"))
    (tmp_path / "agent.log.2").write_text(line(10, "second") + "Traceback of the second\n")
    (tmp_path / "agent.log.1").write_text(line(20, "third"))
    log.write_text(line(30, "fourth") + "Traceback of the fourth\n")
    (tmp_path / "agent.log.bak").write_text(line(15, "somebody's copy"))
    return log


async def archived(log: Path, oldest: datetime | None = None, latest: datetime | None = None) -> list[str]:
    target = log.parent / "out.zip"
    await LogArchive((log,), lambda: {"status.json": "{}"}).write(target, oldest, latest)
    with zipfile.ZipFile(target) as found:
        assert found.read("status.json") == b"{}"
        lines = found.read("agent.log").decode().splitlines()
    return [each.split("Z ")[-1] for each in lines]


async def test_a_log_comes_whole_with_its_predecessors_oldest_first(log: Path) -> None:
    assert await archived(log) == [
        *("first", "second", "Traceback of the second", "third", "fourth", "Traceback of the fourth"),
    ]


@pytest.mark.parametrize(
    ("begin_s", "end_s", "expected"),
    [
        (10, None, ["second", "Traceback of the second", "third", "fourth", "Traceback of the fourth"]),
        (None, 10, ["first", "second", "Traceback of the second"]),
        (11, 29, ["third"]),
        (40, None, []),
    ],
)
async def test_of_a_period_come_its_lines_and_what_belongs_to_them(
    log: Path, begin_s: float | None, end_s: float | None, expected: list[str]
) -> None:
    bounds = (None if each is None else T0 + timedelta(seconds=each) for each in (begin_s, end_s))
    assert await archived(log, *bounds) == expected


async def test_a_log_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert await archived(tmp_path / "agent.log") == []


async def test_an_archive_that_cannot_be_written_leaves_nothing(log: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await LogArchive((log,), dict).write(log.parent / "missing" / "out.zip", None, None)
    assert not sorted(log.parent.glob("*unfinished*"))

"""What the store keeps of the local list, whatever interrupts an update."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.domain.local_list import ListEntry
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType
from agent.store import local_list
from agent.store.schema import bring_up_to_date

ENTRIES = 10_000
LISTED = Authorization(
    AuthorizationStatus.ACCEPTED, IdToken("FLEET", IdTokenType.CENTRAL), datetime(2027, 1, 1, tzinfo=UTC)
)

UPDATER = """
import asyncio, sys
from pathlib import Path
from agent.domain.local_list import ListEntry, ListUpdate, UpdateKind
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from agent.station.local_list import LocalList
from agent.store.database import Database

ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)

async def main() -> None:
    database = Database(Path(sys.argv[1]))
    await database.open()
    listed = LocalList(database)
    await listed.open()
    for version in range(1, 1000):
        entries = tuple(ListEntry(IdToken(f"{version}-{n}"), ACCEPTED) for n in range(2000 + version))
        print(version, flush=True)
        assert (await listed.update(ListUpdate(UpdateKind.FULL, version, entries))).value == "Accepted"

asyncio.run(main())
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        bring_up_to_date(connection, tmp_path)
        yield connection


def test_an_entry_is_found_again_whole_in_folded_case_and_can_be_removed(connection: sqlite3.Connection) -> None:
    plain = Authorization(AuthorizationStatus.BLOCKED)
    entries = [ListEntry(IdToken("AbC1"), LISTED), ListEntry(IdToken("D2"), plain), ListEntry(IdToken("E3"), None)]
    local_list.put(connection, entries)
    assert local_list.load(connection) == {"abc1": LISTED, "d2": plain}
    local_list.remove(connection, [ListEntry(IdToken("ABC1"), None)])
    assert local_list.load(connection) == {"d2": plain}
    assert local_list.count(connection) == 1
    local_list.clear(connection)
    assert local_list.load(connection) == {}


def test_the_version_is_0_until_there_was_a_list(connection: sqlite3.Connection) -> None:
    assert local_list.version(connection) == 0
    local_list.put_version(connection, 7)
    assert local_list.version(connection) == 7


def test_many_equal_entries_share_one_authorisation(connection: sqlite3.Connection) -> None:
    local_list.put(connection, [ListEntry(IdToken(str(n)), LISTED) for n in range(100)])
    assert len({id(each) for each in local_list.load(connection).values()}) == 1


@pytest.mark.parametrize("killed_after_lines", [1, 2, 3, 5, 8])
def test_a_kill_in_the_middle_of_an_update_leaves_the_old_list_or_the_new_one_whole(
    tmp_path: Path, killed_after_lines: int
) -> None:
    path = tmp_path / "store.db"
    root = Path(__file__).parents[3]
    updater = subprocess.Popen([sys.executable, "-c", UPDATER, str(path)], stdout=subprocess.PIPE, cwd=root, text=True)
    assert updater.stdout is not None
    begun = [int(updater.stdout.readline()) for _ in range(killed_after_lines)][-1]
    updater.send_signal(signal.SIGKILL)  # the update `begun` is under way, or just through
    begun = int(([str(begun), *updater.stdout.read().split()])[-1])
    updater.wait()
    updater.stdout.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        version, listed = local_list.version(connection), local_list.load(connection)
    assert version in {begun - 1, begun}
    whole = {f"{version}-{n}" for n in range(2000 + version)} if version else set()
    assert listed.keys() == whole

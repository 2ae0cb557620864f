import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.store.boot_history import (
    APPLICATION_RESET,
    POWER_UP,
    REMOTE_RESET,
    SCHEDULED_RESET,
    announce_restart,
    take_boot_reason,
    this_boot_id,
)
from agent.store.schema import bring_up_to_date


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        bring_up_to_date(connection, tmp_path)
        yield connection


def test_another_run_of_the_kernel_is_a_power_up_and_the_same_one_a_restart(connection: sqlite3.Connection) -> None:
    starts = [take_boot_reason(connection, boot_id) for boot_id in ("first", "first", "second", "second")]
    assert starts == [POWER_UP, APPLICATION_RESET, POWER_UP, APPLICATION_RESET]


def test_a_kernel_that_does_not_tell_is_always_a_power_up(connection: sqlite3.Connection) -> None:
    assert [take_boot_reason(connection, "") for _ in range(2)] == [POWER_UP, POWER_UP]


@pytest.mark.parametrize("reason", [REMOTE_RESET, SCHEDULED_RESET])
def test_an_announced_restart_is_told_once(connection: sqlite3.Connection, reason: str) -> None:
    take_boot_reason(connection, "first")
    announce_restart(connection, reason)
    assert [take_boot_reason(connection, "first") for _ in range(2)] == [reason, APPLICATION_RESET]


def test_an_announced_restart_is_told_even_if_the_supply_went_meanwhile(connection: sqlite3.Connection) -> None:
    take_boot_reason(connection, "first")
    announce_restart(connection, SCHEDULED_RESET)
    announce_restart(connection, REMOTE_RESET)
    assert [take_boot_reason(connection, "second") for _ in range(2)] == [REMOTE_RESET, APPLICATION_RESET]


def test_the_kernel_tells_the_same_id_for_as_long_as_it_runs() -> None:
    assert this_boot_id()
    assert this_boot_id() == this_boot_id()

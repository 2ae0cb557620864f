import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.variable import VariableKey
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType
from agent.store import authorization_cache, availability, meta, registers, transactions, variables
from agent.store.authorization_cache import CachedAuthorization
from agent.store.registers import LastRegister
from agent.store.schema import bring_up_to_date
from agent.store.transactions import TransactionRecord

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        bring_up_to_date(connection, tmp_path)
        yield connection


def test_a_variable_is_told_apart_by_every_part_of_its_key(connection: sqlite3.Connection) -> None:
    kept = {
        VariableKey("EVSE", "AvailabilityState"): "1",
        VariableKey("EVSE", "AvailabilityState", evse_id=1): "2",
        VariableKey("EVSE", "AvailabilityState", evse_id=1, connector_id=1): "3",
        VariableKey("EVSE", "AvailabilityState", instance="a"): "4",
        VariableKey("EVSE", "AvailabilityState", component_instance="a"): "5",
    }
    for key, value in kept.items():
        variables.put(connection, key, "old")
        variables.put(connection, key, value)
    assert variables.load(connection) == kept


def test_an_authorisation_is_found_again_whole_and_the_oldest_are_trimmed(connection: sqlite3.Connection) -> None:
    entries = [
        CachedAuthorization(
            IdToken(f"aa0{number}"),
            Authorization(AuthorizationStatus.ACCEPTED, IdToken("group", IdTokenType.CENTRAL), NOW + timedelta(days=1)),
            NOW - timedelta(minutes=number),
        )
        for number in range(3)
    ]
    for entry in reversed(entries):
        authorization_cache.put(connection, entry)
    assert authorization_cache.load(connection) == entries
    assert authorization_cache.trim(connection, keep=2) == 1
    assert authorization_cache.load(connection) == entries[:2]
    authorization_cache.delete(connection, IdToken("AA00"))
    assert authorization_cache.load(connection) == entries[1:2]
    authorization_cache.clear(connection)
    assert authorization_cache.load(connection) == []


def test_the_same_token_in_another_case_is_the_same_entry(connection: sqlite3.Connection) -> None:
    for value, status in (("abc1", AuthorizationStatus.ACCEPTED), ("ABC1", AuthorizationStatus.BLOCKED)):
        authorization_cache.put(connection, CachedAuthorization(IdToken(value), Authorization(status), NOW))
    assert [entry.authorization.status for entry in authorization_cache.load(connection)] == [
        AuthorizationStatus.BLOCKED
    ]


def test_availability_registers_and_names_keep_their_latest_value(connection: sqlite3.Connection) -> None:
    for operative in (True, False):
        availability.put(connection, 1, operative=operative)
        meta.put(connection, "boot", str(operative))
        registers.put(connection, 2, LastRegister(Decimal("1.50"), NOW))
    assert availability.load(connection) == {1: False}
    assert meta.get(connection, "boot") == "False"
    assert meta.get(connection, "other") is None
    assert registers.load(connection) == {2: LastRegister(Decimal("1.50"), NOW)}


def test_live_transactions_are_those_open_or_with_queued_rows(connection: sqlite3.Connection) -> None:
    records = [
        TransactionRecord("open", start_acknowledged=True, csms_transaction_id=7, owner="wss://csms ocpp1.6"),
        TransactionRecord("queued", ended=True),
        TransactionRecord("done", ended=True),
    ]
    for record in records:
        transactions.put(connection, record)
    connection.execute("INSERT INTO journal (transaction_id, fact, state) VALUES ('queued', '', 'queued')")
    connection.execute("INSERT INTO journal (transaction_id, fact, state) VALUES ('done', '', 'sent')")
    assert sorted(transactions.load_live(connection), key=records.index) == records[:2]
    connection.execute("DELETE FROM journal WHERE transaction_id = 'done'")
    assert transactions.prune(connection, step=10) == 1
    assert connection.execute("SELECT count(*) FROM transactions").fetchone() == (2,)


def test_a_transaction_neither_open_nor_ended_is_swept(connection: sqlite3.Connection) -> None:
    for name in ("open", "stray"):
        transactions.put(connection, TransactionRecord(name))
    transactions.put(connection, TransactionRecord("over", ended=True))
    transactions.put_open_state(connection, 1, '{"transaction_id":"open"}')
    assert transactions.sweep(connection) == ["stray"]
    assert transactions.sweep(connection) == []
    assert [record.transaction_id for record in transactions.load_live(connection)] == ["open"]

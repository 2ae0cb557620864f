"""`pilotline sessions` as a process, beside a database in use: what no back-end has acknowledged.

Issue: a transaction belongs to the back-end and version that acknowledged its start; what is parked is visible and
exportable.
"""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.facts import Fact, FaultChanged, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.vocabulary import ChargingState, IdToken, StoppedReason, TriggerReason
from agent.store import journal_rows, parked
from agent.store.schema import bring_up_to_date
from hal.api import Fault
from tests.agent.service.test_cli import pilotline

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
TOKEN = IdToken("04A1B2C3D4E5F6")
OWNER = "old.example/S-1 ocpp1.6"


class Journal:
    """A station's database, held open as a running agent holds it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        path = directory / "station.sqlite"
        self.connection = sqlite3.connect(path, isolation_level=None)
        bring_up_to_date(self.connection, path)

    def record(self, *facts: Fact) -> list[int]:
        rows, stored = journal_rows.rows_of(facts, journal_rows.last_row_id(self.connection))
        journal_rows.insert(self.connection, stored)
        return [row.row_id for row in rows]

    def told(self, *words: str) -> str:
        code, out, err = pilotline("sessions", *words, "--state-dir", str(self.directory))
        assert (code, err) == (0, "")
        return out


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.connection.close()


def started(transaction_id: str = "t1", register_wh: str = "1000.5") -> TransactionStarted:
    plugged, charging = TriggerReason.CABLE_PLUGGED_IN, ChargingState.CHARGING
    return TransactionStarted(
        transaction_id, 1, 0, AT, plugged, charging, Decimal(register_wh), offline=False, id_token=TOKEN
    )


def updated(transaction_id: str = "t1", register_wh: str = "3000") -> TransactionUpdated:
    periodic, charging = TriggerReason.METER_VALUE_PERIODIC, ChargingState.CHARGING
    return TransactionUpdated(
        transaction_id, 1, 1, AT + timedelta(minutes=5), periodic, charging, Decimal(register_wh), offline=False
    )


def ended(transaction_id: str = "t1", register_wh: str = "5500.75") -> TransactionEnded:
    departed, idle = TriggerReason.EV_DEPARTED, ChargingState.IDLE
    register = Decimal(register_wh)
    return TransactionEnded(
        *(transaction_id, 1, 2, AT + timedelta(hours=1), departed, idle, register, False),
        StoppedReason.EV_DISCONNECTED,
        register_confirmed=True,
    )


def park(journal: Journal) -> None:
    """A transaction whose start the old back-end has, and whose rest waits for it."""
    first, *rest = journal.record(started(), updated(), ended())
    journal_rows.mark_sent(journal.connection, first, AT)
    for row_id in rest:
        journal_rows.mark_dead(journal.connection, row_id, AT, parked.reason_for(OWNER))
    journal.connection.execute("INSERT INTO transactions VALUES ('t1', 1, 1, 4711, ?)", (OWNER,))


def test_with_everything_acknowledged_it_says_so(journal: Journal) -> None:
    (row_id,) = journal.record(started())
    journal_rows.mark_sent(journal.connection, row_id, AT)
    assert journal.told("unsent") == "the back-end has acknowledged everything\n"
    assert journal.told("unsent", "--json") == ""


def test_a_parked_transaction_is_shown_with_owner_number_times_and_energy(journal: Journal) -> None:
    park(journal)
    assert journal.told("unsent").splitlines() == [
        "1 transaction and 0 other facts",
        "transaction t1, number 4711 at its back-end",
        "  EVSE 1, 2026-03-14T15:09:26Z to 2026-03-14T16:09:26Z, 4500.25 Wh",
        f"  belongs to {OWNER}",
        "  2 of 3 facts parked",
    ]


def test_what_was_given_up_says_why_and_what_is_queued_is_shown_too(journal: Journal) -> None:
    (first,) = journal.record(started("t2"))
    journal_rows.mark_dead(journal.connection, first, AT, "a token of more than 20 characters")
    journal.record(updated("t2"))
    journal.record(FaultChanged(2, AT, Fault.GROUND_MISSING, stands=True, event_id=1))
    assert journal.told("unsent").splitlines() == [
        "1 transaction and 1 other fact",
        "transaction t2",
        "  EVSE 1, 2026-03-14T15:09:26Z to at least 2026-03-14T15:14:26Z, 1999.5 Wh",
        "  1 of 2 facts given up: a token of more than 20 characters",
        "  1 of 2 facts queued",
        "FaultChanged of EVSE 2, 2026-03-14T15:09:26Z",
        "  queued",
    ]


def test_energy_is_not_guessed_where_the_begin_is_gone(journal: Journal) -> None:
    journal.record(updated())
    assert "energy not known" in journal.told("unsent")


def test_an_export_has_every_fact_in_order_and_no_whole_token(journal: Journal, tmp_path: Path) -> None:
    park(journal)
    file = tmp_path / "unsent.jsonl"
    code, out, err = pilotline("sessions", "export", str(file), "--state-dir", str(tmp_path))
    assert (code, out) == (0, "")
    assert err == f"pilotline: 1 transaction and 0 other facts written to {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    (line,) = file.read_text().splitlines()
    exported = json.loads(line)
    assert (exported["transaction_id"], exported["csms_transaction_id"], exported["owner"]) == ("t1", 4711, OWNER)
    assert exported["energy_wh"] == "4500.25"
    assert [fact["fact"]["kind"] for fact in exported["facts"]] == [
        "TransactionStarted",
        "TransactionUpdated",
        "TransactionEnded",
    ]
    assert [fact["waiting"] for fact in exported["facts"]] == ["acknowledged", "parked", "parked"]
    assert exported["facts"][0]["fact"]["id_token"]["value"] == "…F6"
    assert TOKEN.value not in file.read_text()


def test_whole_tokens_are_exported_where_they_are_asked_for(journal: Journal) -> None:
    park(journal)
    exported = json.loads(journal.told("export", "-", "--with-tokens"))
    assert exported["facts"][0]["fact"]["id_token"]["value"] == TOKEN.value


def test_a_fact_that_only_a_newer_firmware_reads_is_exported_as_it_stands(journal: Journal) -> None:
    journal.record(updated())
    newer = '{"v":9,"kind":"TransactionPaused","at":"2026-03-14T15:20:00Z","price":"0.42"}'
    journal.connection.execute("INSERT INTO journal VALUES (7, 't1', ?, 'queued', 0, '', NULL, NULL)", (newer,))
    journal.connection.execute("INSERT INTO journal VALUES (8, 't1', 'torn', 'queued', 0, '', NULL, NULL)")
    facts = json.loads(journal.told("export", "-"))["facts"]
    assert facts[1]["fact"] == json.loads(newer)
    assert facts[2]["fact"] == {"unreadable": "torn"}
    assert "1 transaction" in journal.told("unsent")


def test_an_existing_file_is_not_overwritten(journal: Journal, tmp_path: Path) -> None:
    park(journal)
    (tmp_path / "mine").write_text("mine")
    code, _, err = pilotline("sessions", "export", str(tmp_path / "mine"), "--state-dir", str(tmp_path))
    assert (code, "exists already" in err) == (2, True)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_damaged_database_is_one_sentence_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "station.sqlite").write_bytes(b"this is no database" * 100)
    code, out, err = pilotline("sessions", "unsent", "--state-dir", str(tmp_path))
    assert (code, out) == (1, "")
    assert err.startswith("pilotline: ")
    assert err.count("\n") == 1


def test_it_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    park(journal)
    before = list(journal.connection.execute("SELECT * FROM journal"))
    journal.told("unsent")
    pilotline("sessions", "export", str(tmp_path / "out"), "--state-dir", str(tmp_path))
    assert list(journal.connection.execute("SELECT * FROM journal")) == before

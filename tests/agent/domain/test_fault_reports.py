"""Faults raised and cleared one by one. Lesson 110."""

import itertools
from datetime import UTC, datetime

from agent.domain.fault_reports import FaultReports
from hal.api import Fault

AT = datetime(2026, 5, 1, tzinfo=UTC)


def reports(*told: Fault, first: int = 1) -> FaultReports:
    return FaultReports(2, told, itertools.count(first).__next__)


def test_each_fault_is_told_when_it_appears_and_when_it_is_gone() -> None:
    told = reports(first=7)
    (raised,) = told.changes({Fault.DIODE: "shorted"}, AT, "tx")
    assert (raised.evse_id, raised.fault, raised.stands, raised.detail, raised.event_id, raised.transaction_id) == (
        2, Fault.DIODE, True, "shorted", 7, "tx",
    )  # fmt: skip
    assert told.changes({Fault.DIODE: "shorted"}, AT, "tx") == []
    changed = told.changes({Fault.METER_SILENT: ""}, AT, None)
    assert [(each.fault, each.stands, each.event_id) for each in changed] == [
        (Fault.DIODE, False, 8),
        (Fault.METER_SILENT, True, 9),
    ]


def test_what_was_told_before_a_restart_is_cleared_after_it_and_not_raised_again() -> None:
    told = reports(Fault.PILOT, Fault.CONTACTOR_WELDED)
    (cleared,) = told.changes({Fault.CONTACTOR_WELDED: "found before the restart"}, AT, None)
    assert (cleared.fault, cleared.stands) == (Fault.PILOT, False)


def test_a_variable_stands_while_another_fault_of_it_does() -> None:
    told = reports()
    told.changes({Fault.UNDER_VOLTAGE: "", Fault.PHASE_LOSS: ""}, AT, None)
    (first,) = told.changes({Fault.PHASE_LOSS: ""}, AT, None)
    assert first.variable_stands
    (last,) = told.changes({}, AT, None)
    assert not last.variable_stands

import pytest

from agent.domain.error_catalogue import CATALOGUE, gravest
from agent.domain.fault_entry import Severity
from hal.api import Fault

INFO_CHARS = 50
DISPLAY_CHARS = 32


def test_every_fault_has_its_own_number() -> None:
    assert sorted(entry.code for entry in CATALOGUE.values()) == list(range(1, len(Fault) + 1))


@pytest.mark.parametrize("fault", Fault)
def test_what_is_told_of_a_fault_fits_where_it_goes(fault: Fault) -> None:
    entry = CATALOGUE[fault]
    assert len(entry.meaning) <= INFO_CHARS
    assert len(fault.value) <= INFO_CHARS
    assert len(entry.shown) <= DISPLAY_CHARS
    assert entry.action
    assert entry.component
    assert entry.mrec


def test_what_endangers_people_blocks_power() -> None:
    dangers = [entry for entry in CATALOGUE.values() if entry.severity is Severity.DANGER]
    assert dangers
    assert all(entry.blocks_power and entry.ends_transaction is not None for entry in dangers)


def test_a_fault_that_blocks_power_is_told_before_one_that_does_not() -> None:
    assert gravest([Fault.METER_SILENT, Fault.VENTILATION_REQUIRED]) is Fault.VENTILATION_REQUIRED
    assert gravest([Fault.OVER_CURRENT, Fault.CONTACTOR_WELDED]) is Fault.CONTACTOR_WELDED
    assert gravest([]) is None

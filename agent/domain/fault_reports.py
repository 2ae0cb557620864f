"""Which faults were raised and cleared since the last look, one by one.

Source: facts lesson 110 (errors that were not told to be gone one by one, texts that got lost).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import FaultChanged
from hal.api import Fault


class FaultReports:
    """Compares the standing faults of one EVSE with those that were told, also before a restart."""

    def __init__(self, evse_id: int, told: Iterable[Fault], next_event_id: Callable[[], int]) -> None:
        self._evse_id = evse_id
        self._next_event_id = next_event_id
        self.told = frozenset(told)

    def changes(self, faults: Mapping[Fault, str], at: datetime, transaction_id: str | None) -> list[FaultChanged]:
        """Return what changed, cleared first; cheap where nothing did."""
        if faults.keys() == self.told:
            return []
        gone = [(fault, "", False) for fault in sorted(self.told - faults.keys(), key=_code)]
        new = [(fault, detail, True) for fault, detail in faults.items() if fault not in self.told]
        self.told = frozenset(faults)
        variables = {_variable(fault) for fault in faults}
        return [
            FaultChanged(
                evse_id=self._evse_id,
                at=at,
                fault=fault,
                stands=stands,
                event_id=self._next_event_id(),
                detail=detail,
                variable_stands=_variable(fault) in variables,
                transaction_id=transaction_id,
            )
            for fault, detail, stands in (*gone, *new)
        ]


def _code(fault: Fault) -> int:
    return CATALOGUE[fault].code


def _variable(fault: Fault) -> tuple[str, str]:
    entry = CATALOGUE[fault]
    return entry.component, entry.variable

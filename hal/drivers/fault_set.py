"""Faults of one board and which of them were told, one by one (rule)."""

from collections.abc import Mapping

from hal.api import BoardEvent, Fault, FaultCleared, FaultRaised


class FaultSet:
    """What the board shows, and what its driver stands for."""

    def __init__(self) -> None:
        self._shown: dict[Fault, str] = {}
        self._own: dict[Fault, str] = {}
        self._told: frozenset[Fault] = frozenset()

    @property
    def standing(self) -> Mapping[Fault, str]:
        """All faults that stand, with their details."""
        return {**self._shown, **self._own}

    def show(self, faults: Mapping[Fault, str]) -> None:
        """Take everything that the board shows now."""
        self._shown = dict(faults)

    def stand(self, fault: Fault, detail: str) -> None:
        """Let a fault that the driver found stand; an empty detail takes it back."""
        if detail:
            self._own[fault] = detail
        else:
            self._own.pop(fault, None)

    def changes(self, now_s: float) -> list[BoardEvent]:
        """Tell what changed since the last call, cleared first."""
        faults = self.standing
        cleared: list[BoardEvent] = [
            FaultCleared(fault, now_s) for fault in sorted(self._told - faults.keys(), key=str)
        ]
        raised = [FaultRaised(fault, detail, now_s) for fault, detail in faults.items() if fault not in self._told]
        self._told = frozenset(faults)
        return cleared + raised

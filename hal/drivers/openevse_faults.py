"""Faults of one board and which of them were told (rule)."""

from hal.api import BoardEvent, Fault, FaultCleared, FaultRaised


class FaultLedger:
    """Faults that the driver itself stands for, and all that were announced, whoever found them."""

    def __init__(self) -> None:
        self._standing: dict[Fault, str] = {}
        self._announced: dict[Fault, str] = {}

    @property
    def any(self) -> bool:
        """True while an announced fault stands."""
        return bool(self._announced)

    def stand(self, fault: Fault, detail: str) -> None:
        """Let a fault of the driver's own stand; an empty detail takes it back."""
        if detail:
            self._standing[fault] = detail
        else:
            self._standing.pop(fault, None)

    def changes(self, board_fault: Fault | None, board_detail: str, at_s: float) -> list[BoardEvent]:
        """Tell what changed since the last call, the board's own fault included: cleared first."""
        faults = dict(self._standing)
        if board_fault is not None:
            faults[board_fault] = board_detail
        cleared: list[BoardEvent] = [FaultCleared(fault, at_s) for fault in self._announced if fault not in faults]
        raised = [FaultRaised(fault, detail, at_s) for fault, detail in faults.items() if fault not in self._announced]
        self._announced = faults
        return cleared + raised

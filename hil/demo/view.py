"""What a demo shows, on whatever it is shown (values and an interface)."""

from dataclasses import dataclass, field
from typing import Protocol

from hil.demo.observed import Frame, Json, Observed
from hil.demo.receipt import Receipt


@dataclass(slots=True)
class Step:
    """One line of the programme."""

    title: str
    began_s: float | None = None
    ended_s: float | None = None
    detail: str = ""
    failed: bool = False
    """Meaningful once it has ended."""


@dataclass(slots=True)
class Programme:
    """All steps and the time they count from."""

    seen: Observed
    start_s: float
    directory: str
    steps: list[Step] = field(default_factory=list)


class View(Protocol):
    """Where a demo is shown; `close` once before the receipt."""

    def step_changed(self, step: Step) -> None:
        """A step began, ended or failed."""

    def show_frame(self, frame: Frame) -> None:
        """A frame passed the back-end."""

    def show_event(self, event: Json) -> None:
        """The bench saw something."""

    def tick(self) -> None:
        """Time has passed: a few times a second."""

    def close(self) -> None:
        """Leave what was shown and stop."""

    def show_receipt(self, receipt: Receipt) -> None:
        """Show the end of it."""

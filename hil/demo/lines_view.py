"""A demo as plain lines: for pipes, logs and CI (runner: owns standard output)."""

import time

from hil.demo import wording
from hil.demo.observed import Frame, Json
from hil.demo.receipt import Receipt
from hil.demo.receipt_rows import receipt_rows, verdict
from hil.demo.view import Programme, Step

METER_LINE_INTERVAL_S = 2.0


class LinesView:
    """Prints a line for each thing as it happens."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._metered_s = 0.0

    def step_changed(self, step: Step) -> None:
        """Print the head of a step, or its result."""
        if step.ended_s is None:
            self._line(f"== {step.title}")
        else:
            self._line(f"   {'FAILED' if step.failed else 'ok'}: {step.detail or step.title}", at_s=step.ended_s)

    def show_frame(self, frame: Frame) -> None:
        """Print one frame."""
        said = " ".join([wording.arrow(frame), wording.subject(frame), wording.details(frame)])
        self._line(f"   ocpp {said.rstrip()}", at_s=frame.at_s)

    def show_event(self, event: Json) -> None:
        """Print what the bench saw."""
        line = wording.bench_line(event)
        if line is not None:
            self._line(f"   {line}", at_s=event["t"])

    def tick(self) -> None:
        """Print now and then what flows."""
        seen, now_s = self._programme.seen, time.monotonic()
        if seen.current_a > 0 and now_s - self._metered_s >= METER_LINE_INTERVAL_S:
            self._metered_s = now_s
            offer = "no offer" if seen.offered_a is None else f"{seen.offered_a:.1f} A offered"
            self._line(f"   {offer}, {seen.current_a:.1f} A drawn, {seen.delivered_wh:.1f} Wh", at_s=now_s)

    def close(self) -> None:
        """Nothing to put away."""

    def show_receipt(self, receipt: Receipt) -> None:
        """Print it as a table of three columns."""
        print()
        for section, rows in receipt_rows(receipt):
            for number, (label, value) in enumerate(rows):
                print(f"{section if number == 0 else '':<10} {label:<28} {value}")
        print(f"\n{verdict(receipt)}", flush=True)

    def _line(self, text: str, at_s: float | None = None) -> None:
        now_s = time.monotonic() if at_s is None else at_s
        print(f"{now_s - self._programme.start_s:6.2f} {text}", flush=True)

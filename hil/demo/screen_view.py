"""A demo on a terminal: steps, station and messages, drawn anew a few times a second (runner: owns the terminal)."""

import time
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hil.demo import wording
from hil.demo.observed import Frame, Json
from hil.demo.receipt import Receipt
from hil.demo.receipt_rows import receipt_rows, verdict
from hil.demo.view import Programme, Step
from hil.terminal import PILOT_STYLES, contactor_text, gauge

MAX_MESSAGES = 16
MIN_MESSAGES = 3
FRAME_ROWS = 6
"""Borders of the panels, and the line below them."""


class ScreenView:
    """Redraws in place; what was drawn last stays on the terminal."""

    def __init__(self, programme: Programme, console: Console) -> None:
        self._programme = programme
        self._console = console
        self._messages: deque[tuple[float, Text]] = deque(maxlen=MAX_MESSAGES)
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def step_changed(self, step: Step) -> None:  # noqa: ARG002 - steps are drawn from the programme
        """Draw the steps anew."""
        self.tick()

    def show_frame(self, frame: Frame) -> None:
        """Add one message."""
        style = {"in": "cyan", "out": "dim", "-": "bold yellow"}[frame.direction]
        subject_style = "bold red" if frame.kind == "error" else style
        text = Text.assemble((f"{wording.arrow(frame)} ", style), (wording.subject(frame), subject_style), "  ")
        text.append(wording.details(frame), "dim" if frame.direction == "out" else "")
        text.no_wrap, text.overflow = True, "ellipsis"
        self._messages.append((frame.at_s, text))
        self.tick()

    def show_event(self, event: Json) -> None:  # noqa: ARG002 - the station is drawn from what was observed
        """Draw the station anew."""
        self.tick()

    def tick(self) -> None:
        """Draw everything anew."""
        self._live.update(self._render(), refresh=True)

    def close(self) -> None:
        """Leave the last drawing."""
        self.tick()
        self._live.stop()

    def show_receipt(self, receipt: Receipt) -> None:
        """Show it in a frame of its own."""
        table = Table.grid(padding=(0, 2))
        for section, rows in receipt_rows(receipt):
            for number, (label, value) in enumerate(rows):
                table.add_row(Text(section if number == 0 else "", "bold"), label, Text(value, "cyan"))
            table.add_row()
        style = "red" if receipt.problems else "green"
        mark = "✗" if receipt.problems else "✓"
        content = Group(table, Text(f"{mark} {verdict(receipt)}", f"bold {style}"))
        self._console.print(Panel(content, title="Receipt", border_style=style, padding=(1, 1)))

    def _render(self) -> RenderableType:
        steps, station = self._steps(), self._station()
        top = Table.grid(expand=True)
        top.add_column(ratio=5)
        top.add_column(ratio=6)
        rows = len(self._programme.steps)
        height = max(rows, station.row_count) + 2
        top.add_row(Panel(steps, title="Session", height=height), Panel(station, title="Station", height=height))
        room = self._console.height - height - FRAME_ROWS
        shown = list(self._messages)[-max(MIN_MESSAGES, min(MAX_MESSAGES, room)) :]
        elapsed_s = time.monotonic() - self._programme.start_s
        head = Text.assemble(
            (" Pilotline ", "bold reverse"),
            (f" OCPP {self._programme.seen.version}", "bold"),
            f"   {elapsed_s:4.1f} s   logs in {self._programme.directory}",
        )
        head.no_wrap, head.overflow = True, "ellipsis"
        return Group(head, top, Panel(self._message_table(shown), title="OCPP messages"))

    def _steps(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(ratio=1, no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        for step in self._programme.steps:
            table.add_row(*_step_row(step))
        return table

    def _station(self) -> Table:
        seen = self._programme.seen
        meaning = wording.PILOT_MEANINGS.get(seen.pilot_state, "")
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_row("pilot", Text(f"{seen.pilot_state}  {meaning}", PILOT_STYLES.get(seen.pilot_state, "")))
        table.add_row("contactor", contactor_text(closed=seen.contactor_closed))
        table.add_row("offered", gauge(seen.offered_a or 0.0, "blue"))
        table.add_row("drawn", gauge(seen.current_a, "green"))
        table.add_row("power", f"{seen.power_w / 1000:.2f} kW")
        table.add_row("energy", Text(f"{seen.delivered_wh:.1f} Wh", "bold"))
        table.add_row("meter", f"{seen.register_wh:.1f} Wh")
        table.add_row("display", Text(seen.display or "-", "italic"))
        table.add_row("back-end", Text("online", "green") if seen.online else Text("OFFLINE", "bold red"))
        return table

    def _message_table(self, shown: list[tuple[float, Text]]) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", justify="right", width=6)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for at_s, text in shown:
            table.add_row(f"{at_s - self._programme.start_s:.2f}", text)
        return table


def _step_row(step: Step) -> tuple[Text, Text, str]:
    if step.began_s is None:
        return Text("·", "dim"), Text(step.title, "dim"), ""
    if step.ended_s is None:
        return Text("▶", "bold yellow"), Text(step.title, "bold"), ""
    if step.failed:
        return Text("✗", "bold red"), Text(step.title, "bold red"), ""
    return Text("✓", "bold green"), Text(step.title), f"{step.ended_s - step.began_s:.1f} s"

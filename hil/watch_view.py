"""What `pilotline-bench watch` draws: one panel for each EVSE, and what happened last (rule; needs rich)."""

from collections import deque
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hil.demo.wording import PILOT_MEANINGS, bench_line
from hil.state_wording import pilot_text
from hil.terminal import PILOT_STYLES, contactor_text, gauge

Json = dict[str, Any]

MAX_EVENTS = 40
FRAME_ROWS = 4
PANEL_WIDTH = 46
EVSE_ROWS = 11


class WatchView:
    """The picture of a bench: take states and events, render."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._evses: Json = {}
        self._events: deque[tuple[float, Text]] = deque(maxlen=MAX_EVENTS)
        self.lost = ""
        """Why the bench does not answer; empty while it does."""

    def take_state(self, state: Json) -> None:
        """Take the answer to `state`."""
        self._evses = state["evses"]

    def take_event(self, event: Json) -> None:
        """Take an event of the stream."""
        text = event_text(event)
        if text is not None:
            where = f"EVSE {event['evse']}  " if "evse" in event else ""
            style = "bold yellow" if event["event"] == "stimulus" else ""
            self._events.append((event["t"], Text(where + text, style, no_wrap=True, overflow="ellipsis")))

    def render(self, height: int, width: int) -> RenderableType:
        """Draw everything into so many rows and columns."""
        panels = [evse_panel(number, state) for number, state in self._evses.items()]
        side_by_side = max(1, width // PANEL_WIDTH)
        used = -(-len(panels) // side_by_side) * (EVSE_ROWS + 2)
        shown = list(self._events)[-max(3, height - used - FRAME_ROWS) :]
        lost = Text(f"  {self.lost}", "bold red") if self.lost else Text("")
        head = Text.assemble((" Pilotline bench ", "bold reverse"), f" {self._control}", lost)
        head.no_wrap, head.overflow = True, "ellipsis"
        return Group(head, Columns(panels, padding=0), Panel(_event_table(shown), title="What happened last"))


def event_text(event: Json) -> str | None:
    """Say what the bench saw or what was done to it; None for what a spectator need not know."""
    match event["event"]:
        case "stimulus":
            fields = [f"{name}={value}" for name, value in event.items() if name not in {"event", "op", "t"}]
            return " ".join([f"» {event['op']}", *fields])
        case "supply":
            return "supply on" if event["on"] else "supply off"
        case _:
            return bench_line(event)


def evse_panel(number: str, state: Json) -> Panel:
    """Draw one EVSE."""
    pilot = state["pilot_state"]
    shown = state["indicator"] or {}
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_row("pilot", Text(pilot_text(state), PILOT_STYLES.get(pilot, "")))
    table.add_row("", Text(PILOT_MEANINGS.get(pilot, ""), PILOT_STYLES.get(pilot, "")))
    table.add_row("output", state["pilot_output"].replace("_", " "))
    table.add_row("contactor", contactor_text(closed=state["contactor_closed"]))
    table.add_row("drawn", gauge(state["current_a"], "green"))
    table.add_row("power", f"{state['power_w'] / 1000:.2f} kW on {state['phases_supplied']} phases")
    table.add_row("energy", Text(f"{float(state['delivered_wh']):.1f} Wh", "bold"))
    table.add_row("meter", f"{float(state['meter']['energy_wh']):.1f} Wh, {state['meter']['mode']}")
    table.add_row("car", _car(state["vehicle"]))
    table.add_row("indicator", Text(_indication(shown), "italic"))
    faults = ", ".join(state["faults"])
    table.add_row("faults", Text(faults, "bold red") if faults else Text("none", "dim"))
    border = "red" if state["faults"] or not state["supplied"] else "green" if state["contactor_closed"] else "dim"
    title = f"EVSE {number}" + ("" if state["supplied"] else " (no supply)")
    return Panel(table, title=title, width=PANEL_WIDTH, border_style=border)


def _car(vehicle: Json) -> str:
    if not vehicle["plugged"]:
        return "none"
    return "plugged in, asleep" if vehicle["asleep"] else f"plugged in, wants {vehicle['state']}"


def _indication(shown: Json) -> str:
    return " · ".join(str(value) for value in shown.values() if value not in (None, "", False)) or "-"


def _event_table(shown: list[tuple[float, Text]]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", justify="right", width=10)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for t, text in shown:
        table.add_row(f"{t:.3f}", text)
    return table

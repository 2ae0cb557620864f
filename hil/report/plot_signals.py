"""How each kind of signal is drawn into its row (rule)."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes

from hil.report.plot_rows import (
    BLUE,
    CHARACTER_WIDTH,
    DARK,
    GREEN,
    GREY,
    LABEL_PT,
    ORANGE,
    PURPLE,
    QUIET,
    VERMILLION,
    Column,
    Row,
    legible,
    since_first,
    text_width_pt,
)
from hil.report.traces import Points, Shown, Tick, Traces, steps

TINTS = {
    "green": ("#c9e9df", GREEN),
    "blue": ("#c7dff0", BLUE),
    "yellow": ("#faf2b8", "#c9b600"),
    "red": ("#f6cfc4", "#c0392b"),
    "white": ("#ffffff", GREY),
    "off": ("#eceff2", QUIET),
}
"""Of the driver's light: filling and edge."""
LANES = 3
CLOSEST_PT = 0.5
"""Small ticks nearer to each other than this are one."""


def draw_row(axes: Axes, traces: Traces, row: Row, column: Column) -> None:
    """Draw what the row is for, or say that there was nothing."""
    if not _has_any(traces, row.key):
        at: dict[str, Any] = {"va": "center", "fontsize": LABEL_PT, "color": QUIET, "style": "italic", "zorder": 6}
        at["bbox"] = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 1.0}
        axes.text(column.from_s + column.seconds(4), row.middle, "no event", **at)
        return
    match row.key:
        case "pilot":
            _line(axes, row, column, steps(traces.low_v, traces.end_t), VERMILLION, 2.4)
            _line(axes, row, column, steps(traces.high_v, traces.end_t), BLUE, 1.1)
            _pilot_states(axes, traces.pilot_states, row, column)
        case "duty":
            _line(axes, row, column, steps(traces.duty_percent, traces.end_t), GREEN, 1.3)
        case "current":
            _line(axes, row, column, traces.current_a, PURPLE, 1.3)
        case "energy":
            _line(axes, row, column, since_first(traces.energy_wh), ORANGE, 1.3)
        case "commands":
            _ticks(axes, traces.commands, row, column)
        case "messages":
            _ticks(axes, traces.messages, row, column, (BLUE, VERMILLION))
        case "driver":
            _driver(axes, traces, row, column)
        case "notes":
            _ticks(axes, traces.notes, row, column, lanes=2)
        case _:
            _contactor(axes, traces.contactors[row.key], traces.end_t, row, column)


def _has_any(traces: Traces, key: str) -> bool:
    seen = {
        "pilot": traces.high_v,
        "duty": traces.duty_percent,
        "current": traces.current_a,
        "energy": traces.energy_wh,
        "commands": traces.commands,
        "messages": traces.messages,
        "driver": traces.shown,
        "notes": traces.notes,
    }
    return bool(seen.get(key, traces.contactors.get(key)))


def _line(axes: Axes, row: Row, column: Column, points: Points, color: str, width: float) -> None:
    inside = _within(points, column)
    if inside:
        axes.plot(
            [t - column.zero_t for t, _ in inside],
            [row.scaled(value) for _, value in inside],
            color=color,
            linewidth=width,
            solid_joinstyle="miter",
            solid_capstyle="butt",
            zorder=4,
        )


def _within(points: Points, column: Column) -> Points:
    """The points that the column shows, with one more at either side."""
    first = next((n for n, (t, _) in enumerate(points) if t - column.zero_t >= column.from_s), len(points))
    last = next((n for n, (t, _) in enumerate(points) if t - column.zero_t > column.to_s), len(points))
    return points[max(0, first - 1) : last + 1]


def _pilot_states(axes: Axes, states: Sequence[tuple[float, str]], row: Row, column: Column) -> None:
    """Write each state's letter at the top of the row, in the middle of its time if there is room."""
    ends = [*(t for t, _ in states[1:]), column.zero_t + column.to_s]
    for (t, state), end_t in zip(states, ends, strict=False):
        from_s, to_s = max(t - column.zero_t, column.from_s), min(end_t - column.zero_t, column.to_s)
        if to_s - from_s > column.seconds(7):
            at: dict[str, Any] = {"ha": "center", "va": "center", "color": QUIET, "fontsize": 6.5, "weight": "bold"}
            axes.text((from_s + to_s) / 2, row.scaled(-4.5), legible(state, 2), **at)


def _contactor(axes: Axes, points: Points, end_t: float, row: Row, column: Column) -> None:
    axes.hlines(row.middle, column.from_s, column.to_s, color=GREY, linewidth=0.6, linestyle=(0, (2, 2)), zorder=2)
    for (t, closed), (until_t, _) in zip(points, [*points[1:], (end_t, 0.0)], strict=False):
        from_s, to_s = max(t - column.zero_t, column.from_s), min(until_t - column.zero_t, column.to_s)
        if closed and to_s > from_s:
            axes.barh(row.middle, to_s - from_s, 0.24, left=from_s, color=DARK, linewidth=0, zorder=4)
            _inside(axes, "closed", (from_s, to_s), row.middle, column, "#ffffff")
        elif to_s > from_s:
            _inside(axes, "open", (from_s, to_s), row.middle, column, QUIET, box="#ffffff")


def _inside(
    axes: Axes, text: str, span_s: tuple[float, float], y: float, column: Column, color: str, box: str | None = None
) -> None:
    """Write the text into the middle of its time, if there is room."""
    if column.seconds(text_width_pt(text) + 4) < span_s[1] - span_s[0]:
        patch = None if box is None else {"facecolor": box, "edgecolor": "none", "pad": 0.8}
        at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": LABEL_PT, "zorder": 6, "bbox": patch}
        axes.text(sum(span_s) / 2, y - 0.01, text, color=color, **at)


def _driver(axes: Axes, traces: Traces, row: Row, column: Column) -> None:
    ends = [*(shown.t for shown in traces.shown[1:]), traces.end_t]
    for shown, end_t in zip(traces.shown, ends, strict=False):
        from_s, to_s = max(shown.t - column.zero_t, column.from_s), min(end_t - column.zero_t, column.to_s)
        if to_s <= from_s:
            continue
        face, edge = TINTS.get(shown.light, TINTS["off"])
        line = (0, (2, 1.4)) if shown.is_blinking else "solid"
        axes.barh(row.middle, to_s - from_s, 0.34, left=from_s, color=face, linewidth=0, zorder=3)
        axes.hlines(row.middle - 0.16, from_s, to_s, color=edge, linewidth=1.6, linestyle=line, zorder=4)
        axes.vlines(from_s, row.middle - 0.17, row.middle + 0.17, color=edge, linewidth=0.6, zorder=4)
        _inside(axes, driver_text(shown, to_s - from_s, column), (from_s, to_s), row.middle, column, DARK)


def driver_text(shown: Shown, span_s: float, column: Column) -> str:
    """The display's text, or its beginning if there is not room for all of it."""
    whole = legible(shown.text or f"{shown.light}{' blinking' if shown.is_blinking else ''}", 60)
    room = int((span_s / column.seconds(1) - 5) / (LABEL_PT * CHARACTER_WIDTH))
    return whole if len(whole) <= room else whole[: max(1, room - 1)].rstrip() + "…"


def _ticks(
    axes: Axes,
    ticks: Iterable[Tick],
    row: Row,
    column: Column,
    colors: tuple[str, str] = (DARK, DARK),
    lanes: int = LANES,
) -> None:
    inside = [tick for tick in ticks if column.shows(tick.t)]
    _minor(axes, [tick for tick in inside if tick.is_minor], row, column)
    ends_pt = [-math.inf] * lanes
    for tick in inside:
        if tick.is_minor:
            continue
        x = tick.t - column.zero_t
        color = colors[0] if tick.from_station else colors[1]
        lane = _labelled(axes, tick, row, column, ends_pt, color)
        axes.vlines(x, row.bottom + 0.02, row.bottom + 0.2, color=color, linewidth=1.0, zorder=4)
        if lane is not None:
            top = _lane_y(row, lane, lanes) + 0.09
            axes.vlines(x, row.bottom + 0.2, top, color=color, linewidth=0.4, alpha=0.5, zorder=2)


def _labelled(
    axes: Axes, tick: Tick, row: Row, column: Column, ends_pt: list[float], color: str
) -> int | None:  # fmt: skip
    """Write the tick's text into the first lane with room; None: there is none."""
    text = legible(tick.text)
    at_pt, width_pt = column.place_pt(tick.t), text_width_pt(text) + 3
    for lane, end_pt in enumerate(ends_pt):
        rightwards = at_pt >= end_pt and at_pt + width_pt <= column.width_pt
        leftwards = not rightwards and at_pt - width_pt >= end_pt and at_pt + width_pt > column.width_pt
        if rightwards or leftwards:
            ends_pt[lane] = at_pt + width_pt if rightwards else at_pt + 2
            x = tick.t - column.zero_t + column.seconds(1.8 if rightwards else -1.8)
            y = _lane_y(row, lane, len(ends_pt))
            ha = "left" if rightwards else "right"
            axes.text(x, y, text, ha=ha, va="center", fontsize=LABEL_PT, color=color, zorder=5)
            return lane
    return None


def _lane_y(row: Row, lane: int, lanes: int) -> float:
    return row.top - 0.15 - lane * (row.height - 0.43) / max(1, lanes - 1)


def _minor(axes: Axes, ticks: Sequence[Tick], row: Row, column: Column) -> None:
    """Draw small ticks as one path, none closer than half a point to the last."""
    xs: list[float] = []
    ys: list[float] = []
    last_pt = -math.inf
    for tick in ticks:
        if column.place_pt(tick.t) - last_pt >= CLOSEST_PT:
            last_pt = column.place_pt(tick.t)
            x = tick.t - column.zero_t
            xs += [x, x, math.nan]
            ys += [row.bottom + 0.02, row.bottom + 0.1, math.nan]
    axes.plot(xs, ys, color=GREY, linewidth=0.5, zorder=2)

"""The plot of one run: every signal over one time axis, the limit drawn in (rule; the only user of matplotlib).

One pair of axes per column carries all rows, each row scaled into a band of its own. The right column, where there is
one, is the same around the limit. The same input gives the same bytes: ids are made of the plot's name, no date.
Colours: Okabe and Ito, told apart also by the colour-blind; each curve is named beside it as well.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hil.report.plot_limits import Focus, draw_lanes, draw_limit, focus_of
from hil.report.plot_rows import QUIET, Column, Row, rows_of
from hil.report.plot_signals import draw_row
from hil.report.results import Result
from hil.report.svg import inlined
from hil.report.traces import Traces, times_of

WIDTH_IN = 10.8
ROW_IN = 0.52
SETTINGS: dict[Any, Any] = {  # its own type has 300 names
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "text.parse_math": False,
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
    "axes.unicode_minus": False,
}
GRID = "#e3e6ea"
INK = "#24292f"
STIMULUS = "#24292f"
"""Edge of the stimulus: a dark line at t = 0."""
LEFT, RIGHT, GAP = 0.118, 0.992, 0.012
"""Of the figure's width: room for the rows' names, right edge, room between the columns."""
NAMED_FROM_TOP = 0.5
"""Rows higher than this have room for more than one line of a name."""
ZOOM_SHARE = 0.46
"""Of the drawing's width, for the column around the limit."""


@dataclass(frozen=True, slots=True)
class Window:
    """Part of the time that a column shows, and how wide it is drawn."""

    from_t: float
    to_t: float
    width_pt: float
    is_enlarged: bool = False


def plot_svg(result: Result, traces: Traces, name: str) -> str:
    """The plot as an `<svg>` element for a page; `name` must be unique there."""
    rows = rows_of(traces, len([m for m in result.measurements if m.from_t is not None]))
    height_in = sum(row.height for row in rows) * ROW_IN + 0.5
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        FigureCanvasAgg(figure)
        bottom, top = 0.44 / height_in, 1 - 0.06 / height_in
        focus = focus_of(result)
        for number, (left, width, window) in enumerate(_columns(result, focus)):
            axes = figure.add_axes((left, bottom, width, top - bottom))
            _draw(axes, result, traces, rows, window, focus)
            axes.set_xlabel(_time_axis(result, number), fontsize=6.5, color=QUIET, labelpad=2)
            if number == 0:
                _name(axes, rows)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return inlined(out.getvalue(), name)


def _time_axis(result: Result, column: int) -> str:
    origin = "the start of the recording" if result.stimulus_t is None else "the stimulus"
    return f"seconds from {origin}" if column == 0 else "the same, enlarged around the limit"


def _columns(result: Result, focus: Focus | None) -> list[tuple[float, float, Window]]:
    """Left edge and width (of the figure) and window of each column."""
    start_t, end_t = times_of(result)
    pad_s = max(0.02, (end_t - start_t) * 0.015)
    whole = (start_t - pad_s, end_t + pad_s)
    width = RIGHT - LEFT
    if focus is None or not focus.needs_zoom(end_t - start_t):
        return [(LEFT, width, Window(*whole, width * WIDTH_IN * 72))]
    zoom = (width - GAP) * ZOOM_SHARE
    first = width - GAP - zoom
    return [
        (LEFT, first, Window(*whole, first * WIDTH_IN * 72)),
        (RIGHT - zoom, zoom, Window(focus.window[0], focus.window[1], zoom * WIDTH_IN * 72, is_enlarged=True)),
    ]


def _draw(axes: Axes, result: Result, traces: Traces, rows: Sequence[Row], window: Window, focus: Focus | None) -> None:
    zero_t = traces.start_t if result.stimulus_t is None else result.stimulus_t
    _frame(axes, rows, window, zero_t)
    if focus is not None:
        draw_limit(axes, focus, rows, zero_t)
    if result.stimulus_t is not None:
        axes.axvline(0.0, color=STIMULUS, linewidth=0.9, zorder=3)
    column = Column(zero_t, window.from_t - zero_t, window.to_t - zero_t, window.width_pt)
    for row in rows:
        if row.key == "limits":
            draw_lanes(axes, result, row, column, in_words=not window.is_enlarged)
        else:
            draw_row(axes, traces, row, column)


def _frame(axes: Axes, rows: Sequence[Row], window: Window, zero_t: float) -> None:
    axes.set_xlim(window.from_t - zero_t, window.to_t - zero_t)
    axes.set_ylim(rows[-1].bottom, rows[0].top)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#8c959f")
    axes.tick_params(axis="x", length=2.5, width=0.6, color="#8c959f", labelcolor=INK, pad=1.5)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(9, steps=[1, 2, 5, 10]))
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.hlines([row.bottom for row in rows], *axes.get_xlim(), color="#d0d7de", linewidth=0.6, zorder=1)
    lines = [row.scaled(tick) for row in rows for tick in row.ticks]
    axes.hlines(lines, *axes.get_xlim(), color=GRID, linewidth=0.5, zorder=1)


def _name(axes: Axes, rows: Sequence[Row]) -> None:
    """Write the rows' names and scales to the left of the first column, and what the time is counted from."""
    place = axes.get_yaxis_transform()
    for row in rows:
        for line, (text, color, weight) in enumerate(row.names):
            y = row.top - 0.17 - line * 0.23 if row.height > NAMED_FROM_TOP else row.middle + 0.02
            at: dict[str, Any] = {"ha": "left", "va": "center", "transform": place, "clip_on": False}
            axes.text(-0.115 / axes.get_position().width, y, text, color=color, weight=weight, **at)
        for tick in row.ticks:
            text = row.tick_text(tick)
            axes.text(-0.006, row.scaled(tick), text, color=QUIET, fontsize=6, ha="right", va="center", transform=place)

"""Limits in the plot: a lane for each measurement, and the decisive one shaded through all rows (rule)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from hil.report.plot_rows import LABEL_PT, Column, Row, legible, text_width_pt
from hil.report.results import Measurement, Result
from hil.report.wording import seconds

ALLOWED, ALLOWED_EDGE = "#fdf5dc", "#a07800"
MET, MISSED = "#1a7f37", "#b00020"
ZOOM_BEFORE, ZOOM_AFTER = 0.6, 0.8
"""Time shown beside the limit, in spans of the limit or of what was measured."""
LEAST_SPAN_S = 0.05
ZOOM_BELOW = 0.4
"""A part of the run shorter than this share of it is drawn again, enlarged."""
LANE_HEIGHT = 0.42


@dataclass(frozen=True, slots=True)
class Focus:
    """The measurement that decides, and the time around it."""

    measurement: Measurement
    from_t: float

    @property
    def allowed(self) -> tuple[float, float]:
        """From when to when it may happen; without an upper limit until the end of what is shown."""
        at_least_s, limit_s = self.measurement.at_least_s or 0.0, self.measurement.limit_s
        return self.from_t + at_least_s, self.window[1] if limit_s is None else self.from_t + limit_s

    @property
    def span_s(self) -> float:
        """The longest of limit and measured value."""
        m = self.measurement
        return max(LEAST_SPAN_S, m.limit_s or 0.0, m.value_s or 0.0, m.at_least_s or 0.0)

    @property
    def window(self) -> tuple[float, float]:
        """What the enlarged column shows."""
        return self.from_t - ZOOM_BEFORE * self.span_s, self.from_t + (1 + ZOOM_AFTER) * self.span_s

    def needs_zoom(self, duration_s: float) -> bool:
        """Tell whether the limit would be small in the whole."""
        return self.window[1] - self.window[0] < ZOOM_BELOW * duration_s


def focus_of(result: Result) -> Focus | None:
    """A missed limit first, then the tightest."""
    timed = [(m.met, _tightness(m), n) for n, m in enumerate(result.measurements) if m.from_t is not None]
    if not timed:
        return None
    measurement = result.measurements[min(timed)[2]]
    return Focus(measurement, measurement.from_t or 0.0)


def draw_limit(axes: Axes, focus: Focus, rows: Sequence[Row], zero_t: float) -> None:
    """Shade when it may happen and draw a line where it did."""
    measurement = focus.measurement
    from_t, to_t = focus.allowed
    axes.axvspan(from_t - zero_t, to_t - zero_t, facecolor=ALLOWED, edgecolor="none", zorder=0)
    for edge_t in (from_t, to_t) if measurement.at_least_s else (to_t,):
        axes.axvline(edge_t - zero_t, color=ALLOWED_EDGE, linewidth=0.7, linestyle=(0, (4, 2)), zorder=2)
    if measurement.to_t is not None:
        color = MET if measurement.met else MISSED
        bottom = next((row.top for row in rows if row.key == "commands"), rows[-1].bottom)
        axes.vlines(measurement.to_t - zero_t, bottom, rows[0].top, color=color, linewidth=1.1, zorder=5)


def draw_lanes(axes: Axes, result: Result, row: Row, column: Column, *, in_words: bool) -> None:
    """One lane for each measurement: a bar for the time allowed, a mark where it happened, and what it is.

    The enlarged column has no room for the words and repeats the figure alone.
    """
    timed = [m for m in result.measurements if m.from_t is not None]
    for lane, measurement in enumerate(timed):
        y = row.top - 0.14 - (lane + 0.5) * LANE_HEIGHT + 0.06
        from_s = (measurement.from_t or 0.0) - column.zero_t
        if measurement.limit_s is not None:
            start_s = from_s + (measurement.at_least_s or 0.0)
            axes.plot([start_s, from_s + measurement.limit_s], [y, y], color=ALLOWED_EDGE, linewidth=2.4, alpha=0.45)
        color, text = (MET, "o") if measurement.met else (MISSED, "X")
        if measurement.to_t is not None:
            axes.plot([measurement.to_t - column.zero_t], [y], text, color=color, markersize=4.2, zorder=7)
        _words(axes, lane_text(measurement) if in_words else figure_text(measurement), measurement, y, column)


def lane_text(measurement: Measurement) -> str:
    """A measurement in one line."""
    parts = [f"{legible(measurement.name, 60)}:"]
    parts.append("did not happen" if measurement.value_s is None else seconds(measurement.value_s))
    if measurement.at_least_s is not None:
        parts.append(f"(at least {seconds(measurement.at_least_s)})")
    if measurement.limit_s is not None:
        parts.append(f"(limit {seconds(measurement.limit_s)})")
    return " ".join([*parts, "met" if measurement.met else "MISSED"])


def figure_text(measurement: Measurement) -> str:
    """What was measured, alone."""
    return "not seen" if measurement.value_s is None else seconds(measurement.value_s)


def _words(axes: Axes, text: str, measurement: Measurement, y: float, column: Column) -> None:
    from_s = (measurement.from_t or 0.0) - column.zero_t
    ends = [from_s, from_s + (measurement.limit_s or 0.0)]
    ends += [] if measurement.to_t is None else [measurement.to_t - column.zero_t]
    width_s = column.seconds(text_width_pt(text) + 10)
    color = MET if measurement.met else MISSED
    at: dict[str, Any] = {"va": "center", "fontsize": LABEL_PT, "color": color, "weight": "bold", "zorder": 7}
    if max(ends) + width_s <= column.to_s:
        axes.text(max(ends) + column.seconds(6), y, text, ha="left", **at)
    elif min(ends) - width_s >= column.from_s:
        axes.text(min(ends) - column.seconds(6), y, text, ha="right", **at)
    else:
        box = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        axes.text(column.from_s + column.seconds(2), y, text, ha="left", bbox=box, **at)


def _tightness(measurement: Measurement) -> float:
    """The limit, s; a measurement without one comes last."""
    bounds = [bound for bound in (measurement.limit_s, measurement.at_least_s) if bound is not None]
    return min(bounds, default=float("inf"))

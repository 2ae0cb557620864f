"""The rows of a plot: their bands, names and scales (rule)."""

import math
from dataclasses import dataclass

from hil.report.traces import Points, Traces

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, DARK, GREY = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#aa4499",
    "#b8860b",
    "#3d444d",
    "#8c959f",
)
PAD = 0.12
LAST_PLAIN = "\u024f"
"""Up to here (Latin) every face has the characters."""
LABEL_PT = 6.0
CHARACTER_WIDTH = 0.56
"""Of the type's size; a wide estimate of sans-serif faces."""
LABEL_LENGTH = 34
PILOT_LOW_V, PILOT_HIGH_V = -13.5, 13.5
LEAST_CURRENT_A, LEAST_ENERGY_WH = 10.0, 1.0

QUIET = "#57606a"

Name = tuple[str, str, str]
"""Text, colour and weight of one line of a row's name."""


@dataclass(frozen=True, slots=True)
class Row:
    """A band of the plot; 1 is the height of an ordinary row."""

    key: str
    top: float
    height: float
    names: tuple[Name, ...]
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = ()

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top - self.height

    @property
    def middle(self) -> float:
        """Half-way up."""
        return self.top - self.height / 2

    def scaled(self, value: float) -> float:
        """Height at which the value is drawn; beyond the scale it is drawn at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom + PAD + share * (self.height - 2 * PAD)

    def tick_text(self, value: float) -> str:
        """The value as written beside the scale."""
        return f"{value:+g}" if self.key == "pilot" and value else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Column:
    """What all rows of a column share: its time axis, seconds from `zero_t`, and its width."""

    zero_t: float
    from_s: float
    to_s: float
    width_pt: float

    def place_pt(self, t: float) -> float:
        """Distance from the left edge."""
        return (t - self.zero_t - self.from_s) / (self.to_s - self.from_s) * self.width_pt

    def shows(self, t: float) -> bool:
        """Tell whether this time is inside the column."""
        return self.from_s <= t - self.zero_t <= self.to_s

    def seconds(self, points_right: float) -> float:
        """Seconds that this many points of width are."""
        return points_right / self.width_pt * (self.to_s - self.from_s)


def rows_of(traces: Traces, limits: int) -> list[Row]:
    """All rows from the top down."""
    current = nice_above(max([LEAST_CURRENT_A, *(a for _, a in traces.current_a)]))
    energy = nice_above(max([LEAST_ENERGY_WH, *(e for _, e in since_first(traces.energy_wh))]))
    wanted: list[tuple[str, float, tuple[Name, ...], tuple[float, float, tuple[float, ...]]]] = []
    if limits:
        wanted.append(("limits", 0.42 * limits + 0.14, (("Limits", DARK, "bold"),), (0, 1, ())))
    pilot = (("Pilot, V", DARK, "bold"), ("high level", BLUE, "normal"), ("low level", VERMILLION, "normal"))
    wanted += [
        ("pilot", 2.3, pilot, (PILOT_LOW_V, PILOT_HIGH_V, (-12, 0, 3, 6, 9, 12))),
        ("duty", 0.85, _names("Duty, %", GREEN, "100: steady +12 V"), (0, 105, (0, 50, 100))),
    ]
    for name in sorted(traces.contactors) or ["contactor"]:
        wanted.append((name, 0.42, ((name.replace("_", " ").capitalize(), DARK, "bold"),), (0, 1, ())))
    wanted += [
        ("current", 0.85, _names("Current, A", PURPLE, "per phase"), (0, current, (0, current / 2, current))),
        ("energy", 0.85, _names("Meter, Wh", ORANGE, "since the start"), (0, energy, (0, energy / 2, energy))),
        ("commands", 1.2, _names("Commands", DARK, "to the board;", "small: polls"), (0, 1, ())),
        ("messages", 1.1, _message_names(), (0, 1, ())),
        ("driver", 0.5, (("Driver sees", DARK, "bold"),), (0, 1, ())),
        ("notes", 0.75, _names("Bench", DARK, "what it did"), (0, 1, ())),
    ]
    rows: list[Row] = []
    top = 0.0
    for key, height, names, (low, high, ticks) in wanted:
        rows.append(Row(key, top, height, names, low, high, ticks))
        top -= height
    return rows


def legible(text: str, length: int = LABEL_LENGTH) -> str:
    """A short text in characters that every face has."""
    plain = "".join(c if c.isprintable() and c <= LAST_PLAIN else "?" for c in " ".join(text.split()))
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def text_width_pt(text: str, size_pt: float = LABEL_PT) -> float:
    """Room that the text needs at most."""
    return len(text) * size_pt * CHARACTER_WIDTH


def nice_above(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … that is not below the value."""
    decade = 10.0 ** math.floor(math.log10(value)) if math.isfinite(value) and value > 0 else 1.0
    return next((step * decade for step in (1, 2, 4, 5) if step * decade >= value), 10 * decade)


def since_first(points: Points) -> Points:
    """The register counted from its first reading."""
    return [(t, energy_wh - points[0][1]) for t, energy_wh in points]


def _names(first: str, color: str, *others: str) -> tuple[Name, ...]:
    return ((first, color, "bold"), *((other, QUIET, "normal") for other in others))


def _message_names() -> tuple[Name, ...]:
    return (
        ("OCPP", DARK, "bold"),
        ("from the station", BLUE, "normal"),
        ("to the station", VERMILLION, "normal"),
    )

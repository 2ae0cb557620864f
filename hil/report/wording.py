"""How figures and outcomes are written on the page (rule)."""

from hil.report.results import Measurement

MILLISECONDS_BELOW_S, FINE_BELOW_S = 1.0, 0.01
MINUS = "\N{MINUS SIGN}"
VERDICTS = {
    "failed": ("Failed", "✕"),
    "error": ("Error", "✕"),
    "unreadable": ("Unreadable", "?"),
    "exception": ("Exception", "△"),
    "passed": ("Passed", "✓"),
    "skipped": ("Skipped", "\N{EN DASH}"),
}
BOARDS = {"rapi": "OpenEVSE (RAPI)", "safety": "Safety controller", "modbus": "Modbus charge controller"}


def seconds(value_s: float) -> str:
    """A time as a person would write it: 307 ms, 6.02 s."""
    if abs(value_s) < MILLISECONDS_BELOW_S:
        return f"{value_s * 1000:.3g} ms" if abs(value_s) < FINE_BELOW_S else f"{value_s * 1000:.0f} ms"
    return f"{value_s:.2f}".rstrip("0").rstrip(".") + " s"


def limit(measurement: Measurement) -> str:
    """The limit, or both."""
    parts = [] if measurement.at_least_s is None else [f"≥ {seconds(measurement.at_least_s)}"]
    parts += [] if measurement.limit_s is None else [f"≤ {seconds(measurement.limit_s)}"]
    return " and ".join(parts) or "none"


def margin(measurement: Measurement) -> str:
    """Time left to the nearer limit."""
    margin_s = measurement.margin_s
    if margin_s is None:
        return "\N{EN DASH}"
    return f"{MINUS if margin_s < 0 else '+'}{seconds(abs(margin_s))}"


def board(name: str) -> str:
    """The board's full name."""
    return BOARDS.get(name, name)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`."""
    return f"{number} {one if number == 1 else many or one + 's'}"

"""Limits that a board cannot meet by its nature: recorded with value and reason, never silently (value).

Only timing, only of these scenarios on this board, and only as far as the driver declares it; whatever else misses its
limit is red.
"""

from collections.abc import Mapping
from typing import Final

from hil.measurement import Excuse

_DEBOUNCE: Final = Excuse(
    "OpenEVSE's firmware debounces the pilot for 250 ms before it acts (307 to 355 ms, as it did in simavr)",
    at_most_s=0.5,
)
_OWN_TIMING: Final = Excuse(
    "OpenEVSE's firmware times the pause itself and opens 3.0 s after the PWM has ended", at_most_s=3.5, at_least_s=2.9
)

EXCEPTIONS: Final[Mapping[tuple[str, str], Excuse]] = {
    ("CP-04", "rapi"): _DEBOUNCE,
    ("CP-05", "rapi"): _DEBOUNCE,
    ("CP-08", "rapi"): _OWN_TIMING,
    ("CP-13", "rapi"): _DEBOUNCE,
    ("CP-16", "rapi"): _DEBOUNCE,
    ("CP-18", "rapi"): _DEBOUNCE,
    ("CP-20", "rapi"): _DEBOUNCE,
}
"""(scenario, board) to the excuse. Source: facts rapi_openevse, measured reaction."""

"""Rule: which phases of the grid an EVSE draws from, by how its terminals are wired.

A rotation names the grid's phases (R is L1, S L2, T L3) at L1, L2, L3 of the EVSE: one of a single phase with `STR`
draws from S alone. Whoever has all three phases draws from all, however they are rotated; where the rotation is not
known, every phase is taken to carry the current.
Source: OCPP 1.6 section 9.1 (ConnectorPhaseRotation), OCPP 2.0.1 part 2 (PhaseRotation).
"""

from typing import Final

ROTATIONS: Final = ("RST", "RTS", "SRT", "STR", "TRS", "TSR")
NOT_APPLICABLE, UNKNOWN = "NotApplicable", "Unknown"
GRID_PHASES: Final = frozenset("RST")


def rotations_of(supply_phases: int) -> tuple[str, ...]:
    """Return what may be said of an EVSE at a supply of 1 or 3 phases."""
    return (NOT_APPLICABLE, UNKNOWN) if supply_phases == 1 else (NOT_APPLICABLE, UNKNOWN, *ROTATIONS)


def grid_phases(rotation: str, wired_phases: int) -> frozenset[str]:
    """Return the grid's phases behind the first so many phases of an EVSE."""
    return frozenset(rotation[:wired_phases]) if rotation in ROTATIONS else GRID_PHASES

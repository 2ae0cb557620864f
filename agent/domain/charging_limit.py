"""How the station's supply is divided among its EVSEs.

Invariant: the sum of what is committed never exceeds the supply; where the supply itself shrinks, as soon as the cars
have followed. An EVSE is committed to the largest of what it was told to offer, what its board still offers, and what
its car still draws; so another EVSE is raised only after a lowered one has really let go. Every EVSE counts on every
phase: a single-phase car is taken as if on the busiest.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hal.value import dataclass

STEP_A: Final = 0.1
"""Offers are whole steps, rounded down."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one EVSE wants of the supply and holds of it."""

    evse_id: int
    max_current_a: float
    min_current_a: float
    wants: bool
    since: int
    """Order of arrival: smaller came first."""
    committed_a: float


def _floor(current_a: float) -> float:
    return round(int(current_a / STEP_A + 1e-9) * STEP_A, 1)


def equal_shares(supply_a: float, claims: Sequence[Claim]) -> dict[int, float]:
    """Give everybody their minimum and an equal part of the rest, nobody above their maximum.

    Where the minima do not fit, who came last goes without; one that may not have its minimum now, for heat or its
    cable, holds nobody up. Returns the share of every claim, A; 0 where there is none.
    """
    able = (claim for claim in claims if claim.wants and claim.max_current_a >= claim.min_current_a)
    wanting = sorted(able, key=lambda claim: claim.since)
    while wanting and sum(claim.min_current_a for claim in wanting) > supply_a:
        wanting.pop()
    shares = {claim.evse_id: 0.0 for claim in claims}
    left_a = supply_a - sum(claim.min_current_a for claim in wanting)
    wanting.sort(key=lambda claim: claim.max_current_a - claim.min_current_a)
    for position, claim in enumerate(wanting):
        more_a = min(claim.max_current_a - claim.min_current_a, left_a / (len(wanting) - position))
        shares[claim.evse_id] = _floor(claim.min_current_a + more_a)
        left_a -= more_a
    return shares


def ceiling(supply_a: float, claims: Sequence[Claim], evse_id: int) -> float:
    """Return the most that this EVSE may be committed to at this moment, A: what the others leave.

    Where a supply that has shrunk leaves nothing, everybody keeps what is their share of it.
    """
    own = next(claim for claim in claims if claim.evse_id == evse_id)
    left_a = supply_a - sum(claim.committed_a for claim in claims if claim.evse_id != evse_id)
    kept_a = min(own.committed_a, equal_shares(supply_a, claims)[evse_id]) if left_a < own.committed_a else 0.0
    return _floor(max(0.0, left_a, kept_a))


def allowed_now(supply_a: float, claims: Sequence[Claim]) -> Mapping[int, float]:
    """Limit of each claim at this moment: its share, but no more than the others have left free.

    Lowering takes effect at once; raising waits until the commitment of others has gone down. Nobody goes below their
    share because the supply has shrunk and others have not let go yet: once all have, the shares fit.
    """
    shares = equal_shares(supply_a, claims)
    total_a = sum(claim.committed_a for claim in claims)
    allowed = {}
    for claim in claims:
        free_a = supply_a - (total_a - claim.committed_a)
        limit_a = _floor(max(0.0, min(shares[claim.evse_id], max(free_a, claim.committed_a))))
        allowed[claim.evse_id] = limit_a
        total_a += max(0.0, limit_a - claim.committed_a)  # two raises in one round must not use the same ampere
    return allowed

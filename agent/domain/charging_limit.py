"""How the station's supply is divided among its EVSEs.

Invariant: the sum of what is committed never exceeds the supply; where the supply itself shrinks, as soon as the cars
have followed. An EVSE is committed to the largest of what it was told to offer, what its board still offers, and what
its car still draws; so another EVSE is raised only after a lowered one has really let go. Every EVSE counts on every
phase: a single-phase car is taken as if on the busiest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Final

from hal.value import dataclass

STEP_A: Final = 0.1
"""Offers are whole steps, rounded down."""


class SharingPolicy(Enum):
    """How what is left above everybody's minimum is divided."""

    EQUAL = "equal"
    FIRST_COME = "first_come"
    CONFIGURED = "configured"
    """In proportion to the weight of each EVSE."""


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
    weight: float = 1.0
    """Its part of the rest where that is configured."""


def _floor(current_a: float) -> float:
    return round(int(current_a / STEP_A + 1e-9) * STEP_A, 1)


def shares(supply_a: float, claims: Sequence[Claim], policy: SharingPolicy = SharingPolicy.EQUAL) -> dict[int, float]:
    """Give everybody their minimum and a part of the rest as the policy has it, nobody above their maximum.

    Where the minima do not fit, who came last goes without, by configuration who has the least weight; one that may not
    have its minimum now, for heat or its cable, holds nobody up. Returns the share of every claim, A; 0 where there is
    none.
    """
    able = (claim for claim in claims if claim.wants and claim.max_current_a >= claim.min_current_a)
    wanting = sorted(able, key=lambda claim: (-_weight(claim, policy), claim.since))
    while wanting and sum(claim.min_current_a for claim in wanting) > supply_a:
        wanting.pop()
    result = {claim.evse_id: 0.0 for claim in claims}
    left_a = supply_a - sum(claim.min_current_a for claim in wanting)
    rest = _in_turn(wanting, left_a) if policy is SharingPolicy.FIRST_COME else _by_weight(wanting, left_a, policy)
    for claim, more_a in rest:
        result[claim.evse_id] = _floor(claim.min_current_a + more_a)
    return result


def _in_turn(wanting: Sequence[Claim], left_a: float) -> Iterator[tuple[Claim, float]]:
    """Who came first takes what they can."""
    for claim in wanting:
        more_a = min(_room_a(claim), left_a)
        left_a -= more_a
        yield claim, more_a


def _by_weight(wanting: Sequence[Claim], left_a: float, policy: SharingPolicy) -> Iterator[tuple[Claim, float]]:
    """In proportion to the weights; what one cannot take goes to the others."""
    weight = sum(_weight(claim, policy) for claim in wanting)
    fullest_first = sorted(wanting, key=lambda claim: _room_a(claim) / _weight(claim, policy))
    for claim in fullest_first:
        more_a = min(_room_a(claim), left_a * _weight(claim, policy) / weight)
        left_a -= more_a
        weight -= _weight(claim, policy)
        yield claim, more_a


def _room_a(claim: Claim) -> float:
    return claim.max_current_a - claim.min_current_a


def _weight(claim: Claim, policy: SharingPolicy) -> float:
    return claim.weight if policy is SharingPolicy.CONFIGURED else 1.0


def ceiling(
    supply_a: float, claims: Sequence[Claim], evse_id: int, policy: SharingPolicy = SharingPolicy.EQUAL
) -> float:
    """Return the most that this EVSE may be committed to at this moment, A: what the others leave.

    Where a supply that has shrunk leaves nothing, everybody keeps what is their share of it.
    """
    own = next(claim for claim in claims if claim.evse_id == evse_id)
    left_a = supply_a - sum(claim.committed_a for claim in claims if claim.evse_id != evse_id)
    kept_a = min(own.committed_a, shares(supply_a, claims, policy)[evse_id]) if left_a < own.committed_a else 0.0
    return _floor(max(0.0, left_a, kept_a))


def allowed_now(
    supply_a: float, claims: Sequence[Claim], policy: SharingPolicy = SharingPolicy.EQUAL
) -> Mapping[int, float]:
    """Limit of each claim at this moment: its share, but no more than the others have left free.

    Lowering takes effect at once; raising waits until the commitment of others has gone down. Nobody goes below their
    share because the supply has shrunk and others have not let go yet: once all have, the shares fit.
    """
    share = shares(supply_a, claims, policy)
    total_a = sum(claim.committed_a for claim in claims)
    allowed = {}
    for claim in claims:
        free_a = supply_a - (total_a - claim.committed_a)
        limit_a = _floor(max(0.0, min(share[claim.evse_id], max(free_a, claim.committed_a))))
        allowed[claim.evse_id] = limit_a
        total_a += max(0.0, limit_a - claim.committed_a)  # two raises in one round must not use the same ampere
    return allowed


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the installer wants the supply divided."""

    policy: SharingPolicy = SharingPolicy.EQUAL
    weights: Mapping[int, float] = field(default_factory=dict)
    """By EVSE; absent: 1."""

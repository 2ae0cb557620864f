"""How the station's supply is divided among its EVSEs.

Invariant: the sum of what is committed never exceeds the supply; where the supply itself shrinks, as soon as the cars
have followed. An EVSE is committed to the largest of what it was told to offer, what its board still offers, and what
its car still draws; so another EVSE is raised only after a lowered one has really let go. The sum is that of each phase
of the grid. An EVSE counts on those that it is wired to, a single-phase car at one of three phases on all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Final

from agent.domain.phase_rotation import GRID_PHASES
from hal.value import dataclass

STEP_A: Final = 0.1
"""Offers are whole steps, rounded down."""
_ROUNDING_A: Final = 1e-9


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
    phases: frozenset[str] = GRID_PHASES
    """Of the grid, on which it counts."""


def _floor(current_a: float) -> float:
    return round(int(current_a / STEP_A + 1e-9) * STEP_A, 1)


def shares(supply_a: float, claims: Sequence[Claim], policy: SharingPolicy = SharingPolicy.EQUAL) -> dict[int, float]:
    """Give everybody their minimum and a part of the rest as the policy has it, nobody above their maximum.

    Where the minima of a phase do not fit, who of it came last goes without, by configuration who has the least weight;
    one that may not have its minimum now, for heat or its cable, holds nobody up. Returns the share of every claim, A;
    0 where there is none.
    """
    able = (claim for claim in claims if claim.wants and claim.max_current_a >= claim.min_current_a)
    wanting, left_a = _admitted(supply_a, sorted(able, key=lambda claim: (-_weight(claim, policy), claim.since)))
    result = {claim.evse_id: 0.0 for claim in claims}
    rest = _in_turn(wanting, left_a) if policy is SharingPolicy.FIRST_COME else _by_weight(wanting, left_a, policy)
    for claim, more_a in rest:
        result[claim.evse_id] = _floor(claim.min_current_a + more_a)
    return result


def _admitted(supply_a: float, in_order: Sequence[Claim]) -> tuple[list[Claim], dict[str, float]]:
    """Return who has their minimum, and what that leaves of each phase, A.

    Where somebody found too little, nobody who comes later gets it, though they may need less.
    """
    left_a = dict.fromkeys(GRID_PHASES, supply_a)
    wanting, short = list[Claim](), set[str]()
    for claim in in_order:
        lacking = {phase for phase in claim.phases if left_a[phase] < claim.min_current_a - _ROUNDING_A}
        if lacking or short & claim.phases:
            short |= lacking
        else:
            wanting.append(claim)
            _take(left_a, claim, claim.min_current_a)
    return wanting, left_a


def _take(left_a: dict[str, float], claim: Claim, more_a: float) -> None:
    for phase in claim.phases:
        left_a[phase] -= more_a


def _in_turn(wanting: Sequence[Claim], left_a: dict[str, float]) -> Iterator[tuple[Claim, float]]:
    """Who came first takes what they can."""
    for claim in wanting:
        more_a = min(_room_a(claim), *(left_a[phase] for phase in claim.phases))
        _take(left_a, claim, more_a)
        yield claim, more_a


def _by_weight(
    wanting: Sequence[Claim], left_a: dict[str, float], policy: SharingPolicy
) -> Iterator[tuple[Claim, float]]:
    """In proportion to the weights; what one cannot take goes to the others of its phases."""
    growing = list(wanting)
    while growing:
        # All grow alike until the first of them is full, or the phase that it shares with the most is.
        level_a, next_full = min(
            ((_level_a(claim, growing, left_a, policy), claim) for claim in growing), key=lambda each: each[0]
        )
        more_a = level_a * _weight(next_full, policy)
        growing.remove(next_full)
        _take(left_a, next_full, more_a)
        yield next_full, more_a


def _level_a(claim: Claim, growing: Sequence[Claim], left_a: dict[str, float], policy: SharingPolicy) -> float:
    """How much a weight of 1 gets before this claim can grow no more, A."""
    weights = {phase: sum(_weight(each, policy) for each in growing if phase in each.phases) for phase in claim.phases}
    phases_a = (left_a[phase] / weight for phase, weight in weights.items())
    return min(_room_a(claim) / _weight(claim, policy), *phases_a)


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
    held_a = _committed_a([claim for claim in claims if claim.evse_id != evse_id])
    left_a = supply_a - max(held_a[phase] for phase in own.phases)
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
    held_a = _committed_a(claims)
    allowed = {}
    for claim in claims:
        free_a = supply_a - (max(held_a[phase] for phase in claim.phases) - claim.committed_a)
        limit_a = _floor(max(0.0, min(share[claim.evse_id], max(free_a, claim.committed_a))))
        allowed[claim.evse_id] = limit_a
        for phase in claim.phases:  # two raises in one round must not use the same ampere
            held_a[phase] += max(0.0, limit_a - claim.committed_a)
    return allowed


def _committed_a(claims: Sequence[Claim]) -> dict[str, float]:
    return {phase: sum(claim.committed_a for claim in claims if phase in claim.phases) for phase in GRID_PHASES}


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the installer wants the supply divided."""

    policy: SharingPolicy = SharingPolicy.EQUAL
    weights: Mapping[int, float] = field(default_factory=dict)
    """By EVSE; absent: 1."""

"""Owns the station's supply: who is committed to how much of it, and what each may offer now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from agent.domain.charging_limit import Claim, Sharing, allowed_now, ceiling
from agent.domain.charging_profile import STATION
from agent.domain.phase_rotation import GRID_PHASES
from agent.domain.profile_order import NO_ORDER, ProfileOrder


class SupplyMember(Protocol):
    """An EVSE as far as the supply is concerned."""

    evse_id: int

    def claim(self) -> Claim:
        """What it wants and holds at this moment."""

    def limit(self, current_a: float) -> None:
        """Take note of a new limit, A; told again whenever anything changes."""


class Supply:
    """Divides what may be drawn (per phase) among its members whenever one of them changes.

    `order` tells what charging profiles allow an EVSE, or with 0 all together, at the moment it is asked; `phases` from
    which phases of the grid an EVSE draws.
    """

    def __init__(
        self,
        max_current_a: float,
        order: Callable[[int], ProfileOrder] = lambda _: NO_ORDER,
        sharing: Sharing | None = None,
        phases: Callable[[int], frozenset[str]] = lambda _: GRID_PHASES,
    ) -> None:
        self.sharing = sharing or Sharing()
        self.max_current_a = max_current_a
        self.order = order
        self._phases = phases
        self._members: list[SupplyMember] = []
        self._turns = 0

    @property
    def available_a(self) -> float:
        """What may be drawn now, A: the installation's supply, or less by a profile of the station."""
        return min(self.max_current_a, self.order(STATION).current_a)

    @property
    def is_ordered(self) -> bool:
        """Whether a profile of the station leaves less than the installation does: then a pause is no wish."""
        return self.order(STATION).current_a < self.max_current_a

    @property
    def limited_by(self) -> str:
        """Name what the members share, for the log."""
        return str(self.order(STATION)) if self.is_ordered else "supply"

    def join(self, member: SupplyMember) -> None:
        """Add an EVSE."""
        self._members.append(member)

    def next_turn(self) -> int:
        """Number of the next EVSE to claim a share; smaller came first."""
        self._turns += 1
        return self._turns

    def ceiling(self, evse_id: int) -> float:
        """Return the most that this EVSE could be offered now, A; 0 where the rest is below its minimum.

        The others keep what they hold. To be asked in the moment of offering: a limit told earlier may have been
        overtaken by another EVSE.
        """
        claims = self._claims()
        own = next(claim for claim in claims if claim.evse_id == evse_id)
        limit_a = min(own.max_current_a, ceiling(self.available_a, claims, evse_id, self.sharing.policy))
        return limit_a if limit_a >= own.min_current_a else 0.0

    def refresh(self) -> None:
        """Divide again and tell those that want power."""
        claims = self._claims()
        allowed = allowed_now(self.available_a, claims, self.sharing.policy)
        for member, claim in zip(self._members, claims, strict=True):
            if claim.wants:
                member.limit(allowed[claim.evse_id])

    def _claims(self) -> list[Claim]:
        weights = self.sharing.weights
        return [
            replace(member.claim(), weight=weights.get(member.evse_id, 1.0), phases=self._phases(member.evse_id))
            for member in self._members
        ]

"""Owns the station's supply: who is committed to how much of it, and what each may offer now."""

from typing import Protocol

from agent.domain.charging_limit import Claim, allowed_now


class SupplyMember(Protocol):
    """An EVSE as far as the supply is concerned."""

    evse_id: int

    def claim(self) -> Claim:
        """What it wants and holds at this moment."""

    def limit(self, current_a: float) -> None:
        """Take note of a new limit, A."""


class Supply:
    """Divides `max_current_a` (per phase) among its members whenever one of them changes."""

    def __init__(self, max_current_a: float) -> None:
        self.max_current_a = max_current_a
        self._members: list[SupplyMember] = []
        self._told: dict[int, float] = {}
        self._turns = 0

    def join(self, member: SupplyMember) -> None:
        """Add an EVSE."""
        self._members.append(member)

    def next_turn(self) -> int:
        """Number of the next EVSE to claim a share; smaller came first."""
        self._turns += 1
        return self._turns

    def standing_limit(self, evse_id: int) -> float:
        """What an EVSE that wants nothing yet could be offered at this moment, A; the others keep what they hold."""
        claims = [member.claim() for member in self._members]
        own = next(claim for claim in claims if claim.evse_id == evse_id)
        free_a = self.max_current_a - sum(claim.committed_a for claim in claims if claim.evse_id != evse_id)
        limit_a = min(own.max_current_a, free_a)
        return limit_a if limit_a >= own.min_current_a else 0.0

    def refresh(self) -> None:
        """Divide again and tell those EVSEs whose limit changed."""
        claims = [member.claim() for member in self._members]
        allowed = allowed_now(self.max_current_a, claims)
        for member, claim in zip(self._members, claims, strict=True):
            limit_a = allowed[claim.evse_id]
            if not claim.wants:
                self._told.pop(claim.evse_id, None)
            elif self._told.get(claim.evse_id) != limit_a:
                self._told[claim.evse_id] = limit_a
                member.limit(limit_a)

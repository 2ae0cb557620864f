"""What charging profiles order at this moment, and who ordered it."""

from datetime import UTC, datetime
from math import inf
from typing import Final

from agent.domain.charging_profile import ChargingProfile
from agent.domain.profile_timeline import ProfileLimit
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class ProfileOrder:
    """The most that may be offered, A per phase; infinite where no profile is in force."""

    current_a: float = inf
    by: str = ""
    until: datetime | None = None
    """When it changes; None: not by time alone."""

    def __str__(self) -> str:
        """For the log."""
        return self.by if self.until is None else f"{self.by} until={self.until.isoformat()}"


NO_ORDER: Final = ProfileOrder()
_LAST_S: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Later, there are no dates."""


def order_of(limit: ProfileLimit) -> ProfileOrder:
    """Return the order that this limit is."""
    if limit.profile is None:
        return NO_ORDER
    until = datetime.fromtimestamp(limit.until_s, UTC) if limit.until_s < _LAST_S else None
    return ProfileOrder(limit.current_a, _name(limit.profile), until)


def _name(profile: ChargingProfile) -> str:
    return f"{profile.purpose.value}(id={profile.profile_id})"

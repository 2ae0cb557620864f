"""The grid operator's box as a contact: while it says so, the station takes no more than was agreed (runner).

Every look at the contact is the source's heartbeat: a card that falls silent brings the fail-safe value.
Source: § 14a EnWG with BNetzA BK6-22-300: a controllable consumer may be limited, not to below 4.2 kW.
"""

from collections.abc import Callable

from agent.domain.limit_sources import LimitSource
from hal.abilities import Contact
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class ContactTerms:
    """What was agreed with the grid operator."""

    limit_current_a: float
    """Per phase, for the sum of all EVSEs, while the contact limits."""
    limits_when_closed: bool
    """False: it limits when open, so that a broken wire limits too."""


class GridContact:
    """Feeds `LimitSource.GRID_OPERATOR`."""

    def __init__(
        self, contact: Contact, terms: ContactTerms, tell: Callable[[LimitSource, float | None], str | None]
    ) -> None:
        """`tell`: the planner's."""
        self._contact = contact
        self._terms = terms
        self._tell = tell

    async def run(self) -> None:
        """Look for ever."""
        await self._contact.run(self._hear)

    def _hear(self, closed: bool) -> None:  # noqa: FBT001 - a contact's one value
        limits = closed is self._terms.limits_when_closed
        self._tell(LimitSource.GRID_OPERATOR, self._terms.limit_current_a if limits else None)

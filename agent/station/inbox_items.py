"""What passes through an EVSE's inbox beside events, and what its journal was last given."""

import asyncio

from agent.domain import actions as act
from agent.domain import events as ev
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Beat:
    """The loop is to renew its permission."""


@dataclass(frozen=True, slots=True)
class PermissionDue:
    """The contactor was open long enough for a permission that had to wait."""


@dataclass(slots=True)
class NewLimit:
    """The supply has told another limit; the latest counts."""

    limit_a: float


@dataclass(frozen=True, slots=True)
class Question:
    """An event whose sender waits for `Respond`."""

    event: ev.Event
    answer: "asyncio.Future[act.Respond]"

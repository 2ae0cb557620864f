"""What passes through an EVSE's inbox beside events, and what its journal was last given."""

import asyncio
from decimal import Decimal

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.transaction import Cause
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Beat:
    """The loop is to renew its permission."""


@dataclass(slots=True)
class NewLimit:
    """The supply has told another limit; the latest counts."""

    limit_a: float


@dataclass(slots=True)
class Kept:
    """What the journal was last given beside facts."""

    saved_at_s: float = 0.0
    offered_a: float = 0.0
    ending: Cause | None = None
    noted_wh: Decimal | None = None
    proven: str | None = None
    """The transaction whose first proof of plug-in is stored."""


@dataclass(frozen=True, slots=True)
class Question:
    """An event whose sender waits for `Respond`."""

    event: ev.Event
    answer: "asyncio.Future[act.Respond]"

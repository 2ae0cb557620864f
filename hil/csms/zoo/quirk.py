"""Value: one way in which a back-end misbehaves.

A quirk is given what a well-meaning back-end would have answered and sends what it likes instead; or it acts beside the
conversation; or it bends what is entered in the books. Whatever it sends, the request has been taken: it is in the
ledger before.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from hil.csms.wire import Message

Frame = list[Any]
"""A decoded frame: `[3, message id, payload]`."""


class Line(Protocol):
    """One connection as a quirk sees it."""

    version: str
    number: int
    """Which connection of its station it is, from 1."""
    memory: dict[str, Any]
    """Whatever a quirk wants to remember while the connection lasts."""
    connection: Any  # a websocket of the server, or an end of a connection in memory

    async def send(self, text: str | bytes) -> None:
        """Send one message: text or binary."""

    async def drop(self, close_code: int | None = None) -> None:
        """Close with a code, or cut the line."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something later; it ends with the connection."""


Answer = Callable[[Line, Message, Frame], Awaitable[None]]
"""Takes the line, the request, and the answer that would be right."""
Beside = Callable[[Line], Coroutine[Any, Any, None]]
Door = Callable[[int], "Refusal | None"]
"""How the n-th handshake is met, n from 0; None: let in."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A handshake that is answered with something else than a websocket."""

    status: int
    location: str | None = None
    """Of a redirect."""
    raw: bytes | None = None
    """Sent as it is instead of any HTTP answer; empty: nothing is ever sent."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """What it is called, what it does, and how."""

    name: str
    does: str
    """One clause whose subject is the back-end."""
    answer: Answer | None = None
    beside: Beside | None = None
    """Runs on every connection, from its beginning or from when the quirk begins."""
    door: Door | None = None
    subprotocol: str | None = ""
    """What the handshake is answered with; empty: what is right; None: nothing."""
    transaction_id: int | None = None
    """The id given to every 1.6 transaction."""
    reuse_ids: bool = True
    """False: a repeated StartTransaction is given another id."""
    sockets_only: bool = False
    """Needs a real websocket: it acts below the messages."""
    versions: tuple[str, ...] = ("1.6", "2.0.1")


def dump(frame: object) -> str:
    """Write any JSON, NaN included, as a careless back-end does."""
    return json.dumps(frame, separators=(",", ":"))

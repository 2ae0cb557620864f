"""Runner: the bench CSMS itself: books, script and open connections, without any socket of its own.

`accept` serves one connection of any kind (a websocket, or an end of `memory_connection_pair`). Time is loop time only.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hil.csms import wire
from hil.csms.answers import AnswerBook, BootPlan, Json
from hil.csms.behaviour import Behaviour, Script
from hil.csms.frames import Frame, FrameLog
from hil.csms.ledger import TRANSACTION_ACTIONS, Ledger
from hil.csms.state_file import StateFile
from hil.csms.station_link import Connection, CsmsError, NotConnectedError, StationLink
from hil.csms.tokens import TokenTable
from hil.csms.zoo.quirk import Quirk, Refusal

CALL_TIMEOUT_S = 30.0
EXPECT_TIMEOUT_S = 10.0
REPLACED_CODE = 1008


@dataclass(slots=True)
class Station:
    """What the CSMS knows of one identity, also while it is away."""

    identity: str
    version: str = ""
    link: StationLink | None = None
    connections: int = 0
    security: str = ""
    """How it came in last: `plain`, `tls`, or `mutual` with the serial number of its certificate."""
    requests: int = 0
    boot_status: str | None = None
    """The status last answered; None before the first BootNotification."""
    requests_before_accepted: int = 0
    repeated_message_ids: int = 0
    message_ids: set[str] = field(default_factory=set)
    security_events: list[Json] = field(default_factory=list)
    """Every SecurityEventNotification, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """All but the ids themselves."""
        return {
            "version": self.version,
            "connected": self.link is not None,
            "connections": self.connections,
            "security": self.security,
            "requests": self.requests,
            "boot_status": self.boot_status,
            "requests_before_accepted": self.requests_before_accepted,
            "repeated_message_ids": self.repeated_message_ids,
        }


class BenchCsms:
    """A CSMS for tests: `script[action] = Behaviour`, `tokens[id] = status`, `expect`, `send`, `ledger`, `frames`."""

    def __init__(
        self,
        *,
        validation: bool = True,
        ledger: Ledger | None = None,
        state: StateFile | None = None,
        log: FrameLog | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`clock` gives currentTime and the times of the log; give a virtual one in virtual time."""
        self.validation = validation
        self.ledger = ledger or Ledger()
        self._reuse_ids = self.ledger.reuses_ids
        self.log = log or FrameLog()
        self.script = Script()
        self.stations: dict[str, Station] = {}
        self._book = AnswerBook(clock=clock)
        self.quirk: Quirk | None = None
        self._handshakes = 0
        self._state = state
        self._cursor = 0
        if state is not None:
            state.replay(self.ledger)

    @property
    def tokens(self) -> TokenTable:
        """Known id tokens."""
        return self._book.tokens

    @property
    def boot(self) -> BootPlan:
        """How BootNotification and Heartbeat are answered."""
        return self._book.boot

    @property
    def frames(self) -> list[Frame]:
        """All frames still kept, oldest first."""
        return list(self.log.frames)

    async def accept(self, identity: str, version: str, connection: Connection, security: str = "") -> None:
        """Serve one connection until it closes; a newer one of the same identity replaces the older."""
        if version not in wire.VERSIONS:
            raise ValueError(f"OCPP {version!r} is not supported; supported: {', '.join(wire.VERSIONS)}")
        station = self.stations.setdefault(identity, Station(identity))
        older = station.link
        station.connections += 1
        link = StationLink(identity, version, connection, self, station.connections)
        station.link, station.version, station.security = link, version, security
        self.note(link, "-", "connected", "", "", {"version": version, "replaces": older is not None})
        if older is not None:
            await older.drop(REPLACED_CODE)
        try:
            closed = await link.run()
            self.note(link, "-", "disconnected", "", "", str(closed))
        finally:
            if station.link is link:
                station.link = None

    def misbehave(self, quirk: Quirk | None) -> None:
        """Have this quirk (None: none any more), at once and on every connection to come."""
        self.quirk, self._handshakes = quirk, 0
        self.ledger.reuse_ids(reuse=self._reuse_ids if quirk is None else quirk.reuse_ids)
        for station in self.stations.values():
            if station.link is not None:
                station.link.misbehave()

    def refusal(self) -> Refusal | None:
        """Say how the next handshake is met; None: let in."""
        if self.quirk is None or self.quirk.door is None:
            return None
        self._handshakes += 1
        return self.quirk.door(self._handshakes - 1)

    def link(self, identity: str | None = None) -> StationLink:
        """Give the open connection; without identity the only one. Raises: NotConnectedError, CsmsError."""
        if identity is None:
            links = [station.link for station in self.stations.values() if station.link is not None]
            if len(links) != 1:
                raise CsmsError(f"{len(links)} stations are connected: say which identity")
            return links[0]
        station = self.stations.get(identity)
        if station is None or station.link is None:
            raise NotConnectedError(f"{identity} is not connected")
        return station.link

    async def send(
        self,
        identity: str | None,
        action: str,
        payload: Mapping[str, Any],
        *,
        raw: bool = False,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Json:
        """Ask a station (None: the only one); `raw` skips the schemas. Raises: CsmsError, WireError."""
        return await self.link(identity).call(action, payload, timeout_s, raw=raw)

    async def send_text(self, identity: str | None, text: str) -> None:
        """Send any text as a frame. Raises: CsmsError."""
        await self.link(identity).send_text(text)

    async def drop(self, identity: str | None = None, close_code: int | None = None) -> None:
        """Close with a code, or cut the line. Raises: CsmsError."""
        await self.link(identity).drop(close_code)

    async def expect(
        self,
        action: str,
        *,
        identity: str | None = None,
        where: Callable[[Json], bool] = lambda _: True,
        timeout_s: float = EXPECT_TIMEOUT_S,
    ) -> Frame:
        """Give the next request of `action` after the one expected last, arrived or not. Raises: TimeoutError."""

        def fits(frame: Frame) -> bool:
            return (
                (frame.direction, frame.kind, frame.action) == ("in", "call", action)
                and identity in {None, frame.identity}
                and where(frame.payload)
            )

        frame = next((kept for kept in self.log.since(self._cursor) if fits(kept)), None)
        if frame is None:
            frame = await self._arrival(fits, action, timeout_s)
        self._cursor = max(self._cursor, frame.number + 1)
        return frame

    async def connected(self, identity: str, *, timeout_s: float = EXPECT_TIMEOUT_S) -> StationLink:
        """Wait until a station is connected. Raises: TimeoutError."""
        station = self.stations.get(identity)
        if station is None or station.link is None:
            await self._arrival(
                lambda frame: (frame.kind, frame.identity) == ("connected", identity), identity, timeout_s
            )
        return self.link(identity)

    def note(self, link: StationLink, direction: str, kind: str, action: str, message_id: str, payload: object) -> None:
        """Log one frame or connection event."""
        at_s = asyncio.get_running_loop().time()
        self.log.add(Frame(0, at_s, self._book.clock(), link.identity, direction, kind, action, message_id, payload))

    def take(self, link: StationLink, message: wire.Message) -> int | None:
        """Enter one valid request in the books; gives the id of a 1.6 start."""
        station = self.stations[link.identity]
        station.requests += 1
        if message.message_id in station.message_ids:
            station.repeated_message_ids += 1
        station.message_ids.add(message.message_id)
        if message.action != "BootNotification" and station.boot_status not in {None, "Accepted"}:
            station.requests_before_accepted += 1
        if message.action == "SecurityEventNotification":
            station.security_events.append(message.payload)
        if message.action not in TRANSACTION_ACTIONS:
            return None
        wanted_id = None if self.quirk is None else self.quirk.transaction_id
        receipt = self.ledger.record(link.identity, message.action, message.payload, wanted_id)
        assigned_id = None if receipt is None else receipt.transaction_id
        if self._state is not None:
            self._state.keep(link.identity, message.action, message.payload, assigned_id)
        return assigned_id

    def plan(self, link: StationLink, message: wire.Message) -> Behaviour:
        """Say how this request is met."""
        if message.action == "BootNotification" and self.boot.status is None:
            return Behaviour.silent()
        return self.script.take(link.identity, message.action)

    def answer(self, link: StationLink, message: wire.Message, plan: Behaviour, transaction_id: int | None) -> Json:
        """Give the payload. Raises: WireError for a CALLERROR."""
        payload = self._book.answer(link.version, message.action, message.payload, plan, transaction_id)
        if message.action == "BootNotification":
            self.stations[link.identity].boot_status = payload.get("status")
        return payload

    async def _arrival(self, fits: Callable[[Frame], bool], action: str, timeout_s: float) -> Frame:
        arrived: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

        def listen(frame: Frame) -> None:
            if not arrived.done() and fits(frame):
                arrived.set_result(frame)

        self.log.listeners.append(listen)
        try:
            async with asyncio.timeout(timeout_s):
                return await arrived
        except TimeoutError as error:
            raise TimeoutError(f"no {action} within {timeout_s:g} s") from error
        finally:
            self.log.listeners.remove(listen)

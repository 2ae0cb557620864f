"""The operations of the control socket, each a named method with named fields; unknown ones are refused by name."""

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hil.csms.behaviour import ANY_ACTION, Behaviour, BehaviourError
from hil.csms.bench_csms import CALL_TIMEOUT_S, BenchCsms
from hil.csms.station_link import CsmsError, StationRefusedError
from hil.csms.tokens import Token
from hil.csms.websocket_server import Door
from hil.csms.wire import WireError
from hil.csms.zoo.catalogue import QUIRKS, quirk_named

if TYPE_CHECKING:  # cryptography is imported only where there is an authority
    from hil.csms.certificate_office import CertificateOffice

BOOT_STATUSES = ("Accepted", "Pending", "Rejected", "none")
LOG_LIMIT = 1000

Json = dict[str, Any]


class OperationError(Exception):
    """A refused operation, in one sentence for the caller."""


class Operations:
    """What a harness can do to a running CSMS."""

    def __init__(
        self, csms: BenchCsms, door: Door, stop: asyncio.Event, office: "CertificateOffice | None" = None
    ) -> None:
        self.csms = csms
        self._office = office
        self._door = door
        self._stop = stop
        self._table: dict[str, Callable[..., Any]] = {
            "stations": self.stations,
            "send": self.send,
            "send_text": self.send_text,
            "script": self.script,
            "token": self.token,
            "boot": self.boot,
            "password": self.password,
            "authority": self.authority,
            "ledger": self.ledger,
            "security_events": self.security_events,
            "log": self.log,
            "drop": self.drop,
            "quirk": self.quirk,
            "quirks": self.quirks,
            "shutdown": self.shutdown,
        }

    async def perform(self, operation: str, fields: Json) -> object:
        """Carry out one operation. Raises: OperationError."""
        method = self._table.get(operation)
        if method is None:
            raise OperationError(f"unknown op {operation!r}; known: {', '.join([*self._table, 'subscribe'])}")
        try:
            inspect.signature(method).bind(**fields)
        except TypeError as error:
            raise OperationError(f"{operation}: {error}") from error
        try:
            result = method(**fields)
            return await result if inspect.isawaitable(result) else result
        except (CsmsError, WireError, BehaviourError) as error:
            raise OperationError(str(error)) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise OperationError(f"{operation}: a field has the wrong type: {error}") from error

    def stations(self) -> Json:
        """Every identity that ever connected."""
        return {identity: station.to_json() for identity, station in self.csms.stations.items()}

    async def send(
        self,
        action: str,
        payload: Json | None = None,
        identity: str | None = None,
        *,
        raw: bool = False,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Json:
        """Ask a station; its answer as `payload`, or its CALLERROR as `call_error`."""
        try:
            answer = await self.csms.send(identity, action, payload or {}, raw=raw, timeout_s=timeout_s)
        except StationRefusedError as error:
            return {
                "call_error": {"code": error.code, "description": error.description, "details": error.details},
            }
        return {"payload": answer}

    async def send_text(self, text: str, identity: str | None = None) -> Json:
        """Send any text as a frame."""
        await self.csms.send_text(identity, text)
        return {}

    def script(
        self, action: str = ANY_ACTION, behaviour: Json | list[Json] | None = None, identity: str | None = None
    ) -> Json:
        """Set what an action meets; a list is used up in order; no behaviour: accept again."""
        place = action if identity is None else (identity, action)
        if behaviour is None:
            del self.csms.script[place]
            return {}
        steps = behaviour if isinstance(behaviour, list) else [behaviour]
        if not all(isinstance(step, dict) for step in steps):
            raise OperationError("script: behaviour is an object or a list of objects")
        self.csms.script[place] = [Behaviour.from_json(step) for step in steps]
        return {}

    def token(self, token: str, status: str = "Accepted", parent: str | None = None, expiry: str | None = None) -> Json:
        """Set what is known of an id token; `*` sets the default."""
        entry = Token(status, parent, expiry)
        if token == "*":  # noqa: S105 - a wildcard
            self.csms.tokens.default = entry
        else:
            self.csms.tokens[token] = entry
        return {}

    def boot(
        self,
        status: str | None = None,
        interval_s: int | None = None,
        current_time: str | None = None,
        clock_offset_s: float | None = None,
    ) -> Json:
        """Change how BootNotification and Heartbeat are answered; current_time `now` returns to the clock."""
        boot = self.csms.boot
        if status is not None:
            if status not in BOOT_STATUSES:
                raise OperationError(f"boot: status must be one of {', '.join(BOOT_STATUSES)}")
            boot.status = None if status == "none" else status
        if interval_s is not None:
            boot.interval_s = int(interval_s)
        if current_time is not None:
            boot.current_time = None if current_time == "now" else current_time
        if clock_offset_s is not None:
            boot.clock_offset_s = float(clock_offset_s)
        return {}

    def password(self, password: str | None = None, identity: str | None = None) -> Json:
        """Change the password asked of the next connection; null asks for none."""
        if identity is None:
            self._door.password = password
            return {}
        passwords = self._door.passwords = self._door.passwords or {}
        if password is None:
            passwords.pop(identity, None)
        else:
            passwords[identity] = password
        return {}

    def authority(self, *, signs: bool | None = None, valid_days: float | None = None) -> Json:
        """Give the root of the back-end's authority; say whether it signs, and for how long."""
        if self._office is None:
            raise OperationError("authority: there is none; start with --authority")
        if signs is not None:
            self._office.signs = signs
        if valid_days is not None:
            self._office.valid_days = valid_days
        return {"root": self._office.authority.root_pem}

    def ledger(self) -> Json:
        """Logical transactions, repeats, conflicts and problems."""
        return self.csms.ledger.to_json()

    def security_events(self, identity: str | None = None) -> Json:
        """Every security event that was told, by whom, oldest first; of one identity, or of all."""
        stations = self.csms.stations
        return {name: list(station.security_events) for name, station in stations.items() if identity in {None, name}}

    def log(self, since: int = 0, limit: int = LOG_LIMIT) -> Json:
        """Frames from number `since` on; ask again with `next`."""
        frames = self.csms.log.since(since, limit)
        return {
            "frames": [frame.to_json() for frame in frames],
            "next": frames[-1].number + 1 if frames else since,
            "count": self.csms.log.count,
        }

    async def drop(self, identity: str | None = None, code: int | None = None) -> Json:
        """Close a connection with a code, or cut it without a close frame."""
        await self.csms.drop(identity, code)
        return {}

    def quirk(self, name: str | None = None) -> Json:
        """Misbehave in this way from now on; no name: behave again."""
        try:
            self.csms.misbehave(None if name is None else quirk_named(name))
        except ValueError as error:
            raise OperationError(str(error)) from error
        return {}

    def quirks(self) -> Json:
        """All ways to misbehave, by name."""
        return {name: quirk.does for name, quirk in QUIRKS.items()}

    def shutdown(self) -> Json:
        """End the process after this answer."""
        asyncio.get_running_loop().call_soon(self._stop.set)
        return {}

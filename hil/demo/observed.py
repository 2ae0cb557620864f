"""What can be seen of the session from outside: bench events, its state, and the frames at the back-end (rule).

All times are monotonic seconds of this machine, which its processes share.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from hil.csms.ledger import TRANSACTION_ACTIONS
from hil.devices.vehicle import offered_current_a
from hil.world import PilotKind, PilotOutput

Json = dict[str, Any]

QUIET_EVENTS = frozenset({"command", "reply", "message"})
"""Traffic on the board's line: too much to keep, and nothing a measurement needs."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One OCPP frame, or a change of the connection, as the back-end logged it."""

    at_s: float
    utc: datetime
    direction: str
    kind: str
    action: str
    payload: Any  # JSON of any shape

    @property
    def is_request(self) -> bool:
        """A CALL of the station."""
        return (self.direction, self.kind) == ("in", "call")

    @property
    def is_transactional(self) -> bool:
        """A CALL of the station that tells of a transaction."""
        if not self.is_request or self.action not in TRANSACTION_ACTIONS:
            return False
        return self.action != "MeterValues" or "transactionId" in self.payload

    @property
    def happened_at(self) -> datetime | None:
        """UTC time that the message itself gives; None if it has none."""
        values = self.payload.get("meterValue") or [{}]
        text = self.payload.get("timestamp") or values[0].get("timestamp")
        return None if text is None else datetime.fromisoformat(text)

    @property
    def delay_s(self) -> float:
        """How long a message of the station waited before it was sent, by its own time; 0 if it has none."""
        if not self.is_request or (at := self.happened_at) is None:
            return 0.0
        return (self.utc - at).total_seconds()


@dataclass(slots=True)
class Observed:
    """The picture so far; `changed` is called after each change."""

    version: str
    pilot_state: str = "-"
    contactor_closed: bool = False
    offered_a: float | None = None
    current_a: float = 0.0
    power_w: float = 0.0
    register_wh: Decimal = Decimal(0)
    first_register_wh: Decimal | None = None
    display: str = ""
    online: bool = False
    events: list[Json] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    on_event: Callable[[Json], None] = lambda _event: None
    on_frame: Callable[[Frame], None] = lambda _frame: None

    def take_state(self, state: Json) -> None:
        """Take the answer of the bench's `state` operation."""
        self.pilot_state = state["pilot_state"]
        self.contactor_closed = state["contactor_closed"]
        self.offered_a = _offer_a(state["pilot_output"], state["duty_percent"])
        self.current_a = state["current_a"]
        self.power_w = state["power_w"]
        self.register_wh = Decimal(state["meter"]["energy_wh"])
        if self.first_register_wh is None:
            self.first_register_wh = self.register_wh
        self.display = str((state["indicator"] or {}).get("text") or "")
        self.changed()

    def take_bench(self, event: Json) -> None:
        """Take one event of the bench."""
        match event["event"]:
            case "pilot_state":
                self.pilot_state = event["state"]
            case "contactor":
                self.contactor_closed = event["closed"]
            case "duty":
                self.offered_a = _offer_a(event["output"], event["duty_percent"])
            case "indication":
                self.display = str(event.get("text") or "")
            case name if name in QUIET_EVENTS:
                return
            case _:
                pass
        self.events.append(event)
        self.on_event(event)
        self.changed()

    def take_csms(self, event: Json) -> None:
        """Take one event of the back-end."""
        frame = Frame(
            event["t"],
            datetime.fromisoformat(event["utc"]),
            event["direction"],
            event["kind"],
            event["action"],
            event["payload"],
        )
        if frame.kind in {"connected", "disconnected"}:
            self.online = frame.kind == "connected"
        self.frames.append(frame)
        self.on_frame(frame)
        self.changed()

    @property
    def delivered_wh(self) -> Decimal:
        """Energy since the picture began."""
        return Decimal(0) if self.first_register_wh is None else self.register_wh - self.first_register_wh

    def event_at_s(self, name: str, since_s: float, **fields: object) -> float | None:
        """When the bench first saw this from `since_s` on; None if not yet."""
        for event in self.events:
            if event["event"] == name and event["t"] >= since_s and fields.items() <= event.items():
                return float(event["t"])
        return None

    def offer_at_s(self, since_s: float) -> float | None:
        """When the pilot first offered current from `since_s` on."""
        return self.event_at_s("duty", since_s, output=PilotKind.PWM.value)

    def requests(self, *actions: str, since_s: float = 0.0) -> Iterator[Frame]:
        """CALLs of the station of these actions, of all if none is named."""
        for frame in self.frames:
            if frame.is_request and frame.at_s >= since_s and (not actions or frame.action in actions):
                yield frame

    def transactional(self, since_s: float = 0.0) -> Iterator[Frame]:
        """CALLs of the station that tell of a transaction."""
        return (frame for frame in self.frames if frame.is_transactional and frame.at_s >= since_s)

    def reconnection(self, since_s: float) -> Frame | None:
        """When the back-end first saw a connection come from `since_s` on; None if not yet."""
        return next((frame for frame in self.frames if frame.kind == "connected" and frame.at_s >= since_s), None)

    def status_reported(self, *statuses: str, since_s: float = 0.0) -> bool:
        """True if connector 1 was reported in one of these statuses."""
        return any(
            frame.payload.get("connectorId") == 1
            and (frame.payload.get("status") or frame.payload.get("connectorStatus")) in statuses
            for frame in self.requests("StatusNotification", since_s=since_s)
        )


def ends_transaction(frame: Frame) -> bool:
    """True for the last message of a transaction."""
    return frame.action == "StopTransaction" or frame.payload.get("eventType") == "Ended"


def _offer_a(output: str, duty_percent: float | None) -> float | None:
    return offered_current_a(PilotOutput(PilotKind(output), duty_percent or 0.0))

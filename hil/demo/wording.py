"""One short line for each frame and each thing that the bench sees (rule)."""

from collections.abc import Iterator
from typing import Any

from hil.csms.ledger_values import registers
from hil.demo.observed import Frame, Json

PILOT_MEANINGS = {
    "A": "no car",
    "B": "car connected",
    "C": "car takes energy",
    "D": "car takes energy, ventilated",
    "E": "pilot dead",
    "F": "station asleep",
}
_ARROWS = {"in": "→", "out": "←"}
_DETAILS = (
    "eventType",
    "triggerReason",
    "connectorStatus",
    "status",
    "errorCode",
    "reason",
    "interval",
)
_NOTHING = ("NoError",)
LATE_S = 1.0
"""A message that waited longer than this before it was sent is worth a word."""


def arrow(frame: Frame) -> str:
    """Station to back-end, back-end to station, or the connection itself."""
    return _ARROWS.get(frame.direction, "⇄")


def subject(frame: Frame) -> str:
    """What the frame is."""
    if frame.kind in {"connected", "disconnected"}:
        return f"websocket {frame.kind}"
    return {"result": f"{frame.action} answered", "error": f"{frame.action} REFUSED"}.get(frame.kind, frame.action)


def details(frame: Frame) -> str:
    """What it says, as far as one looks at it."""
    payload = frame.payload
    if not isinstance(payload, dict):
        return "" if frame.kind == "disconnected" else str(payload)
    if frame.kind == "connected":
        return f"OCPP {payload.get('version', '')}"
    late = [f"{frame.delay_s:.1f} s late"] if frame.delay_s > LATE_S else []
    return " · ".join([*late, *_parts(payload)])


def _parts(payload: Json) -> Iterator[str]:
    if "seqNo" in payload:
        yield f"#{payload['seqNo']}"
    for name in _DETAILS:
        value = payload.get(name)
        if isinstance(value, str | int) and value not in _NOTHING:
            yield f"{name} {value}" if name == "interval" else str(value)
    if isinstance(payload.get("transactionId"), int):
        yield f"transaction {payload['transactionId']}"
    info = payload.get("idTagInfo") or payload.get("idTokenInfo")
    if isinstance(info, dict):
        yield str(info.get("status", ""))
    yield from _energies(payload)


def _energies(payload: Json) -> Iterator[str]:
    for name in ("meterStart", "meterStop"):
        if name in payload:
            yield f"{payload[name]} Wh"
            return
    readings = list(registers(payload.get("meterValue")))
    if readings:
        yield f"{readings[-1].energy_wh.normalize():f} Wh"


def bench_line(event: Json) -> str | None:
    """Say what the bench saw; None for what a spectator need not know."""
    match event["event"]:
        case "pilot_state":
            return f"pilot {event['state']}: {PILOT_MEANINGS[event['state']]}"
        case "contactor":
            return "contactor closed" if event["closed"] else "contactor open"
        case "vehicle":
            return "car plugged in" if event["plugged"] else "car unplugged"
        case "swipe":
            return "card held to the reader"
        case "indication":
            return _indication(event)
        case _:
            return None


def _indication(event: Json) -> str | None:
    text: Any = event.get("text")
    return f"display shows: {text}" if text else None

"""Events of the back-end's control socket, as short as a test can say them."""

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat()


def event(at_s: float, direction: str, kind: str, action: str = "", payload: object = None) -> dict[str, Any]:
    return {
        "event": "frame",
        "t": at_s,
        "utc": at(at_s),
        "direction": direction,
        "kind": kind,
        "action": action,
        "payload": payload if payload is not None else {},
    }


def call(at_s: float, action: str, **payload: Any) -> dict[str, Any]:
    return event(at_s, "in", "call", action, payload)


def sample(at_s: float, told_s: float, energy_wh: int = 100) -> dict[str, Any]:
    """MeterValues of a moment, told later."""
    value = {"timestamp": at(at_s), "sampledValue": [{"value": str(energy_wh)}]}
    return call(told_s, "MeterValues", connectorId=1, transactionId=7, meterValue=[value])


def connected(at_s: float) -> dict[str, Any]:
    return event(at_s, "-", "connected", payload={"version": "1.6"})

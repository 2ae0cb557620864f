"""Unauthorised energy as a back-end is told it, in either version: where, when, how much (rule)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def told_energy(payload: Mapping[str, Any]) -> tuple[str, int, Decimal] | None:
    """Give (what identifies the find, EVSE, Wh); None for every other request."""
    at = str(payload.get("timestamp"))
    if payload.get("vendorErrorCode") == "unauthorised_energy":  # 1.6: StatusNotification
        return at, int(payload["connectorId"]), Decimal(str(payload["info"]).split()[0])
    if payload.get("type") == "UnauthorisedEnergyFound":  # 2.0.1: SecurityEventNotification
        words = dict(word.split("=", 1) for word in str(payload["techInfo"]).split())
        return at, int(words["evse"]), Decimal(words["energy_wh"])
    return None

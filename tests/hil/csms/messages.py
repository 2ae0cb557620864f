"""Requests of a station, as a station would write them."""

from typing import Any

Json = dict[str, Any]

BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
AT = "2026-01-01T10:00:00Z"


def start_16(**changes: object) -> Json:
    return {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": AT, **changes}


def stop_16(transaction_id: int, **changes: object) -> Json:
    return {"transactionId": transaction_id, "meterStop": 3000, "timestamp": "2026-01-01T11:00:00Z", **changes}


def meter_16(transaction_id: int, value: str = "2000", at: str = "2026-01-01T10:30:00Z") -> Json:
    samples = [{"timestamp": at, "sampledValue": [{"value": value}]}]
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": samples}


def event_201(event_type: str, seq_no: int, energy_wh: int | None = None, **changes: object) -> Json:
    event: Json = {
        "eventType": event_type,
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T1"},
        **changes,
    }
    if energy_wh is not None:
        event["meterValue"] = [{"timestamp": AT, "sampledValue": [{"value": energy_wh}]}]
    return event

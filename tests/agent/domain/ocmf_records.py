"""Records as a meter would give them, without a signature that anybody checks."""

import json
from typing import Any

from hal.signed_meter import SignedRecord

KEY = "3059301306072A8648CE3D020106082A8648CE3D03010703420004" + "AB" * 64


def reading(reason: str, energy: str = "108.8140", **fields: str) -> dict[str, Any]:
    when = {"B": "2026-01-15T12:00:00,000+0000 S"}.get(reason, "2026-01-15T13:00:00,000+0000 S")
    return {"TM": when, "TX": reason, "RV": float(energy), "RU": "kWh", "ST": "G", **fields}


BEGIN = reading("B")
END = reading("E", "109.4500")


def record(page: int, *readings: dict[str, Any], serial: str = "PL000001", filling: str = "") -> SignedRecord:
    payload = {"FV": "1.0", "PG": f"T{page}", "MS": serial, "ID": filling, "RD": [*readings]}
    return SignedRecord(f'OCMF|{json.dumps(payload)}|{{"SD":"00"}}', KEY, "ECDSA-secp256r1-SHA256")

"""The part of a simulated meter that signs: its key, its serial number and its counter of records.

The one place of this repository that can sign a record; the product only carries what a meter signed. A key is made per
bench and kept in the bench's state, for a verifier binds it to the serial number.
Source: facts ocmf_eichrecht (payload, reading, signature).
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

STEP_KWH = Decimal("0.0001")
OBIS_IMPORT = "01-00:B1.08.00*FF"
"""Import since the transaction-capable register began to count, not loss-compensated."""


@dataclass(frozen=True, slots=True)
class SignedReading:
    """One entry of RD: when, why, which register, and how the meter was."""

    at: datetime
    time_status: str
    reason: str
    energy_wh: Decimal
    meter_status: str = "G"

    def to_text(self) -> str:
        """Render as OCMF's RD has it; RV keeps its decimal places, which a float would lose."""
        at = self.at.astimezone(UTC)
        when = f"{at:%Y-%m-%dT%H:%M:%S},{at.microsecond // 1000:03d}+0000 {self.time_status}"
        energy_kwh = (self.energy_wh / 1000).quantize(STEP_KWH, ROUND_FLOOR)
        return (
            f'{{"TM":"{when}","TX":"{self.reason}","RV":{energy_kwh},"RI":"{OBIS_IMPORT}",'
            f'"RU":"kWh","RT":"AC","EF":"","ST":"{self.meter_status}"}}'
        )


class OcmfSigner:
    """Key, serial number and counter of one meter."""

    def __init__(self, serial_number: str, key: EllipticCurvePrivateKey | None = None, records: int = 0) -> None:
        self.serial_number = serial_number
        self.records = records
        """Records signed so far: PG of the latest one."""
        self._key = key or generate_private_key(SECP256R1())

    @property
    def public_point(self) -> bytes:
        """Coordinates of the public key, 64 bytes."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    @property
    def public_key(self) -> str:
        """SubjectPublicKeyInfo, hexadecimal, as it is printed on a meter."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex().upper()

    def sign(self, template: str, readings: tuple[SignedReading, ...]) -> tuple[str, bytes]:
        """Complete the payload and sign it; returns dataset and DER signature."""
        payload = json.loads(template)
        payload.pop("RD", None)
        self.records += 1
        meter = {"MV": "Pilotline", "MM": "simulated", "MS": self.serial_number, "MF": "1.0"}
        completed = json.dumps({**payload, "PG": f"T{self.records}", **meter}, separators=(",", ":"))
        dataset = f'{completed[:-1]},"RD":[{",".join(reading.to_text() for reading in readings)}]}}'
        return dataset, self._key.sign(dataset.encode(), ECDSA(SHA256()))

    def to_json(self) -> dict[str, Any]:
        """Render for the bench's state, the private key included: it is nobody's but the bench's."""
        key = self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex()
        return {"serial_number": self.serial_number, "records": self.records, "key": key}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "OcmfSigner":
        """Put back what `to_json` gave."""
        key = load_der_private_key(bytes.fromhex(saved["key"]), password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise TypeError("the saved key of the simulated meter is no elliptic-curve key")
        return cls(saved["serial_number"], key, saved["records"])

"""Values of the ledger: what a back-end would bill, and what it would complain about."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

# JSON payloads are foreign and of any shape until the schemas have passed them.
Payload = Mapping[str, Any]

REGISTER = "Energy.Active.Import.Register"


class Arrival(Enum):
    """What a message is to a back-end that remembers."""

    FIRST = "first"
    REPEAT = "repeat"
    CONFLICT = "conflict"
    """The same logical message with different content."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that a well-behaved station never does."""

    kind: str
    identity: str
    transaction_id: str | None
    detail: str

    def to_json(self) -> dict[str, str | None]:
        """Give all fields as JSON values."""
        return {
            "kind": self.kind,
            "identity": self.identity,
            "transaction_id": self.transaction_id,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class SignedValue:
    """One signed record inside a message, decoded."""

    context: str
    record: str
    public_key: str
    """Hexadecimal; empty where none came."""


@dataclass(slots=True)
class LogicalTransaction:
    """One transaction as the back-end understood it, however often its messages came."""

    identity: str
    version: str
    transaction_id: str
    evse_id: int | None = None
    id_token: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    energy_start_wh: Decimal | None = None
    energy_stop_wh: Decimal | None = None
    energy_last_wh: Decimal | None = None
    stop_reason: str | None = None
    signed_values: list[SignedValue] = field(default_factory=list)
    starts: int = 0
    ends: int = 0
    """Logical starts and ends: repeats are not counted here."""
    meter_values: int = 0
    messages: int = 0
    """Physical messages, repeats included."""
    repeats: int = 0
    conflicts: int = 0
    seq_nos: set[int] = field(default_factory=set)
    highest_seq_no: int = -1

    @property
    def energy_wh(self) -> Decimal | None:
        """The billed energy, once both registers are known."""
        if self.energy_start_wh is None or self.energy_stop_wh is None:
            return None
        return self.energy_stop_wh - self.energy_start_wh

    @property
    def missing_seq_nos(self) -> list[int]:
        """Numbers between 0 and the highest seen that never came; always empty in 1.6."""
        if len(self.seq_nos) == self.highest_seq_no + 1:
            return []
        return [number for number in range(self.highest_seq_no) if number not in self.seq_nos]

    @property
    def is_whole(self) -> bool:
        """Started once, ended once, no number missing, nothing contradicted."""
        return self.starts == 1 and self.ends == 1 and not self.conflicts and not self.missing_seq_nos

    def to_json(self) -> dict[str, Any]:
        """Give all fields as JSON values; energies as exact decimal strings."""
        return {
            "identity": self.identity,
            "version": self.version,
            "transaction_id": self.transaction_id,
            "evse_id": self.evse_id,
            "id_token": self.id_token,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "energy_start_wh": _text(self.energy_start_wh),
            "energy_stop_wh": _text(self.energy_stop_wh),
            "energy_last_wh": _text(self.energy_last_wh),
            "energy_wh": _text(self.energy_wh),
            "stop_reason": self.stop_reason,
            "signed_values": [asdict(value) for value in self.signed_values],
            "starts": self.starts,
            "ends": self.ends,
            "meter_values": self.meter_values,
            "messages": self.messages,
            "repeats": self.repeats,
            "conflicts": self.conflicts,
            "missing_seq_nos": self.missing_seq_nos,
            "whole": self.is_whole,
        }


class Memory:
    """Recognises a message by its key and remembers its content."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], bytes] = {}

    def arrival(self, key: tuple[object, ...], payload: Payload) -> Arrival:
        """Tell what this message is, and keep the first content."""
        digest = _digest(payload)
        if key not in self._seen:
            self._seen[key] = digest
            return Arrival.FIRST
        return Arrival.REPEAT if self._seen[key] == digest else Arrival.CONFLICT


@dataclass(frozen=True, slots=True)
class Register:
    """One reading of the energy register inside a message."""

    energy_wh: Decimal
    context: str


def registers(meter_values: object) -> Iterator[Register]:
    """Give readings of the import register without a phase, in order; by OCPP's defaults."""
    for sample in _samples(meter_values):
        if sample.get("measurand", REGISTER) != REGISTER or "phase" in sample:
            continue
        energy_wh = _energy_wh(sample)
        if energy_wh is not None:
            yield Register(energy_wh, str(sample.get("context", "Sample.Periodic")))


def signed_values(meter_values: object) -> Iterator[SignedValue]:
    """Give the signed records in order, empty where one is garbled.

    2.0.1 has a field of its own; 1.6 the record itself, or a JSON object with it.
    """
    for sample in _samples(meter_values):
        fields = sample.get("signedMeterValue")
        if not isinstance(fields, Mapping) and sample.get("format") != "SignedData":
            continue
        context = str(sample.get("context", "Sample.Periodic"))
        try:
            yield _decoded(context, fields if isinstance(fields, Mapping) else str(sample.get("value")))
        except (ValueError, TypeError):
            yield SignedValue(context, "", "")


def _decoded(context: str, fields: Payload | str) -> SignedValue:
    if isinstance(fields, str):
        if not fields.startswith("{"):
            return SignedValue(context, fields, "")
        return _decoded(context, dict(json.loads(fields)))
    data = next((str(fields[name]) for name in ("signedMeterData", "signedMeterValue") if name in fields), "")
    key = b64decode(str(fields.get("publicKey", ""))).hex()
    return SignedValue(context, b64decode(data, validate=True).decode(), key)


def shape(meter_values: object) -> tuple[object, ...]:
    """Tell what was sampled and when, without the values: two messages of one shape are the same message."""
    if not isinstance(meter_values, list):
        return ()
    return tuple(
        (
            value.get("timestamp"),
            tuple((s.get("context"), s.get("measurand"), s.get("phase")) for s in _samples([value])),
        )
        for value in meter_values
        if isinstance(value, Mapping)
    )


def _samples(meter_values: object) -> Iterator[Payload]:
    for value in meter_values if isinstance(meter_values, list) else []:
        sampled = value.get("sampledValue") if isinstance(value, Mapping) else None
        yield from (sample for sample in sampled or [] if isinstance(sample, Mapping))


def _energy_wh(sample: Payload) -> Decimal | None:
    unit_of_measure = sample.get("unitOfMeasure", {})
    unit = unit_of_measure.get("unit", sample.get("unit", "Wh"))
    factor = {"Wh": Decimal(1), "kWh": Decimal(1000)}.get(unit)
    if factor is None:
        return None
    try:
        energy_wh = Decimal(str(sample.get("value"))).scaleb(int(unit_of_measure.get("multiplier", 0))) * factor
    except ArithmeticError:
        return None
    return energy_wh if energy_wh.is_finite() else None


def _digest(payload: Payload) -> bytes:
    return hashlib.blake2b(json.dumps(payload, sort_keys=True, default=str).encode(), digest_size=8).digest()


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")

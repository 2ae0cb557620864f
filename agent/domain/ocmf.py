"""What a signed record says, read only to judge it: the record itself is never written anew.

Whether the signature is right is the verifier's business. Here: is it this meter's, is it this transaction's, may it be
billed from.
Source: facts ocmf_eichrecht (payload, reading, station duties).
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hal.signed_meter import SignedRecord
from hal.value import dataclass

BEGIN: Final = "B"
ENDS: Final = frozenset({"E", "L", "R", "A", "P"})
GOOD: Final = "G"
SYNCHRONISED: Final = "S"
_PARTS = 3
_WATT_HOURS = {"Wh": Decimal(1), "kWh": Decimal(1000)}
_ROUNDING = timedelta(seconds=2)
"""A meter's clock is set in whole seconds."""


@dataclass(frozen=True, slots=True)
class OcmfReading:
    """One reading of a record."""

    at: datetime
    time_status: str
    reason: str
    energy_wh: Decimal
    meter_status: str


@dataclass(frozen=True, slots=True)
class OcmfPayload:
    """What the station looks at in a record."""

    meter_serial: str
    page: int
    """Number behind PG's T."""
    readings: tuple[OcmfReading, ...]

    @property
    def begin(self) -> OcmfReading | None:
        """The reading at the begin, if this record has it."""
        return next((reading for reading in self.readings if reading.reason == BEGIN), None)

    @property
    def end(self) -> OcmfReading | None:
        """The reading at the end, if this record has it."""
        return next((reading for reading in self.readings if reading.reason in ENDS), None)


def read_record(record: SignedRecord) -> OcmfPayload:
    """Read a record. Raises: ValueError naming what is wrong with it."""
    parts = record.text.split("|")
    if len(parts) != _PARTS or parts[0] != "OCMF":
        raise ValueError("it is no OCMF record")
    try:
        payload = json.loads(parts[1], parse_float=Decimal, parse_int=Decimal)
        return OcmfPayload(str(payload["MS"]), _page(payload["PG"]), tuple(map(_reading, payload["RD"])))
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"its payload lacks or garbles {error}") from error


def refusal_of_begin(begin: SignedRecord, serial_number: str) -> str | None:
    """Say why nothing can be billed from this begin; None if it can."""
    try:
        payload = read_record(begin)
    except ValueError as error:
        return str(error)
    reading = payload.begin
    if payload.meter_serial != serial_number:
        return f"it is signed by meter {payload.meter_serial}, not {serial_number}"
    if reading is None:
        return "it has no reading of the begin"
    if reading.meter_status != GOOD:
        return f"the meter's state is {reading.meter_status}"
    if reading.time_status != SYNCHRONISED:
        return "the meter's time is not synchronised"
    return None


def refusal_of_end(end: SignedRecord, begin: SignedRecord) -> str | None:
    """Say why this is not the end of what began so; None if it is."""
    try:
        first, last = read_record(begin), read_record(end)
    except ValueError as error:
        return str(error)
    if last.meter_serial != first.meter_serial:
        return f"it is signed by meter {last.meter_serial}, the begin by {first.meter_serial}"
    if last.page != first.page + 1:
        return f"its page is {last.page}, the begin's is {first.page}"
    if last.end is None:
        return "it has no reading of an end"
    if last.begin is not None and last.begin != first.begin:
        return "it is of another begin"
    return None


def began_since(record: SignedRecord, since: datetime) -> bool:
    """Tell whether the record is an open begin, signed not before this time."""
    try:
        payload = read_record(record)
    except ValueError:
        return False
    return payload.end is None and payload.begin is not None and payload.begin.at >= since - _ROUNDING


def _page(text: str) -> int:
    if not text.startswith("T"):
        raise ValueError(f"its page {text!r} is of no transaction")
    return int(text[1:])


def _reading(reading: dict[str, Any]) -> OcmfReading:  # Any: the meter's JSON, read here
    when, _, time_status = reading["TM"].partition(" ")
    return OcmfReading(
        at=datetime.strptime(when, "%Y-%m-%dT%H:%M:%S,%f%z"),
        time_status=time_status,
        reason=reading["TX"],
        energy_wh=Decimal(reading["RV"]) * _WATT_HOURS[reading["RU"]],
        meter_status=reading["ST"],
    )

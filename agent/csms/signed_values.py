"""Which signed values of a transaction a back-end is told, and with which of them the key (rule).

A record is passed on byte for byte. What is read of it is its time and register, for the fields beside it.
Source: OCPP 2.0.1 part 2, SampledDataCtrlr.SignReadings, OCPPCommCtrlr.PublicKeyWithSignedMeterValue.
"""

import logging
from base64 import b64encode
from datetime import datetime
from decimal import Decimal

from agent.domain.device_model import DeviceModel
from agent.domain.facts import TransactionEnded
from agent.domain.ocmf import read_record
from agent.domain.variable import VariableKey
from agent.domain.vocabulary import ReadingContext
from hal.signed_meter import SignedRecord
from hal.value import dataclass

logger = logging.getLogger(__name__)

SIGN_READINGS = VariableKey("SampledDataCtrlr", "SignReadings")
PUBLIC_KEY = VariableKey("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")
FORMAT_16 = VariableKey("SampledDataCtrlr", "SignedDataFormat")
"""Ours: `raw` or `json`, how an OCPP 1.6 back-end wants a record."""
NAME_16 = VariableKey("SampledDataCtrlr", "SignedDataName")
"""Ours: the JSON form's name of the record, on which back-ends differ."""


@dataclass(frozen=True, slots=True)
class SignedValue:
    """One record to be told."""

    context: ReadingContext
    record: SignedRecord
    at: datetime
    energy_wh: Decimal
    public_key: str
    """Base64 of the key in DER; empty where it is not to be told."""

    @property
    def data(self) -> str:
        """Base64 of the record's bytes."""
        return b64encode(self.record.text.encode()).decode()


def signed_values(fact: TransactionEnded, model: DeviceModel) -> list[SignedValue]:
    """Return begin and end as far as the meter signed them; none if the back-end wants none."""
    if setting(model, SIGN_READINGS, "true") != "true":
        return []
    both = ((ReadingContext.TRANSACTION_BEGIN, fact.signed_begin), (ReadingContext.TRANSACTION_END, fact.signed_end))
    values: list[SignedValue] = []
    for context, record in both:
        if record is not None:
            values += _value(context, record, _public_key(record, model, is_first=not values), fact.transaction_id)
    return values


def setting(model: DeviceModel, key: VariableKey, default: str) -> str:
    """Return a variable that only a station with signing meters has."""
    return model.get(key).value or default


def _value(context: ReadingContext, record: SignedRecord, public_key: str, transaction_id: str) -> list[SignedValue]:
    try:
        payload = read_record(record)
    except ValueError as error:
        logger.error("signed value cannot be told transaction=%s reason=%s", transaction_id, error)  # noqa: TRY400
        return []
    reading = payload.begin if context is ReadingContext.TRANSACTION_BEGIN else payload.end
    if reading is None:
        logger.error("signed value cannot be told transaction=%s reason=no reading in it", transaction_id)
        return []
    return [SignedValue(context, record, reading.at, reading.energy_wh, public_key)]


def _public_key(record: SignedRecord, model: DeviceModel, *, is_first: bool) -> str:
    policy = setting(model, PUBLIC_KEY, "OncePerTransaction")
    is_told = policy == "EveryMeterValue" or (policy == "OncePerTransaction" and is_first)
    return b64encode(bytes.fromhex(record.public_key)).decode() if is_told else ""

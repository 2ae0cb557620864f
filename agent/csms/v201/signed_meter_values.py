"""Signed values as MeterValueType with SignedMeterValueType, all four of whose fields OCPP 2.0.1 requires.

A record that is longer than the field is not told, and the log says so: clipped, it would verify no more.
Source: OCPP 2.0.1 part 2, 2.45 (SignedMeterValueType: signedMeterData and publicKey at most 2500 characters).
"""

import logging
import math

from agent.csms.adapter import Payload
from agent.csms.signed_values import SignedValue
from agent.csms.v201.sampled_values import REGISTER
from agent.csms.v201.wire_values import timestamp

logger = logging.getLogger(__name__)

MAX_CHARS = 2500


def signed_meter_value(value: SignedValue, transaction_id: str) -> list[Payload]:
    """MeterValueType of one record; none if OCPP 2.0.1 has no room for it."""
    if len(value.data) > MAX_CHARS or len(value.public_key) > MAX_CHARS:
        logger.error(
            "signed value not told transaction=%s context=%s reason=%d characters, OCPP 2.0.1 takes %d",
            *(transaction_id, value.context.value, max(len(value.data), len(value.public_key)), MAX_CHARS),
        )
        return []
    sampled = {
        "value": math.floor(value.energy_wh),
        "context": value.context.value,
        "measurand": REGISTER,
        "location": "Outlet",
        "unitOfMeasure": {"unit": "Wh"},
        "signedMeterValue": {
            "signedMeterData": value.data,
            "signingMethod": value.record.signing_method,
            "encodingMethod": value.record.encoding,
            "publicKey": value.public_key,
        },
    }
    return [{"timestamp": timestamp(value.at), "sampledValue": [sampled]}]

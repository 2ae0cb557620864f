"""Signed values as MeterValue with `format` SignedData, for StopTransaction's transactionData.

Two forms are in use: the record itself, and a JSON object as the Open Charge Alliance's application note has it, whose
name for the record differs between back-ends.
Source: OCPP 1.6 section 7.43 (ValueFormat); facts ocmf_eichrecht, wire variants.
"""

import json

from agent.csms.adapter import Payload
from agent.csms.signed_values import FORMAT_16, NAME_16, SignedValue, setting
from agent.csms.v16.wire_values import timestamp
from agent.domain.device_model import DeviceModel

REGISTER = "Energy.Active.Import.Register"


def signed_data(value: SignedValue, model: DeviceModel) -> Payload:
    """MeterValue of one record."""
    sampled = {
        "value": _text(value, model),
        "context": value.context.value,
        "format": "SignedData",
        "measurand": REGISTER,
        "location": "Outlet",
    }
    return {"timestamp": timestamp(value.at), "sampledValue": [sampled]}


def _text(value: SignedValue, model: DeviceModel) -> str:
    if setting(model, FORMAT_16, "raw") == "raw":
        return value.record.text
    fields = {
        setting(model, NAME_16, "signedMeterData"): value.data,
        "encodingMethod": value.record.encoding,
        "signingMethod": value.record.signing_method,
        "publicKey": value.public_key,
    }
    return json.dumps(fields, separators=(",", ":"))

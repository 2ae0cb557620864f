"""How each OCPP version says what a story means."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
Request = tuple[str, Json]

CHARGING_STATES = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
REASONS_16 = {
    "ImmediateReset": "HardReset",
    "GroundFault": "Other",
    "OvercurrentFault": "Other",
    "Timeout": "Other",
}
VARIABLES_16 = {
    "SampledDataCtrlr.TxUpdatedInterval": "MeterValueSampleInterval",
    "AlignedDataCtrlr.Interval": "ClockAlignedDataInterval",
    "AlignedDataCtrlr.TxEndedMeasurands": "StopTxnAlignedData",
    "TxCtrlr.EVConnectionTimeOut": "ConnectionTimeOut",
    "OCPPCommCtrlr.HeartbeatInterval": "HeartbeatInterval",
    "AuthCtrlr.LocalPreAuthorize": "LocalPreAuthorize",
    "AuthCtrlr.AuthorizeRemoteStart": "AuthorizeRemoteTxRequests",
}


class Dialect:
    """The requests of one version and how to read its messages."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.is_16 = version == "1.6"
        self._remote_starts = 0

    def reason(self, reason: str) -> str:
        """Return what this version calls a stop reason of 2.0.1."""
        return REASONS_16.get(reason, reason) if self.is_16 else reason

    def remote_start(self, token: str, evse: int | None) -> Request:
        """Ask to start with this token, at any EVSE if None."""
        self._remote_starts += 1
        if self.is_16:
            payload: Json = {"idTag": token} | ({} if evse is None else {"connectorId": evse})
            return "RemoteStartTransaction", payload
        payload = {"idToken": {"idToken": token, "type": "ISO14443"}, "remoteStartId": self._remote_starts}
        return "RequestStartTransaction", payload | ({} if evse is None else {"evseId": evse})

    def remote_stop(self, transaction_id: str) -> Request:
        """Ask to stop this transaction."""
        if self.is_16:
            return "RemoteStopTransaction", {"transactionId": int(transaction_id)}
        return "RequestStopTransaction", {"transactionId": transaction_id}

    def set_variable(self, name: str, value: str) -> Request:
        """Ask to set `Component.Variable`, or the 1.6 key that means it."""
        if self.is_16:
            return "ChangeConfiguration", {"key": VARIABLES_16[name], "value": value}
        component, variable = name.split(".")
        item = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
        return "SetVariables", {"setVariableData": [item]}

    def get_variable(self, name: str) -> Request:
        """Ask for `Component.Variable`, or the 1.6 key that means it."""
        if self.is_16:
            return "GetConfiguration", {"key": [VARIABLES_16[name]]}
        component, variable = name.split(".")
        item = {"component": {"name": component}, "variable": {"name": variable}}
        return "GetVariables", {"getVariableData": [item]}

    def value_in(self, answer: Mapping[str, Any]) -> str:
        """Return the one value of an answer to `get_variable`."""
        if self.is_16:
            return str(answer["configurationKey"][0]["value"])
        return str(answer["getVariableResult"][0]["attributeValue"])

    def set_status(self, answer: Mapping[str, Any]) -> str:
        """Return the status of an answer to `set_variable`."""
        return str(answer["status"] if self.is_16 else answer["setVariableResult"][0]["attributeStatus"])

    def change_availability(self, evse: int | None, *, operative: bool) -> Request:
        """Ask to change the availability of an EVSE, or of the station if None."""
        word = "Operative" if operative else "Inoperative"
        if self.is_16:
            return "ChangeAvailability", {"connectorId": evse or 0, "type": word}
        where = {} if evse is None else {"evse": {"id": evse}}
        return "ChangeAvailability", {"operationalStatus": word, **where}

    def reset(self, kind: str) -> Request:
        """`kind`: Immediate or OnIdle; 1.6 has Hard and Soft."""
        word = {"Immediate": "Hard", "OnIdle": "Soft"}[kind] if self.is_16 else kind
        return "Reset", {"type": word}

    def trigger(self, message: str, evse: int | None = None) -> Request:
        """Ask for a message to be sent."""
        if self.is_16:
            where: Json = {} if evse is None else {"connectorId": evse}
        else:
            where = {} if evse is None else {"evse": {"id": evse, "connectorId": 1}}
        return "TriggerMessage", {"requestedMessage": message, **where}

    def tells(self, frame: Json, what: str, evse: int) -> bool:
        """Tell whether this request says that `what` (a charging state or connector status) holds at an EVSE."""
        payload = frame["payload"]
        if what in CHARGING_STATES and not self.is_16:
            told = payload.get("transactionInfo", {}).get("chargingState")
            return bool(frame["action"] == "TransactionEvent" and told == what)
        if frame["action"] != "StatusNotification":
            return False
        if self.is_16:
            return bool(payload["connectorId"] == evse and _same(payload["status"], what))
        return bool(payload["evseId"] == evse and payload["connectorStatus"] == what)

    def raises(self, frame: Json, fault: str, evse: int) -> bool:
        """Tell whether this request says that a fault stands at an EVSE; by its own name, the same in both versions."""
        payload = frame["payload"]
        if self.is_16:
            told = frame["action"] == "StatusNotification" and payload["connectorId"] == evse
            return bool(told and payload.get("vendorErrorCode") == fault)
        return frame["action"] == "NotifyEvent" and any(
            each.get("techCode") == fault
            and not each.get("cleared", False)
            and each["component"].get("evse", {}).get("id") == evse
            for each in payload["eventData"]
        )

    def starts(self, frame: Json) -> bool:
        """Tell whether this request begins a transaction."""
        if self.is_16:
            return bool(frame["action"] == "StartTransaction")
        return bool(frame["action"] == "TransactionEvent" and frame["payload"]["eventType"] == "Started")

    def ends(self, frame: Json) -> bool:
        """Tell whether this request ends a transaction."""
        if self.is_16:
            return bool(frame["action"] == "StopTransaction")
        return bool(frame["action"] == "TransactionEvent" and frame["payload"]["eventType"] == "Ended")

    def is_sample(self, frame: Json, context: str) -> bool:
        """Tell whether this request carries a sample taken for this reason (ReadingContextEnumType)."""
        if frame["action"] not in {"MeterValues", "TransactionEvent"}:
            return False
        values = frame["payload"].get("meterValue", [])
        samples = [sample for value in values for sample in value["sampledValue"]]
        return any(sample.get("context", "Sample.Periodic") == context for sample in samples)

    def unauthorised_wh(self, frame: Json, evse: int) -> Decimal:
        """Return the energy that this request reports as unauthorised at an EVSE, Wh; mostly 0."""
        payload = frame["payload"]
        if self.is_16:
            found = payload.get("vendorErrorCode") == "unauthorised_energy" and payload["connectorId"] == evse
            return Decimal(payload["info"].split()[0]) if found else Decimal(0)
        told = re.match(rf"evse={evse} energy_wh=(\S+)", payload.get("techInfo", ""))
        return Decimal(told[1]) if told else Decimal(0)

    @property
    def start_action(self) -> str:
        """The message that begins a transaction."""
        return "StartTransaction" if self.is_16 else "TransactionEvent"

    @property
    def stop_action(self) -> str:
        """The message that ends a transaction."""
        return "StopTransaction" if self.is_16 else "TransactionEvent"


def _same(status_16: str, what: str) -> bool:
    occupied = {"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"}
    return status_16 == what or (what == "Occupied" and status_16 in occupied)

"""GetVariables, SetVariables and GetBaseReport. Source: OCPP 2.0.1 part 2, B05 to B07."""

import json
from typing import Any

from agent.clock import Clock
from agent.csms.adapter import Handler, Payload, Reply, RpcError, RpcErrorCode, Send
from agent.csms.v201.follow_ups import sending
from agent.csms.v201.reports import notify_reports, read_key
from agent.csms.v201.wire_values import REASON_CHARS, answer
from agent.domain.device_model import AttributeType, DeviceModel, ReportBase, SetStatus

_REASON_CODES = {
    SetStatus.REJECTED: "InvalidValue",
    SetStatus.UNKNOWN_COMPONENT: "NotFound",
    SetStatus.UNKNOWN_VARIABLE: "NotFound",
    SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE: "UnsupportedParam",
}


class VariableHandlers:
    """What a back-end may do with the device model."""

    def __init__(self, model: DeviceModel, clock: Clock, sender: Send) -> None:
        self._model = model
        self._clock = clock
        self._sender = sender
        self._limits = {
            action: (
                model.integer("DeviceDataCtrlr", "ItemsPerMessage", action),
                model.integer("DeviceDataCtrlr", "BytesPerMessage", action),
            )
            for action in ("GetVariables", "SetVariables")
        }

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "GetVariables": self._get_variables,
            "SetVariables": self._set_variables,
            "GetBaseReport": self._get_base_report,
        }

    def _get_variables(self, payload: Payload) -> Reply:
        data = payload["getVariableData"]
        self._check_size("GetVariables", payload, data)
        return Reply({"getVariableResult": [self._get(item) for item in data]})

    def _get(self, item: Payload) -> Payload:
        attribute = item.get("attributeType", AttributeType.ACTUAL.value)  # B06.FR.11
        got = self._model.get(read_key(item["component"], item["variable"]), AttributeType(attribute))
        result: Payload = {
            "attributeStatus": got.status.value,  # B06.FR.06 to .09
            "attributeType": attribute,
            "component": item["component"],  # B06.FR.02
            "variable": item["variable"],
        }
        if got.status.value == "Accepted":
            result["attributeValue"] = got.value
        return result

    def _set_variables(self, payload: Payload) -> Reply:
        data = payload["setVariableData"]
        self._check_size("SetVariables", payload, data)
        return Reply({"setVariableResult": [self._set(item) for item in data]})

    def _set(self, item: Payload) -> Payload:
        attribute = item.get("attributeType", AttributeType.ACTUAL.value)  # B05.FR.12
        key = read_key(item["component"], item["variable"])
        done = self._model.set(key, item["attributeValue"], AttributeType(attribute))
        result: Payload = {
            "attributeStatus": done.status.value,  # B05.FR.04 to .10
            "attributeType": attribute,
            "component": item["component"],  # B05.FR.02
            "variable": item["variable"],
        }
        if done.reason:
            result["attributeStatusInfo"] = {
                "reasonCode": "ReadOnly" if done.reason == "read-only" else _REASON_CODES[done.status],
                "additionalInfo": done.reason[:REASON_CHARS],
            }
        return result

    def _check_size(self, action: str, payload: Payload, items: list[Any]) -> None:  # Any: JSON
        most_items, most_bytes = self._limits[action]
        if len(items) > most_items:  # B06.FR.16
            raise RpcError(RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"more than {most_items} variables")
        if len(json.dumps(payload)) > most_bytes:  # B06.FR.17
            raise RpcError(RpcErrorCode.FORMAT_VIOLATION, f"more than {most_bytes} bytes")

    def _get_base_report(self, payload: Payload) -> Reply:
        entries = self._model.report(ReportBase(payload["reportBase"]))
        if not entries:
            return Reply(answer("EmptyResultSet"))
        pages = notify_reports(payload["requestId"], entries, self._clock.now().utc)
        return Reply(answer("Accepted"), sending(self._sender, pages))  # B07.FR.01, B07.FR.03

"""Variables as OCPP 2.0.1 names and reports them."""

from datetime import datetime
from decimal import Decimal

from agent.csms.adapter import Outgoing, Payload
from agent.csms.v201.wire_values import timestamp
from agent.domain.device_model import AttributeType, DataType, Mutability, ReportEntry, VariableKey

REPORT_ITEMS_PER_MESSAGE = 50
"""About 20 kB of NotifyReport; no variable limits what the station itself sends."""
VALUES_LIST_CHARS = 1000
_BOUNDED = frozenset({DataType.INTEGER, DataType.DECIMAL, DataType.STRING})


def read_key(component: Payload, variable: Payload) -> VariableKey:
    """Read schema-checked ComponentType and VariableType."""
    evse = component.get("evse") or {}
    return VariableKey(
        component["name"],
        variable["name"],
        variable.get("instance"),
        component.get("instance"),
        evse.get("id"),
        evse.get("connectorId"),
    )


def notify_reports(request_id: int, entries: list[ReportEntry], generated_at: datetime) -> list[Outgoing]:
    """NotifyReport pages with seqNo from 0; `tbc` on all but the last. Source: B07.FR.03 and .04 (requestId)."""
    starts = range(0, len(entries), REPORT_ITEMS_PER_MESSAGE)
    at = timestamp(generated_at)
    return [
        Outgoing(
            "NotifyReport",
            {
                "requestId": request_id,
                "generatedAt": at,
                "seqNo": seq_no,
                "tbc": start + REPORT_ITEMS_PER_MESSAGE < len(entries),
                "reportData": [_report_data(entry) for entry in entries[start : start + REPORT_ITEMS_PER_MESSAGE]],
            },
        )
        for seq_no, start in enumerate(starts)
    ]


def _report_data(entry: ReportEntry) -> Payload:
    key = entry.definition.key
    component: Payload = {"name": key.component}
    if key.component_instance is not None:
        component["instance"] = key.component_instance
    if key.evse_id is not None:
        component["evse"] = {"id": key.evse_id}
        if key.connector_id is not None:
            component["evse"]["connectorId"] = key.connector_id
    variable = {"name": key.variable}
    if key.instance is not None:
        variable["instance"] = key.instance
    return {
        "component": component,
        "variable": variable,
        "variableAttribute": [_attribute(entry)],
        "variableCharacteristics": _characteristics(entry),
    }


def _attribute(entry: ReportEntry) -> Payload:
    definition = entry.definition
    attribute: Payload = {
        "type": AttributeType.ACTUAL.value,
        "mutability": definition.mutability.value,
        "persistent": definition.mutability is not Mutability.READ_ONLY,
        "constant": definition.fixed and definition.default is not None,
    }
    if entry.value is not None:  # B07.FR.03: without the value of what is write-only
        attribute["value"] = entry.value
    return attribute


def _characteristics(entry: ReportEntry) -> Payload:
    definition = entry.definition
    result: Payload = {"dataType": definition.data_type.value, "supportsMonitoring": False}
    if definition.unit is not None:
        result["unit"] = definition.unit
    if definition.data_type in _BOUNDED:
        if definition.minimum is not None:
            result["minLimit"] = _number(definition.minimum)
        if definition.maximum is not None:
            result["maxLimit"] = _number(definition.maximum)
    if definition.values:
        result["valuesList"] = ",".join(definition.values)[:VALUES_LIST_CHARS]
    return result


def _number(limit: Decimal | int) -> int | float:
    return limit if isinstance(limit, int) else float(limit)

"""Faults as NotifyEvent: each one raised and cleared by itself. Source: OCPP 2.0.1 part 2, use case N07."""

from typing import Final

from agent.csms.adapter import Payload
from agent.csms.v201.wire_values import evse, timestamp
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import FaultChanged

TECH_INFO_CHARS: Final = 500


def notify_event(fact: FaultChanged) -> Payload:
    """Payload of NotifyEvent; techCode is the fault's own name, the same as 1.6's vendorErrorCode."""
    entry = CATALOGUE[fact.fault]
    event: Payload = {
        "eventId": fact.event_id,
        "timestamp": timestamp(fact.at),
        "trigger": "Alerting",
        "actualValue": "true" if fact.variable_stands else "false",
        "techCode": fact.fault.value,
        "techInfo": (fact.detail or entry.meaning)[:TECH_INFO_CHARS],
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": entry.component, "evse": evse(fact.evse_id)},
        "variable": {"name": entry.variable},
    }
    if not fact.stands:
        event["cleared"] = True
    if fact.transaction_id is not None:
        event["transactionId"] = fact.transaction_id
    return {"generatedAt": timestamp(fact.at), "seqNo": 0, "eventData": [event]}

"""Security events of the domain as SecurityEventNotification. Source: OCPP 1.6 security white paper, edition 3."""

from agent.csms.adapter import Outgoing, Payload
from agent.csms.v16.wire_values import timestamp
from agent.domain.facts import SecurityEventRaised, UnauthorisedEnergyFound
from agent.domain.security_event import TECH_INFO_CHARS, SecurityEventType

NAMES: dict[SecurityEventType, str] = {type_: type_.value for type_ in SecurityEventType} | {
    SecurityEventType.FAILED_TO_AUTHENTICATE_AT_CSMS: "FailedToAuthenticateAtCentralSystem",
    SecurityEventType.CSMS_FAILED_TO_AUTHENTICATE: "CentralSystemFailedToAuthenticate",
    SecurityEventType.INVALID_CSMS_CERTIFICATE: "InvalidCentralSystemCertificate",
    SecurityEventType.INVALID_CHARGING_STATION_CERTIFICATE: "InvalidChargePointCertificate",
}
"""Where 1.6 has another word than 2.0.1."""


def unauthorised_energy(fact: UnauthorisedEnergyFound) -> Outgoing:
    """SecurityEventNotification of our own type."""
    told = f"evse={fact.evse_id} energy_wh={round(fact.energy_wh, 3).normalize():f}"
    return security_event(SecurityEventRaised(SecurityEventType.UNAUTHORISED_ENERGY_FOUND, fact.at, told))


def security_event(fact: SecurityEventRaised) -> Outgoing:
    """SecurityEventNotification."""
    payload: Payload = {"type": NAMES[fact.type], "timestamp": timestamp(fact.at)}
    if fact.tech_info:
        payload["techInfo"] = fact.tech_info[:TECH_INFO_CHARS]
    return Outgoing("SecurityEventNotification", payload)

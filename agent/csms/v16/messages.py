"""Facts and requests of the station as OCPP 1.6 messages. Pure: the same fact and settings give the same message.

A 1.6 transaction begins when somebody is authorised and plugged in. One that the domain began earlier (a start point of
another version) is held back until the fact that names the token; if none ever does, 1.6 has nothing to tell of it.
"""

import logging
import math
from decimal import Decimal
from typing import assert_never

from agent.csms.adapter import Outgoing, Payload, RpcError, RpcErrorCode
from agent.csms.signed_values import signed_values
from agent.csms.v16 import file_messages, statuses
from agent.csms.v16.sampled_values import meter_values_of, transaction_data
from agent.csms.v16.security_events import security_event, unauthorised_energy
from agent.csms.v16.signed_data import signed_data
from agent.csms.v16.wire_values import ID_TAG_CHARS, id_tag, timestamp
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import DeviceModel
from agent.domain.facts import (
    Fact,
    FaultChanged,
    FirmwareStatusChanged,
    Sample,
    SecurityEventRaised,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
    UnauthorisedEnergyFound,
    UploadStatusChanged,
)
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import IdToken, StoppedReason, TriggerReason
from hal.value import dataclass

logger = logging.getLogger(__name__)

STOPPED_REASONS: dict[StoppedReason, str | None] = {
    StoppedReason.DEAUTHORIZED: "DeAuthorized",
    StoppedReason.EMERGENCY_STOP: "EmergencyStop",
    StoppedReason.EV_DISCONNECTED: "EVDisconnected",
    StoppedReason.GROUND_FAULT: "Other",
    StoppedReason.IMMEDIATE_RESET: "HardReset",
    StoppedReason.LOCAL: None,  # section 6.49: may be left out only then
    StoppedReason.OTHER: "Other",
    StoppedReason.OVERCURRENT_FAULT: "Other",
    StoppedReason.POWER_LOSS: "PowerLoss",
    StoppedReason.REBOOT: "Reboot",
    StoppedReason.REMOTE: "Remote",
    StoppedReason.STOPPED_BY_EV: "Other",
    StoppedReason.TIMEOUT: "Other",
    StoppedReason.SOFT_RESET: "SoftReset",
    StoppedReason.UNLOCK_COMMAND: "UnlockCommand",
}
"""Reason of every stop; None: left out."""
_TOKEN_TAKEN_AWAY = frozenset({TriggerReason.DEAUTHORIZED, TriggerReason.STOP_AUTHORIZED})
_WITH_TRANSACTION_ID = frozenset({"MeterValues", "StopTransaction"})


@dataclass(frozen=True, slots=True)
class ChargePointIdentity:
    """Who the station is. Raises: ValueError if a name is longer than OCPP 1.6 allows."""

    vendor: str
    model: str
    serial_number: str
    firmware_version: str

    def __post_init__(self) -> None:
        limits = (("vendor", 20), ("model", 20), ("serial_number", 25), ("firmware_version", 50))
        for name, longest in limits:
            if len(getattr(self, name)) > longest:
                raise ValueError(f"{name} is longer than {longest} characters")


def boot_notification(identity: ChargePointIdentity) -> Outgoing:
    """BootNotification."""
    payload = {"chargePointVendor": identity.vendor, "chargePointModel": identity.model}
    if identity.serial_number:
        payload["chargePointSerialNumber"] = identity.serial_number
    if identity.firmware_version:
        payload["firmwareVersion"] = identity.firmware_version
    return Outgoing("BootNotification", payload)


def heartbeat() -> Outgoing:
    """Heartbeat."""
    return Outgoing("Heartbeat", {})


def sign_certificate(csr: str) -> Outgoing:
    """SignCertificate (white paper edition 3, section 5)."""
    return Outgoing("SignCertificate", {"csr": csr})


def authorize(token: IdToken) -> Outgoing:
    """Authorize. Raises: RpcError if 1.6 cannot carry this token."""
    tag = id_tag(token)
    if tag is None:
        reason = f"a token longer than {ID_TAG_CHARS} characters cannot be an idTag of OCPP 1.6"
        logger.warning("token not asked for token=%r reason=%s", token, reason)
        raise RpcError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, reason)
    return Outgoing("Authorize", {"idTag": tag})


def meter_values(connector_id: int, samples: tuple[Sample, ...], model: DeviceModel) -> list[Outgoing]:
    """MeterValues outside any transaction; none if the samples know no configured measurand."""
    values = meter_values_of(samples, model)
    return [Outgoing("MeterValues", {"connectorId": connector_id, "meterValue": values})] if values else []


def fact_messages(
    fact: Fact, at_csms: TransactionAtCsms, model: DeviceModel, present: EvseStatus | None
) -> list[Outgoing]:
    """Messages of a fact, those of a running transaction still without its id: see `addressed`.

    `present` is the EVSE's status now.
    """
    match fact:
        case TransactionStarted():
            return [] if fact.id_token is None else _start(fact, fact.id_token, model)
        case TransactionUpdated():
            return _updated(fact, at_csms, model)
        case TransactionEnded():
            return _ended(fact, at_csms, model)
        case UnauthorisedEnergyFound():
            return [*statuses.unauthorised_energy(fact, present), unauthorised_energy(fact)]
        case FaultChanged():
            return []  # told by StatusNotification as it happens, which 1.6 does not queue
        case FirmwareStatusChanged():
            return file_messages.firmware_status(fact.status, fact.request_id)
        case UploadStatusChanged():
            return file_messages.upload_status(fact.status, fact.request_id)
        case SecurityEventRaised():
            return [security_event(fact)]
        case _:
            assert_never(fact)


def addressed(outgoing: Outgoing, csms_transaction_id: int | None) -> Outgoing:
    """Write the transaction's id into a message that needs it."""
    if csms_transaction_id is None or outgoing.action not in _WITH_TRANSACTION_ID:
        return outgoing
    return Outgoing(outgoing.action, {**outgoing.payload, "transactionId": csms_transaction_id})


def _start(fact: TransactionStarted | TransactionUpdated, token: IdToken, model: DeviceModel) -> list[Outgoing]:
    tag = id_tag(token)
    if tag is None:
        logger.error(
            "transaction cannot be told transaction=%s reason=its token is longer than %d characters",
            fact.transaction_id,
            ID_TAG_CHARS,
        )
        return []
    payload = {
        "connectorId": fact.evse_id,
        "idTag": tag,
        "meterStart": _whole_wh(fact.register_wh, fact.transaction_id),
        "timestamp": timestamp(fact.at),
    }
    if fact.reservation_id is not None:
        payload["reservationId"] = fact.reservation_id  # section 5.13: the reservation ends with it
    return [Outgoing("StartTransaction", payload), *meter_values(fact.evse_id, fact.samples, model)]


def _updated(fact: TransactionUpdated, at_csms: TransactionAtCsms, model: DeviceModel) -> list[Outgoing]:
    if at_csms.csms_transaction_id is not None:
        return meter_values(fact.evse_id, fact.samples, model)
    held = at_csms.start_acknowledged and fact.trigger not in _TOKEN_TAKEN_AWAY
    return _start(fact, fact.id_token, model) if held and fact.id_token is not None else []


def _ended(fact: TransactionEnded, at_csms: TransactionAtCsms, model: DeviceModel) -> list[Outgoing]:
    if at_csms.csms_transaction_id is None:
        if not at_csms.start_acknowledged:
            logger.error("stop cannot be told transaction=%s reason=its start was given up", fact.transaction_id)
        return []
    payload: Payload = {
        "timestamp": timestamp(fact.at),
        "meterStop": _whole_wh(fact.register_wh, fact.transaction_id),
    }
    reason = STOPPED_REASONS[fact.stopped_reason]
    if reason is not None:
        payload["reason"] = reason
    tag = None if fact.id_token is None else id_tag(fact.id_token)
    if tag is not None:
        payload["idTag"] = tag
    signed = [signed_data(value, model) for value in signed_values(fact, model)]
    values = [*transaction_data(fact.samples, model), *signed]
    if values:
        payload["transactionData"] = values
    return [Outgoing("StopTransaction", payload)]


def _whole_wh(register_wh: Decimal | None, transaction_id: str) -> int:
    """Round the register down; 0 if the meter has never answered, since 1.6 wants a number."""
    if register_wh is None:
        logger.warning("no register was ever read, 0 is told transaction=%s", transaction_id)
        return 0
    return math.floor(register_wh)

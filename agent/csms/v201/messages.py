"""Facts and requests of the station as OCPP 2.0.1 messages. Pure: the same fact and settings give the same message."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import assert_never

from agent.csms.adapter import Outgoing, Payload
from agent.csms.ended_samples import ended_measurands, fitting
from agent.csms.signed_values import signed_values
from agent.csms.v201.fault_events import notify_event
from agent.csms.v201.sampled_values import REGISTER, has_register, meter_value, register_value
from agent.csms.v201.signed_meter_values import signed_meter_value
from agent.csms.v201.wire_values import CONNECTOR_ID, evse, id_token, timestamp
from agent.domain.device_model import DeviceModel
from agent.domain.facts import (
    Fact,
    FaultChanged,
    FirmwareStatusChanged,
    Sample,
    SecurityEventRaised,
    TransactionEnded,
    TransactionFact,
    TransactionStarted,
    TransactionUpdated,
    UnauthorisedEnergyFound,
    UploadStatusChanged,
)
from agent.domain.security_event import TECH_INFO_CHARS, SecurityEventType
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.vocabulary import IdToken, ReadingContext, StoppedReason
from hal.value import dataclass

STOPPED_REASONS = {reason: reason.value for reason in StoppedReason} | {
    # What only a 1.6 back-end can cause, told after a change of version.
    StoppedReason.SOFT_RESET: "ImmediateReset",
    StoppedReason.UNLOCK_COMMAND: "Other",
}
"""ReasonEnumType of every reason."""


class BootReason(Enum):
    """BootReasonEnumType, as far as this software can tell."""

    POWER_UP = "PowerUp"
    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """ChargingStationType. Raises: ValueError if a name is longer than OCPP 2.0.1 allows."""

    vendor: str
    model: str
    serial_number: str
    firmware_version: str

    def __post_init__(self) -> None:
        limits = (("vendor", 50), ("model", 20), ("serial_number", 25), ("firmware_version", 50))
        for name, longest in limits:
            if len(getattr(self, name)) > longest:
                raise ValueError(f"{name} is longer than {longest} characters")


def boot_notification(identity: StationIdentity, reason: BootReason) -> Outgoing:
    """BootNotification."""
    station = {"vendorName": identity.vendor, "model": identity.model}
    if identity.serial_number:
        station["serialNumber"] = identity.serial_number
    if identity.firmware_version:
        station["firmwareVersion"] = identity.firmware_version
    return Outgoing("BootNotification", {"reason": reason.value, "chargingStation": station})


def heartbeat() -> Outgoing:
    """Heartbeat."""
    return Outgoing("Heartbeat", {})


def authorize(token: IdToken) -> Outgoing:
    """Authorize."""
    return Outgoing("Authorize", {"idToken": id_token(token)})


def status_notifications(status: EvseStatus) -> list[Outgoing]:
    """StatusNotification; none before the board has said anything."""
    if status.state is SessionState.UNKNOWN:
        return []
    payload = {
        "timestamp": timestamp(status.at),
        "connectorStatus": status.connector_status.value,
        "evseId": status.evse_id,
        "connectorId": CONNECTOR_ID,
    }
    return [Outgoing("StatusNotification", payload)]


def meter_values(evse_id: int, sample: Sample, model: DeviceModel) -> list[Outgoing]:
    """MeterValues outside any transaction, or asked for; none if the sample knows no configured measurand."""
    value = meter_value(sample, model.members("AlignedDataCtrlr", "Measurands"))
    return [] if value is None else [Outgoing("MeterValues", {"evseId": evse_id, "meterValue": [value]})]


def fact_messages(fact: Fact, model: DeviceModel) -> list[Outgoing]:
    """TransactionEvent, SecurityEventNotification or NotifyEvent."""
    match fact:
        case TransactionStarted():
            return [Outgoing("TransactionEvent", _started(fact, model))]
        case TransactionUpdated():
            return [Outgoing("TransactionEvent", _updated(fact, model))]
        case TransactionEnded():
            return [Outgoing("TransactionEvent", _ended(fact, model))]
        case UnauthorisedEnergyFound():
            return [Outgoing("SecurityEventNotification", _unauthorised_energy(fact))]
        case FaultChanged():
            return [Outgoing("NotifyEvent", notify_event(fact))]
        case FirmwareStatusChanged():
            return _of_request("FirmwareStatusNotification", fact.status.value, fact.request_id)
        case UploadStatusChanged():
            return _of_request("LogStatusNotification", fact.status.value, fact.request_id)
        case SecurityEventRaised():
            return [Outgoing("SecurityEventNotification", _security_event(fact.type, fact.at, fact.tech_info))]
        case _:
            assert_never(fact)


def _of_request(action: str, status: str, request_id: int | None) -> list[Outgoing]:
    """A step of what was asked for with an id; without one (a plain request of 1.6) this version cannot tell it."""
    return [] if request_id is None else [Outgoing(action, {"status": status, "requestId": request_id})]


def _started(fact: TransactionStarted, model: DeviceModel) -> Payload:
    event = _event("Started", fact)
    # Only here: back-ends in the field stumble over an evse in any event but the first.
    event["evse"] = evse(fact.evse_id)
    _add_remote_start(event, fact.remote_start_id)
    measurands = model.members("SampledDataCtrlr", "TxStartedMeasurands")
    _add_samples(event, fact, measurands, model, ReadingContext.TRANSACTION_BEGIN)
    return event


def _updated(fact: TransactionUpdated, model: DeviceModel) -> Payload:
    event = _event("Updated", fact)
    _add_remote_start(event, fact.remote_start_id)
    _add_samples(event, fact, model.members("SampledDataCtrlr", "TxUpdatedMeasurands"), model, None)
    return event


def _ended(fact: TransactionEnded, model: DeviceModel) -> Payload:
    event = _event("Ended", fact)
    event["transactionInfo"]["stoppedReason"] = STOPPED_REASONS[fact.stopped_reason]
    values = _ended_values(fact, model)
    if values:
        event["meterValue"] = values
    signed = [told for value in signed_values(fact, model) for told in signed_meter_value(value, fact.transaction_id)]
    if signed:
        event["meterValue"] = [*event.get("meterValue", ()), *signed]
    return event


def _ended_values(fact: TransactionEnded, model: DeviceModel) -> list[Payload]:
    """The end, and clock-aligned samples where they are asked for; SampledDataCtrlr.TxEndedInterval is 0."""
    contexts = {ReadingContext.SAMPLE_CLOCK, ReadingContext.TRANSACTION_END}
    samples = tuple(sample for sample in fact.samples if sample.context in contexts)
    written = ((sample, meter_value(sample, ended_measurands(sample.context, model))) for sample in samples)
    values = fitting((sample, value) for sample, value in written if value is not None)
    end = ReadingContext.TRANSACTION_END
    if REGISTER in ended_measurands(end, model) and not _told(samples, end):
        values += _register(fact.register_wh, end, fact.at)
    return values


def _event(event_type: str, fact: TransactionFact) -> Payload:
    event: Payload = {
        "eventType": event_type,
        "timestamp": timestamp(fact.at),
        "triggerReason": fact.trigger.value,
        "seqNo": fact.seq_no,
        "transactionInfo": {"transactionId": fact.transaction_id, "chargingState": fact.charging_state.value},
    }
    if fact.offline:
        event["offline"] = True
    if fact.id_token is not None:
        event["idToken"] = id_token(fact.id_token)
    return event


def _add_remote_start(event: Payload, remote_start_id: int | None) -> None:
    if remote_start_id is not None:  # F01.FR.17
        event["transactionInfo"]["remoteStartId"] = remote_start_id


def _add_samples(
    event: Payload,
    fact: TransactionFact,
    measurands: tuple[str, ...],
    model: DeviceModel,
    register_context: ReadingContext | None,
) -> None:
    """Add meterValue; where the register is due at begin or end but no sample has it, the fact's own register goes."""
    values = [value for sample in fact.samples if (value := meter_value(sample, _due(sample, measurands, model)))]
    if register_context is not None and REGISTER in measurands and not _told(fact.samples, register_context):
        values += _register(fact.register_wh, register_context, fact.at)
    if values:
        event["meterValue"] = values


def _due(sample: Sample, measurands: tuple[str, ...], model: DeviceModel) -> tuple[str, ...]:
    clock_aligned = sample.context is ReadingContext.SAMPLE_CLOCK
    return model.members("AlignedDataCtrlr", "Measurands") if clock_aligned else measurands


def _told(samples: tuple[Sample, ...], context: ReadingContext) -> bool:
    return any(sample.context is context and has_register(sample) for sample in samples)


def _register(register_wh: Decimal | None, context: ReadingContext, at: datetime) -> list[Payload]:
    return [] if register_wh is None else [register_value(register_wh, context, at)]


def _unauthorised_energy(fact: UnauthorisedEnergyFound) -> Payload:
    tech_info = (
        f"evse={fact.evse_id} energy_wh={fact.energy_wh} "
        f"register_before_wh={fact.register_before_wh} register_now_wh={fact.register_now_wh}"
    )
    return _security_event(SecurityEventType.UNAUTHORISED_ENERGY_FOUND, fact.at, tech_info)


def _security_event(type_: SecurityEventType, at: datetime, tech_info: str) -> Payload:
    """Payload of SecurityEventNotification. Source: part 2, use case A04."""
    payload: Payload = {"type": type_.value, "timestamp": timestamp(at)}
    if tech_info:
        payload["techInfo"] = tech_info[:TECH_INFO_CHARS]
    return payload

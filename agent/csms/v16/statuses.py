"""States and faults as ChargePointStatus and ChargePointErrorCode. Source: OCPP 1.6 sections 4.9, 7.6 and 7.7."""

from collections.abc import Iterable
from datetime import datetime

from agent.csms.adapter import Outgoing, Payload
from agent.csms.v16.wire_values import INFO_CHARS, STATION, timestamp
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import UnauthorisedEnergyFound
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus, SessionState
from hal.api import Fault

NO_ERROR = "NoError"
OTHER_ERROR = "OtherError"
UNAUTHORISED_ENERGY = "unauthorised_energy"

STATUSES: dict[SessionState, str] = {
    SessionState.AVAILABLE: "Available",
    SessionState.AWAITING_AUTHORIZATION: "Preparing",
    SessionState.AWAITING_EV: "Preparing",
    SessionState.SUSPENDED_EVSE: "SuspendedEVSE",
    SessionState.SUSPENDED_EV: "SuspendedEV",
    SessionState.CHARGING: "Charging",
    SessionState.STOPPING: "SuspendedEVSE",  # the offer is withdrawn, the transaction still runs
    SessionState.OPENING: "Finishing",
    SessionState.READING_METER: "Finishing",
    SessionState.FINISHING: "Finishing",
    SessionState.FAULTED: "Faulted",
    SessionState.UNAVAILABLE: "Unavailable",
}
"""ChargePointStatus of every state but UNKNOWN, of which nothing is told."""

RESERVED = "Reserved"
_RESERVABLE = frozenset({SessionState.AVAILABLE, SessionState.AWAITING_AUTHORIZATION})
"""Section 4.9: a reserved connector is left by the driver's token, not by a plug alone."""

ERROR_CODES: dict[Fault, str] = {
    Fault.DIODE: "EVCommunicationError",
    Fault.VENTILATION_REQUIRED: OTHER_ERROR,
    Fault.PILOT: "EVCommunicationError",
    Fault.GROUND_FAULT_TRIPPED: "GroundFailure",
    Fault.GROUND_MISSING: "GroundFailure",
    Fault.CONTACTOR_WELDED: "PowerSwitchFailure",
    Fault.CONTACTOR_FAILED_TO_CLOSE: "PowerSwitchFailure",
    Fault.CONTACTOR_UNCONFIRMED: "PowerSwitchFailure",
    Fault.RESIDUAL_CURRENT_SELF_TEST: "InternalError",
    Fault.OVER_TEMPERATURE: "HighTemperature",
    Fault.OVER_CURRENT: "OverCurrentFailure",
    Fault.PROTECTION_OFF: "InternalError",
    Fault.BOARD_SILENT: "InternalError",
    Fault.BOARD_UNSUITABLE: "InternalError",
    Fault.METER_SILENT: "PowerMeterFailure",
    Fault.METER_IMPLAUSIBLE: "PowerMeterFailure",
    Fault.LOCK_FAILED: "ConnectorLockFailure",
    Fault.EMERGENCY_STOP: OTHER_ERROR,
    Fault.PROXIMITY: OTHER_ERROR,
    Fault.RESIDUAL_DC: "GroundFailure",
    Fault.BROWN_OUT: "InternalError",
    Fault.TEMPERATURE_SENSOR: "InternalError",
    Fault.CABLE_OVER_TEMPERATURE: "HighTemperature",
    Fault.BOARD_FIRMWARE: "InternalError",
    Fault.BOARD_INTERNAL: "InternalError",
    Fault.UNDER_VOLTAGE: "UnderVoltage",
    Fault.OVER_VOLTAGE: "OverVoltage",
    Fault.PHASE_LOSS: OTHER_ERROR,
    Fault.UNEXPECTED_CURRENT: "PowerSwitchFailure",
    Fault.METER_EXCHANGED: "PowerMeterFailure",
    Fault.SIGNED_METERING: "PowerMeterFailure",
    Fault.POWER_MODULE: "InternalError",
}
"""ChargePointErrorCode of every fault; vendorErrorCode is the fault's own name."""


def evse_status(status: EvseStatus) -> list[Outgoing]:
    """StatusNotification of one EVSE; none before its board has said anything."""
    if status.state is SessionState.UNKNOWN:
        return []
    reserved = status.reserved and status.state in _RESERVABLE
    payload = _notification(status.evse_id, RESERVED if reserved else STATUSES[status.state], status.at)
    if status.fault is not None:
        info = status.fault_detail or CATALOGUE[status.fault].meaning
        _add_error(payload, ERROR_CODES[status.fault], status.fault.value, info)
    elif status.state is SessionState.FAULTED:
        payload["errorCode"] = OTHER_ERROR
    return [Outgoing("StatusNotification", payload)]


def station_status(evses: Iterable[EvseStatus | None], station_fault: str | None, at: datetime) -> Outgoing:
    """StatusNotification of connector 0, which may only be Available, Unavailable or Faulted (section 4.9)."""
    states = {status.state if status is not None else SessionState.UNKNOWN for status in evses}
    status = "Unavailable" if states == {SessionState.UNAVAILABLE} else "Available"
    payload = _notification(STATION, "Faulted" if station_fault is not None else status, at)
    if station_fault is not None:
        _add_error(payload, "InternalError", station_fault, "")
    return Outgoing("StatusNotification", payload)


def list_conflict(conflict: ListConflict, present: Outgoing) -> Outgoing:
    """Tell on connector 0 that the back-end contradicts the local list. Source: section 3.5.2."""
    payload = {**present.payload, "errorCode": "LocalListConflict"}
    info = f"list: {conflict.listed.status.value}, told: {conflict.told.status.value}"
    payload["info"] = info[:INFO_CHARS]
    payload.pop("vendorErrorCode", None)
    return Outgoing(present.action, payload)


def unauthorised_energy(fact: UnauthorisedEnergyFound, present: EvseStatus | None) -> list[Outgoing]:
    """Tell the find as an error of this connector, then its present status, since the error does not stand."""
    after = [] if present is None else evse_status(present)
    status = after[0].payload["status"] if after else STATUSES[SessionState.AVAILABLE]
    payload = _notification(fact.evse_id, status, fact.at)
    energy_wh = round(fact.energy_wh, 3).normalize()  # a float32 register is exact, and longer than `info`
    _add_error(payload, OTHER_ERROR, UNAUTHORISED_ENERGY, f"{energy_wh:f} Wh without a transaction")
    return [Outgoing("StatusNotification", payload), *after]


def _notification(connector_id: int, status: str, at: datetime) -> Payload:
    return {"connectorId": connector_id, "errorCode": NO_ERROR, "status": status, "timestamp": timestamp(at)}


def _add_error(payload: Payload, error_code: str, vendor_error_code: str, info: str) -> None:
    payload["errorCode"] = error_code
    payload["vendorErrorCode"] = vendor_error_code[:INFO_CHARS]
    if info:
        payload["info"] = info[:INFO_CHARS]

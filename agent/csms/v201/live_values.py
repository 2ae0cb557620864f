"""Variables whose value is the present state of the station. What somebody else provides already is left alone."""

from collections.abc import Callable
from functools import partial

from agent.clock import Clock
from agent.csms.v201.wire_values import CONNECTOR_ID, timestamp
from agent.domain.device_model import VariableKey
from agent.domain.vocabulary import ConnectorStatus
from agent.station.commands import StationCommands


def provide_live_values(commands: StationCommands, clock: Clock) -> None:
    """Let AvailabilityState, Problem and DateTime tell what is so now."""
    provided: list[tuple[VariableKey, Callable[[], str]]] = [
        (VariableKey("ClockCtrlr", "DateTime"), lambda: timestamp(clock.now().utc)),
        (VariableKey("ChargingStation", "AvailabilityState"), lambda: _station_state(commands).value),
        (VariableKey("ChargingStation", "Problem"), lambda: _boolean(value=commands.station_fault() is not None)),
    ]
    for evse_id in commands.evse_ids:
        connector = VariableKey("Connector", "AvailabilityState", evse_id=evse_id, connector_id=CONNECTOR_ID)
        provided += [
            (VariableKey("EVSE", "AvailabilityState", evse_id=evse_id), partial(_evse_state, commands, evse_id)),
            (VariableKey("EVSE", "Problem", evse_id=evse_id), partial(_evse_problem, commands, evse_id)),
            (connector, partial(_evse_state, commands, evse_id)),
        ]
    for key, provider in provided:
        if not commands.device_model.is_provided(key):
            commands.device_model.provide(key, provider)


def _station_state(commands: StationCommands) -> ConnectorStatus:
    """Return the state that leaves most to a driver: any free EVSE makes the station available."""
    if commands.station_fault() is not None:
        return ConnectorStatus.FAULTED
    statuses = {_status(commands, evse_id) for evse_id in commands.evse_ids}
    order = (
        ConnectorStatus.AVAILABLE,
        ConnectorStatus.OCCUPIED,
        ConnectorStatus.RESERVED,
        ConnectorStatus.FAULTED,
        ConnectorStatus.UNAVAILABLE,
    )
    return next((status for status in order if status in statuses), ConnectorStatus.UNAVAILABLE)


def _evse_state(commands: StationCommands, evse_id: int) -> str:
    return _status(commands, evse_id).value


def _evse_problem(commands: StationCommands, evse_id: int) -> str:
    return _boolean(value=_status(commands, evse_id) is ConnectorStatus.FAULTED)


def _status(commands: StationCommands, evse_id: int) -> ConnectorStatus:
    status = commands.evse_status(evse_id)
    return ConnectorStatus.UNAVAILABLE if status is None else status.connector_status


def _boolean(*, value: bool) -> str:
    return "true" if value else "false"

"""All variables of one station, from what the installer wrote of it."""

from dataclasses import replace

from agent.domain.phase_rotation import UNKNOWN, rotations_of
from agent.domain.variable import DataType, Mutability, VariableDefinition, VariableKey
from agent.domain.variables import controllers
from agent.domain.variables.rows import flag
from agent.domain.vocabulary import ConnectorStatus
from hal.value import dataclass

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Power.Active.Import",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "Frequency",
)
"""MeasurandEnumType, as far as a `MeterReading` and the offer can tell."""
AVAILABILITY_STATES = tuple(status.value for status in ConnectorStatus)


@dataclass(frozen=True, slots=True)
class EvseDescription:
    """What is constant of one EVSE; it has one connector."""

    evse_id: int
    connector_type: str = "cType2"
    """ConnectorEnumType: `cType2` attached cable, `sType2` socket."""
    phases: int = 3
    max_power_w: int = 22_080


@dataclass(frozen=True, slots=True)
class StationDescription:
    """What is constant of a station."""

    vendor: str
    model: str
    serial_number: str
    firmware_version: str
    identity: str
    security_profile: int
    evses: tuple[EvseDescription, ...]
    phases: int = 3
    measurands: tuple[str, ...] = MEASURANDS
    signs: bool = False
    """A meter of it signs transactions."""
    updates_firmware: bool = False
    """Somebody here can install firmware."""


def station_definitions(station: StationDescription) -> list[VariableDefinition]:
    """Return every variable that this station has, in the order in which reports tell them."""
    return [
        *_charging_station(station),
        *(
            (flag("ChargingStation", "AllowNewSessionsPendingFirmwareUpdate", default=False),)
            if station.updates_firmware
            else ()
        ),
        *(row for evse in station.evses for row in _evse(evse, station.phases)),
        *controllers.communication(),
        *controllers.authorization(),
        *controllers.transactions(signs=station.signs),
        *controllers.metering(station.measurands),
        *(controllers.signed_metering() if station.signs else ()),
        *controllers.security(station.identity, station.security_profile),
    ]


def _charging_station(station: StationDescription) -> list[VariableDefinition]:
    at = VariableKey("ChargingStation", "")
    return [
        _constant(at, "Available", DataType.BOOLEAN, "true"),
        _availability_state(at),
        _problem(at),
        _constant(at, "SupplyPhases", DataType.INTEGER, str(station.phases)),
        _constant(at, "VendorName", DataType.STRING, station.vendor),
        _constant(at, "Model", DataType.STRING, station.model),
        _constant(at, "SerialNumber", DataType.STRING, station.serial_number),
        _constant(at, "FirmwareVersion", DataType.STRING, station.firmware_version),
    ]


def _evse(evse: EvseDescription, supply_phases: int) -> list[VariableDefinition]:
    at = VariableKey("EVSE", "", evse_id=evse.evse_id)
    connector = VariableKey("Connector", "", evse_id=evse.evse_id, connector_id=1)
    power = _constant(at, "Power", DataType.DECIMAL, None)
    return [
        _constant(at, "Available", DataType.BOOLEAN, "true"),
        _availability_state(at),
        _problem(at),
        _constant(at, "SupplyPhases", DataType.INTEGER, str(evse.phases)),
        replace(power, unit="W", minimum=0, maximum=evse.max_power_w),
        _constant(connector, "Available", DataType.BOOLEAN, "true"),
        _availability_state(connector),
        _constant(connector, "ConnectorType", DataType.STRING, evse.connector_type),
        _constant(connector, "SupplyPhases", DataType.INTEGER, str(evse.phases)),
        VariableDefinition(
            replace(connector, variable="PhaseRotation"),
            DataType.OPTION_LIST,
            Mutability.READ_WRITE,
            UNKNOWN,
            values=rotations_of(supply_phases),
        ),
    ]


def _constant(at: VariableKey, variable: str, data_type: DataType, value: str | None) -> VariableDefinition:
    return VariableDefinition(replace(at, variable=variable), data_type, default=value, fixed=True)


def _availability_state(at: VariableKey) -> VariableDefinition:
    return replace(_constant(at, "AvailabilityState", DataType.OPTION_LIST, None), values=AVAILABILITY_STATES)


def _problem(at: VariableKey) -> VariableDefinition:
    return _constant(at, "Problem", DataType.BOOLEAN, None)

"""Builds the adapter of one OCPP version; only the one in use is imported."""

from agent.clock import Clock
from agent.config import StationConfig
from agent.csms.adapter import Adapter
from agent.csms.client import CsmsClient
from agent.csms.security.station_security import StationSecurity
from agent.domain.delivery import OwnedTransactions, owner_name
from agent.station.charging_station import ChargingStation
from agent.station.journal import Journal
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class AdapterParts:
    """What an adapter works with."""

    config: StationConfig
    station: ChargingStation
    client: CsmsClient
    journal: Journal
    security: StationSecurity
    clock: Clock
    boot_reason: str
    """BootReasonEnumType."""


def build_adapter(version: str, parts: AdapterParts) -> Adapter:
    """Build the adapter of this version, for the back-end that is dialled now."""
    return _v16(parts) if version == "1.6" else _v201(parts)


def _v16(parts: AdapterParts) -> Adapter:
    from agent.csms.v16.adapter import V16Adapter  # noqa: PLC0415 - only the version in use
    from agent.csms.v16.messages import ChargePointIdentity  # noqa: PLC0415

    about = parts.config
    return V16Adapter(
        parts.station,
        clock=parts.clock,
        identity=ChargePointIdentity(about.vendor, about.model, about.serial_number or "", about.firmware_version),
        sender=parts.client.send,
        journal=OwnedTransactions(parts.journal, owner_name(parts.security.access.owner, "ocpp1.6")),
        security=parts.security,
    )


def _v201(parts: AdapterParts) -> Adapter:
    from agent.csms.v201.adapter import V201Adapter  # noqa: PLC0415 - only the version in use
    from agent.csms.v201.messages import BootReason, StationIdentity  # noqa: PLC0415

    about = parts.config
    return V201Adapter(
        parts.station,
        clock=parts.clock,
        identity=StationIdentity(about.vendor, about.model, about.serial_number or "", about.firmware_version),
        sender=parts.client.send,
        boot_reason=BootReason(parts.boot_reason),
    )

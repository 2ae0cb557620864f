"""ConnectorPhaseRotation: one key for a variable of each connector.

The whole list is set at once; a connector that it does not name is Unknown. Entry 0 (grid to main meter) is refused:
this station has no main meter, so nothing would depend on it. Meter values keep the names of the connector's own
meter: the standard has the rotation told so that a back-end can do the mapping, and mapping both ways would undo it.
Source: OCPP 1.6 section 9.1.
"""

import re
from collections.abc import Sequence

from agent.csms.v16.security_keys import SpecialKey
from agent.domain.device_model import DeviceModel, VariableKey
from agent.domain.phase_rotation import UNKNOWN

NAME = "ConnectorPhaseRotation"
_ENTRY = re.compile(r"(?P<connector>[0-9]{1,9})\.(?P<rotation>[A-Za-z]+)")


def rotation_variable(connector: int) -> VariableKey:
    """Return the variable of a connector."""
    return VariableKey("Connector", "PhaseRotation", evse_id=connector, connector_id=1)


def read_rotations(model: DeviceModel, connectors: int, value: str) -> list[tuple[VariableKey, str]]:
    """Return what the list says of every connector. Raises: ValueError that says what is wrong with it."""
    told = dict.fromkeys(range(1, connectors + 1), UNKNOWN)
    named: set[int] = set()
    for entry in [entry.strip() for entry in value.split(",")] if value.strip() else []:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(f"{entry!r} is no connector and rotation, as in 1.RST")
        connector = int(found["connector"])
        if connector not in told:
            raise ValueError(f"{entry!r}: there is no connector {connector} whose wiring matters")
        if connector in named:
            raise ValueError(f"connector {connector} is given twice")
        named.add(connector)
        told[connector] = model.definition(rotation_variable(connector)).canonical(found["rotation"])
    return [(rotation_variable(connector), rotation) for connector, rotation in told.items()]


def rotation_key(model: DeviceModel, connectors: Sequence[int]) -> dict[str, SpecialKey]:
    """Return the key as a view of all connectors' variables."""

    def read() -> str:
        told = ((connector, model.get(rotation_variable(connector)).value) for connector in connectors)
        return ",".join(f"{connector}.{rotation}" for connector, rotation in told)

    async def change(value: str) -> str | None:
        try:
            rotations = read_rotations(model, len(connectors), value)
        except ValueError as error:
            return str(error)
        for key, rotation in rotations:
            model.set(key, rotation)
        return None

    return {NAME: SpecialKey(read, change, lambda: None)}

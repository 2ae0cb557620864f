"""From which phases of the grid an EVSE draws, by what the device model says of its wiring."""

from agent.domain.device_model import DeviceModel, VariableKey
from agent.domain.phase_rotation import grid_phases


def phases_of_evse(model: DeviceModel, evse_id: int) -> frozenset[str]:
    """Return the grid's phases of an EVSE. Raises: KeyError if there is no such EVSE."""
    wired = VariableKey("EVSE", "SupplyPhases", evse_id=evse_id)
    rotation = VariableKey("Connector", "PhaseRotation", evse_id=evse_id, connector_id=1)
    return grid_phases(model.get(rotation).value, int(model.get(wired).value))

"""Who plays the roles of one run, as the bench file says (value and rule)."""

from dataclasses import dataclass
from typing import TypeVar

from hil.bench_file import SIMULATED, BenchFile, Role
from hil.roles import CannotError, Car, Faults, Meter, Power, Probe, Reader
from hil.simulated_roles import (
    SimulatedBench,
    SimulatedCar,
    SimulatedFaults,
    SimulatedMeter,
    SimulatedPower,
    SimulatedReader,
)

Player = TypeVar("Player")


@dataclass(frozen=True, slots=True)
class BenchRoles:
    """Everybody of one run; None: this bench has nobody for it."""

    car: Car | None = None
    faults: Faults | None = None
    meter: Meter | None = None
    reader: Reader | None = None
    power: Power | None = None
    probe: Probe | None = None


def simulated_roles(file: BenchFile, bench: SimulatedBench) -> BenchRoles:
    """Give the roles that the simulated bench plays."""

    def player(name: str, role: Player) -> Player | None:
        return role if file.role(name).kind == SIMULATED else None

    return BenchRoles(
        car=player("car", SimulatedCar(bench)),
        faults=player("faults", SimulatedFaults(bench)),
        meter=player("meter", SimulatedMeter(bench)),
        reader=player("reader", SimulatedReader(bench)),
        power=player("power", SimulatedPower(bench)),
        probe=player("probe", bench),
    )


def present(player: Player | None, bench: str, role: str) -> Player:
    """Give who plays a role. Raises: CannotError."""
    if player is None:
        raise CannotError(f"bench {bench!r} has nothing in the role {role!r}; bind [roles.{role}] in its file")
    return player


def line_drop_in(file: BenchFile) -> str:
    """Configuration of the agent that leads to the real lines instead of the simulated ones; TOML."""
    parts = []
    for name, table in (("board", "[evse.board]"), ("meter", "[evse.meter]")):
        role = file.role(name)
        if role.kind != SIMULATED and role.line:
            parts.append(f"{table}\n{_address(role)}\n")
    return "[[evse]]\nid = 1\n" + "".join(parts) if parts else ""


def _address(role: Role) -> str:
    if role.kind == "serial":
        return f'port = "{role.port}"'
    if role.protocol == "modbus_tcp":
        return f'host = "{role.host}"\ntcp_port = {role.tcp_port}'
    host = f"[{role.host}]" if ":" in role.host else role.host
    scheme = "rfc2217" if role.protocol == "rfc2217" else "tcp"
    return f'port = "{scheme}://{host}:{role.tcp_port}"'

"""The agent configuration that fits a bench (rule: values in, TOML text out)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hil.devices.modbus_io import COILS, INPUTS
from hil.devices.modbus_meter import SIGNING_MAPS
from hil.evse_bench import serial_number

Scalar = str | int | float | Sequence[str] | Sequence[int]

BENCH_PASSWORD = "bench-password-0001"  # noqa: S105 - of the simulated station, known to everybody
SUPPLY_A_PER_EVSE = 32


@dataclass(frozen=True, slots=True)
class StationPlan:
    """What the configuration depends on."""

    directory: Path
    evses: int
    meter_map: str
    csms_url: str
    ocpp_versions: tuple[str, ...]
    board: Mapping[str, str | bool] = field(default_factory=lambda: {"driver": "openevse"})
    """Fields of `[evse.board]` beside its line."""
    board_tcp_ports: tuple[int, ...] = ()
    """Ports of the boards, EVSE 1 first; empty for serial boards."""
    has_socket: bool = True
    reader_driver: str = "line"
    has_io: bool = False
    is_ventilated: bool = False
    """The board charges in state D."""
    tcp_ports: tuple[int, ...] = ()
    """Ports of the meters, EVSE 1 first; empty for serial meters."""


def agent_toml(plan: StationPlan) -> str:
    """Render the whole file."""
    parts = [
        _table("[station]", _station(plan)),
        _table("[csms]", _csms(plan)),
        _table("[authorization]", {"connection_timeout_s": 60}),
        _table("[firmware]", {"installer": "simulated"}),
        *(_evse(plan, number) for number in range(1, plan.evses + 1)),
        _table("[[reader]]", _reader(plan)),
    ]
    return "\n".join(parts)


def _station(plan: StationPlan) -> dict[str, Scalar]:
    return {
        "vendor": "Pilotline",
        "model": "Bench",
        "serial_number": "BENCH-0001",
        "firmware_version": "0.1.0",
        "state_dir": str(plan.directory / "state"),
        "supply_max_current_a": SUPPLY_A_PER_EVSE * plan.evses,
        "phases": 3,
        "time_zone": "UTC",
    }


def _csms(plan: StationPlan) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {
        "url": plan.csms_url,
        "identity": "BENCH-0001",
        "ocpp_versions": plan.ocpp_versions,
    }
    # OCPP 2.x knows no profile without authentication; 1.6 on a bench needs none.
    if any(version.startswith("2") for version in plan.ocpp_versions):
        return {**fields, "security_profile": 1, "password": BENCH_PASSWORD}
    return {**fields, "security_profile": 0}


def _reader(plan: StationPlan) -> dict[str, Scalar]:
    return {"driver": plan.reader_driver, "port": str(plan.directory / "reader1"), "evses": _numbers(plan)}


def _board(plan: StationPlan, number: int) -> dict[str, Scalar]:
    if plan.board_tcp_ports:
        return {**plan.board, "host": "127.0.0.1", "tcp_port": plan.board_tcp_ports[number - 1]}
    return {**plan.board, "port": str(plan.directory / f"evse{number}" / "board")}


def _evse(plan: StationPlan, number: int) -> str:
    lines = plan.directory / f"evse{number}"
    meter: dict[str, Scalar] = {"driver": "modbus", "map": plan.meter_map}
    if plan.meter_map in SIGNING_MAPS:
        meter |= {"signed": True, "serial": serial_number(number)}
    if plan.tcp_ports:
        meter |= {"host": "127.0.0.1", "tcp_port": plan.tcp_ports[number - 1], "unit": 1}
    else:
        meter |= {"port": str(lines / "meter"), "unit": 1, "baudrate": 9600, "parity": "N"}
    connector = "sType2" if plan.has_socket else "cType2"
    return "\n".join(
        [
            _table("[[evse]]", {"id": number, "connector_type": connector, "max_current_a": 32, "phases": 3}),
            _table("[evse.board]", _board(plan, number)),
            _table("[evse.meter]", meter),
            _table("[evse.indicator]", {"driver": "line", "port": str(lines / "indicator")}),
            *([_table("[evse.io]", _io(plan, number))] if plan.has_io else []),
        ]
    )


def _io(plan: StationPlan, number: int) -> dict[str, Scalar]:
    port = str(plan.directory / f"evse{number}" / "io")
    table: dict[str, Scalar] = {"driver": "modbus", "port": port, "unit": 1, "baudrate": 9600}
    table |= {"emergency_stop_input": INPUTS["emergency_stop"], "shunt_trip_coil": COILS["shunt_trip"]}
    if plan.has_socket:
        table |= {"lock_coil": COILS["lock"], "unlock_coil": COILS["unlock"], "lock_input": INPUTS["locked"]}
    if plan.is_ventilated:
        table |= {"fan_coil": COILS["fan"], "fan_input": INPUTS["fan"]}
    return table


def _table(head: str, fields: Mapping[str, Scalar]) -> str:
    # JSON strings, numbers and lists are TOML values as they stand.
    return "\n".join([head, *(f"{name} = {json.dumps(value)}" for name, value in fields.items()), ""])


def _numbers(plan: StationPlan) -> list[int]:
    return list(range(1, plan.evses + 1))

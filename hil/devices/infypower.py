"""Simulated Infypower modules on a CAN bus, and the battery that they charge.

Rules kept here:
* A module answers what is addressed to it, to its group, or to all; every such frame counts as a word of the host.
* Without a word for 10 s it switches off and says so in its state until it hears again.
* Voltage and current follow their setpoints on ramps; a connected battery dictates the voltage.
Source: facts boards_protocols, CAN, Infypower; ramps and the battery's resistance are unsourced.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hal.codecs.infypower import (
    ALL_MODULES,
    GROUP,
    HOST_SILENCE_LIMIT_S,
    SINGLE,
    Address,
    Answer,
    Available,
    Capabilities,
    Command,
    ModuleState,
    Output,
    Setpoint,
    Status,
    count_data,
    switches_on,
)
from hil.can_bus import BusFrame, CanBus
from hil.devices.timers import Timers
from hil.world import Emit

TICK_S = 0.02
_MODULE_30_KW = Capabilities(1000.0, 50.0, 100.0, 30_000.0)
STOPPING = ModuleState.FAULT | ModuleState.PROTECTION | ModuleState.OVER_TEMPERATURE | ModuleState.OUTPUT_SHORT


@dataclass
class Battery:
    """A traction battery with all contactors closed, or nothing at all while `connected` is False."""

    voltage_v: float = 380.0
    resistance_ohm: float = 0.1
    connected: bool = True
    currents_a: dict[int, float] = field(default_factory=dict)
    """What each module delivers now."""

    @property
    def terminal_v(self) -> float:
        """Voltage at the terminals under the present current."""
        return self.voltage_v + self.resistance_ohm * sum(self.currents_a.values())


@dataclass(frozen=True, slots=True)
class ModuleModel:
    """What a simulated module is."""

    address: int = 0
    group: int = 1
    modules: int = 1
    """How many modules its answer to 0x02 names."""
    capabilities: Capabilities = _MODULE_30_KW
    voltage_ramp_v_per_s: float = 500.0
    current_ramp_a_per_s: float = 200.0


class InfypowerModule:
    """One module on the bus."""

    def __init__(self, bus: CanBus, battery: Battery, emit: Emit, model: ModuleModel | None = None) -> None:
        self.model = model or ModuleModel()
        self.muted = False
        """True: hears and says nothing."""
        self.answers = True
        """False: hears, but its answers are lost."""
        self.on = False
        self.setpoint = Setpoint(0.0, 0.0)
        self.voltage_v = self.current_a = 0.0
        self.faults = ModuleState(0)
        self._host_silent = False
        self._battery = battery
        self._emit = emit
        self._timers = Timers(asyncio.get_running_loop())
        self._send = bus.attach(self._hear)

    def set_fault(self, fault: ModuleState, *, present: bool = True) -> None:
        """Put a fault into its state; those that stop it switch its output off."""
        self.faults = self.faults | fault if present else self.faults & ~fault
        if self.faults & STOPPING:
            self._switch(on=False, why="fault")

    @property
    def state(self) -> ModuleState:
        """What it says of itself."""
        off = ModuleState(0) if self.on else ModuleState.OFF
        silent = ModuleState.HOST_SILENT if self._host_silent else ModuleState(0)
        return self.faults | off | silent

    def describe(self) -> dict[str, Any]:
        """State for people."""
        return {
            "address": self.model.address,
            "on": self.on,
            "voltage_v": round(self.voltage_v, 1),
            "current_a": round(self.current_a, 1),
            "state": [state.name for state in self.state],
        }

    def close(self) -> None:
        """Stop every timer."""
        self._timers.cancel_all()

    # -------------------------------------------------------------- bus

    def _hear(self, frame: BusFrame) -> None:
        address = Address.from_id(frame.arbitration_id) if frame.extended and not self.muted else None
        if address is None or not self._is_meant(address):
            return
        self._host_silent = False
        self._timers.after("silence", HOST_SILENCE_LIMIT_S, self._miss_host)
        data = self._answer(address.command, frame.data)
        answer = Answer.NORMAL if data is not None else Answer.DATA_INVALID
        reply = Address(address.command, address.source, self.model.address, SINGLE, answer)
        if self.answers:
            self._send(BusFrame(reply.arbitration_id(), frame.data if data is None else data, extended=True))

    def _is_meant(self, address: Address) -> bool:
        own = self.model.group if address.device == GROUP else self.model.address
        return address.destination in {own, ALL_MODULES}

    def _answer(self, command: Command, data: bytes) -> bytes | None:
        """Carry out a request and return the data of the answer; None: invalid."""
        match command:
            case Command.READ_COUNT:
                return count_data(self.model.modules)
            case Command.READ_OUTPUT:
                return Output(self.voltage_v, self.current_a).to_data()
            case Command.READ_STATUS:
                return Status(self.state).to_data()
            case Command.READ_CAPABILITIES:
                return self.model.capabilities.to_data()
            case Command.READ_AVAILABLE:
                external_v = self._battery.terminal_v if self._battery.connected else 0.0
                return Available(external_v, self._available_a()).to_data()
            case Command.SWITCH:
                return data if self._take_switch(data) else None
            case Command.SET_OUTPUT:
                return data if self._take_setpoint(data) else None

    def _take_switch(self, data: bytes) -> bool:
        on = switches_on(data)
        if on is None:
            return False
        if not on or not self.faults & STOPPING:
            self._switch(on=on, why="command")
        return True

    def _take_setpoint(self, data: bytes) -> bool:
        setpoint, limits = Setpoint.from_data(data), self.model.capabilities
        if setpoint is None or not limits.min_voltage_v <= setpoint.voltage_v <= limits.max_voltage_v:
            return False
        if setpoint.current_a > limits.max_current_a:
            return False
        self.setpoint = setpoint
        self._move()
        return True

    def _miss_host(self) -> None:
        self._host_silent = True
        self._switch(on=False, why="host_silent")

    # -------------------------------------------------------------- power

    def _switch(self, *, on: bool, why: str) -> None:
        if on != self.on:
            self.on = on
            self._emit("module_on" if on else "module_off", {"address": self.model.address, "why": why})
            self._move()

    def _available_a(self) -> float:
        limits = self.model.capabilities
        return min(limits.max_current_a, limits.rated_power_w / max(self.setpoint.voltage_v, 1.0))

    def _targets(self) -> tuple[float, float]:
        """Voltage and current that the output is on its way to."""
        battery = self._battery
        if not self.on:
            return (battery.terminal_v if battery.connected and self.current_a > 0.0 else 0.0), 0.0
        if not battery.connected:
            return self.setpoint.voltage_v, 0.0
        if self.voltage_v < battery.voltage_v:  # a diode keeps the battery from feeding the module
            return min(self.setpoint.voltage_v, battery.voltage_v), 0.0
        others_a = sum(battery.currents_a.values()) - self.current_a
        room_a = (self.setpoint.voltage_v - battery.voltage_v) / battery.resistance_ohm - others_a
        return battery.terminal_v, max(0.0, min(self.setpoint.current_a, self._available_a(), room_a))

    def _move(self) -> None:
        if "tick" not in self._timers:
            self._timers.after("tick", TICK_S, self._tick)

    def _tick(self) -> None:
        model, before = self.model, (self.voltage_v, self.current_a)
        voltage_v, current_a = self._targets()
        self.current_a = _towards(self.current_a, current_a, model.current_ramp_a_per_s * TICK_S)
        self._battery.currents_a[model.address] = self.current_a
        self.voltage_v = _towards(self.voltage_v, voltage_v, model.voltage_ramp_v_per_s * TICK_S)
        if self.on or before != (self.voltage_v, self.current_a):
            self._move()


def _towards(value: float, target: float, step: float) -> float:
    return min(value + step, target) if target >= value else max(value - step, target)

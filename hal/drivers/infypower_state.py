"""What a set of Infypower modules has said, and what follows from it (rule).

The set is one source: voltages are the same, currents and powers add up. One silent module takes the whole set down,
because what it delivers cannot be known.
Source: facts: boards_protocols, CAN, Infypower.
"""

import math
from typing import Final

from hal.api import Fault, FaultCleared, FaultRaised
from hal.codecs.infypower import (
    HOST_SILENCE_LIMIT_S,
    Address,
    Answer,
    Capabilities,
    Command,
    ModuleState,
    Output,
    Setpoint,
    Status,
)
from hal.power_module import (
    PowerMode,
    PowerModeChanged,
    PowerModuleCapabilities,
    PowerModuleEvent,
    VoltageCurrentMeasured,
)

STOPPING: Final = (
    ModuleState.FAULT
    | ModuleState.PROTECTION
    | ModuleState.OVER_TEMPERATURE
    | ModuleState.OUTPUT_SHORT
    | ModuleState.OUTPUT_OVER_VOLTAGE
    | ModuleState.ADDRESS_TWICE
    | ModuleState.DISCHARGE_ABNORMAL
)
"""States in which nothing may be asked of the set; the others are the module's own affair and end in one of these."""


class ModuleRecord:
    """The latest of each kind that one module said."""

    def __init__(self) -> None:
        self.capabilities: Capabilities | None = None
        self.output: Output | None = None
        self.output_at_s = -math.inf
        self.status: Status | None = None
        self.heard_s = -math.inf


class InfypowerState:
    """The modules by address; time comes in with what they say."""

    def __init__(self, addresses: tuple[int, ...]) -> None:
        self._addresses = addresses
        self.refusals = 0
        """Answers that refused a request."""
        self._mode: PowerMode | None = None
        self._faults = ""
        self.forget()

    def forget(self) -> None:
        """Know nothing any more; a fault that stands goes on standing until a module says otherwise."""
        self.modules = {address: ModuleRecord() for address in self._addresses}
        self._mode = None
        self._told_s = -math.inf

    @property
    def heard_s(self) -> float:
        """When the module that has been silent for longest was heard."""
        return min(module.heard_s for module in self.modules.values())

    @property
    def measured_s(self) -> float:
        """When the oldest of the present measurements arrived."""
        return min(module.output_at_s for module in self.modules.values())

    @property
    def output(self) -> Output | None:
        """Voltage and current of the set; None until every module has said."""
        outputs = [module.output for module in self.modules.values() if module.output is not None]
        if len(outputs) < len(self.modules):
            return None
        return Output(max(output.voltage_v for output in outputs), math.fsum(output.current_a for output in outputs))

    @property
    def states(self) -> list[ModuleState] | None:
        """State of each module; None until every module has said."""
        states = [module.status.state for module in self.modules.values() if module.status is not None]
        return states if len(states) == len(self.modules) else None

    @property
    def is_off(self) -> bool:
        """True if every module says that its output is off."""
        return self.states is not None and all(ModuleState.OFF in state for state in self.states)

    @property
    def must_stop(self) -> bool:
        """True if a module is in a state in which nothing may be asked of it."""
        return any(state & STOPPING for state in self.states or ())

    @property
    def capabilities(self) -> PowerModuleCapabilities | None:
        """What the set can deliver; None until every module has said."""
        known = [module.capabilities for module in self.modules.values() if module.capabilities is not None]
        if len(known) < len(self.modules):
            return None
        return PowerModuleCapabilities(
            min_voltage_v=max(each.min_voltage_v for each in known),
            max_voltage_v=min(each.max_voltage_v for each in known),
            max_current_a=min(each.max_current_a for each in known) * len(known),
            max_power_w=math.fsum(each.rated_power_w for each in known),
            host_loss_off_s=HOST_SILENCE_LIMIT_S,
        )

    def refusal(self, voltage_v: float, current_a: float) -> str | None:
        """Say why the set cannot hold this; None if it can."""
        limits = self.capabilities
        if limits is None:
            return "the modules are not connected"
        if self.must_stop:
            return f"the modules are in fault: {self._faults}"
        if not limits.min_voltage_v <= voltage_v <= limits.max_voltage_v:
            return f"{voltage_v:g} V is outside {limits.min_voltage_v:g} to {limits.max_voltage_v:g} V"
        if not 0.0 <= current_a <= limits.max_current_a:
            return f"{current_a:g} A is outside 0 to {limits.max_current_a:g} A"
        return None

    def share(self, setpoint: Setpoint) -> Setpoint:
        """Return what each module has to hold."""
        return Setpoint(setpoint.voltage_v, setpoint.current_a / len(self.modules))

    def observe(self, address: Address, data: bytes, now_s: float) -> None:
        """Take an answer; what is not understood proves at least that the module is there."""
        module = self.modules.get(address.source)
        if module is None:
            return
        module.heard_s = now_s
        if address.answer is not Answer.NORMAL:
            self.refusals += 1
            return
        match address.command:
            case Command.READ_OUTPUT:
                if (output := Output.from_data(data)) is not None:
                    module.output, module.output_at_s = output, now_s
            case Command.READ_STATUS:
                module.status = Status.from_data(data) or module.status
            case Command.READ_CAPABILITIES:
                module.capabilities = Capabilities.from_data(data) or module.capabilities
            case _:
                pass

    def changes(self, now_s: float) -> list[PowerModuleEvent]:
        """Tell faults and mode where they changed, and each measurement that is complete."""
        events: list[PowerModuleEvent] = []
        if self.states is None:
            return events
        faults = self._fault_text()
        if faults != self._faults:
            self._faults = faults
            events.append(
                FaultRaised(Fault.POWER_MODULE, faults, now_s) if faults else FaultCleared(Fault.POWER_MODULE, now_s)
            )
        mode = PowerMode.OFF if self.is_off else PowerMode.EXPORT
        if mode is not self._mode:
            self._mode = mode
            events.append(PowerModeChanged(mode, now_s))
        output = self.output
        if output is not None and self.measured_s > self._told_s:
            self._told_s = now_s
            events.append(VoltageCurrentMeasured(output.voltage_v, output.current_a, now_s))
        return events

    def _fault_text(self) -> str:
        named = []
        for address, module in self.modules.items():
            states = [state for state in STOPPING if module.status is not None and state in module.status.state]
            named += [f"module {address}: {(state.name or '').lower().replace('_', ' ')}" for state in states]
        return "; ".join(named)

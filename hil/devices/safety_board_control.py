"""Charge control of the simulated safety controller: its states, contactors and safe state (lives on the loop given).

Rules kept here:
* A contactor closes only if the host commands it, PWM is on, state C (or D with ventilation) stands, the residual
  current monitor has tested itself and nothing is wrong. It opens by itself when one of these ends; a withdrawn PWM
  alone does not open it (facts iec61851_facts, sequences 9 and 10: the host times that).
* Every fault and a silent host open the contactors first and then put state F on the pilot.
* INIT ends with the first control frame, the safe state as the model says (`SafeStateExit`).
"""

from hal.codecs.safety_values import (
    F_DUTY_PERMILLE,
    X1_DUTY_PERMILLE,
    ChargeControl,
    PilotState,
    ProximityCode,
    SafeStateReason,
)
from hil.devices.safety_board_contactors import ALL_OPEN, Driven, SafetyContactors
from hil.devices.safety_board_pilot import SafetyPilot
from hil.devices.safety_board_rcm import SafetyRcm
from hil.devices.safety_board_sensors import proximity_code
from hil.devices.safety_board_supervision import SafetySupervision
from hil.devices.safety_board_values import McuState, SafeStateExit, SafetyBoardModel
from hil.devices.timers import Timers
from hil.world import Emit, EvseWorld, PilotKind, PilotOutput

AT_BOOT = ChargeControl(pwm_enabled=False, duty_permille=0)
STATE_F = PilotOutput(PilotKind.NEGATIVE)
ON = frozenset({McuState.INIT, McuState.RUNNING, McuState.SAFE})


class SafetyControl:
    """The controller without its line; `emit` tells the bench what happens inside."""

    def __init__(self, world: EvseWorld, model: SafetyBoardModel, emit: Emit) -> None:
        self._world = world
        self._model = model
        self._time = model.timing
        self._emit = emit
        self._timers = Timers(world.loop)
        self.pilot = SafetyPilot(world, model.timing, self._look)
        self.contactors = SafetyContactors(world, model, self._switched_under_load)
        self.rcm = SafetyRcm(world, model.timing.rcm_self_test_s, self._look, self._self_test_failed)
        self.supervision = SafetySupervision(
            world, model, (self.pilot, self.contactors, self.rcm), self._enter_safe_state
        )
        self._reset(McuState.DARK)
        world.listeners.append(self._look)

    def _reset(self, state: McuState) -> None:
        self.state = state
        self.command = AT_BOOT
        self.reason = SafeStateReason.NONE
        self._stable = False
        self._timers.cancel_all()
        for part in (self.pilot, self.rcm, self.supervision):
            part.reset()

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Come up; the host is not missed before its first control frame."""
        self._reset(McuState.INIT)
        self._obey_pilot()
        self._look()

    def stop(self, state: McuState) -> None:
        """Lose supply or restart: contactors open, pilot dark."""
        self._reset(state)
        self.contactors.reset()
        self.pilot.drive(PilotOutput(PilotKind.DARK))

    def take(self, command: ChargeControl) -> None:
        """Take a control frame of the host."""
        if self.state not in ON:
            return
        self._timers.after("host", self._time.host_silence_s, self._host_lost)
        if self.state is McuState.SAFE and not self._may_leave_safe_state(command):
            return
        if self.state is not McuState.RUNNING:
            self._run()
        elif command == self.command:
            return
        self.command = command
        self._obey_pilot()
        self._look()

    @property
    def hv_ready(self) -> bool:
        """True if nothing is wrong and the vehicle asks for power."""
        return self.state is McuState.RUNNING and self._power_is_asked

    @property
    def duty_permille(self) -> int:
        """What stands on the pilot now."""
        output = self._world.output
        return round(output.duty_percent * 10) if output.kind is PilotKind.PWM else _STEADY_DUTY.get(output.kind, 0)

    # -------------------------------------------------------------- safe state

    def _run(self) -> None:
        if self.state is McuState.SAFE:
            self._emit("safe_state", {"active": False, "reason": self.reason.name.lower()})
        self.state, self.reason = McuState.RUNNING, SafeStateReason.NONE
        self.supervision.reset()
        self.command = AT_BOOT

    def _may_leave_safe_state(self, command: ChargeControl) -> bool:
        return (
            self._model.safe_state_exit is SafeStateExit.RESTART
            and not any(command.contactors)
            and "hold_f" not in self._timers
            and not self.supervision.anything_stands
        )

    def _host_lost(self) -> None:
        if self.state is McuState.RUNNING:
            self._enter_safe_state(SafeStateReason.COM_TIMEOUT)

    def _self_test_failed(self) -> None:
        if self.state is McuState.RUNNING:
            self._enter_safe_state(SafeStateReason.RCM_SELF_TEST)

    def _enter_safe_state(self, reason: SafeStateReason) -> None:
        self.state, self.reason = McuState.SAFE, reason
        self.supervision.suspend()
        self._open()
        if reason is SafeStateReason.RCM_ERROR:
            self.rcm.tripped()
        self._timers.after("hold_f", self._time.hold_f_s, lambda: None)
        self._emit("safe_state", {"active": True, "reason": reason.name.lower()})
        self.pilot.drive(STATE_F)

    # -------------------------------------------------------------- the world changes

    def _look(self) -> None:
        if self.state not in ON:
            return
        self.pilot.look()
        self.contactors.look()
        if self.state is not McuState.RUNNING:
            return
        self.supervision.look()
        if self.state is McuState.RUNNING:
            self._decide()

    def _decide(self) -> None:
        if self.pilot.state is PilotState.A:
            self.rcm.need_test()
        if not self.command.contactors[0] or not self._may_stay_closed:
            self._open()
        elif self.contactors.driven[0] or self._stable:
            self._close()
        elif self._may_close:
            self._timers.keep("stable", True, self._time.stable_c_s, self._became_stable)
        else:
            self._open()

    def _became_stable(self) -> None:
        self._stable = True
        self._look()

    def _close(self) -> None:
        """Drive what is commanded; the self-test is the last condition."""
        if self._model.rcm and not self.rcm.tested:
            self.rcm.start_test()
        else:
            self.contactors.drive(self.command.contactors)

    def _open(self) -> None:
        self._stable = False
        self._timers.cancel("stable")
        if not self.rcm.tested:
            self.rcm.need_test()
        self.contactors.drive(ALL_OPEN)

    @property
    def _power_is_asked(self) -> bool:
        return self.pilot.state is PilotState.C or (self.pilot.state is PilotState.D and self._model.ventilation)

    @property
    def _may_stay_closed(self) -> bool:
        return self._power_is_asked and self._world.output.kind in {PilotKind.PWM, PilotKind.STEADY}

    @property
    def _may_close(self) -> bool:
        code = proximity_code(self._world.proximity_ohm)
        plug_fits = not self._model.socket or code not in {ProximityCode.NO_CABLE, ProximityCode.INVALID}
        return plug_fits and self._world.output.kind is PilotKind.PWM

    def _obey_pilot(self) -> None:
        self.pilot.drive(_commanded_output(self.command, self._model.pilot_when_disabled))

    def _switched_under_load(self, wanted: Driven) -> None:
        self._emit(
            "phase_switch_under_load", {"contactors": list(wanted), "current_a": round(self._world.current_a, 3)}
        )


_STEADY_DUTY = {PilotKind.STEADY: X1_DUTY_PERMILLE, PilotKind.NEGATIVE: F_DUTY_PERMILLE}


def _commanded_output(command: ChargeControl, when_disabled: PilotKind) -> PilotOutput:
    if not command.pwm_enabled:
        return PilotOutput(when_disabled)
    match command.duty_permille:
        case int(duty) if duty >= X1_DUTY_PERMILLE:
            return PilotOutput(PilotKind.STEADY)
        case int(duty) if duty == F_DUTY_PERMILLE:
            return STATE_F
        case duty:
            return PilotOutput(PilotKind.PWM, duty / 10)

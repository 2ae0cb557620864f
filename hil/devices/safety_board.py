"""A simulated safety controller (chargebyte's protocol) on its line: power, boot, periodic reports, inquiries.

Rules kept here:
* Bytes in through `receive`, bytes out through `output`; no descriptor, no thread.
* Charge state and temperatures go out every 100 ms from the end of the boot on, also before the host has spoken.
* One inquiry at a time; a second one before the answer is not heard. What nobody documents is not answered.
Source: facts boards_protocols, chargebyte; chargebyte-docs, safety_controller.rst.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from hal.codecs.safety_frame import DATA_SIZE, SafetyFrame, SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import (
    X1_DUTY_PERMILLE,
    ChargeControl,
    ChargeState,
    Com,
    EmergencyStop,
    FirmwareVersion,
    Inquiry,
    ProximityCode,
    RcmState,
    SafeState,
    SafeStateReason,
)
from hil.devices.safety_board_control import SafetyControl
from hil.devices.safety_board_sensors import proximity_code, temperatures
from hil.devices.safety_board_values import McuState, SafetyBoardModel
from hil.devices.timers import Timers
from hil.world import Emit, EvseWorld

STOPS = (1, 2, 3)
OTHER_FIRMWARE = FirmwareVersion(9, 0, 0)


class SafetyBoard:
    """One board; joined to its line by `output` and `receive`."""

    def __init__(self, world: EvseWorld, emit: Emit, model: SafetyBoardModel | None = None) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.muted = False
        """True: hears and says nothing, but goes on supervising; so it soon misses its host."""
        self.model = self._own_model = model if model is not None else SafetyBoardModel()
        self.powered = False
        self.control = SafetyControl(world, self.model, emit)
        self._world = world
        self._emit = emit
        self._decoder = SafetyFrameDecoder()
        self._timers = Timers(world.loop)

    def power_on(self) -> None:
        """Give it supply; it speaks after `boot_s`."""
        if self.powered:
            return
        self.powered = True
        self.control.stop(McuState.BOOTING)
        self._timers.after("boot", self.model.timing.boot_s, self._booted)

    def power_off(self) -> None:
        """Take the supply away."""
        self.powered = False
        self._timers.cancel_all()
        self._decoder.reset()
        self.control.stop(McuState.DARK)

    def reset(self) -> None:
        """Restart, by the reset line or by the board's own watchdog."""
        if self.powered:
            self.power_off()
            self.power_on()

    def receive(self, data: bytes) -> None:
        """Take bytes that the other side sent."""
        if not self.powered or self.muted or self.control.state is McuState.BOOTING:
            return
        for frame in self._decoder.feed(data):
            if frame.com == Com.CHARGE_CONTROL:
                self._take(ChargeControl.from_data(frame.data))
            elif frame.com == Com.INQUIRY and "inquiry" not in self._timers:
                wanted = Inquiry.from_data(frame.data).wanted
                self._timers.after("inquiry", self.model.timing.inquiry_s, partial(self._answer, wanted))

    def charge_state(self) -> ChargeState:
        """What the board reports of itself now."""
        control, reason = self.control, self.control.reason
        safe = control.state is McuState.SAFE
        return ChargeState(
            pwm_enabled=control.command.pwm_enabled and not safe,
            safe_state=SafeState.SAFE if safe else SafeState.NORMAL,
            duty_permille=control.duty_permille,
            pilot_short=reason is SafeStateReason.PILOT_SHORT or control.pilot.is_shorted,
            diode_fault=reason is SafeStateReason.DIODE,
            pilot=control.pilot.state,
            proximity=proximity_code(self._world.proximity_ohm) if self.model.socket else ProximityCode.NO_CABLE,
            hv_ready=control.hv_ready,
            contactors=control.contactors.states,
            rcm=control.rcm.state if self.model.rcm else RcmState.NOT_CONFIGURED,
            emergency_stops=self._emergency_stops(),
            safe_state_reason=reason,
        )

    def describe(self) -> dict[str, Any]:
        """State and counters for the bench's `state` operation."""
        state = self.charge_state()
        return {
            "powered": self.powered,
            "state": self.control.state.value,
            "safe_state_reason": state.safe_state_reason.name.lower(),
            "pilot": None if state.pilot is None else state.pilot.value,
            "pwm_enabled": state.pwm_enabled,
            "duty_permille": state.duty_permille,
            "commanded_contactors": list(self.control.command.contactors),
            "driven_contactors": list(self.control.contactors.driven),
            "contactors": [contactor.name.lower() for contactor in state.contactors],
            "proximity": state.proximity.name.lower(),
            "rcm": state.rcm.name.lower(),
            "hv_ready": state.hv_ready,
            "bad_frames": self._decoder.bad_frames,
            "skipped_bytes": self._decoder.skipped_bytes,
        }

    def run_firmware(self, *, other: bool) -> None:
        """Run a firmware that no driver of ours knows, or its own again; a change of it restarts the board."""
        model = replace(self.model, firmware=OTHER_FIRMWARE) if other else self._own_model
        if model != self.model:
            self.model = model
            self.reset()

    def save(self) -> dict[str, Any]:
        """Return nothing: no setting of the host outlives the dark."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Put nothing back."""

    # -------------------------------------------------------------- line

    def _booted(self) -> None:
        self.control.start()
        self._report()

    def _report(self) -> None:
        self._timers.after("report", self.model.timing.report_s, self._report)
        self._send(self.charge_state().frame())
        self._send(temperatures(self._world, self.model, self.control.supervision.hot_channel).frame())

    def _take(self, command: ChargeControl) -> None:
        if command.duty_permille > X1_DUTY_PERMILLE:
            self._emit("command_refused", {"duty_permille": command.duty_permille})
            return
        if command != self.control.command:
            closed = "".join("1" if closed else "0" for closed in command.contactors)
            text = f"pwm={int(command.pwm_enabled)} duty={command.duty_permille} contactors={closed}"
            self._emit("command", {"text": text, "name": "charge_control"})
        self.control.take(command)

    def _answer(self, wanted: int) -> None:
        part_number = self.model.part_number.encode("ascii").ljust(2 * DATA_SIZE)
        match wanted:
            case Com.FIRMWARE_VERSION:
                self._send(self.model.firmware.frame())
            case Com.GIT_HASH:
                self._send(SafetyFrame(Com.GIT_HASH, self.model.git_hash))
            case Com.PART_NUMBER_1:
                self._send(SafetyFrame(Com.PART_NUMBER_1, part_number[:DATA_SIZE]))
            case Com.PART_NUMBER_2:
                self._send(SafetyFrame(Com.PART_NUMBER_2, part_number[DATA_SIZE:]))
            case _:
                self._emit("inquiry_refused", {"com": wanted})

    def _send(self, frame: SafetyFrame) -> None:
        if self.powered and not self.muted:
            self.output(encode_frame(frame))

    def _emergency_stops(self) -> tuple[EmergencyStop, EmergencyStop, EmergencyStop]:
        pressed = self._world.surroundings.emergency_stops
        wired = self.model.emergency_stops
        tripped = {True: EmergencyStop.TRIPPED, False: EmergencyStop.NOT_TRIPPED}
        first, second, third = (tripped[n in pressed] if wired[n - 1] else EmergencyStop.UNUSED for n in STOPS)
        return first, second, third

"""A simulated OpenEVSE board on its serial line: power, boot, commands one after another, unasked messages.

Rules kept here:
* Bytes in through `receive`, bytes out through `output`; no descriptor, no thread, no tick.
* Commands are answered in order, after the firmware's loop delay, and wait while a self test runs.
* A volatile setting does not survive the dark, an EEPROM cell does.
Source: facts rapi_openevse.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from hil.devices.openevse_board_commands import RapiCommands, Reply
from hil.devices.openevse_board_control import ChargeControl
from hil.devices.openevse_board_values import CHANGE_MASK, BoardModel, Eeprom
from hil.devices.rapi_framing import RapiCommand, RapiCommandReader, encode_frame
from hil.devices.timers import Timers
from hil.world import Emit, EvseWorld

OTHER_FIRMWARE, OTHER_PROTOCOL = "99.0.0", "99.0.0"
RELAY_TEXT = b"\nrelayCloseMs: 100\r\n"
"""Printed by V6 boards between the frames: at boot and at each close of the relay."""


class OpenEvseBoard:
    """One board; joined to its line by `output` and `receive`."""

    def __init__(
        self, world: EvseWorld, emit: Emit, model: BoardModel | None = None, eeprom: Eeprom | None = None
    ) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.muted = False
        """True: hears and says nothing, but controls the pilot as before."""
        self.model = self._own_model = model if model is not None else BoardModel()
        self.eeprom = eeprom if eeprom is not None else Eeprom()
        self.powered = False
        self._world = world
        self._emit = emit
        self._reader = RapiCommandReader()
        self._queue: deque[RapiCommand] = deque()
        self._timers = Timers(world.loop)
        self._answering = False
        self._told: tuple[int, ...] = ()
        self.control = ChargeControl(world, self.model, self.eeprom, self._state_changed, self._relay_closed)
        self._commands = RapiCommands(world, self.control, self.eeprom, self.model, self.reset)

    def power_on(self) -> None:
        """Give it supply; it speaks after `boot_s`."""
        if self.powered:
            return
        self.powered = True
        self._told = ()
        self.control.power_up()
        self._send(RELAY_TEXT)
        self._timers.after("boot", self.model.timing.boot_s, self._booted)

    def power_off(self) -> None:
        """Take the supply away."""
        self.powered = False
        self._timers.cancel_all()
        self._reader.reset()
        self._queue.clear()
        self.control.power_down()

    def reset(self) -> None:
        """Restart, as after `$FR` or the board's own watchdog."""
        if self.powered:
            self.power_off()
            self.power_on()

    def receive(self, data: bytes) -> None:
        """Take bytes that the other side sent."""
        if not self.powered or self.muted:
            return
        for command in self._reader.feed(data):
            self._emit("command", {"text": command.text, "name": command.name})
            if self.control.running:
                self._queue.append(command)
                self._schedule()

    def describe(self) -> dict[str, Any]:
        """State and counters for the bench's `state` operation."""
        control = self.control
        return {
            "powered": self.powered,
            "state": f"{control.state:02x}",
            "state_name": control.state.name,
            "pilot": f"{control.pilot.state:02x}",
            "vflags": f"{int(control.flags):04x}",
            "capacity_a": control.capacity_a,
            "elapsed_s": int(control.counters.elapsed_s),
            "session_wh": round(control.counters.session_ws / 3600, 3),
            "total_wh": round(control.counters.total_wh, 3),
            "eeprom_writes": self.eeprom.writes,
            "heartbeat": control.heartbeat.text(),
        }

    def run_firmware(self, *, other: bool) -> None:
        """Run a firmware that no driver of ours knows, or its own again; a change of it restarts the board."""
        model = replace(self.model, firmware=OTHER_FIRMWARE, protocol=OTHER_PROTOCOL) if other else self._own_model
        if model != self.model:
            self.model = self._commands.model = model
            self.reset()

    def save(self) -> dict[str, Any]:
        """Return the cells of the EEPROM."""
        return {**asdict(self.eeprom), "total_wh": self.control.counters.total_wh}

    def restore(self, saved: dict[str, Any]) -> None:
        """Put the cells back, before the supply comes on."""
        vars(self.eeprom).update(saved)

    def _booted(self) -> None:
        fault = self.control.self_test()
        if fault is not None:
            # Trap 8: a failed power-on test spins until the next power cycle and answers nothing.
            self.control.state = fault
            self._message(f"AB {fault:02x} {self.model.firmware}")
            return
        self._state_changed()
        self._message(f"AB 00 {self.model.firmware}")
        self.control.run()

    def _schedule(self) -> None:
        if "answer" not in self._timers and self._queue:
            self._timers.after("answer", self.model.loop_delay_s + self.model.timing.reply_s, self._answer_next)

    def _answer_next(self) -> None:
        wait_s = self.control.busy_until_s - self._world.loop.time()
        if wait_s > 0:
            self._timers.after("answer", wait_s, self._answer_next)
            return
        command = self._queue.popleft()
        self._answering = self.model.messages_after_reply
        ok, text = self._commands.answer(command) if command.intact else (False, "")
        self._reply((ok, text), command.sequence)
        if self._answering:
            self._answering = False
            self._state_changed()
        self._schedule()

    def _reply(self, reply: Reply, sequence: str | None) -> None:
        ok, text = reply
        body = ("OK" if ok else "NK") + (f" {text}" if text else "")
        self._emit("reply", {"text": body})
        self._send(encode_frame(body, sequence))

    def _state_changed(self) -> None:
        """Send `$AT` if something of it changed that counts; the relay flag alone does not."""
        if self._answering:
            return
        control = self.control
        told = (control.state, control.pilot.state, control.capacity_a, control.flags & CHANGE_MASK)
        if told == self._told or not self.powered:
            return
        self._told = told
        pilot = f"{control.pilot.state:02x} {control.capacity_a} {control.flags:04x}"
        self._message(f"AT {control.state:02x} {pilot}")

    def _relay_closed(self) -> None:
        self._send(RELAY_TEXT)

    def _message(self, body: str) -> None:
        self._emit("message", {"text": body})
        self._send(encode_frame(body))

    def _send(self, data: bytes) -> None:
        if self.powered and not self.muted:
            self.output(data)

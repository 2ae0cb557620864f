"""What each simulated charge controller shows and takes on its registers, written down by hand for each.

On purpose it shares nothing with the profiles of the driver: what one side misreads, the other does not follow.
Addresses are zero-based as on the wire. Source: facts boards_protocols, Modbus charge controllers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from hil.devices.modbus_controller_control import ControllerControl
from hil.devices.modbus_controller_values import ModbusControllerModel
from hil.devices.timers import Timers
from hil.world import EvseWorld, Wiring

Table = Literal["coil", "input", "holding"]
Where = tuple[Table, int]
Read = Callable[[], int]
Write = Callable[[int], bool]
"""Takes the written value; False refuses it."""
PHASES = (0, 1, 2)
HOT_C, COOL_C = 82.0, 31.0
HIGH_WORD_BITS, WORD = 16, 0xFFFF


@dataclass(frozen=True, slots=True)
class Register:
    """One register or coil; without `write` it can only be read."""

    read: Read
    write: Write | None = None


class Layout(Protocol):
    """One model: its registers, what it forgets in the dark, and the writes that it can hear."""

    registers: dict[Where, Register]
    write_functions: frozenset[int]
    write_gap_s: float
    """A write that comes sooner after another is not heard."""

    def restart(self) -> None:
        """Begin with what a restart leaves."""

    def heard(self) -> None:
        """The host has spoken."""

    def dark(self) -> None:
        """The supply is gone."""

    def save(self) -> dict[str, int]:
        """What survives the dark."""

    def restore(self, saved: dict[str, int]) -> None:
        """Put it back."""


def make_layout(model: ModbusControllerModel, world: EvseWorld, control: ControllerControl) -> Layout:
    """Build the layout of this model."""
    match model.kind:
        case "evse_wb":
            return EvseWb(model, control)
        case "phoenix_ev_cc":
            return PhoenixEvCc(control)
        case "heidelberg":
            return Heidelberg(world, control)
        case "phoenix_charx":
            return PhoenixCharx(model, world, control)


class _NothingKept:
    write_gap_s = 0.0

    def heard(self) -> None:
        """Nothing watches the host."""

    def dark(self) -> None:
        """Nothing runs here."""

    def save(self) -> dict[str, int]:
        """Nothing survives."""
        return {}

    def restore(self, saved: dict[str, int]) -> None:
        """Nothing to put back."""


class EvseWb(_NothingKept):
    """EVSE-WB / SimpleEVSE: holding registers only, FC16, 200 ms between writes, offers by itself after a restart."""

    write_functions = frozenset({16})
    write_gap_s = 0.2
    FINE: Final = 1 << 7

    def __init__(self, model: ModbusControllerModel, control: ControllerControl) -> None:
        self._control = control
        self._fine = model.fine_steps and model.firmware >= 17  # noqa: PLR2004 - the firmware that has it
        self._boot_a = model.boot_current_a
        config = self.FINE if model.fine_steps else 0
        self._amps = 0
        self.registers: dict[Where, Register] = {
            ("holding", 1000): Register(lambda: self._amps, self._set_amps),
            ("holding", 1001): Register(lambda: int(control.signalled_a * self._per_a)),
            ("holding", 1002): Register(self._vehicle_state),
            ("holding", 1005): Register(lambda: model.firmware),
            ("holding", 2000): Register(lambda: self._boot_a, self._set_boot),
            ("holding", 2005): Register(lambda: config),
        }

    def restart(self) -> None:
        """Offer what is stored."""
        self._set_amps(self._boot_a * self._per_a)

    def save(self) -> dict[str, int]:
        """Return the stored current."""
        return {"boot_a": self._boot_a}

    def restore(self, saved: dict[str, int]) -> None:
        """Put it back."""
        self._boot_a = saved["boot_a"]

    @property
    def _per_a(self) -> int:
        return 100 if self._fine else 1

    def _set_amps(self, value: int) -> bool:
        self._amps = value
        self._control.offer(value / self._per_a)
        return True

    def _set_boot(self, value: int) -> bool:
        self._boot_a = value
        return True

    def _vehicle_state(self) -> int:
        if self._control.trouble is not None:
            return 5
        return {"A": 1, "B": 2, "C": 3, "D": 4}.get(self._control.state, 5)


class PhoenixEvCc(_NothingKept):
    """Phoenix EV-CC, serial: an enable coil, a current, the state's letter in a high byte."""

    write_functions = frozenset({5, 6})

    def __init__(self, control: ControllerControl) -> None:
        self._control = control
        self._enabled, self._amps = 0, 6
        self.registers: dict[Where, Register] = {
            ("coil", 20000): Register(lambda: self._enabled, self._enable),
            ("holding", 22000): Register(lambda: self._amps, self._set_amps),
            ("input", 24000): Register(lambda: ord(_letter(control)) << 8),
        }

    def restart(self) -> None:
        """Nothing is enabled."""
        self._enabled, self._amps = 0, 6

    def _enable(self, value: int) -> bool:
        self._enabled = value
        self._control.offer(self._amps if value else 0)
        return True

    def _set_amps(self, value: int) -> bool:
        self._amps = value
        self._control.offer(value if self._enabled else 0)
        return True


class Heidelberg:
    """Heidelberg Energy Control: a current, and a watchdog that puts the fail-safe current in its place."""

    write_functions = frozenset({6, 16})
    write_gap_s = 0.0
    DEFAULT_WATCHDOG_MS: Final = 15_000
    CODES: Final = {"A": 2, "B": 4, "C": 6, "D": 6}
    """Without PWM; one more with it."""

    def __init__(self, world: EvseWorld, control: ControllerControl) -> None:
        self._world = world
        self._control = control
        self._timers = Timers(world.loop)
        self._values = {257: self.DEFAULT_WATCHDOG_MS, 258: 0, 259: 1, 261: 0, 262: 0}
        self._missed = False
        shown: dict[Where, Read] = {("input", 5): self._state, ("input", 9): lambda: int(self._temperature_c() * 10)}
        shown |= {("input", 6 + phase): self._current_reader(phase) for phase in PHASES}
        shown |= {("input", 10 + phase): lambda: round(world.voltage_v) for phase in PHASES}
        shown |= {("input", 13): lambda: 1, ("input", 14): lambda: round(world.power_w)}
        for address in (15, 17):
            shown[("input", address)] = lambda: int(world.energy_wh) >> HIGH_WORD_BITS
            shown[("input", address + 1)] = lambda: int(world.energy_wh) & WORD
        self.registers: dict[Where, Register] = {where: Register(read) for where, read in shown.items()}
        for address in self._values:
            self.registers[("holding", address)] = self._kept(address)
        world.listeners.append(self._apply)

    def restart(self) -> None:
        """Begin with the values of the factory."""
        self._values = {257: self.DEFAULT_WATCHDOG_MS, 258: 0, 259: 1, 261: 0, 262: 0}
        self._missed = False
        self.heard()

    def heard(self) -> None:
        """Feed the watchdog."""
        if self._missed:
            self._missed = False
            self._apply()
        timeout_ms = self._values[257]
        if timeout_ms:
            self._timers.after("watchdog", timeout_ms / 1000, self._miss)
        else:
            self._timers.cancel("watchdog")

    def dark(self) -> None:
        """Stop the watchdog."""
        self._timers.cancel_all()

    def save(self) -> dict[str, int]:
        """Nothing survives."""
        return {}

    def restore(self, saved: dict[str, int]) -> None:
        """Nothing to put back."""

    def _miss(self) -> None:
        self._missed = True
        self._apply()

    def _apply(self) -> None:
        current_a = self._values[262 if self._missed else 261] / 10
        if self._values[259] == 0:
            current_a = 0
        if self._derates:
            current_a = min(current_a, 6.0)
        self._control.offer(current_a)

    @property
    def _derates(self) -> bool:
        return Wiring.HOT in self._world.wiring

    def _kept(self, address: int) -> Register:
        def write(value: int) -> bool:
            self._values[address] = value
            self._apply()
            return True

        return Register(lambda: self._values[address], write)

    def _state(self) -> int:
        control = self._control
        if control.trouble is not None:
            return 11
        if control.state == "E":
            return 9
        if self._derates and control.state == "C" and control.signalled_a:
            return 8
        return self.CODES[control.state] + (1 if control.signalled_a else 0)

    def _temperature_c(self) -> float:
        return HOT_C if self._derates else COOL_C

    def _current_reader(self, phase: int) -> Read:
        return lambda: int(self._world.current_a * 10) if phase < self._world.phases else 0


class PhoenixCharx(_NothingKept):
    """Phoenix CHARX SEC: holding registers, each charging point from its number times 1000 on."""

    write_functions = frozenset({6, 16})
    SOFTWARE: Final = "1.5.1"

    def __init__(self, model: ModbusControllerModel, world: EvseWorld, control: ControllerControl) -> None:
        self._control = control
        self._enabled, self._amps = 0, 6
        base = model.charging_point * 1000
        name, software = b"CHARX SEC".ljust(20, b"\0"), self.SOFTWARE.encode().ljust(8, b"\0")
        self.registers: dict[Where, Register] = {
            **_words(100, [_fixed(name[i : i + 2]) for i in range(0, 20, 2)]),
            **_words(110, [_fixed(software[i : i + 2]) for i in range(0, 8, 2)]),
            ("holding", 114): Register(lambda: model.charging_point),
            **_words(base + 232, _longs(lambda phase: world.voltage_v * 1000 if phase < world.phases else 0)),
            **_words(base + 238, _longs(lambda phase: world.current_a * 1000 if phase < world.phases else 0)),
            **_words(base + 244, _longs(lambda _phase: world.power_w * 1000 / 3)),
            **_words(base + 250, _longs(lambda _phase: float(world.energy_wh))[:2]),
            ("holding", base + 299): Register(self._state),
            ("holding", base + 300): Register(lambda: self._enabled, self._enable),
            ("holding", base + 301): Register(lambda: self._amps, self._set_amps),
        }

    def restart(self) -> None:
        """Nothing is enabled."""
        self._enabled, self._amps = 0, 6

    def _enable(self, value: int) -> bool:
        if value > 1:
            return False
        self._enabled = value
        self._control.offer(self._amps if value else 0)
        return True

    def _set_amps(self, value: int) -> bool:
        self._amps = value
        self._control.offer(value if self._enabled else 0)
        return True

    def _state(self) -> int:
        letter = _letter(self._control)
        digit = "2" if self._control.signalled_a else "1"
        return int.from_bytes(f"{letter}{digit}".encode(), "big")


def _letter(control: ControllerControl) -> str:
    return "F" if control.trouble is not None else control.state


def _words(address: int, reads: list[Read]) -> dict[Where, Register]:
    return {("holding", address + index): Register(read) for index, read in enumerate(reads)}


def _fixed(two_bytes: bytes) -> Read:
    return lambda: int.from_bytes(two_bytes, "big")


def _longs(value: Callable[[int], float]) -> list[Read]:
    """Three numbers of 32 bits, high word first."""

    def word(phase: int, shift: int) -> Read:
        return lambda: int(value(phase)) >> shift & WORD

    return [word(phase, shift) for phase in PHASES for shift in (HIGH_WORD_BITS, 0)]

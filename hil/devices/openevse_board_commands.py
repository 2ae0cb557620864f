"""RAPI commands of the simulated OpenEVSE board: one table (rule over the board's control).

Source: facts rapi_openevse, sections Get, Set, Function; unknown and unsupported commands are `$NK`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hil.devices.openevse_board_control import ChargeControl
from hil.devices.openevse_board_temperature import temperature_c
from hil.devices.openevse_board_values import ABSENT_SENSOR, FEATURES, MIN_CURRENT_A, BoardModel, Eeprom, VFlag
from hil.devices.rapi_framing import RapiCommand
from hil.world import EvseWorld, PilotKind

Reply = tuple[bool, str]
OK: Reply = (True, "")
REFUSED: Reply = (False, "")


@dataclass
class RapiCommands:
    """Answers commands; `reboot` is what `$FR` does."""

    world: EvseWorld
    control: ChargeControl
    eeprom: Eeprom
    model: BoardModel
    reboot: Callable[[], None]
    nominal_mv: int = 240_000
    lock_manual: bool = False
    locked: bool = False

    def __post_init__(self) -> None:
        self._table: dict[str, Callable[[tuple[str, ...]], Reply]] = {
            "G0": self._connect_state,
            "G3": self._time_limit,
            "G5": self._lock_state,
            "GA": self._ammeter,
            "GC": self._capacity,
            "GE": self._settings,
            "GF": self._fault_counters,
            "GG": self._current_and_voltage,
            "GH": self._charge_limit,
            "GI": self._mcu_id,
            "GP": self._temperatures,
            "GS": self._state,
            "GU": self._energy,
            "GV": self._version,
            "GY": self._heartbeat,
            "SC": self._set_capacity,
            "SL": self._set_level,
            "SV": self._set_voltage,
            "SY": self._set_heartbeat,
            "S5": self._set_lock,
            "SA": self._set_ammeter,
            "SB": self._clear_boot_lock,
            "SH": self._set_charge_limit,
            "S3": self._set_time_limit,
            "FE": self._enable,
            "FD": self._disable,
            "FS": self._sleep,
            "FR": self._reset,
            "FF": self._feature,
        }

    def answer(self, command: RapiCommand) -> Reply:
        """Carry out one command; returns whether it is `$OK` and the text behind it."""
        act = self._table.get(command.name)
        if act is None:
            return REFUSED
        try:
            return act(command.parameters)
        except (ValueError, IndexError):
            return REFUSED

    # -------------------------------------------------------------- get

    def _connect_state(self, _: tuple[str, ...]) -> Reply:
        if self.world.output.kind is PilotKind.NEGATIVE:
            return True, "2"
        return True, str(int(VFlag.EV_CONNECTED in self.control.flags))

    def _lock_state(self, _: tuple[str, ...]) -> Reply:
        return True, f"{int(self.locked)} {'M' if self.lock_manual else 'A'}"

    def _ammeter(self, _: tuple[str, ...]) -> Reply:
        return True, f"{self.eeprom.ammeter_scale} {self.eeprom.ammeter_offset}"

    def _capacity(self, _: tuple[str, ...]) -> Reply:
        maximum = self.model.max_current_a
        return True, f"{MIN_CURRENT_A} {maximum} {self.control.capacity_a} {self.eeprom.max_capacity_a}"

    def _settings(self, _: tuple[str, ...]) -> Reply:
        return True, f"{self.control.capacity_a} {int(self.eeprom.flags):04x}"

    def _fault_counters(self, _: tuple[str, ...]) -> Reply:
        return True, f"{self.eeprom.gfi_trips:x} {self.eeprom.ground_trips:x} {self.eeprom.stuck_trips:x}"

    def _current_and_voltage(self, _: tuple[str, ...]) -> Reply:
        milliamps = round(self.world.current_a * 1000) if self.model.has_ammeter else -1
        return True, f"{milliamps} {self.nominal_mv}"

    def _mcu_id(self, _: tuple[str, ...]) -> Reply:
        return True, self.model.mcu_id.decode("latin-1")

    def _temperatures(self, _: tuple[str, ...]) -> Reply:
        enclosure_c = temperature_c(self.world)
        shown = ABSENT_SENSOR if enclosure_c is None else round(enclosure_c * 10)
        return True, f"{shown} {ABSENT_SENSOR} {ABSENT_SENSOR}"

    def _state(self, _: tuple[str, ...]) -> Reply:
        control = self.control
        return (
            True,
            f"{control.state:02x} {int(control.counters.elapsed_s)} {control.pilot.state:02x} {control.flags:04x}",
        )

    def _energy(self, _: tuple[str, ...]) -> Reply:
        return True, f"{int(self.control.counters.session_ws)} {int(self.control.counters.total_wh)}"

    def _version(self, _: tuple[str, ...]) -> Reply:
        return True, f"{self.model.firmware} {self.model.protocol}"

    def _heartbeat(self, _: tuple[str, ...]) -> Reply:
        return True, self.control.heartbeat.text()

    def _time_limit(self, _: tuple[str, ...]) -> Reply:
        return True, str(self.control.limits.quarters)

    def _charge_limit(self, _: tuple[str, ...]) -> Reply:
        return True, str(self.control.limits.kwh)

    # -------------------------------------------------------------- set

    def _set_capacity(self, words: tuple[str, ...]) -> Reply:
        amps = int(words[0]) & 0xFF
        if words[1:] == ("M",):
            return self._set_maximum(amps)
        done = self.control.set_capacity(amps, volatile=len(words) > 1)
        return done, str(self.control.capacity_a)

    def _set_maximum(self, amps: int) -> Reply:
        if self.eeprom.max_capacity_locked or not MIN_CURRENT_A <= amps <= self.model.max_current_a:
            return False, str(self.eeprom.max_capacity_a)
        self.eeprom.write(max_capacity_a=amps, max_capacity_locked=True)
        self.control.set_capacity(min(self.control.capacity_a, amps), volatile=True)
        return True, str(amps)

    def _set_level(self, words: tuple[str, ...]) -> Reply:
        return OK if words[0] in {"1", "2", "A"} else REFUSED

    def _set_voltage(self, words: tuple[str, ...]) -> Reply:
        self.nominal_mv = int(words[0])
        return OK

    def _set_heartbeat(self, words: tuple[str, ...]) -> Reply:
        heartbeat = self.control.heartbeat
        numbers = [int(word) for word in words]
        if not numbers:
            done = heartbeat.pulse()
        elif len(numbers) == 1:
            done = heartbeat.acknowledge(numbers[0])
        else:
            heartbeat.configure(numbers[0], numbers[1])
            done = True
        return done, heartbeat.text()

    def _set_lock(self, words: tuple[str, ...]) -> Reply:
        if words[0] in {"A", "M"}:
            self.lock_manual = words[0] == "M"
        elif words[0] in {"0", "1"} and self.lock_manual:
            self.locked = words[0] == "1"
        else:
            return REFUSED
        return OK

    def _clear_boot_lock(self, _: tuple[str, ...]) -> Reply:
        return True, str(int(self.control.state.is_fault))

    def _set_charge_limit(self, words: tuple[str, ...]) -> Reply:
        return self.control.set_charge_limit(int(words[0])), ""

    def _set_time_limit(self, words: tuple[str, ...]) -> Reply:
        return self.control.set_time_limit(int(words[0])), ""

    def _set_ammeter(self, words: tuple[str, ...]) -> Reply:
        self.eeprom.write(ammeter_scale=int(words[0]), ammeter_offset=int(words[1]))
        return OK

    # -------------------------------------------------------------- function

    def _enable(self, _: tuple[str, ...]) -> Reply:
        self.control.enable()
        return OK

    def _disable(self, _: tuple[str, ...]) -> Reply:
        self.control.disable()
        return OK

    def _sleep(self, _: tuple[str, ...]) -> Reply:
        self.control.sleep()
        return OK

    def _reset(self, _: tuple[str, ...]) -> Reply:
        self.world.loop.call_soon(self.reboot)
        return OK

    def _feature(self, words: tuple[str, ...]) -> Reply:
        letter, value = words
        if letter not in FEATURES or value not in {"0", "1"}:
            return REFUSED
        flags = self.eeprom.flags | FEATURES[letter] if value == "0" else self.eeprom.flags & ~FEATURES[letter]
        self.eeprom.write(flags=int(flags))
        return OK

"""What the inputs of one EVSE on a Modbus card mean, and which of its outputs are to be on (rule).

* The lock's motor is driven towards what is wished until its feedback says so, at most `DRIVE_S`; after three tries
  without it `LOCK_FAILED` stands, and one try more is made every `RETRY_S`. A lock that leaves the wished position by
  itself is driven back. Nothing is driven before something was wished.
* A changed input counts once it has stood for `DEBOUNCE_S`; the first look counts as it is.
* A card that cannot be read is a fault: what its inputs would say is not known.
Source: facts: bench_scenarios LK-01, ES-01, CP-14.
"""

import math
from collections.abc import Mapping
from typing import Final

from hal.abilities import CardEvent, FanChanged
from hal.api import Fault, FaultCleared, FaultRaised, LockChanged
from hal.value import dataclass

TRIES: Final = 3
DRIVE_S: Final = 1.0
REST_S: Final = 0.3
"""Between two tries: three of them fit into 4.2 s."""
RETRY_S: Final = 10.0
DEBOUNCE_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSettings:
    """Coils and inputs of one EVSE by what they do, zero-based; None: not there."""

    unit: int = 1
    lock_coil: int | None = None
    """Drives the motor towards locked; `unlock_coil` the other way; `lock_input` is on while locked."""
    unlock_coil: int | None = None
    lock_input: int | None = None
    emergency_stop_input: int | None = None
    emergency_stop_normally_closed: bool = True
    """The input is on while nobody has pressed; a broken wire counts as pressed."""
    fan_coil: int | None = None
    fan_input: int | None = None
    """On while the fan runs; without it the fan is taken to run once its coil has been switched."""
    shunt_trip_coil: int | None = None
    shunt_trip_s: float = 1.0

    @property
    def inputs(self) -> tuple[int, ...]:
        """Every input in use, in order."""
        used = (self.lock_input, self.emergency_stop_input, self.fan_input)
        return tuple(sorted(number for number in used if number is not None))

    @property
    def coils(self) -> tuple[int, ...]:
        """Every coil in use."""
        used = (self.lock_coil, self.unlock_coil, self.fan_coil, self.shunt_trip_coil)
        return tuple(number for number in used if number is not None)

    @property
    def timed_coils(self) -> tuple[int, ...]:
        """Coils that must not stay on."""
        return tuple(number for number in self.coils if number != self.fan_coil)


class _Contact:
    """One input without its bouncing."""

    def __init__(self) -> None:
        self.is_on: bool | None = None
        self._changed_s = math.inf

    @property
    def is_settled(self) -> bool:
        return self._changed_s == math.inf

    def seen(self, is_on: bool, now_s: float) -> bool:  # noqa: FBT001 - the contact itself
        """Take one look; True if what counts has changed."""
        if is_on == self.is_on:
            self._changed_s = math.inf
            return False
        self._changed_s = min(self._changed_s, now_s)
        if self.is_on is not None and now_s - self._changed_s < DEBOUNCE_S:
            return False
        self.is_on, self._changed_s = is_on, math.inf
        return True


class _LockMotor:
    """Drives one lock to where it is wished."""

    def __init__(self) -> None:
        self.wished: bool | None = None
        self.failed = False
        self._tries = 0
        self._driving_since_s = self._rests_until_s = -math.inf

    def wish(self, *, locked: bool) -> None:
        """Wish the lock here; begins anew."""
        self.wished = locked
        self._tries = 0
        self._driving_since_s = self._rests_until_s = -math.inf

    def drives(self, locked: bool | None, now_s: float) -> bool:  # noqa: FBT001 - the feedback itself
        """Tell whether the motor is to turn now, given the feedback."""
        if self.wished is None or locked is None or locked == self.wished:
            self._tries, self._driving_since_s = 0, -math.inf
            self.failed = self.failed and self.wished is not None and locked != self.wished
            return False
        if self._driving_since_s != -math.inf:
            if now_s - self._driving_since_s < DRIVE_S:
                return True
            self._driving_since_s = -math.inf
            self.failed = self.failed or self._tries >= TRIES
            self._rests_until_s = now_s + (RETRY_S if self.failed else REST_S)
        if now_s < self._rests_until_s:
            return False
        self._tries += 1
        self._driving_since_s = now_s
        return True


class CardSteering:
    """One EVSE's share of a card."""

    def __init__(self, settings: CardSettings) -> None:
        self.settings = settings
        self._contacts = {number: _Contact() for number in settings.inputs}
        self._motor = _LockMotor()
        self._fan_wished = False
        self._fan_runs = False
        self._trips_until_s = -math.inf
        self._told: dict[Fault, str] = {}
        self._silent = ""

    @property
    def is_settled(self) -> bool:
        """False while an input has changed and it is not yet known whether it stays so."""
        return all(contact.is_settled for contact in self._contacts.values())

    def wish_lock(self, *, locked: bool) -> None:
        """Drive the lock there; while a failed one is wished where it was, its own retries go on."""
        if self._motor.wished is not locked or not self._motor.failed:
            self._motor.wish(locked=locked)

    def wish_fan(self, *, on: bool) -> None:
        """Let the fan run, or stop it."""
        self._fan_wished = on

    def trip(self, now_s: float) -> None:
        """Drive the shunt trip from now on for its time."""
        self._trips_until_s = now_s + self.settings.shunt_trip_s

    def outputs(self, now_s: float) -> dict[int, bool]:
        """Return every coil in use and whether it is to be on."""
        settings, wanted = self.settings, dict.fromkeys(self.settings.coils, False)
        if settings.lock_coil is not None and settings.unlock_coil is not None:
            drives = self._motor.drives(self._is_on(settings.lock_input), now_s)
            wanted[settings.lock_coil if self._motor.wished else settings.unlock_coil] = drives
        if settings.fan_coil is not None:
            wanted[settings.fan_coil] = self._fan_wished
        if settings.shunt_trip_coil is not None:
            wanted[settings.shunt_trip_coil] = now_s < self._trips_until_s
        return wanted

    def seen(self, inputs: Mapping[int, bool], now_s: float) -> list[CardEvent]:
        """Take one look at the inputs; returns what it changes."""
        self._silent = ""
        events: list[CardEvent] = []
        for number, contact in self._contacts.items():
            if contact.seen(inputs[number], now_s) and number == self.settings.lock_input:
                events.append(LockChanged(inputs[number], now_s))
        if self.settings.fan_input is not None:
            events += self._fan(running=bool(self._is_on(self.settings.fan_input)), now_s=now_s)
        return events

    def switched(self, coil: int, *, on: bool, now_s: float) -> list[CardEvent]:
        """Take note that the card has switched a coil."""
        is_feedback = coil == self.settings.fan_coil and self.settings.fan_input is None
        return self._fan(running=on, now_s=now_s) if is_feedback else []

    def lost(self, reason: str, now_s: float) -> list[CardEvent]:
        """Take note that the card has been silent for too long."""
        self._silent = reason
        return self._fan(running=False, now_s=now_s)

    def fault_changes(self, now_s: float) -> list[CardEvent]:
        """Tell which faults came and went since the last call, one by one, cleared first."""
        standing = self._standing()
        cleared: list[CardEvent] = [FaultCleared(fault, now_s) for fault in self._told if fault not in standing]
        raised = [FaultRaised(fault, text, now_s) for fault, text in standing.items() if fault not in self._told]
        self._told = standing
        return cleared + raised

    def _standing(self) -> dict[Fault, str]:
        settings, faults = self.settings, dict[Fault, str]()
        if self._silent:
            faults[Fault.BOARD_SILENT] = f"input/output card: {self._silent}"
        if self._motor.failed:
            faults[Fault.LOCK_FAILED] = f"did not {'lock' if self._motor.wished else 'unlock'} in {TRIES} tries"
        stop = self._is_on(settings.emergency_stop_input)
        if stop is not None and stop != settings.emergency_stop_normally_closed:
            faults[Fault.EMERGENCY_STOP] = "contact at the input/output card"
        return faults

    def _fan(self, *, running: bool, now_s: float) -> list[CardEvent]:
        if running == self._fan_runs:
            return []
        self._fan_runs = running
        return [FanChanged(running, now_s)]

    def _is_on(self, number: int | None) -> bool | None:
        return None if number is None else self._contacts[number].is_on

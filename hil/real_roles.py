"""The roles of a real bench: relay cards that plug the car, power switches, inputs that observe (runner).

A bench has one EVSE. Times are when the order was given: what the relay takes counts against the board. What the
equipment cannot do raises `CannotError`, so the scenario is skipped with that reason.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from hil.bench_file import BenchFile, Role
from hil.bench_roles import BenchRoles
from hil.errors import StationError
from hil.relay_card import RelayCard
from hil.roles import CannotError, Json
from hil.watching import Watching

Add = Callable[[Coroutine[Any, Any, None]], object]
EVSE: Final = 1
POLL_S: Final = 0.005
FIELDS: Final = {"contactor": "closed", "contactor_2": "closed", "contactor_3": "closed", "lock": "locked"}
"""Field of the event by which each input is told."""
COMMAND_LIMIT_S: Final = 30.0


class Coils:
    """The relays of one role, by what they do."""

    def __init__(self, card: RelayCard, role: Role) -> None:
        self._card = card
        self._role = role

    def has(self, name: str) -> bool:
        """Tell whether there is such a relay."""
        return name in self._role.numbers

    async def switch(self, name: str, *, closed: bool) -> None:
        """Switch it, if it is there. Raises: StationError."""
        if self.has(name):
            await self._card.switch(self._role.unit, self._role.numbers[name], closed=closed)


class CoilCar:
    """A car made of resistors: `plug` connects them to the pilot, `state_c` and `state_d` add theirs."""

    def __init__(self, coils: Coils, watching: Watching) -> None:
        self._coils = coils
        self._watching = watching

    async def plug_in(self, evse: int = 1, **model: Any) -> float:
        """Plug in, in state B; it cannot follow the PWM by itself, so `delay_s` must be given and is for ever."""
        _only_one(evse)
        if foreign := model.keys() - {"delay_s"}:
            raise CannotError(f"a car of resistors has no {', '.join(sorted(foreign))}")
        if "delay_s" not in model:
            raise CannotError("a car of resistors does not ask for power by itself; plug in with delay_s and use ev")
        at_s = self._watching.stimulated("plug_in", evse=evse)
        await self._coils.switch("plug", closed=True)
        return at_s

    async def plug_out(self, evse: int = 1) -> float:
        """Pull the cable."""
        _only_one(evse)
        at_s = self._watching.stimulated("plug_out", evse=evse)
        await self._coils.switch("plug", closed=False)
        await self._coils.switch("state_c", closed=False)
        await self._coils.switch("state_d", closed=False)
        return at_s

    async def ev(self, state: Literal["B", "C", "D", "sleep"], evse: int = 1, **fields: Any) -> float:
        """Show this state."""
        _only_one(evse)
        wanted = {"B": "plug", "C": "state_c", "D": "state_d"}.get(state)
        if wanted is None or not self._coils.has(wanted):
            raise CannotError(f"the car of this bench has no relay for {state!r}")
        if fields:
            raise CannotError(f"a car of resistors has no {', '.join(sorted(fields))}")
        at_s = self._watching.stimulated("ev", evse=evse, state=state)
        for name, letter in (("state_d", "D"), ("state_c", "C")):
            await self._coils.switch(name, closed=state == letter)
        return at_s


class CoilFaults:
    """Faults wired to relays, named after the bench's kinds."""

    def __init__(self, coils: Coils, watching: Watching, kinds: Mapping[str, int]) -> None:
        self._coils = coils
        self._watching = watching
        self._kinds = kinds

    async def bring(self, kind: str, evse: int = 1, **fields: Any) -> float:
        """Close its relay."""
        _only_one(evse)
        if kind not in self._kinds or fields:
            raise CannotError(f"this bench has no relay for the fault {kind!r}; wired: {', '.join(self._kinds)}")
        at_s = self._watching.stimulated("fault", evse=evse, kind=kind)
        await self._coils.switch(kind, closed=True)
        return at_s

    async def clear(self, kind: str | None = None, evse: int = 1) -> float:
        """Open its relay, or all."""
        _only_one(evse)
        at_s = self._watching.stimulated("clear", evse=evse, kind=kind)
        for each in self._kinds if kind is None else (kind,):
            await self._coils.switch(each, closed=False)
        return at_s


class SwitchedPower:
    """Supply of the hardware, by a relay or by commands of the bench's own."""

    def __init__(self, role: Role, coils: Coils | None, watching: Watching) -> None:
        self._role = role
        self._coils = coils
        self._watching = watching

    async def cut(self) -> float:
        """Take it away."""
        return await self._switch("power_cut", self._role.off_command, closed=False)

    async def on(self) -> float:
        """Give it back."""
        return await self._switch("power_on", self._role.on_command, closed=True)

    async def _switch(self, operation: str, command: tuple[str, ...], *, closed: bool) -> float:
        at_s = self._watching.stimulated(operation)
        if self._coils is not None:
            await self._coils.switch("supply", closed=closed)
        else:
            await _carry_out(command)
        return at_s


class InputProbe:
    """Watches inputs and tells each change as an event; it takes what one reading takes to notice."""

    def __init__(self, card: RelayCard, role: Role, watching: Watching) -> None:
        self._card = card
        self._role = role
        self._watching = watching
        self._seen: dict[str, bool] = {}

    def sees(self, event: str) -> bool:
        """Tell whether an input shows it."""
        return event in self._role.numbers

    async def state(self, evse: int = 1) -> Json:
        """What the inputs show: contactor_closed, lock_locked."""
        _only_one(evse)
        return {f"{name}_{FIELDS[name]}": shown for name, shown in self._seen.items()}

    async def run(self) -> None:
        """Read the inputs until cancelled. Raises: StationError.

        A cancellation that comes with an answer is lost in `asyncio.wait_for` before Python 3.12, which pymodbus waits
        with; so whether the task was cancelled is asked after each reading.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        numbers = self._role.numbers
        inputs = range(min(numbers.values()), max(numbers.values()) + 1)
        while task is None or not task.cancelling():
            bits = await self._card.read(self._role.unit, inputs)
            for name, number in numbers.items():
                self._tell(name, loop.time(), shown=bits[number - inputs.start])
            await asyncio.sleep(POLL_S)

    def _tell(self, name: str, at_s: float, *, shown: bool) -> None:
        if self._seen.get(name) != shown:
            self._seen[name] = shown
            self._watching.take({"event": name, "evse": EVSE, FIELDS[name]: shown, "t": round(at_s, 6)})


async def real_roles(file: BenchFile, others: BenchRoles, watching: Watching, add: Add) -> BenchRoles:
    """Open the cards of a bench and give everybody, `others` where nothing is real. Raises: StationError."""
    cards = {role.line: RelayCard(role) for name, role in file.roles.items() if _on_card(name, role)}
    for card in cards.values():
        await card.open()
    await _rest(file, cards)
    add(_rest_at_the_end(file, cards))
    roles = others
    for name, role in file.roles.items():
        match role.kind:
            case "modbus_coils" if name == "car":
                roles = replace(roles, car=CoilCar(Coils(cards[role.line], role), watching))
            case "modbus_coils":
                coils = Coils(cards[role.line], role)
                roles = replace(roles, faults=CoilFaults(coils, watching, role.numbers))
            case "power_switch":
                relay = Coils(cards[role.line], role) if role.line else None
                roles = replace(roles, power=SwitchedPower(role, relay, watching))
            case "modbus_inputs":
                probe = InputProbe(cards[role.line], role, watching)
                add(probe.run())
                roles = replace(roles, probe=probe)
            case _:
                pass
    return roles


def _on_card(name: str, role: Role) -> bool:
    return name in {"car", "faults", "power", "probe"} and bool(role.line)


async def _rest(file: BenchFile, cards: Mapping[str, RelayCard]) -> None:
    """No car, no fault, supply on. Raises: StationError."""
    for name, role in file.roles.items():
        if _on_card(name, role) and name != "probe":
            for coil in role.numbers.values():
                await cards[role.line].switch(role.unit, coil, closed=name == "power")
        elif role.on_command:
            await _carry_out(role.on_command)


async def _rest_at_the_end(file: BenchFile, cards: Mapping[str, RelayCard]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await _rest(file, cards)
        for card in cards.values():
            card.close()


def _only_one(evse: int) -> None:
    if evse != EVSE:
        raise CannotError(f"this bench has one EVSE, not {evse}")


async def _carry_out(command: tuple[str, ...]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        raise StationError(f"the power command {command[0]!r} failed ({error}); check the bench file") from None
    try:
        async with asyncio.timeout(COMMAND_LIMIT_S):
            code = await process.wait()
    except TimeoutError:
        raise StationError(
            f"the power command {command[0]!r} took more than {COMMAND_LIMIT_S:g} s; try it by hand"
        ) from None
    finally:
        if process.returncode is None:  # it must not switch later
            process.kill()
            await process.wait()
    if code:
        raise StationError(f"the power command {command[0]!r} ended with exit code {code}; try it by hand")

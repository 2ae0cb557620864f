"""A simulated OpenEVSE board in a bare electrical world, asked over its line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.openevse_board_values import BoardModel, Eeprom
from hil.virtual_time import run_virtual
from hil.world import EvseWorld, PilotLoad


class Rig:
    """A board in a bare electrical world, and the times at which things happened."""

    def __init__(self, model: BoardModel | None = None, eeprom: Eeprom | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        self.sent = b""
        self.replied = asyncio.Event()
        self.world = EvseWorld(self.loop, self._emit)
        self.board = OpenEvseBoard(self.world, self._emit, model, eeprom)
        self.board.output = self._output

    def _emit(self, event: str, fields: dict[str, Any]) -> None:
        self.events.append((self.loop.time(), event, fields))
        if event == "reply":
            self.replied.set()

    def _output(self, data: bytes) -> None:
        self.sent += data

    async def boot(self, load: PilotLoad = PilotLoad.A) -> "Rig":
        self.world.change(load=load)
        self.board.power_on()
        await asyncio.sleep(10)
        return self

    async def ask(self, text: str) -> str:
        """Send one command without checksum; return the body of its reply."""
        before = len(self.events)
        self.board.receive(f"${text}\r".encode())
        self.replied.clear()
        await self.replied.wait()
        return next(str(f["text"]) for _, event, f in self.events[before:] if event == "reply")

    async def reaction_s(self, act: Callable[[], Any], event: str, wait_s: float = 30.0, **fields: Any) -> float:
        """Seconds from `act` to an event with these fields."""
        start_s, before = self.loop.time(), len(self.events)
        act()
        await asyncio.sleep(wait_s)
        for at_s, name, values in self.events[before:]:
            if name == event and all(values.get(key) == value for key, value in fields.items()):
                return at_s - start_s
        raise AssertionError(f"{event} {fields} did not happen: {self.events[before:]}")

    def told(self, start: str) -> list[str]:
        return [f["text"] for _, event, f in self.events if event == "message" and f["text"].startswith(start)]


def virtual(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()

    run_virtual(run())


def load(rig: Rig, state: PilotLoad) -> Callable[[], None]:
    return lambda: rig.world.change(load=state)

"""A simulated safety controller in a bare electrical world, and a host that speaks bytes to it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from hal.codecs.safety_frame import SafetyFrame, SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import X1_DUTY_PERMILLE, ChargeControl, ChargeState, Com, Temperatures
from hil.devices.safety_board import SafetyBoard
from hil.devices.safety_board_values import SafetyBoardModel
from hil.virtual_time import run_virtual
from hil.world import EvseWorld, PilotLoad

PERIOD_S = 0.1
X1 = ChargeControl(True, X1_DUTY_PERMILLE)
PWM_16_A = ChargeControl(True, 267)
ALL_PHASES = (True, True, False)
ONE_PHASE = (True, False, False)
POWER = replace(PWM_16_A, contactors=ALL_PHASES)


class SafetyRig:
    """Board, world and host; `control` is what the host sends each 100 ms, None is a silent host."""

    def __init__(self, model: SafetyBoardModel | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        self.frames: list[tuple[float, SafetyFrame]] = []
        self.world = EvseWorld(self.loop, self._emit)
        self.board = SafetyBoard(self.world, self._emit, model)
        self.board.output = self._received
        self.control: ChargeControl | None = None
        self._decoder = SafetyFrameDecoder()
        self._beat: asyncio.TimerHandle | None = None

    async def boot(self, control: ChargeControl | None = X1) -> "SafetyRig":
        """Power up, wait until the board speaks, and let the host speak."""
        self.board.power_on()
        await asyncio.sleep(0.31)
        if control is not None:
            self.command(control)
        await asyncio.sleep(1)
        return self

    async def charging(self, control: ChargeControl = POWER) -> "SafetyRig":
        """The same with a car in C and the contactors closed."""
        await self.boot(replace(control, contactors=(False, False, False)))
        self.world.change(load=PilotLoad.C, proximity_ohm=220.0)
        self.command(control)
        await asyncio.sleep(3)
        assert self.world.contactor_closed, self.board.describe()
        self.events.clear()
        return self

    def command(self, control: ChargeControl) -> None:
        """Send this at once and each 100 ms from now on."""
        self.control = control
        if self._beat is not None:
            self._beat.cancel()
        self._send()

    def silence(self) -> None:
        """Send nothing more; what was sent last was sent just now."""
        self.control = None
        if self._beat is not None:
            self._beat.cancel()

    def send(self, frame: SafetyFrame) -> None:
        """Send one frame."""
        self.board.receive(encode_frame(frame))

    async def reaction_s(self, act: Callable[[], Any], event: str, wait_s: float = 8.0, **fields: Any) -> float:
        """Seconds from `act` to the first event with these fields."""
        start_s, before = self.loop.time(), len(self.events)
        act()
        await asyncio.sleep(wait_s)
        for at_s, name, values in self.events[before:]:
            if name == event and all(values.get(key) == value for key, value in fields.items()):
                return at_s - start_s
        raise AssertionError(f"{event} {fields} did not happen: {self.events[before:]}")

    async def opening_s(self, act: Callable[[], Any]) -> float:
        """Seconds from `act` to open main contacts."""
        return await self.reaction_s(act, "contactor", closed=False)

    def seen(self, event: str) -> list[dict[str, Any]]:
        return [fields for _, name, fields in self.events if name == event]

    def received(self, com: Com) -> list[tuple[float, SafetyFrame]]:
        return [(at_s, frame) for at_s, frame in self.frames if frame.com == com]

    @property
    def states(self) -> list[ChargeState]:
        return [ChargeState.from_data(frame.data) for _, frame in self.received(Com.CHARGE_STATE)]

    def told(self) -> ChargeState:
        """What the host was told last."""
        return ChargeState.from_data(self.received(Com.CHARGE_STATE)[-1][1].data)

    @property
    def temperatures(self) -> Temperatures:
        return Temperatures.from_data(self.received(Com.PT1000)[-1][1].data)

    def surround(self, **fields: Any) -> None:
        self.world.change(surroundings=replace(self.world.surroundings, **fields))

    def load(self, load: PilotLoad) -> Callable[[], None]:
        return lambda: self.world.change(load=load)

    def _send(self) -> None:
        if self.control is not None:
            self.send(self.control.frame())
            self._beat = self.loop.call_later(PERIOD_S, self._send)

    def _received(self, data: bytes) -> None:
        self.frames += [(self.loop.time(), frame) for frame in self._decoder.feed(data)]

    def _emit(self, event: str, fields: dict[str, Any]) -> None:
        self.events.append((self.loop.time(), event, fields))


def virtual(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()

    run_virtual(run())

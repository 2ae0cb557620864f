"""Simulated safety boards with their cars in a process of their own, timed on their side of the wire (runner).

The boards are those of the bench and nothing else lives in this process, so that what is measured is not the bench. A
car plugs in, charges for a moment and is pulled away under current, or its pilot is shorted. What counts is the time
from the report that says so, taken before its bytes are written, to the control frame that opens, taken when its bytes
are read. One more line, `bare`, asks a bare host all the while what it takes at least.

Run as `python -m tests.benchmarks.safety_boards DIRECTORY BOARDS`; each line of standard input is a number of cycles of
every board, answered by one line, JSON: what `Opening` holds of each, and the seconds of each answer of the bare host.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from hal.codecs.safety_frame import SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import ChargeControl, ChargeState, Com, PilotState, SafeState
from hil.devices.safety_board import SafetyBoard
from hil.devices.safety_board_values import McuState, SafetyBoardModel, Timing
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.lines.pty_line import PtyLine
from hil.world import EvseWorld, Wiring

MODEL = SafetyBoardModel(timing=Timing(stable_c_s=0.01, rcm_self_test_s=0.01))
"""What comes before closing is short; what matters to opening is as it is."""
STAGE_LIMIT_S = 30.0
CHARGES_S = (0.05, 0.2)
RESTS_S = (0.1, 0.2)
BARE_EVERY_S = (0.08, 0.12)
SHORT_EVERY = 4
"""Every so many cycles the pilot is shorted instead."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening, monotonic s."""

    shorted: bool
    """The pilot was shorted to earth; else the car was unplugged."""
    changed_s: float
    """The pilot changed at the plug."""
    opened_s: float
    """The contactor was open: the board opens by itself."""
    reported_s: float
    """The board said so."""
    commanded_s: float
    """The host's frame that opens."""


class BoardWithCar:
    """One board on one PTY."""

    def __init__(self, path: Path, seed: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._world = EvseWorld(self._loop)
        self._board = SafetyBoard(self._world, lambda _event, _fields: None, MODEL)
        self._car = Vehicle(self._world)
        self._line = PtyLine(path, self._from_host)
        self._board.output = self._to_host
        self._reports, self._commands = SafetyFrameDecoder(), SafetyFrameDecoder()
        self._random = random.Random(seed)
        self._changed = asyncio.Event()
        self._opened_s = self._reported_s = self._commanded_s = 0.0
        self._asks_power = self._commands_power = False
        self._world.listeners.append(self._look)

    def start(self) -> None:
        """Link the line and give supply."""
        self._line.open()
        self._board.power_on()

    async def cycle(self, number: int) -> Opening | None:
        """Charge, and open by one of the two causes; None if the host commanded it before the board had reported."""
        self._car.plug_in(VehicleModel(current_a=16.0, reaction_s=0.0))
        await self._until(lambda: self._world.contactor_closed and self._asks_power and self._commands_power)
        await asyncio.sleep(self._random.uniform(*CHARGES_S))
        self._opened_s = self._reported_s = self._commanded_s = 0.0
        changed_s = self._loop.time()
        shorted = number % SHORT_EVERY == SHORT_EVERY - 1
        if shorted:
            self._world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        else:
            self._car.plug_out()
        await self._until(lambda: bool(self._opened_s and self._reported_s and self._commanded_s))
        times = (changed_s, self._opened_s, self._reported_s, self._commanded_s)
        await asyncio.sleep(self._random.uniform(*RESTS_S))
        if shorted:
            self._world.set_wiring(Wiring.PILOT_SHORTED, present=False)
            self._car.plug_out()
        await self._until(lambda: self._board.control.state is McuState.RUNNING)
        await asyncio.sleep(self._random.uniform(*RESTS_S))
        return Opening(shorted, *times) if times[3] >= times[2] else None

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(STAGE_LIMIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _look(self) -> None:
        if not self._opened_s and not self._world.contactor_closed:
            self._opened_s = self._loop.time()
        self._changed.set()

    def _to_host(self, data: bytes) -> None:
        at_s = self._loop.time()
        self._line.write(data)
        for frame in self._reports.feed(data):
            if frame.com == Com.CHARGE_STATE:
                report = ChargeState.from_data(frame.data)
                self._asks_power = _allows_power(report)
                if not self._reported_s and not self._asks_power:
                    self._reported_s = at_s
        self._changed.set()

    def _from_host(self, data: bytes) -> None:
        at_s = self._loop.time()
        for frame in self._commands.feed(data):
            if frame.com == Com.CHARGE_CONTROL:
                self._commands_power = any(ChargeControl.from_data(frame.data).contactors)
                if not self._commanded_s and not self._commands_power:
                    self._commanded_s = at_s
        self._board.receive(data)
        self._changed.set()


class BareLine:
    """A line on which a bare host answers reports."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = PtyLine(path, self._from_host)
        self._asked_s = 0.0
        self.taken_s: list[float] = []

    async def run(self) -> None:
        """Ask for ever, at no fixed time of the boards."""
        self._line.open()
        report = encode_frame(ChargeState(pilot=PilotState.A).frame())
        while True:
            await asyncio.sleep(random.uniform(*BARE_EVERY_S))
            self._asked_s = self._loop.time()
            self._line.write(report)

    def _from_host(self, _data: bytes) -> None:
        self.taken_s.append(self._loop.time() - self._asked_s)


def _allows_power(report: ChargeState) -> bool:
    is_normal = report.safe_state is SafeState.NORMAL and not report.pilot_short
    return is_normal and report.pilot is PilotState.C


async def _cycles(board: BoardWithCar, number: int) -> list[Opening | None]:
    return [await board.cycle(each) for each in range(number)]


async def _measure(boards: list[BoardWithCar], bare: BareLine, cycles: int) -> str:
    bare.taken_s.clear()
    lists = await asyncio.gather(*(_cycles(board, cycles) for board in boards))
    openings = [opening and asdict(opening) for found in lists for opening in found]
    return json.dumps({"openings": openings, "bare_s": bare.taken_s})


async def serve(directory: Path, boards: int) -> None:
    """Serve until standard input ends."""
    made = [BoardWithCar(directory / f"safety{number}", number) for number in range(1, boards + 1)]
    for board in made:
        board.start()
        await asyncio.sleep(MODEL.timing.report_s / boards)  # no two boards of a station keep the same time
    bare = BareLine(directory / "bare")
    asking = asyncio.create_task(bare.run())
    await asyncio.sleep(0)
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await _measure(made, bare, int(line)))
    asking.cancel()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))

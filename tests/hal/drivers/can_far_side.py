"""The far side of a CAN bus, as a process: a safety controller, a power module and their adapter on a pseudo-terminal.

Orders come as lines on standard input: a pilot load (A, B, C), `pull`, `plug`, or `state` for a line of JSON. The line
`ready` says that the adapter is there.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from hil.can_bus import CanBus
from hil.devices.infypower import Battery, InfypowerModule
from hil.devices.safety_board import SafetyBoard
from hil.devices.safety_can import join_can
from hil.lines.slcan_line import SlcanLine
from hil.world import EvseWorld, PilotLoad


def _ignore(_event: str, _fields: dict[str, Any]) -> None:
    """Nobody listens."""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(path: Path) -> None:
    loop = asyncio.get_running_loop()
    bus = CanBus(loop)
    world = EvseWorld(loop, _ignore)
    board = SafetyBoard(world, _ignore)
    module = InfypowerModule(bus, Battery(), _ignore)
    join_can(board, bus)
    line = SlcanLine(path, bus)
    line.open()
    board.power_on()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    _say("ready")
    while order := (await orders.readline()).decode().strip():
        match order:
            case "pull":
                line.close()
            case "plug":
                line.open()
            case "state":
                told = {"closed": world.contactor_closed, "module": module.describe(), "board": board.describe()}
                _say(json.dumps(told))
            case _:
                world.change(load=PilotLoad[order])
    line.close()
    board.power_off()
    module.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

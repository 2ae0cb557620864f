"""A scenario on a bench that is not simulated for the plugin: board and meter on serial lines, the car behind relays.

The lines belong to another bench, and the relay card operates that bench: what a real bench is to the plugin.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.background import work_beside
from hil.control_client import ControlClient
from hil.processes import ChildProcess
from tests.hil.simulated_relay_card import SimulatedRelayCard

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
NEVER_S = 86_400
PLUG, STATE_C, SUPPLY, CONTACTOR = 0, 1, 2, 3
LIMIT_S = 120
BENCH_FILE = """
[bench]
board = "rapi"
[roles.board]
kind = "serial"
port = "{lines}/evse1/board"
[roles.meter]
kind = "serial"
port = "{lines}/evse1/meter"
[roles.car]
kind = "modbus_coils"
port = "{card}"
coils = {{ plug = 0, state_c = 1 }}
[roles.power]
kind = "power_switch"
port = "{card}"
coils = {{ supply = 2 }}
[roles.probe]
kind = "modbus_inputs"
port = "{card}"
inputs = {{ contactor = 3 }}
"""


class Hardware:
    """The bench behind the relay card: each relay is an operation."""

    def __init__(self, socket: Path) -> None:
        self.closed = False
        self.times_closed = 0
        self.control = ControlClient("bench", socket, self._take)
        self._orders: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()

    def switched(self, coil: int, closed: bool) -> None:
        orders: dict[tuple[int, bool], tuple[str, Json]] = {
            (PLUG, True): ("plug_in", {"evse": 1, "delay_s": NEVER_S}),
            (PLUG, False): ("plug_out", {"evse": 1}),
            (STATE_C, True): ("ev", {"evse": 1, "state": "C"}),
            (STATE_C, False): ("ping", {}),
            (SUPPLY, True): ("power_on", {}),
            (SUPPLY, False): ("power_cut", {}),
        }
        self._orders.put_nowait(orders[coil, closed])

    async def obey(self) -> None:
        while True:
            operation, fields = await self._orders.get()
            await self.control.ask(operation, **fields)

    def _take(self, event: Json) -> None:
        if event["event"] == "contactor":
            self.closed = event["closed"]
            self.times_closed += self.closed


@asynccontextmanager
async def hardware(directory: Path) -> AsyncIterator[tuple[Hardware, SimulatedRelayCard]]:
    words = ["hil.cli", "serve", "--dir", str(directory / "lines"), "--control", str(directory / "b.sock")]
    bench = ChildProcess("bench", words, directory / "bench.log")
    await bench.start_until_ready()
    behind = Hardware(directory / "b.sock")
    card = SimulatedRelayCard(directory / "card", behind.switched)
    card.inputs[CONTACTOR] = lambda: behind.closed
    card.open()
    try:
        async with work_beside() as add:
            await behind.control.open()
            add(behind.control.run())
            await behind.control.ask("subscribe")
            add(behind.obey())
            yield behind, card
    finally:
        behind.control.close()
        card.close()
        await bench.end()


async def play(*words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "hil.plugin", "-p", "no:cacheprovider", *words]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(LIMIT_S):
        told, _ = await process.communicate()
    return told.decode()


@pytest.mark.slow
async def test_the_same_scenario_runs_on_a_bench_of_serial_lines_and_relays(tmp_path: Path) -> None:
    directory = tmp_path / "b"
    directory.mkdir()
    file = directory / "real.toml"
    file.write_text(BENCH_FILE.format(lines=directory / "lines", card=directory / "card"))
    async with hardware(directory):
        told = await play(
            "hil/scenarios/test_control_pilot.py",
            *("-k", "CP-03 or CP-05", "--bench", str(file), "--bench-results", str(directory / "results")),
        )
    results = [json.loads(path.read_text()) for path in sorted((directory / "results").glob("*.json"))]
    assert [(each["scenario"], each["outcome"]) for each in results] == [("CP-03", "passed"), ("CP-05", "exception")], (
        told
    )
    opened = next(event for event in reversed(results[1]["events"]) if event["event"] == "contactor")
    assert opened["closed"] is False
    assert not any(event["event"] == "pilot_state" for event in results[1]["events"]), "no input shows the pilot"

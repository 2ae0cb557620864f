"""Ten hours of charging in virtual time: how long a story waits for them in real time."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hil.virtual_time import run_virtual
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options
from tests.fakes.virtual_bench import virtual_bench
from tests.fakes.virtual_station import loosely, virtual_station

LIMIT_S = 1.0
HOUR_S = 3600.0
LOOSE_POLL_S = 10.0
Story = Callable[[Path, str, float], Coroutine[Any, Any, float]]


async def measure(version: str, options: Options) -> list[Figure]:
    """Play both stories; a thread, since a loop in virtual time cannot run within another."""
    hours = float(options.size(10, 10, 1))
    runs = options.size(3, 1)
    devices = [await asyncio.to_thread(_play, _devices, version, hours) for _ in range(runs)]
    whole = [await asyncio.to_thread(_play, _whole_station, version, hours)]
    return [
        Figure(f"{hours:.0f} h of charging, devices only", median(devices), "s", LIMIT_S, note="wall time"),
        Figure(
            f"{hours:.0f} h of charging, whole station, {version}",
            median(whole),
            "s",
            note=f"board and meter polled every {LOOSE_POLL_S:.0f} s",
        ),
    ]


def _play(story: Story, version: str, hours: float) -> float:
    """Return real seconds."""
    with tempfile.TemporaryDirectory() as name:
        return run_virtual(story(Path(name), version, hours))


async def _devices(_directory: Path, _version: str, hours: float) -> float:
    async with virtual_bench() as lines:
        await asyncio.sleep(5)
        lines.bench.plug_in(1, current_a=16.0, delay_s=1.0)
        began_s = time.monotonic()
        await asyncio.sleep(hours * HOUR_S)
        lasted_s = time.monotonic() - began_s
        _check(lines.bench.state(1), hours)
    return lasted_s


async def _whole_station(directory: Path, version: str, hours: float) -> float:
    free = '[authorization]\nfree_vend = true\nfree_vend_token = "FREE"\n'
    async with virtual_station(
        directory, version=version, extra_toml=free, timing=loosely(), poll_interval_s=LOOSE_POLL_S
    ) as station:
        await asyncio.sleep(20)
        station.lines.bench.plug_in(1, current_a=16.0, delay_s=1.0)
        began_s = time.monotonic()
        await asyncio.sleep(hours * HOUR_S)
        lasted_s = time.monotonic() - began_s
        _check(station.lines.bench.state(1), hours)
    return lasted_s


def _check(state: dict[str, Any], hours: float) -> None:
    """Raises: ValueError if no car charged."""
    session_wh = float(state["board"]["session_wh"])
    if session_wh < 1000 * hours:
        raise ValueError(f"only {session_wh:.0f} Wh flowed in {hours:.0f} h")

"""Results as the scenario plugin writes them, recorded from the whole station in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

CARD = "04A1B2C3D4E5F6"
Result = dict[str, Any]


class Recorder:
    """Steers one station and keeps what its bench and back-end saw."""

    def __init__(self, station: VirtualStation) -> None:
        self.station = station
        self.bench = station.lines.bench
        self.events: list[Result] = []
        self.bench.subscribers.append(self.events.append)

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def time_of(self, event: str, since_s: float, **fields: object) -> float:
        """Bench time of the first such event since then."""
        wanted = fields.items()
        return next(
            float(e["t"]) for e in self.events if e["event"] == event and e["t"] >= since_s and wanted <= e.items()
        )

    async def charge(self) -> None:
        """Bring the station to charging at 16 A."""
        await asyncio.sleep(4)
        self.bench.plug_in(1, cable_a=32, current_a=16, phases=3)
        await asyncio.sleep(2)
        self.bench.swipe(CARD)
        await asyncio.sleep(8)

    def result(self, **fields: object) -> Result:
        """The whole as one JSON file of the plugin."""
        csms = [
            {
                "t": frame.at_s,
                "direction": "from_station" if frame.direction == "in" else "to_station",
                "message": frame.action,
                "text": frame.line(),
            }
            for frame in self.station.csms.frames
            if frame.kind == "call"
        ]
        return blank() | {"events": self.events, "csms": csms} | fields


def blank() -> Result:
    """A result in which nothing happened."""
    return {
        "scenario": "CP-01",
        "title": "Power up without a car",
        "board": "rapi",
        "bench": "simulated-rapi",
        "ocpp": "2.0.1",
        "outcome": "passed",
        "reason": "",
        "started_utc": "2026-11-23T16:40:00+00:00",
        "duration_s": 21.5,
        "stimulus_t": None,
        "measurements": [],
        "events": [],
        "wire": [],
        "csms": [],
        "log": [],
    }


def measurement(name: str, from_t: float, to_t: float | None, limit_s: float | None, source: str) -> Result:
    """A measured time with its limit."""
    value_s = None if to_t is None else round(to_t - from_t, 6)
    met = value_s is not None and (limit_s is None or value_s <= limit_s)
    return {
        "name": name,
        "value_s": value_s,
        "limit_s": limit_s,
        "at_least_s": None,
        "source": source,
        "met": met,
        "from_t": from_t,
        "to_t": to_t,
    }


def record(directory: Path, script: Callable[[Recorder], Awaitable[Result]], version: str = "2.0.1") -> Result:
    """Play the script on a fresh station."""

    async def play() -> Result:
        async with virtual_station(directory, version=version) as station:
            return await script(Recorder(station))

    return run_virtual(play())


async def ev_stops(r: Recorder) -> Result:
    """CP-04 on OpenEVSE: the car goes from C to B; the board debounces for 250 ms and misses 100 ms."""
    await r.charge()
    stimulus_t = r.now_s
    r.bench.ev(1, "B")
    await asyncio.sleep(6)
    opened_t = r.time_of("contactor", stimulus_t, closed=False)
    told = measurement("contactor opens after the car left C", stimulus_t, opened_t, 0.1, "IEC 61851-1 Table A.6, 8.1")
    return r.result(
        scenario="CP-04",
        title="Car stops charging: C to B under power",
        outcome="exception",
        reason="OpenEVSE debounces its pilot for 250 ms before it opens; the board's firmware fixes this time.",
        stimulus_t=stimulus_t,
        measurements=[told],
    )


async def ev_starts(r: Recorder) -> Result:
    """CP-03: an authorised car asks for power."""
    await asyncio.sleep(4)
    r.bench.swipe(CARD)
    r.bench.plug_in(1, cable_a=32, current_a=16, phases=3, delay_s=6.0)
    await asyncio.sleep(8)
    stimulus_t = r.time_of("pilot_state", 0.0, state="C")
    await asyncio.sleep(8)
    closed_t = r.time_of("contactor", stimulus_t, closed=True)
    return r.result(
        scenario="CP-03",
        title="Authorised car asks for power: B to C",
        stimulus_t=stimulus_t,
        measurements=[measurement("power on after B to C", stimulus_t, closed_t, 3.0, "IEC 61851-1 Table A.6, 4")],
    )


async def contactor_fails_to_close(r: Recorder) -> Result:
    """RL-03, judged as a failure: the contactor never closes and the expected event never came."""
    await asyncio.sleep(4)
    r.bench.fault(1, "fails_to_close")
    r.bench.plug_in(1, cable_a=32, current_a=16, phases=3)
    await asyncio.sleep(2)
    stimulus_t = r.now_s
    r.bench.swipe(CARD)
    await asyncio.sleep(8)
    return r.result(
        scenario="RL-03",
        title="Contactor fails to close",
        outcome="failed",
        reason="no fault was shown to the driver within 1 s: the contactor stayed open although it was commanded",
        stimulus_t=stimulus_t,
        measurements=[measurement("fault told", stimulus_t, None, 1.0, "proposal of this project")],
        log=[
            "WARNING hal.drivers.openevse contactor refused evse=1 reason=<b>&'\"",
            "INFO agent.station session ended",
        ],
    )


def write(directory: Path, *results: Result) -> Path:
    """Write the results as the plugin does, one file each."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, result in enumerate(results):
        (directory / f"{number:03}-{result['scenario']}-{result['board']}.json").write_text(json.dumps(result), "utf-8")
    return directory

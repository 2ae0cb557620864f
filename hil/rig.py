"""What a scenario is given: the station under test, everything around it, and verdicts (runner).

Per run a bench, a back-end and an agent run as processes in a directory of their own. Times are monotonic seconds of
the bench; a wait counts from the latest stimulus on unless told otherwise.
"""

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from hil.agent_side import AgentSide, read_lines
from hil.back_end import BackEnd
from hil.background import work_beside
from hil.bench_file import BenchFile
from hil.bench_roles import BenchRoles, line_drop_in, present, simulated_roles
from hil.csms.dialect import Dialect
from hil.measurement import Measurement
from hil.real_roles import real_roles
from hil.remote_bench import borrowed
from hil.roles import CannotError, Car, Faults, Json, Meter, Power, Probe, Reader
from hil.simulated_roles import SimulatedBench
from hil.station_processes import ProcessPlan, StationProcesses
from hil.watching import Watching

CARD = "04A1B2C3D4E5F6"
OTHER_CARD = "04FFEEDDCCBBAA"
BOOT_LIMIT_S = 60.0
SEEN_LIMIT_S = 10.0
END_LIMIT_S = 15.0
"""An agent gives a car that goes on drawing its 6 s before it opens and ends."""
NEVER_S = 86_400.0
CHARGING_A = 1.0
STATE_INTERVAL_S = 0.1
WATCH_INTERVAL_S = 0.2
RECORDING = "recording.jsonl"
DROP_IN = """# A scenario does not wait for the network.
[csms]
reconnect_min_s = 1
reconnect_max_s = 2
reconnect_random_s = 0
"""


@dataclass(frozen=True, slots=True)
class RigPlan:
    """What one run of a scenario needs."""

    bench_file: BenchFile
    directory: Path
    evses: int = 1
    toml: str = ""
    """Further configuration of the agent."""
    options: tuple[str, ...] = ()
    """Further options of `pilotline-bench serve`."""


class Rig:
    """One run of one scenario on one bench."""

    def __init__(self, plan: RigPlan) -> None:
        self.plan = plan
        self.board = plan.bench_file.board
        self.version = plan.bench_file.ocpp
        self.measurements: list[Measurement] = []
        self.watching = Watching()
        self._processes = StationProcesses(_process_plan(plan), self.watching.take, self._take_frame)
        self._simulated = SimulatedBench(self._processes.bench, lambda: self.watching.stimulus_t)
        self._roles = BenchRoles()
        self.network = self._processes.network
        self.csms = BackEnd(self._processes.csms, Dialect(self.version), self.watching)
        self.agent = AgentSide(self._processes.agent)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        """Start bench and back-end; end everything afterwards. The agent is started by `ready`.

        Raises: AssertionError if one of them did not end well.
        """
        async with borrowed(self.plan.bench_file) as bench_file:
            self._processes.plan = _process_plan(replace(self.plan, bench_file=bench_file))
            try:
                async with work_beside() as add:
                    await self._processes.open(add)
                    simulated = simulated_roles(bench_file, self._simulated)
                    self._roles = await real_roles(bench_file, simulated, self.watching, add)
                    add(self._watch_agent())
                    yield self
            finally:
                self.agent.resume()
                problems = await self._processes.end(END_LIMIT_S)
        assert not problems, "; ".join(problems)  # noqa: S101 - a scenario's verdict

    # ------------------------------------------------------------------ who plays along

    @property
    def car(self) -> Car:
        """The car. Raises: CannotError."""
        return present(self._roles.car, self.plan.bench_file.name, "car")

    @property
    def faults(self) -> Faults:
        """Faults that can be brought in. Raises: CannotError."""
        return present(self._roles.faults, self.plan.bench_file.name, "faults")

    @property
    def meter(self) -> Meter:
        """The meter. Raises: CannotError."""
        return present(self._roles.meter, self.plan.bench_file.name, "meter")

    @property
    def reader(self) -> Reader:
        """The card reader. Raises: CannotError."""
        return present(self._roles.reader, self.plan.bench_file.name, "reader")

    @property
    def power(self) -> Power:
        """Supply of the hardware. Raises: CannotError."""
        return present(self._roles.power, self.plan.bench_file.name, "power")

    @property
    def probe(self) -> Probe:
        """What observes. Raises: CannotError."""
        return present(self._roles.probe, self.plan.bench_file.name, "probe")

    # ------------------------------------------------------------------ what is seen

    @property
    def history(self) -> list[Json]:
        """Every event of the bench so far."""
        return self.watching.history

    @property
    def stimulus_t(self) -> float:
        """When the hardware was changed last."""
        return self.watching.stimulus_t

    def events(self, event: str, *, since: float = 0.0, **fields: object) -> list[Json]:
        """Events of this kind since then, with these values. Raises: CannotError: "none" would prove nothing."""
        self._must_see(event)
        return self.watching.events(event, since=since, **fields)

    async def seen(
        self, event: str, *, within_s: float = SEEN_LIMIT_S, since: float | None = None, **fields: object
    ) -> Json:
        """Wait for the first such event since the latest stimulus; gives it. Raises: AssertionError, CannotError."""
        self._must_see(event)
        from_t = self.stimulus_t if since is None else since
        what = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
        return await self.watching.find(
            lambda: next(iter(self.watching.events(event, since=from_t, **fields)), None), what, within_s
        )

    async def never(self, event: str, *, for_s: float, since: float | None = None, **fields: object) -> None:
        """Make sure for so long that no such event comes or came since the latest stimulus.

        Raises: AssertionError, CannotError.
        """
        self._must_see(event)
        from_t = self.stimulus_t if since is None else since
        await asyncio.sleep(for_s)
        found = self.watching.events(event, since=from_t, **fields)
        assert not found, f"must not happen: {found[0]}"  # noqa: S101 - a scenario's verdict

    def _must_see(self, event: str) -> None:
        if not self.probe.sees(event):
            raise CannotError(f"the probe of bench {self.plan.bench_file.name!r} cannot see {event!r}")

    async def state(self, evse: int = 1) -> Json:
        """What the bench tells of an EVSE now. Raises: CannotError."""
        return await self.probe.state(evse)

    async def until(
        self, holds: Callable[[Json], bool], what: str, *, evse: int = 1, within_s: float = SEEN_LIMIT_S
    ) -> Json:
        """Wait until the state of an EVSE fits; gives it. Raises: AssertionError."""
        state: Json = {}
        try:
            async with asyncio.timeout(within_s):
                while not holds(state := await self.state(evse)):  # noqa: ASYNC110 - current and energy have no events
                    await asyncio.sleep(STATE_INTERVAL_S)
        except TimeoutError:
            raise AssertionError(f"not within {within_s:g} s: {what}; state: {json.dumps(state)}") from None
        return state

    @property
    def recorded(self) -> list[str]:
        """Lines of the bench's recording of its wires."""
        return read_lines(self.plan.directory / RECORDING)

    # ------------------------------------------------------------------ common beginnings

    async def ready(self) -> None:
        """Start the agent and wait until every EVSE was told Available and shows steady +12 V."""
        await self.agent.start()
        for evse in range(1, self.plan.evses + 1):
            await self.csms.told("Available", evse, since=0.0, within_s=BOOT_LIMIT_S)
            await self.idle(evse)

    async def idle(self, evse: int = 1) -> None:
        """Wait for state A with steady +12 V (X1), which a board may show a moment after it was set up."""
        if self.probe.sees("pilot_state"):
            await self.until(lambda state: state["pilot_state"] == "A", "state A", evse=evse)
            await self.until(lambda state: state["pilot_output"] == "steady_12v", "steady +12 V", evse=evse)

    async def authorized(self, evse: int = 1, token: str = CARD) -> None:
        """Plugged in or not: authorise by card, or from the back-end on a bench without a reader."""
        if self._roles.reader is not None:
            await self.reader.swipe(token)
        else:
            await self.csms.remote_start(token, evse)

    async def offered(self, evse: int = 1, **model: Any) -> None:
        """Start; a car in state B is authorised and offered a current. `model`: fields of `plug_in`."""
        if not self.agent.running:
            await self.ready()
        plugged_t = await self.car.plug_in(evse, **{"delay_s": NEVER_S, **model})
        await self.csms.told("Occupied", evse, since=plugged_t)
        await self.authorized(evse)
        await self.csms.started(since=plugged_t)
        if self.probe.sees("duty"):
            await self.seen("duty", evse=evse, output="pwm", since=plugged_t)

    async def charging(self, evse: int = 1, **model: Any) -> None:
        """Start; a car is plugged in, authorised and draws current. `model`: fields of `plug_in`."""
        await self.offered(evse, **model)
        ready_t = await self.car.ev("C", evse)
        await self.seen("contactor", evse=evse, closed=True, since=ready_t)
        if self.probe.sees("current"):
            await self.until(lambda state: state["current_a"] > CHARGING_A, "current flows", evse=evse)

    # ------------------------------------------------------------------ verdicts

    def measure(
        self, name: str, value_s: float, limit_s: float | None, source: str, at_least_s: float | None = None
    ) -> None:
        """Record a verdict: this time against its limits; `source` is the standard's clause, or says that it is ours.

        A missed limit fails the scenario at its end, unless this board may miss it (`hil.scenarios.exceptions`).
        """
        self.measurements.append(Measurement(name, value_s, limit_s, source, at_least_s))

    def measure_span(
        self, name: str, from_t: float, to_t: float, limit_s: float | None, source: str, at_least_s: float | None = None
    ) -> None:
        """Record a verdict of the time between two moments, which the report draws."""
        self.measurements.append(Measurement(name, to_t - from_t, limit_s, source, at_least_s, from_t, to_t))

    def skip(self, reason: str) -> NoReturn:
        """Give up: this bench cannot do it. Raises: CannotError."""
        raise CannotError(reason)

    # ------------------------------------------------------------------

    def _take_frame(self, frame: Json) -> None:
        self.csms.take(frame)

    async def _watch_agent(self) -> None:
        while True:
            self.agent.check()
            await asyncio.sleep(WATCH_INTERVAL_S)


def _process_plan(plan: RigPlan) -> ProcessPlan:
    file = plan.bench_file
    words = ["--evses", str(plan.evses), "--board", file.board, "--meter", file.meter]
    if file.board_profile:
        words += ["--board-profile", file.board_profile]
    drop_ins = (("10-bench.toml", DROP_IN), ("20-lines.toml", line_drop_in(file)), ("30-scenario.toml", plan.toml))
    if bench_records():
        words += ["--record", str(plan.directory / RECORDING)]
    return ProcessPlan(plan.directory, file.ocpp, (*words, *file.options, *plan.options), drop_ins=drop_ins)


@functools.cache
def bench_records() -> bool:
    """Tell whether this `pilotline-bench serve` can record its wires."""
    command = [sys.executable, "-m", "hil.cli", "serve", "--help"]
    return "--record" in subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours

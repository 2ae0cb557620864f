"""A whole station in virtual time: the real agent, simulated hardware and the bench CSMS, joined in memory.

`station.kill()` is a SIGKILL: every task is gone, nothing is flushed; `station.start()` is the next start of the
process over the same database file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.assembly import DATABASE_NAME, Agent, Surfaces
from agent.config import load_config
from agent.csms.connection import Connection, DialError
from agent.domain.timekeeping import BACK_END_FIRST, NTP_FIRST, TimeSource
from agent.hardware import build_hardware
from agent.station.exhaustion import Room
from agent.station.station_clock import StationClock
from agent.station.surroundings import EvseTiming
from agent.store.database import Database
from agent.store.executors import InlineExecutor
from hal.board import SerialLine, TcpLine
from hal.transports.memory_port import MemoryPort
from hil.agent_toml import StationPlan, agent_toml
from hil.boards import AnyBoardModel, agent_fields, has_socket, is_on_tcp, is_ventilated
from hil.boards import board_model as model_of
from hil.csms.bench_csms import BenchCsms
from hil.csms.memory_connection import MemoryConnection, memory_connection_pair
from hil.evse_bench import MeterModel
from tests.fakes.virtual_bench import VirtualLines, virtual_bench

IDENTITY = "BENCH-0001"
POLLED_BOARDS = frozenset({"openevse"})
FIRST_BOARD_PORT = 15_000
"""Boards on TCP have the ports after this one, EVSE 1 first; in memory nobody listens there."""
START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


class SystemClock:
    """The computer's clock in virtual time: right from `START` on, unless it is set wrong."""

    def __init__(self) -> None:
        self.wrong_by = timedelta(0)
        self.synchronised = False
        """Whether NTP keeps it."""

    def true_utc(self) -> datetime:
        """What time it really is."""
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    def utc(self) -> datetime:
        """What time it says."""
        return self.true_utc() + self.wrong_by

    def begin_in_1970(self) -> None:
        """Set it as a computer does that has no battery."""
        self.wrong_by = datetime(1970, 1, 1, tzinfo=UTC) - self.true_utc()


@dataclass
class VirtualStation:
    """The running pieces, and what a story does with them."""

    directory: Path
    lines: VirtualLines
    csms: BenchCsms
    version: str
    timing: EvseTiming
    system: SystemClock = field(default_factory=SystemClock)
    clock: StationClock = field(init=False)
    """Of the running process, or of the last one."""
    reachable: bool = True
    room: Room = field(default_factory=lambda: Room(1.0, 1.0))
    agent: Agent | None = None
    restarts: int = 0
    latency_s: float = 0.0
    """Of the network, each way, from the next connection on."""
    spoil: Callable[[MemoryConnection, MemoryConnection], None] = lambda _station, _csms: None
    """What happens to the ends of the next connections: the station's, the back-end's."""
    _task: "asyncio.Task[None] | None" = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: "list[tuple[MemoryConnection, asyncio.Task[None]]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = self._new_clock(NTP_FIRST)

    def _new_clock(self, order: tuple[TimeSource, ...]) -> StationClock:
        return StationClock(order=order, system=self.system.utc, synchronised=lambda: self.system.synchronised)

    async def start(self) -> Agent:
        """Start the agent over whatever the database holds."""
        config = load_config(self.directory / "agent.toml", bench=True)
        self.clock = self._new_clock(BACK_END_FIRST if config.station.clock_source == "csms" else NTP_FIRST)
        hardware = build_hardware(config, lambda: self.clock.now().utc, self._line)
        database = Database(config.station.state_dir / DATABASE_NAME, InlineExecutor())
        config.station.state_dir.mkdir(exist_ok=True)
        self._stop = asyncio.Event()
        self.agent = Agent(
            config,
            hardware,
            self.clock,
            Surfaces(database, self._dial, self.timing, lambda: self.room),
            self._restart_wanted,
        )
        await self.agent.open()
        self._task = asyncio.create_task(self.agent.run(self._stop), name="agent")
        return self.agent

    async def kill(self) -> None:
        """End the agent as SIGKILL does: no stop, no flush."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self.agent = None
        self.drop()

    async def stop(self) -> None:
        """End the agent as SIGTERM does."""
        assert self._task is not None
        self._stop.set()
        await self._task
        self._task = None
        self.agent = None

    def check_alive(self) -> None:
        """Raise what ended the agent, if anything did."""
        if self._task is not None and self._task.done():
            self._task.result()

    def drop(self) -> None:
        """Cut the connection to the back-end."""
        for connection, _task in self._connections:
            connection.abort()
        self._connections.clear()

    def _restart_wanted(self) -> None:
        self.restarts += 1
        self._stop.set()

    def _line(self, line: SerialLine | TcpLine) -> MemoryPort:
        if isinstance(line, TcpLine):
            return self.lines.boards[line.tcp_port - FIRST_BOARD_PORT]
        assert isinstance(line.path, Path), "every line of this bench is a file"
        name, device = line.path.parent.name, line.path.name
        if device == "reader1":
            assert self.lines.reader is not None
            return self.lines.reader
        lines = self.lines
        ports = {"board": lines.boards, "meter": lines.meters, "indicator": lines.indicators, "io": lines.cards}[device]
        return ports[int(name.removeprefix("evse"))]

    async def _dial(self, subprotocols: Sequence[str]) -> Connection:
        if not self.reachable:
            raise DialError("connection refused")
        station_end, csms_end = memory_connection_pair(self.latency_s)
        self.spoil(station_end, csms_end)
        chosen = f"ocpp{self.version}"
        assert chosen in subprotocols
        station_end.subprotocol = chosen
        task = asyncio.create_task(self.csms.accept(IDENTITY, self.version, csms_end), name="csms")
        self._connections.append((csms_end, task))
        return station_end


@asynccontextmanager
async def virtual_station(
    directory: Path,
    *,
    version: str = "2.0.1",
    evses: int = 1,
    extra_toml: str = "",
    board: str = "rapi",
    board_model: AnyBoardModel | None = None,
    timing: EvseTiming | None = None,
    poll_interval_s: float = 1.0,
    started: bool = True,
    reader: str = "line",
    io: bool = False,
    meter_map: str = "eastron_sdm630",
    extra_meter_toml: str = "",
) -> AsyncIterator[VirtualStation]:
    """Make everything on the running (virtual) loop; the agent runs unless told otherwise.

    `board` is a kind, or a kind and a profile as in "safety:socket"; `board_model` says it in full.
    """
    kind, _, profile = board.partition(":")
    model = board_model if board_model is not None else model_of(kind, profile or None)
    system = SystemClock()
    csms = BenchCsms(clock=system.true_utc)
    async with virtual_bench(
        evses=evses, board_model=model, meter_model=MeterModel(meter_map), reader=reader, io=io
    ) as lines:
        plan = replace(_plan(directory, evses, meter_map, version, model), reader_driver=reader, has_io=io)
        _configure(plan, poll_interval_s, extra_meter_toml, extra_toml)
        station = VirtualStation(directory, lines, csms, version, timing or EvseTiming(), system=system)
        await asyncio.sleep(5)  # the boards take 2.6 s to boot
        if started:
            await station.start()
        try:
            yield station
            station.check_alive()
        finally:
            if station.agent is not None:
                await station.kill()


def _plan(directory: Path, evses: int, meter_map: str, version: str, model: AnyBoardModel) -> StationPlan:
    return StationPlan(
        *(directory, evses, meter_map, "ws://csms", (version,)),
        board=agent_fields(model),
        board_tcp_ports=tuple(FIRST_BOARD_PORT + n for n in range(1, evses + 1)) if is_on_tcp(model) else (),
        has_socket=has_socket(model),
        is_ventilated=is_ventilated(model),
    )


def _configure(plan: StationPlan, poll_interval_s: float, extra_meter_toml: str, extra_toml: str) -> None:
    text = agent_toml(plan).replace("[evse.meter]", f"[evse.meter]\n{extra_meter_toml}")
    if plan.board["driver"] in POLLED_BOARDS:
        text = text.replace("[evse.meter]", f"poll_interval_s = {poll_interval_s}\n[evse.meter]")
    text = text.replace("[evse.indicator]", f"poll_interval_s = {poll_interval_s}\n[evse.indicator]")
    (plan.directory / "agent.toml").write_text(text)
    (plan.directory / "conf.d").mkdir(exist_ok=True)
    (plan.directory / "conf.d" / "story.toml").write_text(extra_toml)


def loosely(timing: EvseTiming | None = None) -> EvseTiming:
    """Timing for hours of virtual time: the loop beats once a minute."""
    return replace(timing or EvseTiming(), beat_s=60.0, lease_s=180.0)

"""The life of the process: open, run until told to stop or restart, close; readiness and watchdog for systemd."""

import asyncio
import gc
import logging
import signal
import sys
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from agent.assembly import DATABASE_NAME, Agent, Surfaces
from agent.config import AgentConfig
from agent.domain.timekeeping import BACK_END_FIRST, NTP_FIRST
from agent.hardware import Hardware, build_hardware
from agent.log_file import LOG_NAME, LogFile
from agent.station.station_clock import StationClock
from agent.store.database import Database
from agent.systemd import Notifier

if TYPE_CHECKING:  # a start without --record is spared it
    from agent.recording import LineRecorder, RecordOptions

logger = logging.getLogger(__name__)

BEAT_LIMIT_S: Final = 10.0
"""An EVSE or driver loop that has not passed a beat for this long keeps the watchdog from being fed."""
THREAD_SWITCH_S: Final = 0.00005
"""The interpreter's 5 ms would let a journalled fact wait for the loop's other work before it reaches the disk."""


class Outcome(Enum):
    """Why the process ends."""

    STOP = "stop"
    RESTART = "restart"


async def run_agent(config: AgentConfig, record: "RecordOptions | None" = None) -> Outcome:
    """Run the station until SIGTERM, SIGINT or a reset. Raises: StoreError, ConfigError, OSError at start."""
    config.station.state_dir.mkdir(parents=True, exist_ok=True)
    log_file = LogFile(config.station.state_dir / LOG_NAME)
    logging.getLogger().addHandler(log_file)
    recorder = None
    try:
        recorder = None if record is None else _recorder(config, record)
        return await _run_agent(config, recorder)
    finally:
        if recorder is not None:
            recorder.close()
        logging.getLogger().removeHandler(log_file)
        log_file.close()


def _recorder(config: AgentConfig, record: "RecordOptions") -> "LineRecorder":
    from agent.recording import LineRecorder  # noqa: PLC0415 - see above

    return LineRecorder(config, record)


async def _run_agent(config: AgentConfig, recorder: "LineRecorder | None") -> Outcome:
    sys.setswitchinterval(THREAD_SWITCH_S)
    stop = asyncio.Event()
    restart = asyncio.Event()
    terminated = asyncio.Event()
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        terminated.set()  # wins over a restart that is under way
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, terminate)

    def restart_soon() -> None:
        restart.set()
        stop.set()

    order = BACK_END_FIRST if config.station.clock_source == "csms" else NTP_FIRST
    clock = StationClock(step_threshold=timedelta(seconds=config.station.clock_step_s), order=order)
    hardware = _hardware(config, clock, recorder)
    database = Database(config.station.state_dir / DATABASE_NAME)
    agent = Agent(config, hardware, clock, Surfaces(database), restart_soon)
    await agent.open()
    gc.freeze()  # what was built so far stays: the collector need not look at it again
    gc.enable()
    notifier = Notifier()
    notifier.ready()
    helpers = (
        asyncio.create_task(_feed_watchdog(notifier, agent)),
        asyncio.create_task(_announce_stop(notifier, stop, restart)),
        asyncio.create_task(_freeze_once_online(agent)),
    )
    try:
        await agent.run(stop)
    finally:
        for helper in helpers:
            helper.cancel()
    return Outcome.RESTART if restart.is_set() and not terminated.is_set() else Outcome.STOP


def _hardware(config: AgentConfig, clock: StationClock, recorder: "LineRecorder | None") -> Hardware:
    if recorder is None:
        return build_hardware(config, lambda: clock.now().utc)
    hardware = build_hardware(config, lambda: clock.now().utc, recorder.open_line)
    recorder.open()
    return hardware


async def _freeze_once_online(agent: Agent) -> None:
    """The modules of the back-end's side stay as well; looking at them all would hold the loop up for 10 ms."""
    await agent.client.link.online.wait()
    gc.freeze()


async def _announce_stop(notifier: Notifier, stop: asyncio.Event, restart: asyncio.Event) -> None:
    await stop.wait()
    if not restart.is_set():  # systemd would end what goes on under the same process id
        notifier.stopping()


async def _feed_watchdog(notifier: Notifier, agent: Agent) -> None:
    interval_s = notifier.watchdog_interval_s()
    if interval_s is None:
        return
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(interval_s)
        late = [
            evse.evse_id for evse in agent.station.evses.values() if loop.time() - evse.oldest_beat_s > BEAT_LIMIT_S
        ]
        if late:
            logger.error("watchdog not fed: no beat evses=%s", late)
        else:
            notifier.watchdog()

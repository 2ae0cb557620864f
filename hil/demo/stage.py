"""The stage of a demo: bench, back-end, agent, the network between, and the control sockets (runner)."""

import asyncio
from pathlib import Path

from hil.demo.background import Background
from hil.demo.observed import Observed
from hil.demo.story import DEMO_TOKEN, EVSE, METER_START_WH
from hil.errors import StationError
from hil.station_processes import ProcessPlan, StationProcesses, fail_when_ended

STATE_INTERVAL_S = 0.2
AGENT_END_LIMIT_S = 15.0
HASTY_LIMIT_S = 4.0
SAMPLE_INTERVAL_S = 2

DROP_IN = f"""# What a demo needs to fit into half a minute.
[csms]
reconnect_min_s = 1
reconnect_max_s = 2
reconnect_random_s = 0

[variables]
"SampledDataCtrlr.TxUpdatedInterval" = {SAMPLE_INTERVAL_S}
"""


class Stage:
    """Everything that runs; `open` and `end` in any case."""

    def __init__(self, directory: Path, seen: Observed) -> None:
        plan = ProcessPlan(directory, seen.version, drop_ins=(("demo.toml", DROP_IN),))
        self._processes = StationProcesses(plan, seen.take_bench, seen.take_csms)
        self._seen = seen
        self.network = self._processes.network
        self.bench = self._processes.bench
        self.csms = self._processes.csms

    @property
    def sockets(self) -> Path:
        """Directory of `bench.sock` and `csms.sock`."""
        return self._processes.sockets

    async def open(self, background: Background) -> None:
        """Start everything; the background fails once something ends by itself. Raises: StationError, OSError."""
        await self._processes.open(background.add)
        await self.csms.ask("token", token="*", status="Invalid")  # noqa: S106 - a wildcard
        await self.csms.ask("token", token=DEMO_TOKEN, status="Accepted")
        await self.bench.ask("meter", evse=EVSE, energy_wh=METER_START_WH)
        await self._processes.agent.start()
        background.add(fail_when_ended(self._processes.agent))
        background.add(self._poll_state())

    async def end(self, *, hasty: bool) -> list[str]:
        """End everything, the agent first; gives what went wrong, in sentences."""
        return await self._processes.end(HASTY_LIMIT_S if hasty else AGENT_END_LIMIT_S)

    async def _poll_state(self) -> None:
        """Current and energy change all the time: the bench has no events for them."""
        while True:
            self._seen.take_state(await self.bench.ask("state", evse=EVSE))
            await asyncio.sleep(STATE_INTERVAL_S)


def fresh_directory(parent: Path, name: str) -> Path:
    """Make a directory that was not there. Raises: StationError."""
    for number in range(1, 100):
        directory = parent / (name if number == 1 else f"{name}-{number}")
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StationError(f"{directory} cannot be made ({error.strerror}); choose another --dir") from None
        return directory.resolve()
    raise StationError(f"{parent} is full of demos; delete it")

"""The stage of a demo: bench, back-end, agent, the network between, and the control sockets (runner)."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from hil.agent_toml import BENCH_PASSWORD
from hil.demo.background import Background
from hil.demo.control_client import ControlClient
from hil.demo.errors import DemoError
from hil.demo.network import Network
from hil.demo.observed import Observed
from hil.demo.processes import DemoProcess
from hil.demo.story import DEMO_TOKEN, EVSE, METER_START_WH

STATE_INTERVAL_S = 0.2
AGENT_END_LIMIT_S = 15.0
HASTY_LIMIT_S = 4.0
LONGEST_SOCKET_PATH = 100
"""A Unix socket's path has at most 107 bytes; some are left for the name."""
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
        self.directory = directory
        self.network = Network()
        self._sockets = _socket_directory(directory)
        self._seen = seen
        self.bench = ControlClient("bench", self._sockets / "bench.sock", seen.take_bench)
        self.csms = ControlClient("back-end", self._sockets / "csms.sock", seen.take_csms)
        self._processes: list[DemoProcess] = []

    @property
    def sockets(self) -> Path:
        """Directory of `bench.sock` and `csms.sock`."""
        return self._sockets

    async def open(self, background: Background) -> None:
        """Start everything; the background fails once something ends by itself. Raises: DemoError, OSError."""
        station_url = await self.network.open()
        await self._open_csms(background)
        await self._open_bench(background, station_url)
        self._write_drop_in()
        config = str(self.directory / "bench" / "agent.toml")
        agent = self._process("agent", ["agent.main", "--config", config, "--bench"])
        await agent.start()
        background.add(_fail_when_ended(agent))
        background.add(self._poll_state())

    async def end(self, *, hasty: bool) -> list[str]:
        """End everything, the agent first; gives what went wrong, in sentences."""
        self.bench.close()
        self.csms.close()
        problems = []
        for process in reversed(self._processes):
            code = await process.end(HASTY_LIMIT_S if hasty else AGENT_END_LIMIT_S)
            if code not in {0, None}:
                problems.append(f"the {process.name} ended with exit code {code}")
        await self.network.close()
        if self._sockets != self.directory:
            shutil.rmtree(self._sockets, ignore_errors=True)
        return problems

    async def _open_csms(self, background: Background) -> None:
        password_file = self.directory / "password"
        password_file.write_text(BENCH_PASSWORD + "\n", "utf-8")
        words = ["--control", str(self._sockets / "csms.sock"), "--log", str(self.directory / "ocpp.log")]
        words += ["--versions", self._seen.version]
        if self._seen.version != "1.6":
            words += ["--password-file", str(password_file)]
        process = self._process("back-end", ["hil.cli", "csms", *words])
        ready = await process.start_until_ready()
        background.add(_fail_when_ended(process))
        self.network.reach(ready["url"])
        await _join(background, self.csms)
        await self.csms.ask("token", token="*", status="Invalid")  # noqa: S106 - a wildcard
        await self.csms.ask("token", token=DEMO_TOKEN, status="Accepted")
        await self.csms.ask("subscribe")

    async def _open_bench(self, background: Background, station_url: str) -> None:
        words = ["--dir", str(self.directory / "bench"), "--control", str(self._sockets / "bench.sock")]
        words += ["--csms-url", station_url, "--ocpp", self._seen.version]
        process = self._process("bench", ["hil.cli", "serve", *words])
        await process.start_until_ready()
        background.add(_fail_when_ended(process))
        await _join(background, self.bench)
        await self.bench.ask("meter", evse=EVSE, energy_wh=METER_START_WH)
        await self.bench.ask("subscribe")

    def _process(self, name: str, words: list[str]) -> DemoProcess:
        process = DemoProcess(name, words, self.directory / f"{name}.log")
        self._processes.append(process)
        return process

    def _write_drop_in(self) -> None:
        drop_ins = self.directory / "bench" / "conf.d"
        drop_ins.mkdir()
        (drop_ins / "demo.toml").write_text(DROP_IN, "utf-8")

    async def _poll_state(self) -> None:
        """Current and energy change all the time: the bench has no events for them."""
        while True:
            self._seen.take_state(await self.bench.ask("state", evse=EVSE))
            await asyncio.sleep(STATE_INTERVAL_S)


async def _join(background: Background, client: ControlClient) -> None:
    await client.open()
    background.add(client.run())


async def _fail_when_ended(process: DemoProcess) -> None:
    raise await process.ended()


def _socket_directory(directory: Path) -> Path:
    if len(os.fsencode(directory)) < LONGEST_SOCKET_PATH - len("bench.sock"):
        return directory
    return Path(tempfile.mkdtemp(prefix="pilotline-demo-"))


def fresh_directory(parent: Path, name: str) -> Path:
    """Make a directory that was not there. Raises: DemoError."""
    for number in range(1, 100):
        directory = parent / (name if number == 1 else f"{name}-{number}")
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise DemoError(f"{directory} cannot be made ({error.strerror}); choose another --dir") from None
        return directory.resolve()
    raise DemoError(f"{parent} is full of demos; delete it")

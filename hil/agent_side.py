"""The agent of a scenario, a process that can be started, stopped and killed (runner)."""

import signal
from pathlib import Path

from hil.errors import StationError
from hil.processes import ChildProcess

END_LIMIT_S = 15.0
LAST_LINES = 40


class AgentSide:
    """`pilotline-agent`; one that ends unasked fails the scenario."""

    def __init__(self, process: ChildProcess) -> None:
        self._process = process
        self._wanted = False

    @property
    def pid(self) -> int | None:
        """Process id once started."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True from the start until it has ended."""
        return self._process.running

    async def start(self) -> None:
        """Start it over its store."""
        await self._process.start()
        self._wanted = True

    async def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._wanted = False
        await self._process.kill()

    async def terminate(self) -> int | None:
        """SIGTERM, as `systemctl stop`; gives the exit code."""
        self._wanted = False
        return await self._process.end(END_LIMIT_S)

    def pause(self) -> None:
        """SIGSTOP: it hangs."""
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on."""
        self._process.signal(signal.SIGCONT)

    def check(self) -> None:
        """Make sure that it runs if it should. Raises: StationError."""
        if self._wanted and not self.running:
            raise StationError(f"the agent has ended by itself: {' | '.join(self.log[-3:])}")

    @property
    def log(self) -> list[str]:
        """Its log, line by line."""
        return read_lines(self._process.log)

    @property
    def last_log(self) -> list[str]:
        """The last lines of it."""
        return self.log[-LAST_LINES:]


def read_lines(path: Path) -> list[str]:
    """Lines of a text file; none if it is not there."""
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []

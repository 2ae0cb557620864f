"""Real processes and what the kernel says of them (runner)."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
STOP_LIMIT_S = 20.0
KIB = 1024.0
MIB = 1024.0 * KIB
_NS = 1e9
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_USER_TIME, _SYSTEM_TIME_END = 11, 13
"""Places in a list of process, parent and what follows it. Source: proc_pid_stat(5)."""


@dataclass
class Measured:
    """One process under measurement; `began_s` is monotonic, taken before it was made."""

    process: subprocess.Popen[bytes]
    began_s: float

    @classmethod
    def start(cls, command: list[str], error_file: Path | None = None) -> Self:
        """Make a process; standard error goes to a file or nowhere."""
        with (error_file or Path(os.devnull)).open("ab") as errors:
            began_s = time.monotonic()
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        return cls(process, began_s)

    def cpu_s(self) -> float:
        """CPU time of all its threads that live, s."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / _NS

    def rss_mib(self) -> float:
        """Resident set, MiB."""
        return self._status("VmRSS") / KIB

    def peak_mib(self) -> float:
        """Highest resident set so far, MiB."""
        return self._status("VmHWM") / KIB

    def pss_mib(self) -> float:
        """Proportional set: shared pages counted in parts, MiB."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / KIB

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as SIGTERM does. Raises: TimeoutExpired."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def check_alive(self) -> None:
        """Raises: ChildProcessError if it ended."""
        if self.process.poll() is not None:
            raise ChildProcessError(f"{self.process.args!r} ended with {self.process.returncode}")

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + ":"))


class Strangers:
    """CPU that processes take which are not this one and its children; nobody of these may end meanwhile."""

    def __init__(self) -> None:
        self._began_s, self._before_s = time.monotonic(), _machine_cpu_s() - family_cpu_s()

    def cores(self) -> float:
        """So many cores on average since this was made."""
        taken_s = _machine_cpu_s() - family_cpu_s() - self._before_s
        return max(0.0, taken_s / (time.monotonic() - self._began_s))


def family_cpu_s() -> float:
    """CPU time of this process and of all that come from it."""
    found = [text for path in Path("/proc").glob("[0-9]*/stat") if (text := _read(path))]
    numbers = [[int(text.split(" ", 1)[0]), *map(int, text.rpartition(")")[2].split()[1:14])] for text in found]
    family = {os.getpid()}
    while more := {pid for pid, parent, *_ in numbers if parent in family} - family:
        family |= more
    return sum(sum(each[_USER_TIME:_SYSTEM_TIME_END]) for each in numbers if each[0] in family) / _TICKS_PER_S


def agent_command(config: Path, profile: Path | None = None) -> list[str]:
    """The agent as systemd starts it, or under cProfile."""
    options = ["--config", str(config), "--bench", "--log-level", "WARNING"]
    if profile is not None:
        return [sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "agent.main", *options]
    return [str(BIN / "pilotline-agent"), *options]


def bare_command(version: str, url: str, messages: int = 0) -> list[str]:
    """The bare client; `messages`: transaction messages that it sends once booted."""
    script = Path(__file__).parent / f"bare_client_v{version.replace('.', '')}.py"
    return [sys.executable, str(script), f"{url}BARE-0001", str(messages)]


def bare_host_command(line: Path) -> list[str]:
    """The least that answers a safety board on this line."""
    return [sys.executable, "-m", "tests.benchmarks.bare_host", str(line)]


def _machine_cpu_s() -> float:
    """CPU time that all cores were not idle; guest time is part of user time. Source: proc_stat(5)."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""

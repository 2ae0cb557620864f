"""labgrid as it is: a coordinator and an exporter on loopback, and its client; what they export is somebody else's."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / ".venv-labgrid" / "bin"
CLIENT = PROGRAMS / "labgrid-client"
SER2NET = ROOT / "packaging" / "labgrid"
HOST, EXPORTER, PLACE = "127.0.0.1", "bench", "bench-1"
START_LIMIT_S = 30
END_LIMIT_S = 10
Process = asyncio.subprocess.Process


@dataclass(frozen=True, slots=True)
class RealLabgrid:
    """A place with everything that is exported."""

    coordinator: str
    pids: tuple[int, ...]

    async def client(self, *words: str) -> str:
        """What the client prints."""
        command = [str(CLIENT), "-x", self.coordinator, *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        async with asyncio.timeout(START_LIMIT_S):
            told, _ = await process.communicate()
        assert process.returncode == 0, words
        return told.decode()

    def listeners(self) -> dict[str, list[str]]:
        """Addresses at which labgrid and what it has started listen, by program."""
        told = subprocess.run(["ss", "-ltnpH"], check=True, capture_output=True, text=True).stdout
        found: dict[str, list[str]] = {}
        for line in told.splitlines():
            pid = int(line.partition("pid=")[2].partition(",")[0] or 0)
            if pid and _group_of(pid) in self.pids:
                program = line.partition('(("')[2].partition('"')[0]
                found.setdefault(program, []).append(line.split()[3].rpartition(":")[0].strip("[]"))
        return found


def is_loopback(address: str) -> bool:
    """True also of an IPv4 address in the words of IPv6."""
    parsed = ip_address(address)
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


@asynccontextmanager
async def real_labgrid(
    directory: Path, lines: Mapping[str, tuple[Path, int]], coils: Mapping[str, tuple[str, int]]
) -> AsyncIterator[RealLabgrid]:
    """Export lines (device, speed) and coils (card, number), each as a resource of its name, in one place."""
    resources = directory / "resources.yaml"
    resources.write_text(_yaml(lines, coils))
    processes: list[Process] = []
    try:
        listening = await _start(directory, "coordinator", ["-l", f"{HOST}:0"], "listening on", processes)
        coordinator = f"{HOST}:{listening.rpartition(':')[2]}"
        words = ["-c", coordinator, "-n", EXPORTER, "--hostname", HOST, str(resources)]
        await _start(directory, "exporter", words, "Exporter ready", processes)
        made = RealLabgrid(coordinator, tuple(process.pid for process in processes))
        await _make_place(made, lines, coils)
        yield made
    finally:
        for process in reversed(processes):
            await _end(process)


def _yaml(lines: Mapping[str, tuple[Path, int]], coils: Mapping[str, tuple[str, int]]) -> str:
    # labgrid takes devices in /dev only, so a link is followed
    ports = [
        f"{name}:\n  RawSerialPort:\n    port: {os.path.realpath(path)}\n    speed: {speed}\n"
        for name, (path, speed) in lines.items()
    ]
    relays = [
        f'  {name}:\n    cls: ModbusTCPCoil\n    host: "{card}"\n    coil: {coil}\n'
        for name, (card, coil) in coils.items()
    ]
    return "".join([*ports, "relays:\n", *relays])


async def _make_place(made: RealLabgrid, lines: Mapping[str, object], coils: Mapping[str, object]) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while len((await made.client("resources")).splitlines()) < len(lines) + len(coils):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await made.client("-p", PLACE, "create")
    for name in lines:
        await made.client("-p", PLACE, "add-named-match", f"{EXPORTER}/{name}/NetworkSerialPort/RawSerialPort", name)
    await made.client("-p", PLACE, "add-match", f"{EXPORTER}/relays/ModbusTCPCoil/*")


async def _start(directory: Path, name: str, words: Sequence[str], ready: str, started: list[Process]) -> str:
    """Start a program of labgrid's and give the line that says it is ready."""
    path = f"{SER2NET}:{os.environ['PATH']}"
    with (directory / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(PROGRAMS / f"labgrid-{name}"),
            *words,
            cwd=directory,
            env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    started.append(process)
    assert process.stdout is not None
    async with asyncio.timeout(START_LIMIT_S):
        while line := await process.stdout.readline():
            if ready in line.decode():
                return line.decode().strip()
    raise AssertionError(f"labgrid-{name} ended: {(directory / f'{name}.log').read_text()}")


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    with suppress(TimeoutError):
        async with asyncio.timeout(END_LIMIT_S):
            await process.communicate()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _group_of(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0

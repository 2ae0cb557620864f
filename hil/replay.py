"""`pilotline-bench replay`: plays the device side of a recording to an agent (runner: owns lines and clock)."""

import argparse
import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hal.codecs.recording import Entry, Recording, RecordingError, WireBytes, read_recording
from hil.command_line import DONE, FAILED, WRONG_USAGE, complain
from hil.lines.pty_line import PtyLine
from hil.lines.tcp_line import TcpLine
from hil.replay_line import Exchange, LineScript
from hil.replay_requests import Request
from hil.replay_script import Gate, Script

COMMAND = "pilotline-bench replay"
STEP_S = 0.005
PATIENCE_S = 10.0
"""So long, in recorded time, the clock waits for what the agent has to set; then it goes on without."""
SIGHT_PATIENCE_S = 5.0
"""So long it waits for the agent to see what was new."""
AFTERWARDS_S = 3.0
"""With --once the lines stay so long after all was played: an agent acts on what it saw last before they are gone."""
TAKEN_S = 0.25
"""An agent has dealt with an answer so long after it was sent, or when it asks the next question on that line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording of `serve --record` or of the agent")
    parser.add_argument("--dir", type=Path, default=Path("bench"), help="where the lines are linked")
    parser.add_argument("--token", metavar="UID", help="card shown wherever a masked reader read one")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="N times as fast (default 1)")
    parser.add_argument(
        "--once", action="store_true", help="end when all is played; without it, answer on until SIGTERM"
    )


def run(args: argparse.Namespace) -> int:
    """Replay a file; gives the exit code, 1 if something could not be matched."""
    if not args.speed > 0:
        return complain(COMMAND, f"--speed takes a number above 0, not {args.speed:g}", WRONG_USAGE)
    try:
        with args.file.open(encoding="utf-8") as file:
            recording = unmasked(read_recording(file), args.token)
        return asyncio.run(_replay(recording, args))
    except RecordingError as error:
        return complain(COMMAND, f"{args.file}: {error}", FAILED)
    except (OSError, ValueError) as error:
        return complain(COMMAND, str(error), FAILED)


def unmasked(recording: Recording, token: str | None) -> Recording:
    """Put a card's UID where a reader's bytes were masked. Raises: ValueError if none is given or none can be put."""
    if not recording.masked:
        return recording
    if token is None:
        raise ValueError("the readers of this recording are masked: give --token, the card to be shown instead")
    if any(properties["kind"] == "pn532" for properties in recording.lines.values()):
        raise ValueError("a masked PN532 cannot be replayed: record at a bench, with --record-tokens")
    shown = token.encode("ascii") + b"\r\n"
    return replace(recording, entries=tuple(_shown(each, shown) for each in recording.entries))


def _shown(entry: Entry, card: bytes) -> Entry:
    if isinstance(entry, WireBytes) and entry.line.startswith("reader") and not any(entry.data):
        return replace(entry, data=card)
    return entry


async def _replay(recording: Recording, args: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    replay = Replay(recording, args.dir.resolve(), args.speed)
    try:
        print(json.dumps(await replay.open()), flush=True)
        ended = asyncio.ensure_future(stop.wait())
        played = asyncio.ensure_future(replay.play())
        await asyncio.wait({ended, played}, return_when=asyncio.FIRST_COMPLETED)
        if not played.cancel():
            played.result()
        complaints = replay.script.complaints()
        print(json.dumps({"played": not stop.is_set(), "unmatched": complaints}), flush=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(AFTERWARDS_S if args.once else None):
                await ended
        ended.cancel()
    finally:
        await replay.close()
    return FAILED if complaints else DONE


class Replay:
    """The lines of a recording, answering an agent."""

    def __init__(self, recording: Recording, directory: Path, speed: float = 1.0) -> None:
        """Raises: ValueError for what cannot be replayed."""
        self.script = Script(recording)
        self._recording = recording
        self._directory = directory
        self._speed = speed
        self._now = self.script.start
        self._asked = asyncio.Event()
        self._ptys: list[PtyLine] = []
        self._tcp: list[TcpLine] = []
        self._devices: dict[str, _Device] = {}

    async def open(self) -> dict[str, Any]:
        """Open every line; gives where each is. Raises: OSError."""
        places: dict[str, Any] = {}
        for name, script in self.script.lines.items():
            device = self._devices[name] = _Device(script, lambda: self._now, self._asked.set, self._speed)
            if (port := self._recording.lines[name].get("tcp_port")) is not None:
                tcp = TcpLine(device)
                await tcp.open(int(port))
                self._tcp.append(tcp)
                places[name] = tcp.port
                continue
            pty = PtyLine(self._directory / name, device.receive)
            device.output = pty.write
            pty.open()
            self._ptys.append(pty)
            places[name] = str(self._directory / name)
        return {"ready": True, "lines": places}

    async def play(self) -> None:
        """Let the recorded time run, from the agent's first word to the last entry."""
        await self._asked.wait()
        loop = asyncio.get_running_loop()
        before_s, waited_s = loop.time(), 0.0
        while self.script.gate() is not None or self._now < self.script.end:
            await asyncio.sleep(STEP_S)
            step_s = (loop.time() - before_s) * self._speed
            before_s = loop.time()
            gate = self.script.gate()
            wanted = max(self._now + step_s, self.script.reached())
            until = wanted if gate is None else min(wanted, max(self._now, gate.t))
            waited_s = waited_s + step_s if until <= self._now else 0.0
            if gate is not None:
                _lose_patience(gate, waited_s)
            for device in self._devices.values():
                device.speak(self._now, until)
            self._now = until

    async def close(self) -> None:
        """Take every line away."""
        for pty in self._ptys:
            pty.close()
        for tcp in self._tcp:
            await tcp.close()


def _lose_patience(gate: Gate, waited_s: float) -> None:
    if gate.is_order and waited_s > PATIENCE_S:
        gate.line.give_up_order(gate.exchange)
    elif not gate.is_order and waited_s > SIGHT_PATIENCE_S:
        gate.line.give_up_sight(gate.exchange)


class _Device:
    """What answers on one line."""

    def __init__(self, script: LineScript, now: Callable[[], float], asked: Callable[[], None], speed: float) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self._script = script
        self._now = now
        self._asked = asked
        self._speed = speed
        self._buffer = bytearray()

    def receive(self, data: bytes) -> None:
        """Take bytes of the agent and answer as the device did."""
        self._asked()
        self._buffer += data
        protocol = self._script.protocol
        for frame in protocol.split(self._buffer):
            request = protocol.request(frame)
            exchange = self._script.answer(request, self._now())
            if exchange is not None:
                self._answer(exchange, request)

    def speak(self, after: float, until: float) -> None:
        """Say what the device said by itself in this time."""
        for said in self._script.said_between(after, until):
            self.output(said)

    def _answer(self, exchange: Exchange, request: Request) -> None:
        loop, last_s = asyncio.get_running_loop(), 0.0
        for delay_s, said in exchange.delays(self._now()):
            last_s = delay_s / self._speed
            loop.call_later(last_s, self._send, self._script.protocol.fit(said, request))
        loop.call_later(last_s + TAKEN_S, self._script.saw, exchange)

    def _send(self, data: bytes) -> None:
        self.output(data)

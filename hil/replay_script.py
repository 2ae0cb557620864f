"""The device side of a recording: what is answered to which request, and what is said without being asked (rule).

Time runs as it was recorded, but it waits twice: for what the agent set at that moment (a current, a permission), so
that no device reacts to what has not been asked yet; and, before anything further happens, for the agent to have seen
what was new, so that an agent that is late or asks in another rhythm is told the same things in the same order.
Questions may come in any number and order: each is answered as it was about then, and never as it was before or after
the device changed.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from hal.codecs.recording import Direction, Recording, WireBytes
from hil.replay_line import Exchange, LineScript
from hil.replay_requests import Protocol, protocol_of, split_frames

EARLY_NUMBER_S = 5.0
"""An answer belongs to a request of its number that is at most this old."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the clock waits for before it passes `t`."""

    t: float
    line: LineScript
    exchange: Exchange
    is_order: bool
    """True: the agent has to set it; False: it has to see the answer."""


class Script:
    """All lines of a recording."""

    def __init__(self, recording: Recording) -> None:
        """Raises: ValueError for a recording of a kind of line that cannot be replayed, or in which no agent speaks."""
        self.lines = {
            name: LineScript(name, protocol_of(str(properties["kind"]))) for name, properties in recording.lines.items()
        }
        for name, script in self.lines.items():
            _take(script, [each for each in recording.entries if isinstance(each, WireBytes) and each.line == name])
            script.prepare()
        asked = [entry.t for entry in recording.entries if _is_asking(entry)]
        if not asked:
            raise ValueError("nobody asks a device anything in this recording")
        self.start = min(asked)
        self.end = recording.entries[-1].t
        self._order()

    def gate(self) -> Gate | None:
        """What the clock has to wait for next, on any line."""
        gates: list[Gate] = []
        for line in self.lines.values():
            if (due := line.due()) is not None:
                gates.append(Gate(due.t, line, due, is_order=True))
            if (unseen := line.unseen()) is not None:
                gates.append(Gate(math.nextafter(unseen.until, -math.inf), line, unseen, is_order=False))
        return min(gates, key=lambda gate: gate.t, default=None)

    def reached(self) -> float:
        """The time that the agent has reached by what it set, though the clock may be behind."""
        return max(line.set_at for line in self.lines.values())

    def _order(self) -> None:
        """Fix what was new on any line, and until when each news has to be seen."""
        news = sorted({t for line in self.lines.values() for t in line.happened()})
        orders = {each.t for line in self.lines.values() for each in line.exchanges if each.sets}
        borders = sorted({*news, *orders})
        for line in self.lines.values():
            line.borders = borders
            for each in line.news:
                after = bisect_right(news, each.answered)
                each.until = min([self.end, *news[after : after + 1]])

    def complaints(self) -> list[str]:
        """What could not be matched, in sentences."""
        return [
            *(
                f"{line.name}: the agent asked {_shown(key)} {count} times, which the recording does not know"
                for line in self.lines.values()
                for key, count in line.unknown.items()
            ),
            *(
                f"{line.name}: {each.t - self.start:.3f} s after the start the recorded agent said "
                f"{_shown(each.request.key)}; this one did not"
                for line in self.lines.values()
                for each in line.missed
            ),
        ]


def _is_asking(entry: object) -> bool:
    return isinstance(entry, WireBytes) and entry.direction is Direction.TO_DEVICE


def _take(script: LineScript, entries: list[WireBytes]) -> None:
    asked, said = bytearray(), bytearray()
    settings: dict[bytes, bytes] = {}
    for entry in entries:
        if entry.direction is Direction.TO_DEVICE:
            asked += entry.data
            for frame in script.protocol.split(asked):
                request = script.protocol.request(frame)
                slot = request.slot
                sets = slot is not None and settings.get(slot) != request.key
                if slot is not None:
                    settings[slot] = request.key
                script.exchanges.append(Exchange(entry.t, request, sets))
        else:
            for frame in _said(script.protocol, said, entry.data):
                _hear(script, entry.t, frame)


def _said(protocol: Protocol, buffer: bytearray, data: bytes) -> Iterator[bytes]:
    if protocol is protocol_of("rapi"):
        buffer += data
        yield from split_frames(buffer, b"\r")
    else:
        yield data


def _hear(script: LineScript, t: float, frame: bytes) -> None:
    if not script.protocol.is_answer(frame) or not script.exchanges:
        script.spoken.append((t, frame))
        return
    asked = script.exchanges[-1]
    number = frame.partition(b" :")[2][:2] if script.protocol is protocol_of("rapi") else b""
    if number:
        recent = script.exchanges[bisect_left(script.exchanges, t - EARLY_NUMBER_S, key=lambda each: each.t) :]
        asked = next((each for each in reversed(recent) if each.request.number == number), asked)
    asked.answer.append((t - asked.t, frame))


def _shown(key: bytes) -> str:
    return key.decode("ascii") if key.isascii() and key.decode("ascii").isprintable() else key.hex(" ")

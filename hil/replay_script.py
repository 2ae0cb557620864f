"""The device side of a recording: what is answered to which request, and what is said without being asked (rule).

Time runs as it was recorded, but it waits for what the agent set at that moment (a current, a permission), so that no
device reacts to what has not been asked yet. Questions may come in any number and order: each is answered as it was
about then, and never as it was before or after the device changed.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hal.codecs.recording import Direction, Recording, WireBytes
from hil.replay_requests import Protocol, Request, protocol_of, split_frames

EARLY_S = 5.0
"""A request that sets something counts as the recorded one if it comes this much before it."""


@dataclass(slots=True)
class Exchange:
    """One recorded request and its answer."""

    t: float
    request: Request
    sets: bool
    """It set what was not so before: time waits for it."""
    answer: list[tuple[float, bytes]] = field(default_factory=list)
    """What came, and how long after the request, s."""
    matched: bool = False

    @property
    def answered(self) -> float:
        """When the answer came: what it tells was so then."""
        return self.t + (self.answer[0][0] if self.answer else 0.0)


@dataclass(slots=True)
class LineScript:
    """One line of the recording."""

    name: str
    protocol: Protocol
    exchanges: list[Exchange] = field(default_factory=list)
    spoken: list[tuple[float, bytes]] = field(default_factory=list)
    """What the device said by itself, and when."""
    given: dict[bytes, float] = field(default_factory=dict)
    """Time of the last answer to each request: no device goes back in time."""
    unknown: Counter[bytes] = field(default_factory=Counter)
    """Requests of the agent that the recording does not know."""
    missed: list[Exchange] = field(default_factory=list)
    """What the agent set in the recording and did not set now."""

    def answer(self, request: Request, now: float) -> Exchange | None:
        """Return the exchange whose answer fits a request of the agent; None for a request never seen."""
        same = [each for each in self.exchanges if each.request.key == request.key]
        if not same:
            self.unknown[request.key] += 1
            return None
        if request.slot is not None:
            due = next((each for each in same if each.sets and not each.matched and each.t <= now + EARLY_S), None)
            if due is not None:
                due.matched = True
                return due
        same = [each for each in same if not each.sets or each.matched] or same
        same = [each for each in same if each.answer] or same  # a lost answer is not played: the clock may stand here
        since = self.given.get(request.key, now)
        chosen = self._nearest([each for each in same if each.t >= since] or same[-1:] if since < now else same, now)
        self.given[request.key] = chosen.t
        return chosen

    def _nearest(self, same: list[Exchange], now: float) -> Exchange:
        changes = sorted([t for t, _ in self.spoken] + [each.t for each in self.exchanges if each.sets])
        epoch = bisect_right(changes, now)
        in_epoch = [each for each in same if bisect_right(changes, each.answered) == epoch]
        if not in_epoch:
            # Nobody asked between two changes: what was so after them is nearer to the truth than what was before.
            in_epoch = [each for each in same if each.answered > now][:1]
        return min(in_epoch or same, key=lambda each: abs(each.answered - now))

    def due(self) -> Exchange | None:
        """What the agent has to set next; None: nothing any more."""
        return next((each for each in self.exchanges if each.sets and not each.matched), None)

    def said_between(self, after: float, until: float) -> list[bytes]:
        """What the device says by itself in this time."""
        times = [t for t, _ in self.spoken]
        return [data for _, data in self.spoken[bisect_right(times, after) : bisect_right(times, until)]]


class Script:
    """All lines of a recording."""

    def __init__(self, recording: Recording) -> None:
        """Raises: ValueError for a recording of a kind of line that cannot be replayed, or in which no agent speaks."""
        self.lines = {
            name: LineScript(name, protocol_of(str(properties["kind"]))) for name, properties in recording.lines.items()
        }
        for name, script in self.lines.items():
            _take(script, [each for each in recording.entries if isinstance(each, WireBytes) and each.line == name])
        asked = [entry.t for entry in recording.entries if _is_asking(entry)]
        if not asked:
            raise ValueError("nobody asks a device anything in this recording")
        self.start = min(asked)
        self.end = recording.entries[-1].t

    def gate(self) -> Exchange | None:
        """What has to be set next on any line."""
        waiting = [each for line in self.lines.values() if (each := line.due()) is not None]
        return min(waiting, key=lambda each: each.t, default=None)

    def give_up(self, exchange: Exchange) -> None:
        """Go on without what was not set."""
        exchange.matched = True
        for line in self.lines.values():
            if exchange in line.exchanges:
                line.missed.append(exchange)

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
        recent = script.exchanges[bisect_left(script.exchanges, t - EARLY_S, key=lambda each: each.t) :]
        asked = next((each for each in reversed(recent) if each.request.number == number), asked)
    asked.answer.append((t - asked.t, frame))


def _shown(key: bytes) -> str:
    return key.decode("ascii") if key.isascii() and key.decode("ascii").isprintable() else key.hex(" ")

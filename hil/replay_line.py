"""One line of a recording: which recorded exchange answers a request of the agent (rule).

A device that is asked for its state answers as it last did until it changed; one that measures, as it did nearest to
now. Neither tells what it told only after something else had happened, or before.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise

from hil.replay_requests import Protocol, Request

EARLY_S = 5.0
"""A request that sets something counts as the recorded one if it comes this much before it."""
MEASURED_RUN = 6
"""A question whose answer was another one so many times on end asks for a measurement: nobody waits for it."""
REPEATED_S = 2.0
"""What a device says again within this time is not new."""
PROMPT_S = 0.005
"""A device that was slow once, since it was busy, is as quick as this otherwise."""
NEAR = 100
"""So many equal requests before and after now are looked at."""
SILENT_RUN = 2
SILENT_S = 1.5
"""A device that left so many requests on end unanswered, for so long, was silent; fewer answers were only lost."""


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
    seen: bool = False
    until: float = math.inf
    """When the next thing happened: the agent has to have seen this before."""

    @property
    def answered(self) -> float:
        """When the answer came: what it tells was so then."""
        return self.t + (self.answer[0][0] if self.answer else 0.0)

    def delays(self, now: float) -> list[tuple[float, bytes]]:
        """The answer to the same request at this time: not later than it came, and at once if it would be."""
        if not self.answer:
            return []
        first_s = self.answer[0][0]
        waits_s = min(first_s, max(self.answered - now, PROMPT_S))
        return [(delay_s - first_s + waits_s, said) for delay_s, said in self.answer]


@dataclass(slots=True)
class LineScript:
    """One line of the recording; to be prepared when all of it has been taken."""

    name: str
    protocol: Protocol
    exchanges: list[Exchange] = field(default_factory=list)
    spoken: list[tuple[float, bytes]] = field(default_factory=list)
    """What the device said by itself, and when."""
    unknown: Counter[bytes] = field(default_factory=Counter)
    """Requests of the agent that the recording does not know."""
    missed: list[Exchange] = field(default_factory=list)
    """What the agent set in the recording and did not set now."""
    news: list[Exchange] = field(default_factory=list)
    """Answers that were not so before."""
    borders: list[float] = field(default_factory=list)
    """When anything changed on any line."""
    _by_key: dict[bytes, list[Exchange]] = field(default_factory=dict)
    _measured: set[bytes] = field(default_factory=set)
    _own_borders: list[float] = field(default_factory=list)
    _silences: list[tuple[float, float]] = field(default_factory=list)
    _orders: deque[Exchange] = field(default_factory=deque)
    _unseen: deque[Exchange] = field(default_factory=deque)
    set_at: float = -math.inf
    """When what the agent set last was set in the recording: it may be ahead of the clock, which follows."""
    _given: dict[bytes, Exchange] = field(default_factory=dict)
    """The last answer to each request: no device goes back in time."""
    _told: Exchange | None = None

    def prepare(self) -> None:
        """Find what was new, and when the device was silent."""
        for each in self.exchanges:
            self._by_key.setdefault(each.request.key, []).append(each)
        for key, same in self._by_key.items():
            self._find_news(key, [each for each in same if each.answer])
        self.news.sort(key=lambda each: each.answered)
        self._unseen = deque(self.news)
        self._orders = deque(each for each in self.exchanges if each.sets)
        self._own_borders = sorted([t for t, _ in self.spoken] + [each.t for each in self._orders])
        self._find_silences()

    def happened(self) -> list[float]:
        """When something could be noticed on this line that was not so before."""
        times, last = [], dict[bytes, float]()
        for t, data in self.spoken:
            if t > last.get(data, -math.inf) + REPEATED_S:
                times.append(t)
            last[data] = t
        return times + [each.answered for each in self.news] + [t for silence in self._silences for t in silence]

    def answer(self, request: Request, now: float) -> Exchange | None:
        """Return the exchange whose answer fits a request of the agent; None if there was none."""
        if self._told is not None:
            self.saw(self._told)
        same = self._by_key.get(request.key)
        if same is None:
            self.unknown[request.key] += 1
            return None
        due = self._order_of(request)
        if due is not None and due.t > now + EARLY_S:
            due = None
        if due is not None:
            due.matched = True
            self.set_at = max(self.set_at, due.t)
        now = self._line_time(now)
        if any(start <= now < end for start, end in self._silences):
            return None
        chosen = due if due is not None and due.answer else self._fitting(request.key, same, now)
        self._given[request.key] = self._told = chosen
        return chosen

    def saw(self, exchange: Exchange) -> None:
        """The agent has this answer, and with it all that were given to the same question before."""
        same = self._by_key[exchange.request.key]
        for each in reversed(same[: bisect_right(same, exchange.t, key=_time)]):
            if each.seen:
                break
            each.seen = True

    def due(self) -> Exchange | None:
        """What the agent has to set next; None: nothing any more."""
        while self._orders and self._orders[0].matched:
            self._orders.popleft()
        return self._orders[0] if self._orders else None

    def unseen(self) -> Exchange | None:
        """What the agent has to see next; None: nothing any more."""
        while self._unseen and self._unseen[0].seen:
            self._unseen.popleft()
        return self._unseen[0] if self._unseen else None

    def give_up_order(self, exchange: Exchange) -> None:
        """Go on without what was not set."""
        exchange.matched = True
        self.missed.append(exchange)

    def give_up_sight(self, exchange: Exchange) -> None:
        """Go on though this was not seen; a question that this agent never asks is not waited for again."""
        same = self._by_key[exchange.request.key]
        self.saw(exchange if exchange.request.key in self._given else same[-1])

    def said_between(self, after: float, until: float) -> list[bytes]:
        """What the device says by itself in this time."""
        times = [t for t, _ in self.spoken]
        return [data for _, data in self.spoken[bisect_right(times, after) : bisect_right(times, until)]]

    def _order_of(self, request: Request) -> Exchange | None:
        """What is to be set next in a slot, if it is this."""
        waiting = (each for each in self._orders if not each.matched and each.request.slot == request.slot)
        due = next(waiting, None) if request.slot is not None else None
        return due if due is not None and due.request.key == request.key else None

    def _line_time(self, now: float) -> float:
        """Not before what was set, and before what is still to be set."""
        due = self.due()
        now = max(now, self.set_at)
        return now if due is None else min(now, math.nextafter(due.t, -math.inf))

    def _fitting(self, key: bytes, same: list[Exchange], now: float) -> Exchange:
        about = bisect_left(same, now, key=_time)
        same = same[max(0, about - NEAR) : about + NEAR]
        same = [each for each in same if not each.sets or each.matched] or same
        same = [each for each in same if each.answer] or same  # a lost answer is not played: the clock may stand here
        given = self._given.get(key)
        same = [each for each in same if given is None or each.t >= given.t] or same[-1:]
        after = [each for each in same if each.answered > now][:1]
        in_own = _in_epoch(same, self._own_borders, now)
        if key not in self._measured:
            before = [each for each in in_own if each.answered <= now]
            # Nobody asked between two changes: what was so after them is nearer to the truth than what was before.
            return (before[-1:] or in_own or after or same[-1:])[0]
        fitting = _in_epoch(same, self.borders, now) or in_own or after or same
        return min(fitting, key=lambda each: abs(each.answered - now))

    def _find_news(self, key: bytes, same: list[Exchange]) -> None:
        states = [self._state(each) for each in same]
        run = longest = 0
        for before, then in pairwise(states):
            run = run + 1 if then != before else 0
            longest = max(longest, run)
        if self.name.endswith("/meter") or longest >= MEASURED_RUN or b"" in states:
            self._measured.add(key)
        else:
            self.news += [each for n, each in enumerate(same) if n == 0 or states[n] != states[n - 1]]

    def _state(self, exchange: Exchange) -> bytes:
        plain = Request(exchange.request.key, None)
        return self.protocol.state(plain, b"".join(self.protocol.fit(said, plain) for _, said in exchange.answer))

    def _find_silences(self) -> None:
        answered = [n for n, each in enumerate(self.exchanges) if each.answer]
        for before, then in pairwise([-1, *answered, len(self.exchanges)] if answered else []):
            run = self.exchanges[before + 1 : then]
            end = self.exchanges[then].t if then < len(self.exchanges) else math.inf
            if len(run) >= SILENT_RUN and min(end, self.exchanges[-1].t) - run[0].t >= SILENT_S:
                self._silences.append((run[0].t if before >= 0 else -math.inf, end))


def _time(exchange: Exchange) -> float:
    return exchange.t


def _in_epoch(same: list[Exchange], borders: list[float], now: float) -> list[Exchange]:
    epoch = bisect_right(borders, now)
    return [each for each in same if bisect_right(borders, each.answered) == epoch]

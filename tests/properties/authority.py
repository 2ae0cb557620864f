"""Who may have power, told from outside of the station alone (rule over what drivers, bench and back-end did).

Evidence is what happened around the station: cards held to the reader, remote starts and stops that the back-end sent
and what was answered, which cards the back-end accepted, cables pulled. What the station believes is not asked. The
chain that must close: power flows only within a transaction of the ledger; each transaction has a card or a remote
start of its own, after the last cable was pulled; and after a stop or an unplugging its power ends for good.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hil.csms.frames import Frame

BRIEF_S: Final = 0.8
"""Declared opening time of the board, 0.5 s, and this watch's own step."""
STOPPING_S: Final = 8.0
"""A stop asks the car first, for 6 s; then the contactor opens within 0.5 s. Source: IEC 61851-1, sequence 10.2."""
READER_S: Final = 2.0
"""A card that was held to the reader less than this before is not read again."""
WAITING_S: Final = 130.0
"""A card may wait so long for its car: `EVConnectionTimeOut`, and an answer of the back-end that takes its time."""
UNSEEN_S: Final = 0.5
"""A cable that is back within this time was not pulled as far as a board can see."""
EARLY_S: Final = 0.5
"""The reader is quicker than the board: a card shown this long before a cable is pulled may be read as after it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A reason to give somebody power: a card at the reader, or a remote start."""

    at_s: float
    token: str
    evse: int | None = None
    """Where a remote start was meant for; a card may be meant for any EVSE."""

    @property
    def is_card(self) -> bool:
        """True for a card at the reader."""
        return self.evse is None


@dataclass(frozen=True, slots=True)
class Span:
    """A transaction as the back-end was told of it, in loop time."""

    name: str
    evse: int
    token: str
    start_s: float
    end_s: float


@dataclass
class Evidence:
    """What could be seen from outside, in order of time."""

    grants: list[Grant] = field(default_factory=list)
    remote_stops: list[tuple[float, str]] = field(default_factory=list)
    """When the station accepted to stop which transaction."""
    accepted_s: dict[str, float] = field(default_factory=dict)
    """When the back-end first said that a card may charge."""
    unplugged_s: dict[int, list[float]] = field(default_factory=dict)
    powered_s: dict[int, list[float]] = field(default_factory=dict)
    """Looks at which power was on at an EVSE that the station could see and steer for long enough."""
    absent_s: list[float] = field(default_factory=list)
    """Looks at which the agent did not run."""
    _asked: dict[str, str] = field(default_factory=dict)
    _plugged: set[int] = field(default_factory=set)

    def frame(self, frame: Frame) -> None:
        """Take note of the cards that the back-end was asked about and accepted."""
        payload = frame.payload
        if not isinstance(payload, dict):
            return
        if (frame.direction, frame.kind) == ("in", "call"):
            token = payload.get("idTag") or (payload.get("idToken") or {}).get("idToken")
            if token is not None:
                self._asked[frame.message_id] = str(token)
        elif (frame.direction, frame.kind) == ("out", "result") and frame.message_id in self._asked:
            info = payload.get("idTagInfo") or payload.get("idTokenInfo") or {}
            if info.get("status") == "Accepted":
                self.accepted_s.setdefault(self._asked[frame.message_id], frame.at_s)

    def cable(self, evse: int, at_s: float, *, plugged: bool) -> None:
        """Take note of a cable that was pulled or plugged in."""
        pulled_s = self.unplugged_s.setdefault(evse, [])
        if plugged and evse not in self._plugged and pulled_s and at_s - pulled_s[-1] < UNSEEN_S:
            pulled_s.pop()
        elif not plugged and evse in self._plugged:
            pulled_s.append(at_s)
        (self._plugged.add if plugged else self._plugged.discard)(evse)

    def unplugged_before(self, evse: int, at_s: float) -> float:
        """When the last cable was pulled before this time."""
        return max((t for t in self.unplugged_s.get(evse, ()) if t < at_s), default=float("-inf"))


def unauthorised(evidence: Evidence, spans: Sequence[Span]) -> list[str]:
    """Every case of power that nobody outside had authorised, in words."""
    spans = sorted(spans, key=lambda span: span.start_s)
    grants = dict(_granted(evidence, spans))
    found = [text for evse in evidence.powered_s for text in _outside_of_transactions(evidence, evse, spans)]
    spare = [grant for grant in evidence.grants if grant not in grants.values()]
    for span in spans:
        powered_s = [t for t in evidence.powered_s.get(span.evse, ()) if span.start_s <= t <= span.end_s]
        if powered_s:
            found += _of_start(evidence, span, grants.get(span.name), powered_s[0])
            found += _of_stops(evidence, span, spare, powered_s)
    return found


def _granted(evidence: Evidence, spans: Iterable[Span]) -> Iterator[tuple[str, Grant]]:
    """Give each transaction the first card or remote start that may be its own; none serves two."""
    free = list(evidence.grants)
    for span in spans:
        since_s = evidence.unplugged_before(span.evse, span.start_s) - EARLY_S
        for grant in free:
            if grant.token == span.token and grant.evse in {None, span.evse} and since_s < grant.at_s <= span.start_s:
                free.remove(grant)
                yield span.name, grant
                break


def _outside_of_transactions(evidence: Evidence, evse: int, spans: Iterable[Span]) -> list[str]:
    mine = [span for span in spans if span.evse == evse]
    since_s, last_s = float("-inf"), float("-inf")
    for t in evidence.powered_s[evse]:
        if any(span.start_s - BRIEF_S <= t <= span.end_s + BRIEF_S for span in mine):
            continue
        if t - last_s > BRIEF_S:
            since_s = t
        last_s = t
        if t - since_s > BRIEF_S:
            return [f"{t:.3f} s: evse {evse}: power outside of every transaction"]
    return []


def _of_start(evidence: Evidence, span: Span, grant: Grant | None, powered_at_s: float) -> list[str]:
    if grant is None:
        return [f"{span}: neither card nor remote start in this plug-in"]
    if grant.is_card and evidence.accepted_s.get(span.token, float("inf")) > powered_at_s + BRIEF_S:
        return [f"{span}: power at {powered_at_s:.3f} s before the back-end accepted the card"]
    return []


def _of_stops(evidence: Evidence, span: Span, spare: Sequence[Grant], powered_s: Sequence[float]) -> list[str]:
    """Tell power of this transaction that went on, or came back, after its end was demanded."""
    ends = [(t, "the cable was pulled", BRIEF_S) for t in evidence.unplugged_s.get(span.evse, ()) if t > span.start_s]
    ends += [(t, "a remote stop", STOPPING_S) for t, name in evidence.remote_stops if name == span.name]
    ends += [(t, "its own card", STOPPING_S) for t in _stopping_cards(evidence, span, spare, powered_s)]
    return [
        f"{span}: power at {powered_s[-1]:.3f} s after {what} at {t:.3f} s"
        for t, what, limit_s in ends
        if powered_s[-1] > t + limit_s
    ]


def _stopping_cards(evidence: Evidence, span: Span, spare: Sequence[Grant], powered_s: Sequence[float]) -> list[float]:
    """When its own card was shown to a transaction in full power, read for certain and meant for nothing else."""
    shown_s = [grant.at_s for grant in evidence.grants if grant.is_card and grant.token == span.token]
    elsewhere_s = [grant.at_s for grant in spare if grant.token == span.token]
    found = []
    for t in shown_s:
        flowing = any(t - 1.0 <= each <= t for each in powered_s)
        was_read = not any(t - READER_S < each < t for each in shown_s)
        waits_elsewhere = any(t - WAITING_S < each < t for each in elsewhere_s)
        if (
            flowing
            and was_read
            and not waits_elsewhere
            and not any(t - 1.0 < gone < t + 1.0 for gone in evidence.absent_s)
        ):
            found.append(t)
    return found

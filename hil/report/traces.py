"""What a run's events look like over time: steps, ramps, ticks and what the driver saw (rule).

One `Traces` per EVSE. Times are the bench's; energy between two readings is the integral of the reported current,
which is how the bench itself computes it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hil.report.results import Event, Line, Result, number

SECONDS_PER_HOUR = 3600
DUTY_OF_OUTPUT = {"steady_12v": 100.0, "negative_12v": 0.0, "dark": 0.0}
POLLED_MORE_THAN = 8
"""A command sent more often than this in one run is a poll: a small tick without its text."""
RAPI_TRAILER = re.compile(r"\s*(?::[0-9A-F]{2})?(?:\^[0-9A-F]{2})?$")
"""Sequence number and checksum of a RAPI command. Source: facts rapi_openevse."""
RAPI_GET, RAPI_HEARTBEAT = "$G", "$SY"
OCPP_DETAIL = re.compile(r'"(?:eventType|connectorStatus|status|action)"\s*:\s*"(\w{1,40})"')
"""The one word of a message that says most."""
DRAWN = {"pilot_voltage", "pilot_state", "duty", "current", "energy", "indication", "command", "reply", "message"}
"""Events with a place of their own; all others are notes of the bench."""
FRAME_FIELDS = ("event", "evse", "t")

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that happened at one time; `is_minor` ones come in great number and carry no text."""

    t: float
    text: str
    is_minor: bool = False
    from_station: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """What the driver saw and heard, from its time until the next."""

    t: float
    light: str
    is_blinking: bool
    buzzer: str
    text: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Current per phase from one event on: a straight line to its target, then steady."""

    t: float
    start_a: float
    target_a: float
    reached_t: float
    phase_voltage_v: float

    def current_a(self, t: float) -> float:
        """Current per phase at this time, A."""
        if t >= self.reached_t:
            return self.target_a
        return self.start_a + (self.target_a - self.start_a) * (t - self.t) / (self.reached_t - self.t)


@dataclass(slots=True)
class Traces:
    """Everything of one EVSE that can be drawn."""

    evse: int
    start_t: float
    end_t: float
    high_v: Points = field(default_factory=list)
    low_v: Points = field(default_factory=list)
    pilot_states: list[tuple[float, str]] = field(default_factory=list)
    duty_percent: Points = field(default_factory=list)
    contactors: dict[str, Points] = field(default_factory=dict)
    current_a: Points = field(default_factory=list)
    energy_wh: Points = field(default_factory=list)
    energy_readings: Points = field(default_factory=list)
    commands: list[Tick] = field(default_factory=list)
    messages: list[Tick] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    notes: list[Tick] = field(default_factory=list)


def traces_of(result: Result) -> list[Traces]:
    """One for each EVSE at which something happened, at least one."""
    numbers = sorted({e["evse"] for e in result.events if e.get("event") == "contactor" and _is_number(e.get("evse"))})
    if not numbers:
        numbers = sorted({e["evse"] for e in result.events if _is_number(e.get("evse"))})[:1] or [1]
    moved = [
        n for n in numbers if sum(e.get("evse") == n and e.get("event") == "pilot_state" for e in result.events) > 1
    ]
    return [_traces(result, evse) for evse in moved or numbers[:1]]


def times_of(result: Result) -> tuple[float, float]:
    """First and last time of everything that is known of the run."""
    times = [float(event["t"]) for event in result.events]
    times += [line.t for line in (*result.wire, *result.csms)]
    for measurement in result.measurements:
        if measurement.from_t is not None:
            times += [measurement.from_t, measurement.from_t + max(measurement.limit_s or 0, measurement.value_s or 0)]
    times += [] if result.stimulus_t is None else [result.stimulus_t]
    return (min(times), max(times)) if times else (0.0, 1.0)


def command_text(text: str) -> str:
    """The command without sequence number and checksum, which change each time."""
    return RAPI_TRAILER.sub("", text) if text.startswith("$") else text


def note_text(event: Event) -> str:
    """An event of the bench in words."""
    fields = ((name, value) for name, value in event.items() if name not in {*FRAME_FIELDS, "op"})
    told = [f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in fields]
    match event:
        case {"event": "vehicle", "plugged": plugged}:
            return "vehicle plugged in" if plugged else "vehicle unplugged"
        case {"event": "supply", "on": on}:
            return "supply on" if on else "supply cut"
        case {"event": "swipe"}:
            return "card at the reader"
        case {"event": "stimulus", "op": op}:
            return " ".join([str(op).replace("_", " "), *told])
    return " ".join([str(event.get("event")).replace("_", " "), *told])


def steps(points: Points, end_t: float) -> Points:
    """The corners of a line that keeps each value until the next."""
    corners: Points = []
    for (t, value), (next_t, _) in pairwise([*points, (end_t, 0.0)]):
        corners += [(t, value), (max(t, next_t), value)]
    return corners


def _traces(result: Result, evse: int) -> Traces:
    start_t, end_t = times_of(result)
    traces = Traces(evse, start_t, end_t)
    own = [event for event in result.events if event.get("evse") in {evse, None}]
    for event in own:
        _take(traces, event)
    flows = list(_flows(own))
    traces.current_a = list(_current(flows, end_t))
    traces.energy_wh = _energy(traces.energy_readings, flows, end_t)
    traces.commands = _commands(result, own)
    traces.messages = [_message(line) for line in result.csms]
    return traces


def _commands(result: Result, events: list[Event]) -> list[Tick]:
    """What the board was told; from the recorded wire where the board itself reports nothing."""
    sent = [(float(e["t"]), command_text(str(e.get("text", "")))) for e in events if e.get("event") == "command"]
    sent = sent or [(line.t, line.text) for line in result.wire if line.from_station and "board" in line.where]
    often = Counter(text for _, text in sent)
    return [Tick(t, text, is_minor=often[text] > POLLED_MORE_THAN or _is_routine(text)) for t, text in sent]


def _is_routine(text: str) -> bool:
    return text.startswith(RAPI_GET) or text == RAPI_HEARTBEAT


def _take(traces: Traces, event: Event) -> None:
    t, name = float(event["t"]), str(event.get("event"))
    match name:
        case "pilot_voltage":
            _add(traces.high_v, t, event.get("high_v"))
            _add(traces.low_v, t, event.get("low_v"))
        case "pilot_state":
            traces.pilot_states.append((t, str(event.get("state"))))
        case "duty":
            other = DUTY_OF_OUTPUT.get(str(event.get("output")))
            _add(traces.duty_percent, t, event.get("duty_percent") if other is None else other)
        case "energy":
            try:
                traces.energy_readings.append((t, float(event.get("energy_wh", ""))))
            except (TypeError, ValueError):
                return
        case "indication":
            traces.shown.append(_shown(event))
        case _ if name.startswith("contactor"):
            traces.contactors.setdefault(name, []).append((t, 1.0 if event.get("closed") else 0.0))
        case _ if name not in DRAWN:
            traces.notes.append(Tick(t, note_text(event)))


def _add(points: Points, t: float, value: object) -> None:
    if (known := number(value)) is not None:
        points.append((t, known))


def _shown(event: Event) -> Shown:
    texts = (str(event.get(name) or "") for name in ("light", "buzzer", "text"))
    light, buzzer, text = texts
    return Shown(float(event["t"]), light, event.get("blinking") is True, buzzer, text)


def _message(line: Line) -> Tick:
    """A message by its name and the word that says most; answers are many and small, unless they are errors."""
    detail = OCPP_DETAIL.search(line.text)
    name = f"{line.where} ERROR" if line.kind == "error" else line.where or line.text
    text = f"{name}: {detail[1]}" if detail else name
    return Tick(line.t, text, is_minor=line.kind == "result", from_station=line.from_station)


def _flows(events: list[Event]) -> Iterator[Flow]:
    for event in events:
        target_a = number(event.get("target_a"))
        if event.get("event") != "current" or target_a is None:
            continue
        t = float(event["t"])
        start_a, voltage_v = number(event.get("current_a")), number(event.get("voltage_v"))
        reached_s, phases = number(event.get("reached_in_s")), number(event.get("phases"))
        yield Flow(
            t,
            target_a if start_a is None else start_a,
            target_a,
            t + max(0.0, reached_s or 0.0),
            (voltage_v or 0.0) * (phases or 0.0),
        )


def _current(flows: list[Flow], end_t: float) -> Iterator[tuple[float, float]]:
    for flow, until_t in _spans(flows, end_t):
        yield flow.t, flow.current_a(flow.t)
        if flow.t < flow.reached_t < until_t:
            yield flow.reached_t, flow.target_a
        yield until_t, flow.current_a(until_t)


def _energy(readings: Points, flows: list[Flow], end_t: float) -> Points:
    """Register since the first reading, corrected at each further one."""
    points: Points = []
    for (t, reading_wh), (next_t, _) in pairwise([*readings, (end_t, 0.0)]):
        at_t, energy_wh = t, reading_wh
        points.append((t, energy_wh))
        for corner_t in (*_corners(flows, t, next_t), next_t):
            energy_wh += _energy_between(flows, at_t, corner_t)
            points.append((corner_t, energy_wh))
            at_t = corner_t
    return points


def _corners(flows: list[Flow], from_t: float, to_t: float) -> list[float]:
    """Times at which the current changes its course, with some on the way along a ramp."""
    found = set()
    for flow in flows:
        found |= {flow.t, *(flow.t + (flow.reached_t - flow.t) * part / 4 for part in range(1, 5))}
    return sorted(t for t in found if from_t < t < to_t)


def _energy_between(flows: list[Flow], from_t: float, to_t: float) -> float:
    flow = next((flow for flow in reversed(flows) if flow.t <= from_t), None)
    if flow is None:
        return 0.0
    mean_a = (flow.current_a(from_t) + flow.current_a(to_t)) / 2
    return mean_a * flow.phase_voltage_v * (to_t - from_t) / SECONDS_PER_HOUR


def _spans(flows: list[Flow], end_t: float) -> Iterator[tuple[Flow, float]]:
    yield from zip(flows, [*(after.t for after in flows[1:]), end_t], strict=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""A run told line by line: what bench, board, driver and back-end saw, in the order of time (rule)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hil.report.results import Event, Result
from hil.report.traces import FRAME_FIELDS, Traces, command_text, note_text

MOST_LINES = 400
"""Lines kept of a run, those nearest to the stimulus; polls of the board are left out anyway."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    t: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Chronicle:
    """The lines, and how many were left out as too many."""

    entries: tuple[Entry, ...]
    left_out: int


def chronicle(result: Result, all_traces: Sequence[Traces]) -> Chronicle:
    """Everything but polls; times count from the stimulus."""
    zero_t = all_traces[0].start_t if result.stimulus_t is None else result.stimulus_t
    polls = {(tick.t, tick.text) for traces in all_traces for tick in traces.commands if tick.is_minor}
    entries = [*_bench(result.events, polls), *_messages(result), *_wire(result, polls)]
    nearest = sorted(entries, key=lambda entry: abs(entry.t - zero_t))[:MOST_LINES]
    ordered = sorted(nearest, key=lambda entry: entry.t)
    told = tuple(Entry(entry.t - zero_t, entry.who, entry.text) for entry in ordered)
    return Chronicle(told, len(entries) - len(told))


def _bench(events: Sequence[Event], polls: set[tuple[float, str]]) -> Iterator[Entry]:
    polled = False
    several = len({event.get("evse") for event in events} - {None}) > 1
    for event in events:
        t, name, text = float(event["t"]), event.get("event"), str(event.get("text", ""))
        where = f" {event['evse']}" if several and "evse" in event else ""
        match name:
            case "command":
                polled = (t, command_text(text)) in polls
                if not polled:
                    yield Entry(t, f"to board{where}", text)
            case "reply" | "message":
                if name == "message" or not polled:
                    yield Entry(t, f"from board{where}", text)
            case "indication":
                yield Entry(t, f"driver{where}", indication_text(event))
            case _:
                yield Entry(t, f"bench{where}", event_text(event))


def _messages(result: Result) -> Iterator[Entry]:
    for line in result.csms:
        text = line.text if line.where in line.text else f"{line.where} {line.kind} {line.text}".strip()
        yield Entry(line.t, "station to CSMS" if line.from_station else "CSMS to station", text)


def _wire(result: Result, polls: set[tuple[float, str]]) -> Iterator[Entry]:
    """The recorded wire, where the board itself does not report its commands."""
    if any(event.get("event") == "command" for event in result.events):
        return
    for line in result.wire:
        if "board" in line.where and (line.t, line.text) not in polls:
            yield Entry(line.t, "to board" if line.from_station else "from board", line.text)


def indication_text(event: Event) -> str:
    """What the driver saw and heard."""
    light = f"{event.get('light')}{' blinking' if event.get('blinking') is True else ''}"
    buzzer = "" if event.get("buzzer") in {None, "none"} else f", buzzer: {event['buzzer']}"
    return f"light {light}{buzzer}, display: {event.get('text') or 'empty'}"


def event_text(event: Event) -> str:
    """An event of the bench with its figures."""
    match event:
        case {"event": "pilot_voltage", "high_v": high_v, "low_v": low_v}:
            return f"pilot {high_v} V / {low_v} V"
        case {"event": "pilot_state", "state": state}:
            return f"pilot state {state}"
        case {"event": "duty", "duty_percent": None, "output": output}:
            return f"pilot output {str(output).replace('_', ' ')}"
        case {"event": "duty", "duty_percent": duty_percent}:
            return f"pilot output PWM {duty_percent} %"
        case {"event": str(name), "closed": closed} if name.startswith("contactor"):
            return f"{name.replace('_', ' ')} {'closed' if closed else 'open'}"
        case {"event": "vehicle" | "supply" | "swipe" | "stimulus"}:
            return note_text(event)
    fields = ", ".join(f"{name} {value}" for name, value in event.items() if name not in FRAME_FIELDS)
    return f"{str(event.get('event')).replace('_', ' ')}: {fields}"

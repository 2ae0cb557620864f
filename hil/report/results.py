"""Results of scenario runs, as the scenario plugin writes them: one JSON file per run (values, and their reader).

A file that cannot be read becomes `Unreadable`; what is missing in a file that can be read is simply not shown.
Times are seconds of the bench's monotonic clock.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOT_APPLICABLE_FILE = "not_applicable.jsonl"
LARGEST = 1e15
"""Beyond this no time, voltage or energy of a run can be."""
OUTCOMES = ("failed", "error", "exception", "passed", "skipped")
KINDS = ("call", "result", "error")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Not allowed in HTML, or able to reorder a line: shown as a middle dot."""
STATION_VERSION = re.compile(r'"firmwareVersion"\s*:\s*"([^"]{1,50})"')

Event = dict[str, Any]


class ResultsError(Exception):
    """There is nothing to report on; one sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured time beside its limit; `value_s` is None if what was timed never came."""

    name: str
    value_s: float | None
    limit_s: float | None
    at_least_s: float | None
    source: str
    met: bool
    from_t: float | None
    to_t: float | None

    @property
    def margin_s(self) -> float | None:
        """Seconds left to the nearer limit; negative beyond it."""
        if self.value_s is None:
            return None
        margins = [] if self.limit_s is None else [self.limit_s - self.value_s]
        margins += [] if self.at_least_s is None else [self.value_s - self.at_least_s]
        return min(margins, default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """A text at a time: bytes on a wire, or a message to or from the back-end."""

    t: float
    where: str
    """The line, or the message's name."""
    from_station: bool
    text: str
    kind: str = ""
    """Of a message: call, result, error, or empty."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one scenario."""

    scenario: str
    title: str
    board: str
    bench: str
    meter: str
    ocpp: str
    station_version: str
    stimulus: str
    expectation: str
    limit: str
    """What is demanded, in the scenario's own words."""
    outcome: str
    reason: str
    started: datetime | None
    duration_s: float | None
    stimulus_t: float | None
    measurements: tuple[Measurement, ...]
    events: tuple[Event, ...]
    wire: tuple[Line, ...]
    csms: tuple[Line, ...]
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A scenario that a bench was not asked, and why."""

    scenario: str
    title: str
    board: str
    bench: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A result that could not be read, and why in one sentence."""

    name: str
    reason: str


def load_results(directory: Path) -> tuple[list[Result], list[Unreadable]]:
    """Read every `*.json` of the directory, in the order of their names. Raises: ResultsError if there is none."""
    try:
        files = sorted(file for file in directory.iterdir() if file.suffix == ".json")
    except OSError as error:
        raise ResultsError(f"{directory} cannot be read ({error.strerror}); run the scenarios first") from error
    if not files:
        raise ResultsError(f"{directory} has no results; run the scenarios first")
    results: list[Result] = []
    unreadable: list[Unreadable] = []
    for file in files:
        try:
            results.append(result_from_json(json.loads(file.read_text("utf-8"))))
        except (OSError, ValueError, RecursionError) as error:
            unreadable.append(Unreadable(clean(file.name), f"cannot be read as a result: {clean(str(error))}"))
    return results, unreadable


def load_not_applicable(directory: Path) -> list[NotApplicable]:
    """What the plugin left out; none if it wrote no such list, and without the lines that say nothing."""
    try:
        lines = (directory / NOT_APPLICABLE_FILE).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            rows.append(
                NotApplicable(*(_text(data, name) for name in ("scenario", "title", "board", "bench", "reason")))
            )
    return rows


def result_from_json(data: object) -> Result:
    """One result of a file's content. Raises: ValueError, with a sentence."""
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - of the file, as all others here
    outcome = data.get("outcome")
    if outcome not in OUTCOMES:
        raise ValueError(f"its outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}")
    if not _text(data, "scenario"):
        raise ValueError("it does not name its scenario")
    csms = tuple(_messages(data))
    return Result(
        scenario=_text(data, "scenario"),
        title=_text(data, "title"),
        board=_text(data, "board") or "unnamed board",
        bench=_text(data, "bench"),
        meter=_text(data, "meter"),
        ocpp=_text(data, "ocpp"),
        station_version=_text(data, "station_version") or _announced_version(csms),
        stimulus=_text(data, "stimulus"),
        expectation=_text(data, "expectation"),
        limit=_text(data, "limit").removeprefix("-"),
        outcome=str(outcome),
        reason=_text(data, "reason"),
        started=_utc(_text(data, "started_utc")),
        duration_s=_number(data, "duration_s"),
        stimulus_t=_number(data, "stimulus_t"),
        measurements=tuple(_measurement(entry) for entry in _objects(data, "measurements")),
        events=tuple(sorted((e for e in _objects(data, "events") if _number(e, "t") is not None), key=_time)),
        wire=tuple(_wire(data)),
        csms=csms,
        log=tuple(clean(str(line)) for line in _list(data, "log")),
    )


def clean(text: str) -> str:
    """The text without characters that have no place on a page."""
    return CONTROL_CHARACTERS.sub("·", text)


def number(value: object) -> float | None:
    """A finite number, or nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        return None
    return float(value) if math.isfinite(value) else None


def _measurement(data: dict[str, Any]) -> Measurement:
    return Measurement(
        name=_text(data, "name"),
        value_s=_number(data, "value_s"),
        limit_s=_number(data, "limit_s"),
        at_least_s=_number(data, "at_least_s"),
        source=_text(data, "source"),
        met=data.get("met") is True,
        from_t=_number(data, "from_t"),
        to_t=_number(data, "to_t"),
    )


def _wire(data: dict[str, Any]) -> Iterator[Line]:
    for entry in _objects(data, "wire"):
        if (t := _number(entry, "t")) is not None:
            yield Line(t, _text(entry, "line"), entry.get("direction") == "to_device", _text(entry, "text"))


def _messages(data: dict[str, Any]) -> Iterator[Line]:
    for entry in _objects(data, "csms"):
        if (t := _number(entry, "t")) is not None:
            name, _, kind = _text(entry, "message").rpartition(" ")
            if kind not in KINDS:
                name, kind = _text(entry, "message"), ""
            yield Line(t, name, entry.get("direction") != "to_station", _text(entry, "text"), kind)


def _announced_version(csms: tuple[Line, ...]) -> str:
    """What the station told its back-end at boot."""
    found = (STATION_VERSION.search(line.text) for line in csms if line.where == "BootNotification")
    return next((match[1] for match in found if match), "")


def _utc(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else clean(str(value))


def _number(data: dict[str, Any], name: str) -> float | None:
    return number(data.get(name))


def _time(event: Event) -> float:
    return float(event["t"])


def _list(data: dict[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"its {name!r} is not a list")
    return value or []


def _objects(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [entry for entry in _list(data, name) if isinstance(entry, dict)]

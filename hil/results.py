"""One JSON file per run of a scenario: everything that a report needs (value and rule)."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hil.measurement import Excuse, Measurement
from hil.roles import Json

PRINTABLE = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class Result:
    """How one run went."""

    scenario: str
    title: str
    limit: str
    board: str
    bench: str
    meter: str
    ocpp: str
    outcome: str
    """passed, failed, exception (a limit that this board may miss was missed), skipped, error."""
    reason: str
    started_utc: str
    duration_s: float
    stimulus_t: float | None
    measurements: Sequence[Json]
    events: Sequence[Json]
    wire: Sequence[Json] = field(default_factory=tuple)
    csms: Sequence[Json] = field(default_factory=tuple)
    log: Sequence[str] = field(default_factory=tuple)


def write_result(directory: Path, name: str, result: Result) -> Path:
    """Write it; a run of the same name is replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / (re.sub(r"[^\w.-]+", "_", name).strip("_") + ".json")
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(result)), "utf-8")
    return fresh.replace(path)


def judged(measurements: Sequence[Measurement], excuse: Excuse | None) -> tuple[str, str]:
    """Return outcome and reason of a run that got to its end; `excuse`: why this board may miss a limit here."""
    missed = [each for each in measurements if not each.met]
    if not missed:
        return "passed", ""
    told = "; ".join(each.sentence() for each in missed)
    if excuse is None or not all(excuse.covers(each) for each in missed):
        return "failed", told
    return "exception", f"{told}: {excuse.reason}"


def csms_rows(frames: Sequence[Json]) -> list[Json]:
    """Render the frames of the back-end for the results."""
    arrows = {"in": "from_station", "out": "to_station"}
    return [
        {
            "t": frame["t"],
            "direction": arrows.get(frame["direction"], "-"),
            "message": f"{frame['action']} {frame['kind']}".strip(),
            "text": json.dumps(frame["payload"]),
        }
        for frame in frames
    ]


def wire_rows(recording: Sequence[str]) -> list[Json]:
    """Render the lines of a recording of the bench for the results; a line cut off by a kill is left out."""
    rows = []
    for line in recording:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "hex" in entry:
            text = _text(bytes.fromhex(entry["hex"]))
            rows.append({"t": entry["t"], "line": entry["line"], "direction": entry["direction"], "text": text})
    return rows


def _text(data: bytes) -> str:
    if all(byte in PRINTABLE or byte in b"\r\n" for byte in data):
        return data.decode("ascii").strip("\r\n").replace("\r", " ")
    return data.hex(" ")

"""Whatever a back-end asks while a car charges: one well-formed answer, no restart, no trace in memory, no danger.

Every action of a version, at every edge of its schema. Lessons 19 (a plain GetConfiguration rebooted the charger), 20,
21; OCPP-J 1.6, 4.2.3; OCPP 2.0.1 part 4, 4.2.3 (error codes).
"""

import asyncio
import json
from pathlib import Path
from typing import Final

import pytest

from hil.csms import wire
from hil.csms.frames import Frame
from hil.virtual_time import run_virtual
from tests.agent.csms.official_schemas import OfficialSchemas, Schema
from tests.agent.csms.v16.official import OFFICIAL as V16
from tests.agent.csms.v201.official import OFFICIAL as V201
from tests.fakes.virtual_station import IDENTITY, VirtualStation, virtual_station
from tests.fakes.watchful import Lines, lines_of_agent, own_objects
from tests.properties.bench_watch import BenchWatch
from tests.properties.operations import ALICE
from tests.properties.schema_cases import Case, cases

OFFICIAL: Final[dict[str, OfficialSchemas]] = {"1.6": V16, "2.0.1": V201}
ANSWER_S: Final = 90.0
SUPPLY_A: Final = 20.0
OBJECTS: Final = 1500
"""What a back-end may rightly leave: profiles, reservations, a local list, settings."""
CODES: Final = {
    "1.6": frozenset(
        {
            "NotImplemented",
            "NotSupported",
            "InternalError",
            "ProtocolError",
            "SecurityError",
            "FormationViolation",
            "PropertyConstraintViolation",
            "OccurenceConstraintViolation",
            "TypeConstraintViolation",
            "GenericError",
        }
    ),
    "2.0.1": frozenset(
        {
            "FormatViolation",
            "GenericError",
            "InternalError",
            "MessageTypeNotSupported",
            "NotImplemented",
            "NotSupported",
            "OccurrenceConstraintViolation",
            "PropertyConstraintViolation",
            "ProtocolError",
            "RpcFrameworkError",
            "SecurityError",
            "TypeConstraintViolation",
        }
    ),
}
UNKNOWN: Final = frozenset({"NotImplemented", "NotSupported"})
RESTARTS: Final = frozenset({"Reset"})
"""A valid one restarts the station, as it is meant to: that is told elsewhere."""
TOML: Final = "[station]\nsupply_max_current_a = 20\n[csms]\nframe_log = false\n"


def _actions(version: str) -> list[str]:
    folder: Path = OFFICIAL[version]._folder
    suffix = OFFICIAL[version]._request_suffix
    stems = (path.stem for path in folder.glob("*.json"))
    return sorted(
        stem.removesuffix(suffix) for stem in stems if not stem.endswith("Response") and stem.endswith(suffix)
    )


class Asker:
    """Asks on the open connection and holds every frame that comes back against the standard."""

    def __init__(self, station: VirtualStation) -> None:
        self.station = station
        self.answers: dict[str, list[Frame]] = {}
        self._news = asyncio.Event()
        self._number = 0
        station.csms.log.listeners.append(self._hear)

    def _hear(self, frame: Frame) -> None:
        if frame.direction == "in" and frame.kind in {"result", "error", "invalid"}:
            assert frame.kind != "invalid", frame.payload
            self.answers.setdefault(frame.message_id, []).append(frame)
            self._news.set()

    async def ask(self, action: str, payload: object) -> Frame:
        """Ask and return the one answer."""
        self._number += 1
        message_id = f"fuzz-{self._number}"
        await self.station.csms.connected(IDENTITY, timeout_s=60)
        await self.station.csms.send_text(IDENTITY, json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(ANSWER_S):
            while message_id not in self.answers:
                self._news.clear()
                await self._news.wait()
        self.station.check_alive()
        return self.answers[message_id][0]

    async def judge(self, version: str, action: str, case: Case) -> None:
        """Ask, and hold the answer against the schemas."""
        frame = await self.ask(action, case.payload)
        told = f"{action}: {case.why}: {frame.payload}"
        if frame.kind == "error":
            assert frame.payload["code"] in CODES[version], told
            assert len(frame.payload["description"]) <= 255, told
            return
        assert _is_valid(OFFICIAL[version], action, case.payload), f"accepted though not valid: {told}"
        await wire.check_result(action, frame.payload, version)


def _is_valid(official: OfficialSchemas, action: str, payload: object) -> bool:
    try:
        official.check_request(action, payload)  # type: ignore[arg-type]  # anything
    except ValueError:
        return False
    return True


def _schema(version: str, action: str) -> Schema:
    return OFFICIAL[version].request_schema(action)


async def _begin(station: VirtualStation) -> None:
    station.lines.bench.plug_in(1)
    await station.csms.connected(IDENTITY)
    await station.csms.expect("StatusNotification", where=lambda p: p.get("connectorId") == 1)
    station.lines.bench.swipe(ALICE)
    await station.csms.expect("StartTransaction" if station.version == "1.6" else "TransactionEvent")


async def _play(version: str, action: str, directory: Path, lines: "list[Lines]") -> None:
    async with virtual_station(directory, version=version, extra_toml=TOML) as station:
        await _begin(station)
        watch = BenchWatch(station, SUPPLY_A)
        asker = Asker(station)
        objects = own_objects()
        with lines_of_agent() as log:
            lines.append(log)
            for case in cases(_schema(version, action)):
                if action in RESTARTS and _is_valid(OFFICIAL[version], action, case.payload):
                    continue
                await asker.judge(version, action, case)
                watch.tick(asyncio.get_running_loop().time())
            await asyncio.sleep(120)
        assert station.restarts == 0
        assert all(len(frames) == 1 for frames in asker.answers.values()), "each has one answer"
        assert watch.violations == []
        assert log.tracebacks == []
        assert not [text for text in log.texts if "not valid" in text], "its own answers fit their schemas"
        assert own_objects() <= objects + OBJECTS


CASES: Final = [(version, action) for version in OFFICIAL for action in _actions(version)]


@pytest.mark.slow
@pytest.mark.parametrize(("version", "action"), CASES)
def test_every_request_at_every_edge_of_its_schema_gets_one_answer(version: str, action: str, tmp_path: Path) -> None:
    run_virtual(_play(version, action, tmp_path, []))


async def _cut(version: str, directory: Path) -> None:
    async with virtual_station(directory, version=version, extra_toml=TOML) as station:
        await _begin(station)
        asker = Asker(station)
        action = "ChangeConfiguration" if version == "1.6" else "SetVariables"
        payload = {"key": "HeartbeatInterval", "value": "123"} if version == "1.6" else {"setVariableData": [SET]}
        text = json.dumps([2, "whole-frame", action, payload])
        with lines_of_agent() as log:
            for place in range(len(text)):
                for changed in (text[:place], text[:place] + text[place + 1 :], f"{text[:place]}\x00{text[place:]}"):
                    await station.csms.send_text(IDENTITY, changed)
            await asyncio.sleep(10)
        assert station.restarts == 0
        assert log.tracebacks == []
        results = [f for frames in asker.answers.values() for f in frames if f.kind == "result"]
        errors = [f for frames in asker.answers.values() for f in frames if f.kind == "error"]
        assert all(frame.payload["code"] in CODES[version] for frame in errors)
        assert len(results) + len(errors) <= 3 * len(text), "no frame has two answers"
        station.check_alive()


SET: Final = {
    "attributeValue": "123",
    "component": {"name": "OCPPCommCtrlr"},
    "variable": {"name": "HeartbeatInterval"},
}


@pytest.mark.parametrize("version", OFFICIAL)
def test_a_frame_cut_or_changed_at_any_place_is_answered_once_at_most(version: str, tmp_path: Path) -> None:
    run_virtual(_cut(version, tmp_path))

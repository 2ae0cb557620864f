"""Faults as a back-end sees them: a weld over everything but the board's power, and two faults one by one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hil.control import Control
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
CARD = "04AABBCC"


class Seat:
    """What the bench engineer does at the one EVSE, and what the back-end got."""

    def __init__(self, station: VirtualStation) -> None:
        self.station = station
        self.frames: list[dict[str, Any]] = []
        self._control = Control(station.lines.bench)
        station.csms.log.listeners.append(lambda frame: self.frames.append(frame.to_json()))

    def do(self, operation: str, **fields: Any) -> None:
        line = json.dumps({"id": 1, "op": operation, **fields}).encode()
        answer, _ = self._control.handle_line(line)
        assert answer["ok"], answer

    async def charge(self) -> None:
        self.do("plug_in", evse=1)
        await asyncio.sleep(1.0)
        self.do("swipe", token=CARD)
        await asyncio.sleep(8.0)
        assert self.closed

    @property
    def closed(self) -> bool:
        return self.station.lines.bench.evses[1].world.contactor_closed

    @property
    def faults(self) -> set[str]:
        assert self.station.agent is not None
        return {fault.value for fault in self.station.agent.station.evses[1].session.faults}

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that NotifyEvent told."""
        payloads = [frame["payload"] for frame in self.frames if isinstance(frame.get("payload"), dict)]
        return [event for payload in payloads for event in payload.get("eventData", ())]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """All that StatusNotification told of the EVSE."""
        told = [frame["payload"] for frame in self.frames if frame.get("action") == "StatusNotification"]
        return [status for status in told if status and status["connectorId"] == 1]

    def told(self, version: str) -> list[tuple[str, bool]]:
        """Faults in the order in which they were told, and whether each stood; 1.6 tells the one that is left."""
        if version == "2.0.1":
            return [(event["techCode"], not event.get("cleared", False)) for event in self.events]
        named = [status.get("vendorErrorCode", "") for status in self.statuses]
        return [(name, True) for name in named if name not in {"", "unauthorised_energy"}]


def play(path: Path, version: str, story: Callable[[Seat], Awaitable[None]], **fields: Any) -> None:
    async def whole() -> None:
        async with virtual_station(path, version=version, **fields) as station:
            seat = Seat(station)
            await asyncio.sleep(3.0)
            await story(seat)

    run_virtual(whole())


@VERSIONS
def test_a_weld_outlasts_the_plug_and_a_restart_and_ends_with_the_boards_power_cycle(
    tmp_path: Path, version: str
) -> None:  # RL-01
    async def story(seat: Seat) -> None:
        await seat.charge()
        seat.do("fault", evse=1, kind="welded")
        seat.do("swipe", token=CARD)
        await asyncio.sleep(12.0)
        assert "contactor_welded" in seat.faults
        assert ("contactor_welded", True) in seat.told(version)
        assert not seat.station.agent.station.evses[1].session.is_contactor_open()  # type: ignore[union-attr]
        seat.do("plug_out", evse=1)
        seat.do("clear", evse=1, kind="welded")
        await asyncio.sleep(5.0)
        assert "contactor_welded" in seat.faults
        await seat.station.kill()
        await seat.station.start()
        await asyncio.sleep(10.0)
        assert "contactor_welded" in seat.faults
        seat.do("power_cut")
        await asyncio.sleep(2.0)
        seat.do("power_on")
        await asyncio.sleep(15.0)
        assert "contactor_welded" not in seat.faults
        assert ("contactor_welded", False) in seat.told(version) or version == "1.6"
        await seat.charge()

    play(tmp_path, version, story)


@VERSIONS
def test_two_faults_at_once_are_raised_and_cleared_one_by_one(tmp_path: Path, version: str) -> None:
    async def story(seat: Seat) -> None:
        await seat.charge()
        seat.frames.clear()
        for operation, kind in (
            ("fault", "meter_silent"),
            ("fault", "ground"),
            ("clear", "meter_silent"),
        ):
            seat.do(operation, evse=1, kind=kind)
            await asyncio.sleep(20.0)
        seat.do("plug_out", evse=1)
        seat.do("clear", evse=1, kind="ground")
        await asyncio.sleep(400.0)
        if version == "2.0.1":
            assert seat.told(version) == [
                ("meter_silent", True),
                ("ground_missing", True),
                ("meter_silent", False),
                ("ground_missing", False),
            ]
        else:
            kinds = [kind for kind, _ in seat.told(version)]
            assert list(dict.fromkeys(kinds)) == ["meter_silent", "ground_missing"]
            assert kinds[-1] == "ground_missing", "the remaining one is told when the other is gone"
            assert seat.statuses[-1]["errorCode"] == "NoError"

    play(tmp_path, version, story)


def test_faults_without_a_back_end_reach_it_later_in_order_and_their_numbers_grow_over_a_restart(
    tmp_path: Path,
) -> None:
    async def story(seat: Seat) -> None:
        seat.station.reachable = False
        seat.station.drop()
        seat.do("fault", evse=1, kind="meter_silent")
        await asyncio.sleep(10.0)
        await seat.station.kill()
        seat.do("clear", evse=1, kind="meter_silent")
        await seat.station.start()
        await asyncio.sleep(10.0)
        seat.station.reachable = True
        await asyncio.sleep(200.0)
        assert seat.told("2.0.1") == [("meter_silent", True), ("meter_silent", False)]
        numbers = [event["eventId"] for event in seat.events]
        assert numbers == sorted(set(numbers))

    play(tmp_path, "2.0.1", story)


def test_what_only_a_power_cycle_clears_is_remembered_where_the_board_forgets_it(tmp_path: Path) -> None:
    async def story(seat: Seat) -> None:
        seat.do("fault", evse=1, kind="rcd_self_test")
        seat.do("plug_in", evse=1)
        await asyncio.sleep(1.0)
        seat.do("swipe", token=CARD)
        await asyncio.sleep(10.0)
        assert not seat.closed
        assert seat.faults == {"residual_current_self_test"}
        seat.do("plug_out", evse=1)
        seat.do("clear", evse=1, kind="rcd_self_test")
        await asyncio.sleep(30.0)
        await seat.station.kill()
        await seat.station.start()
        await asyncio.sleep(10.0)
        assert seat.faults == {"residual_current_self_test"}
        seat.do("power_cut")
        await asyncio.sleep(10.0)
        seat.do("power_on")
        await asyncio.sleep(15.0)
        assert not seat.faults
        assert seat.told("2.0.1")[0] == ("residual_current_self_test", True)
        assert seat.told("2.0.1").count(("residual_current_self_test", False)) == 1

    play(tmp_path, "2.0.1", story, board="safety")


def test_a_13_a_cable_gets_13_a_from_the_first_duty_cycle_on(tmp_path: Path) -> None:  # PP-03
    async def story(seat: Seat) -> None:
        duties: list[float] = []
        seat.station.lines.bench.subscribers.append(
            lambda event: duties.append(event["duty_percent"]) if event.get("duty_percent") is not None else None
        )
        seat.do("plug_in", evse=1, cable_a=13)
        await asyncio.sleep(1.0)
        seat.do("swipe", token=CARD)
        await asyncio.sleep(8.0)
        assert seat.closed
        assert set(duties) == {21.6}, "21.67 % in the board's steps of 0.1 %"

    play(tmp_path, "2.0.1", story, board="safety:socket")


def test_a_triggered_status_keeps_its_error_code(tmp_path: Path) -> None:
    """Lesson 111; OCPP 1.6, 4.9 and 5.17."""

    async def story(seat: Seat) -> None:
        await seat.charge()
        seat.do("fault", evse=1, kind="ground")
        await asyncio.sleep(5.0)
        told = seat.statuses[-1]
        assert told["errorCode"] == "GroundFailure"
        asked = {"requestedMessage": "StatusNotification", "connectorId": 1}
        assert (await seat.station.csms.send(None, "TriggerMessage", asked)) == {"status": "Accepted"}
        await asyncio.sleep(2.0)
        assert len(seat.statuses) >= 2
        fields = ("status", "errorCode", "vendorErrorCode")
        assert [seat.statuses[-1].get(name) for name in fields] == [told.get(name) for name in fields]
        assert seat.statuses[-1] is not told

    play(tmp_path, "1.6", story)


def test_a_residual_current_outlasts_its_cause_until_the_car_is_unplugged(tmp_path: Path) -> None:  # RC-01
    async def story(seat: Seat) -> None:
        await seat.charge()
        seat.do("fault", evse=1, kind="rcd_dc")
        await asyncio.sleep(2.0)
        assert not seat.closed
        seat.do("clear", evse=1, kind="rcd_dc")
        await asyncio.sleep(700.0)
        assert seat.faults == {"ground_fault_tripped"}
        seat.do("plug_out", evse=1)
        await asyncio.sleep(5.0)
        assert not seat.faults

    play(tmp_path, "2.0.1", story, board="safety")

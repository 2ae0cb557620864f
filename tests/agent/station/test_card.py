"""Lock, emergency stop, fan and shunt trip at a simulated card, from its contacts to the back-end."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from agent.domain.session_state import SessionState
from hal.api import Fault
from hil.devices.modbus_io import IoCardSimulator
from tests.agent.station.station_rig import (
    CARD,
    contactor_closed,
    ended,
    play,
    plug_in,
    state,
    station_of,
    until,
)
from tests.fakes.virtual_station import VirtualStation

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
Seen = list[dict[str, Any]]


def card(rig: VirtualStation) -> IoCardSimulator:
    made = rig.lines.bench.evses[1].card
    assert made is not None
    return made


def watch(rig: VirtualStation) -> Seen:
    seen: Seen = []
    rig.lines.bench.subscribers.append(seen.append)
    return seen


def faults(rig: VirtualStation) -> set[Fault]:
    return set(station_of(rig).evses[1].session.faults)


async def charge(rig: VirtualStation) -> None:
    """Plug in a cable, lock it and charge."""
    rig.lines.bench.plug_in(1, cable_a=32.0)
    await until(lambda: state(rig) is SessionState.AWAITING_AUTHORIZATION)
    station_of(rig).card_presented(CARD, (1,))
    await until(lambda: contactor_closed(rig))
    await until(lambda: bool(rig.csms.ledger.transactions))


def opened_s(seen: Seen) -> float:
    return float(next(event["t"] for event in seen if event["event"] == "contactor" and not event["closed"]))


def unlocked_s(seen: Seen) -> float:
    return float(next(event["t"] for event in seen if event["event"] == "lock" and not event["locked"]))


@VERSIONS
def test_plug_is_locked_before_power_and_released_after_it(tmp_path: Path, version: str) -> None:
    async def story(rig: VirtualStation) -> None:
        seen = watch(rig)
        await charge(rig)
        moves = [event for event in seen if event["event"] in {"lock", "contactor"}]
        assert [(event["event"], event.get("locked", event.get("closed"))) for event in moves] == [
            ("lock", True),
            ("contactor", True),
        ]
        seen.clear()
        station_of(rig).card_presented(CARD, (1,))
        await until(lambda: not card(rig).locked)
        assert opened_s(seen) < unlocked_s(seen)

    play(tmp_path, story, version=version, io=True, board="safety:socket")


def test_lk_01_blocked_lock_motor_gives_no_power_and_a_fault_within_five_seconds(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        rig.lines.bench.fault(1, "lock_blocked")
        seen = watch(rig)
        await plug_in(rig)
        station_of(rig).card_presented(CARD, (1,))
        began_s = asyncio.get_running_loop().time()
        await until(lambda: Fault.LOCK_FAILED in faults(rig))
        assert asyncio.get_running_loop().time() - began_s <= 5
        assert card(rig).tries == 3
        await asyncio.sleep(60)
        assert not any(event["event"] == "contactor" and event["closed"] for event in seen)
        rig.lines.bench.clear(1, "lock_blocked")
        await until(lambda: contactor_closed(rig))
        assert faults(rig) == set()

    play(tmp_path, story, io=True)


def test_lk_02_unlock_of_1_6_stops_the_transaction_first_and_unlocks_without_power(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        seen = watch(rig)
        answer = await rig.csms.send(None, "UnlockConnector", {"connectorId": 1})
        assert answer == {"status": "Unlocked"}
        assert opened_s(seen) < unlocked_s(seen)
        assert (await ended(rig)).stop_reason == "UnlockCommand"

    play(tmp_path, story, version="1.6", io=True)


def test_lk_02_unlock_of_2_0_1_leaves_a_running_transaction_locked(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        answer = await rig.csms.send(None, "UnlockConnector", {"evseId": 1, "connectorId": 1})
        assert answer["status"] == "OngoingAuthorizedTransaction"
        await asyncio.sleep(10)
        assert card(rig).locked
        assert contactor_closed(rig)

    play(tmp_path, story, io=True)


def test_plug_stays_locked_until_the_contactor_is_known_to_be_open(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        rig.lines.bench.fault(1, "board_silent")
        station_of(rig).card_presented(CARD, (1,))
        await until(lambda: station_of(rig).evses[1].session.id_token is None)
        await asyncio.sleep(30)
        assert (await station_of(rig).unlock(1)).value == "UnlockFailed"
        assert card(rig).locked
        rig.lines.bench.clear(1, "board_silent")
        await until(lambda: not card(rig).locked)
        assert not contactor_closed(rig)

    play(tmp_path, story, io=True)


def test_lock_that_opens_by_itself_after_hours_takes_power_away_until_it_is_back(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await asyncio.sleep(600)
        seen = watch(rig)
        rig.lines.bench.fault(1, "lock_released")
        await until(lambda: not contactor_closed(rig), within_s=2)
        await until(lambda: card(rig).locked)
        await until(lambda: contactor_closed(rig))
        assert opened_s(seen) - unlocked_s(seen) <= 0.5
        assert len(rig.csms.ledger.transactions) == 1

    play(tmp_path, story, io=True, board="safety:socket")


@VERSIONS
def test_es_01_emergency_stop_opens_without_software_ends_the_transaction_and_latches(
    tmp_path: Path, version: str
) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        rig.lines.bench.fault(1, "emergency_stop")
        assert not contactor_closed(rig)
        await until(lambda: Fault.EMERGENCY_STOP in faults(rig), within_s=0.3)
        assert (await ended(rig)).stop_reason == "EmergencyStop"
        rig.lines.bench.clear(1, "emergency_stop")
        await asyncio.sleep(30)
        assert state(rig) is SessionState.FAULTED
        assert not contactor_closed(rig)
        rig.lines.bench.plug_out(1)
        await until(lambda: Fault.EMERGENCY_STOP not in faults(rig))

    play(tmp_path, story, version=version, io=True, board="safety:socket")


def test_rl_01_welded_contactor_trips_the_breaker_once_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        seen = watch(rig)
        rig.lines.bench.fault(1, "welded")
        rig.lines.bench.ev(1, "B")
        await until(lambda: Fault.CONTACTOR_WELDED in faults(rig))
        await asyncio.sleep(60)
        assert [event["tripped"] for event in seen if event["event"] == "breaker"] == [True]
        assert rig.lines.bench.state(1)["power_w"] == 0
        assert card(rig).describe()["coils"] == []

    with caplog.at_level(logging.ERROR):
        play(tmp_path, story, io=True, board="safety:socket")
    assert sum("breaker is tripped" in record.getMessage() for record in caplog.records) == 1


def test_cp_14_fan_runs_before_power_in_state_d_and_within_three_seconds(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        seen = watch(rig)
        await plug_in(rig)
        rig.lines.bench.ev(1, "D")
        station_of(rig).card_presented(CARD, (1,))
        await until(lambda: contactor_closed(rig))
        order = [event for event in seen if event["event"] in {"fan", "contactor"}]
        assert [event["event"] for event in order] == ["fan", "contactor"]
        assert order[1]["t"] - order[0]["t"] <= 3
        assert faults(rig) == set()

    play(tmp_path, story, io=True, board="safety:ventilated")


def test_cp_14_fan_that_fails_takes_power_away_and_gives_it_back(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await asyncio.sleep(2)
        rig.lines.bench.ev(1, "D")
        await until(lambda: card(rig).fan_runs)
        assert contactor_closed(rig)
        rig.lines.bench.fault(1, "fan_fails")
        await until(lambda: not contactor_closed(rig), within_s=4)
        assert Fault.VENTILATION_REQUIRED in faults(rig)
        rig.lines.bench.clear(1, "fan_fails")
        await until(lambda: contactor_closed(rig))

    play(tmp_path, story, io=True, board="safety:ventilated")


def test_silent_card_pauses_power_and_the_transaction_goes_on_afterwards(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        rig.lines.bench.fault(1, "card_silent")
        await until(lambda: not contactor_closed(rig), within_s=10)
        assert Fault.BOARD_SILENT in faults(rig)
        rig.lines.bench.clear(1, "card_silent")
        await until(lambda: contactor_closed(rig))
        assert len(rig.csms.ledger.transactions) == 1

    play(tmp_path, story, io=True, board="safety:socket")


def test_stop_of_the_agent_releases_the_plug_and_leaves_no_motor_driven(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await rig.stop()
        assert not card(rig).locked
        assert card(rig).describe()["coils"] == []

    play(tmp_path, story, io=True)


def test_plug_that_a_killed_agent_left_locked_is_released_at_the_next_start(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await rig.kill()
        card(rig).move_lock(locked=True)
        await rig.start()
        await until(lambda: not card(rig).locked)

    play(tmp_path, story, io=True)

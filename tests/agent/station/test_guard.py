"""One EVSE under its guard, in virtual time: supervision, heat, cable, and what reaches the back-end of a fault."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from agent.domain import events as ev
from agent.domain.facts import FaultChanged, TransactionEnded
from agent.domain.profile_order import ProfileOrder
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState as S
from agent.domain.vocabulary import IdToken, StoppedReason
from agent.station.guard import Guard
from hal.api import (
    BoardConnected,
    BoardStatus,
    CableDetected,
    Fault,
    FaultCleared,
    FaultRaised,
    MeterReading,
    PilotState,
    TemperatureMeasured,
)
from hil.virtual_time import run_virtual
from tests.agent.station.evse_rig import EvseRig, LeasedBoard, RigMeter, now_s

Story = Callable[[EvseRig], Awaitable[None]]


def play(story: Story) -> None:
    async def whole() -> None:
        async with EvseRig(rules=SessionRules(free_vend=IdToken("FREE"))) as rig:
            await story(rig)
            assert not rig.tasks[1].done()

    run_virtual(whole())


async def charge(rig: EvseRig) -> None:
    rig.boards[1].car(PilotState.B)
    rig.boards[1].car(PilotState.C)
    await asyncio.sleep(6.0)
    assert rig.boards[1].closed


def told(rig: EvseRig) -> list[tuple[Fault, bool]]:
    return [(fact.fault, fact.stands) for fact in rig.house.facts if isinstance(fact, FaultChanged)]


def state(rig: EvseRig) -> S:
    return rig.evses[1].session.state


def closed(rig: EvseRig) -> bool:
    return rig.boards[1].closed


def stands(rig: EvseRig, fault: Fault) -> bool:
    return fault in rig.evses[1].session.faults


def meter_shows(rig: EvseRig, *, voltage_v: tuple[str, ...] = (), current_a: str | None = None) -> None:
    """Let the meter show this, whatever flows."""
    read = RigMeter.read

    async def shown() -> MeterReading:
        reading = await read(rig.meters[1])
        currents = reading.current_a if current_a is None else (Decimal(current_a),)
        return replace(reading, voltage_v=tuple(map(Decimal, voltage_v)), current_a=currents)

    rig.meters[1].read = shown  # type: ignore[method-assign]  # another meter, as far as the EVSE can tell


def test_a_car_that_takes_a_fifth_too_much_is_stopped_after_seven_seconds_and_must_unplug() -> None:  # CP-26
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        meter_shows(rig, current_a="38.4")
        await asyncio.sleep(6.9)
        assert closed(rig)
        await asyncio.sleep(2.2)
        assert not closed(rig), "a reading every second, so up to two seconds more"
        meter_shows(rig)
        await asyncio.sleep(30.0)
        (ended,) = [fact for fact in rig.house.facts if isinstance(fact, TransactionEnded)]
        assert ended.stopped_reason is StoppedReason.OVERCURRENT_FAULT
        assert state(rig) is S.FAULTED
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(0.1)
        assert state(rig) is S.AVAILABLE
        assert told(rig) == [(Fault.OVER_CURRENT, True), (Fault.OVER_CURRENT, False)]

    play(story)


@pytest.mark.parametrize(
    ("voltage_v", "fault"),
    [("190", Fault.UNDER_VOLTAGE), ("270", Fault.OVER_VOLTAGE)],
)
def test_a_wrong_voltage_pauses_and_charging_goes_on_when_it_is_right_again(voltage_v: str, fault: Fault) -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        meter_shows(rig, voltage_v=(voltage_v,))
        await asyncio.sleep(5.0)
        assert stands(rig, fault)
        assert not closed(rig)
        meter_shows(rig, voltage_v=("230",))
        await asyncio.sleep(6.0)
        assert told(rig) == [(fault, True), (fault, False)]
        assert closed(rig)

    play(story)


def test_current_past_the_open_contactor_is_a_danger_until_it_is_unplugged() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].car(PilotState.B)
        await asyncio.sleep(1.0)
        meter_shows(rig, current_a="3")
        await asyncio.sleep(5.0)
        assert stands(rig, Fault.UNEXPECTED_CURRENT)
        meter_shows(rig)
        await asyncio.sleep(5.0)
        assert stands(rig, Fault.UNEXPECTED_CURRENT)
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(0.1)
        assert not stands(rig, Fault.UNEXPECTED_CURRENT)

    play(story)


def test_a_residual_current_lasts_until_the_car_is_unplugged() -> None:  # RC-01
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].emit(FaultRaised(Fault.RESIDUAL_DC, "6 mA", now_s()))
        await asyncio.sleep(0.1)
        assert not closed(rig)
        rig.boards[1].emit(FaultCleared(Fault.RESIDUAL_DC, now_s()))
        await asyncio.sleep(60.0)
        assert state(rig) is S.FAULTED
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(0.1)
        assert state(rig) is S.AVAILABLE

    play(story)


async def warm(rig: EvseRig, degrees_c: str | None, wait_s: float = 7.0) -> float:
    value = None if degrees_c is None else Decimal(degrees_c)
    rig.boards[1].emit(TemperatureMeasured("pt1000_1", value, now_s()))
    await asyncio.sleep(wait_s)
    return rig.boards[1].offered_a


def test_heat_takes_current_away_in_steps_pauses_within_five_seconds_and_gives_it_back_cool() -> None:  # TH-01
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        assert [await warm(rig, each) for each in ("64", "65", "64", "68")] == [32.0, 24.0, 24.0, 16.0]
        await warm(rig, "71", wait_s=5.0)
        assert (rig.boards[1].offered_a, closed(rig)) == (0.0, False)
        await asyncio.sleep(2.0)
        assert stands(rig, Fault.OVER_TEMPERATURE)
        assert await warm(rig, "63") == 0.0
        assert await warm(rig, "62") == 32.0
        assert told(rig) == [(Fault.OVER_TEMPERATURE, True), (Fault.OVER_TEMPERATURE, False)]

    play(story)


def test_a_pause_for_heat_waits_for_no_minimum_time() -> None:
    async def story(rig: EvseRig) -> None:
        rig.boards[1].car(PilotState.B)
        rig.boards[1].car(PilotState.C)
        await asyncio.sleep(0.2)
        assert closed(rig)
        assert await warm(rig, "71", wait_s=0.1) == 0.0

    play(story)


def test_a_sensor_that_tells_nothing_is_a_fault_and_never_cold() -> None:  # TH-02
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        await warm(rig, None, wait_s=0.2)
        assert stands(rig, Fault.TEMPERATURE_SENSOR)
        assert not closed(rig)

    play(story)


def test_a_13_a_cable_caps_the_offer_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:  # PP-03
    async def story(rig: EvseRig) -> None:
        rig.boards[1].emit(CableDetected(13.0, now_s()))
        await charge(rig)
        assert rig.boards[1].offered_a == 13.0
        rig.supply.max_current_a = 10.0
        rig.supply.refresh()
        await asyncio.sleep(1.0)

    with caplog.at_level("INFO", "agent.station"):
        play(story)
    offers = [message for message in caplog.messages if message.startswith("offer ")]
    assert offers == [
        "offer evse=1 current_a=13.0 limited_by=cable",
        "offer evse=1 current_a=10.0 limited_by=supply",
    ]


def test_cycles_are_kept_and_told_in_the_log_when_a_session_closes(caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(3.0)
        assert (rig.house.memories[1].closings, rig.house.memories[1].openings_under_load) == (1, 1)

    with caplog.at_level("INFO", "agent.station"):
        play(story)
    assert "contactor evse=1 closings=1 openings_under_load=1" in caplog.messages


def test_a_permission_waits_two_seconds_after_opening() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].emit(FaultRaised(Fault.PROTECTION_OFF, "", now_s()))
        await asyncio.sleep(0.2)
        assert not closed(rig)
        rig.boards[1].emit(FaultCleared(Fault.PROTECTION_OFF, now_s()))
        await asyncio.sleep(1.6)
        assert (rig.boards[1].offered_a, closed(rig)) == (32.0, False)
        await asyncio.sleep(0.5)
        assert closed(rig)

    play(story)


def test_two_faults_are_told_one_by_one_with_the_status_that_1_6_needs() -> None:
    async def story(rig: EvseRig) -> None:
        board, statuses = rig.boards[1], rig.house.statuses
        for event in (
            FaultRaised(Fault.GROUND_MISSING, "no earth", 0.0),
            FaultRaised(Fault.BROWN_OUT, "10 V", 0.0),
            FaultCleared(Fault.GROUND_MISSING, 0.0),
            FaultCleared(Fault.BROWN_OUT, 0.0),
        ):
            board.emit(event)
        await asyncio.sleep(0.1)
        told_faults = [(status.fault, status.fault_detail) for status in statuses][-4:]
        assert told_faults == [
            (Fault.GROUND_MISSING, "no earth"),
            (Fault.BROWN_OUT, "10 V"),
            (Fault.BROWN_OUT, "10 V"),
            (None, ""),
        ]
        assert told(rig) == [
            (Fault.GROUND_MISSING, True),
            (Fault.BROWN_OUT, True),
            (Fault.GROUND_MISSING, False),
            (Fault.BROWN_OUT, False),
        ]
        ids = [fact.event_id for fact in rig.house.facts if isinstance(fact, FaultChanged)]
        assert ids == sorted(set(ids))

    play(story)


def test_a_card_that_was_silent_before_the_board_answered_lets_no_power_flow() -> None:
    async def story() -> None:
        rig = EvseRig(rules=SessionRules(free_vend=IdToken("FREE")))
        rig.boards[1].answers = False
        async with rig:
            rig.boards[1].emit(FaultRaised(Fault.BOARD_SILENT, "input/output card", now_s()))
            await asyncio.sleep(2.6)
            rig.boards[1].emit(BoardConnected(BoardStatus("1", PilotState.A, False, False, False, None), now_s()))
            await asyncio.sleep(0.1)
            assert stands(rig, Fault.BOARD_SILENT)
            rig.boards[1].car(PilotState.C)
            await asyncio.sleep(20.0)
            assert not closed(rig)
            rig.boards[1].emit(FaultCleared(Fault.BOARD_SILENT, now_s()))
            await asyncio.sleep(6.0)
            assert closed(rig)

    run_virtual(story())


def test_a_board_that_finds_itself_hot_keeps_the_fault_after_its_sensor_has_cooled() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].emit(FaultRaised(Fault.OVER_TEMPERATURE, "the board's own limit", now_s()))
        await warm(rig, "75")
        await warm(rig, "20")
        assert stands(rig, Fault.OVER_TEMPERATURE)
        assert not closed(rig)
        rig.boards[1].emit(FaultCleared(Fault.OVER_TEMPERATURE, now_s()))
        await asyncio.sleep(0.1)
        assert not stands(rig, Fault.OVER_TEMPERATURE)

    play(story)


def test_a_pilot_that_is_back_does_not_end_what_the_board_itself_says_of_it() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.boards[1].car(PilotState.E)
        rig.boards[1].emit(FaultRaised(Fault.PILOT, "out of range", now_s()))
        rig.boards[1].car(PilotState.B)
        await asyncio.sleep(0.1)
        assert stands(rig, Fault.PILOT)
        rig.boards[1].emit(FaultCleared(Fault.PILOT, now_s()))
        await asyncio.sleep(0.1)
        assert not stands(rig, Fault.PILOT)

    play(story)


def test_a_wished_pause_that_is_told_often_waits_with_one_timer() -> None:
    async def story(rig: EvseRig) -> None:
        rig.boards[1].car(PilotState.B)
        rig.boards[1].car(PilotState.C)
        await asyncio.sleep(0.5)
        assert closed(rig)
        rig.supply.max_current_a = 0.0
        for _ in range(20):
            rig.evses[1].limit(0.0)
            await asyncio.sleep(0.01)
        loop: Any = asyncio.get_running_loop()
        waiting = [each for each in loop._scheduled if not each.cancelled() and each._callback == rig.supply.refresh]
        assert len(waiting) == 1

    play(story)


def test_what_profiles_order_is_no_wish_and_is_told_by_name() -> None:
    guard = Guard(1, itertools.count(1).__next__)
    guard.use(32.0, LeasedBoard.capabilities)
    guard.passed(ev.PowerTurnedOn(), 100.0)
    assert guard.spared(0.0, 16.0, 101.0)[0] == 6.0, "a share that is lost waits for the contactor"
    assert guard.spared(0.0, 16.0, 101.0, ordered_a=5.9) == (0.0, 0.0)
    assert guard.spared(0.0, 16.0, 101.0, ordered_a=6.0)[0] == 6.0
    order = ProfileOrder(10.0, "TxProfile(id=3)")
    assert guard.who_limits(10.0, order) == "TxProfile(id=3)"
    assert guard.who_limits(0.0, ProfileOrder(5.9, "TxProfile(id=3)")) == "TxProfile(id=3)"
    assert guard.who_limits(8.0, order, "supply") == "supply"
    assert guard.who_limits(32.0, ProfileOrder(40.0, "TxProfile(id=3)")) == "installation"

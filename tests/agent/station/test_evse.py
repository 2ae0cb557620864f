"""The loop of an EVSE: what it hands on, what it waits for (nothing), and what happens when it hangs."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from agent.domain import events as ev
from agent.domain.facts import TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken, ReadingContext, StoppedReason, TriggerReason
from agent.station.commands import UnlockOutcome
from agent.station.driver_panel import REFUSAL_SHOWN_S
from agent.station.guard import STARTING_S
from agent.station.sampling import TRIGGERED, SampleIntervals
from hal.api import BoardLost, Fault, FaultRaised, ForbidReason, PilotState
from hil.virtual_time import run_virtual
from tests.agent.station.evse_rig import EvseRig, now_s

FREE = SessionRules(free_vend=IdToken("FREE"))
DRIVER = IdToken("04A1B2C3")
Story = Callable[[EvseRig], Awaitable[None]]


def play(story: Story, rig: Callable[[], EvseRig] = lambda: EvseRig(rules=FREE)) -> None:
    async def whole() -> None:
        async with rig() as built:
            await story(built)
            for task in built.tasks.values():
                assert not task.done()

    run_virtual(whole())


async def charge(rig: EvseRig, evse_id: int = 1) -> None:
    rig.boards[evse_id].car(PilotState.B)
    rig.boards[evse_id].car(PilotState.C)
    await asyncio.sleep(0.2)
    assert rig.boards[evse_id].closed


def test_the_permission_is_renewed_for_as_long_as_the_loop_beats() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        for _ in range(60):
            await asyncio.sleep(1.0)
            assert rig.boards[1].closed

    play(story)


def test_a_loop_that_hangs_loses_power_by_itself() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        hung = asyncio.Event()
        rig.evses[1]._inbox.get = hung.wait  # type: ignore[method-assign,assignment]  # the loop waits for ever
        rig.evses[1].post(ev.PowerTurnedOn())
        await asyncio.sleep(5.0)
        assert not rig.boards[1].closed
        assert not rig.boards[1].forbidden, "nobody had to say so"

    play(story)


@pytest.mark.parametrize("trouble", ["hangs", "silent"])
def test_a_meter_in_trouble_delays_neither_power_nor_its_end(trouble: str) -> None:
    async def story(rig: EvseRig) -> None:
        setattr(rig.meters[1], trouble, True)
        await asyncio.sleep(20.0)
        plugged_s = now_s()
        await charge(rig)
        assert now_s() - plugged_s < 0.3
        unplugged_s = now_s()
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert rig.boards[1].forbidden[-1] == (unplugged_s, ForbidReason.EV_UNPLUGGED)
        await asyncio.sleep(4.0)
        (ended,) = [fact for fact in rig.house.facts if isinstance(fact, TransactionEnded)]
        assert not ended.register_confirmed
        assert rig.evses[1].session.state is SessionState.AVAILABLE

    play(story)


def test_a_slow_back_end_holds_nothing_up() -> None:
    async def story(rig: EvseRig) -> None:
        rig.house.answer_after_s = 30.0
        rig.boards[1].car(PilotState.B)
        rig.evses[1].post(ev.TokenPresented(DRIVER))
        await asyncio.sleep(1.0)
        rig.boards[1].car(PilotState.A)
        await asyncio.sleep(0.1)
        assert not rig.evses[1].session.plugged
        rig.boards[1].car(PilotState.B)
        await asyncio.sleep(40.0)
        assert rig.evses[1].session.state is SessionState.AWAITING_AUTHORIZATION
        assert not rig.house.facts

    play(story, EvseRig)


def test_a_refusal_is_shown_for_a_moment_and_then_how_things_stand() -> None:
    async def story(rig: EvseRig) -> None:
        rig.house.accepted = False
        rig.evses[1].post(ev.TokenPresented(DRIVER))
        await asyncio.sleep(0.5)
        assert [shown.text for shown in rig.displays[1].shown][-2:] == ["Checking your card", "Card not accepted"]
        await asyncio.sleep(REFUSAL_SHOWN_S + 1.0)
        assert rig.displays[1].shown[-1].text == "Ready: plug in or tap"

    play(story, EvseRig)


def test_a_card_whose_answer_comes_too_late_is_not_shown_as_being_checked() -> None:
    async def story(rig: EvseRig) -> None:
        rig.house.answer_after_s = 5.0
        rig.boards[1].car(PilotState.B)
        rig.evses[1].post(ev.TokenPresented(DRIVER))
        await asyncio.sleep(1.0)
        rig.boards[1].car(PilotState.A)
        rig.boards[1].car(PilotState.B)
        rig.evses[1].post(ev.TokenPresented(DRIVER))
        rig.house.accepted = False
        await asyncio.sleep(4.5)
        assert rig.displays[1].shown[-1].text == "Plugged in: tap your card"

    play(story, EvseRig)


def test_samples_fall_on_their_grid_inside_and_outside_a_transaction() -> None:
    async def story(rig: EvseRig) -> None:
        rig.house.sample_intervals = SampleIntervals(aligned_s=60, periodic_s=10)
        await asyncio.sleep(61.0)
        assert [sample.reading.at.second for sample in rig.house.outside] == [0]
        assert {sample.context for sample in rig.house.outside} == {ReadingContext.SAMPLE_CLOCK}
        await charge(rig)
        began_s = now_s()
        await asyncio.sleep(45.0)
        periodic = [
            fact
            for fact in rig.house.facts
            if isinstance(fact, TransactionUpdated) and fact.trigger is TriggerReason.METER_VALUE_PERIODIC
        ]
        assert len(periodic) == 4
        assert [round(fact.samples[0].reading.at_s - began_s) for fact in periodic][1:] == [20, 30, 40]

    play(story)


def test_no_sample_is_told_from_a_reading_that_is_older_than_its_due_time() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        rig.meters[1].silent = True
        await asyncio.sleep(5.0)
        told = len(rig.house.facts)
        rig.evses[1].post(TRIGGERED)
        await asyncio.sleep(5.0)
        assert len(rig.house.facts) == told
        rig.meters[1].silent = False
        answered_s = now_s()
        await asyncio.sleep(1.5)
        sampled = [fact for fact in rig.house.facts if isinstance(fact, TransactionUpdated) and fact.samples]
        assert all(sample.reading.at_s >= answered_s for fact in sampled for sample in fact.samples)

    play(story)


def test_the_state_of_an_open_transaction_is_saved_every_few_seconds() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        await asyncio.sleep(21.0)
        assert 3 <= rig.house.states_saved <= 4

    play(story)


def test_a_stop_is_kept_at_once_also_where_nothing_is_offered_any_more() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        await asyncio.sleep(5.0)
        rig.evses[1].limit(0.0)
        await asyncio.sleep(0.01)
        assert rig.evses[1].session.state.value == "suspended_evse"
        saved = rig.house.states_saved
        assert (await rig.evses[1].ask(ev.StopRequested(StoppedReason.REMOTE, TriggerReason.REMOTE_STOP))).accepted
        assert rig.evses[1].session.state.value == "stopping"
        assert rig.house.states_saved == saved + 1

    play(story)


def test_who_asks_gets_an_answer() -> None:
    async def story(rig: EvseRig) -> None:
        stop = ev.StopRequested(StoppedReason.REMOTE, TriggerReason.REMOTE_STOP)
        assert not (await rig.evses[1].ask(stop)).accepted
        assert not (await rig.evses[1].ask(ev.PowerTurnedOff())).accepted
        await charge(rig)
        assert (await rig.evses[1].ask(stop)).accepted
        await rig.evses[1].at_rest()
        assert rig.evses[1].session.state is SessionState.FINISHING
        assert await rig.evses[1].unlock() is UnlockOutcome.NOT_SUPPORTED
        assert await rig.evses[1].fresh_sample(ReadingContext.TRIGGER) is not None

    play(story)


def test_nothing_is_published_before_the_board_has_answered() -> None:
    rig = EvseRig()
    assert not rig.house.statuses
    assert rig.evses[1].session.state is SessionState.UNKNOWN


def test_a_board_that_cannot_even_start_is_published_as_a_fault() -> None:
    async def story(rig: EvseRig) -> None:
        rig.boards[1].emit(FaultRaised(Fault.BOARD_SILENT, "no answer", now_s()))
        await asyncio.sleep(STARTING_S - 1)
        assert not rig.house.statuses, "it may still be starting"
        await asyncio.sleep(2)
        assert rig.evses[1].session.state is SessionState.UNKNOWN
        status = rig.house.statuses[-1]
        assert (status.state, status.fault) == (SessionState.FAULTED, Fault.BOARD_SILENT)

    def silent() -> EvseRig:
        rig = EvseRig(rules=FREE)
        rig.boards[1].answers = False
        return rig

    play(story, silent)


def test_a_fault_and_a_lost_board_are_published_by_name() -> None:
    async def story(rig: EvseRig) -> None:
        rig.boards[1].emit(BoardLost("port is gone", now_s()))
        rig.boards[1].emit(FaultRaised(Fault.BOARD_SILENT, "no answer", now_s()))
        await asyncio.sleep(0.1)
        status = rig.house.statuses[-1]
        assert (status.state, status.fault, status.fault_detail) == (
            SessionState.FAULTED,
            Fault.BOARD_SILENT,
            "no answer",
        )

    play(story)


def test_the_log_names_a_fault_as_display_and_pages_do(caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: EvseRig) -> None:
        rig.boards[1].emit(FaultRaised(Fault.GROUND_MISSING, "", now_s()))
        await asyncio.sleep(0.1)

    with caplog.at_level("INFO", "agent.station"):
        play(story)
    assert "status evse=1 state=available fault=none" in caplog.messages
    assert "status evse=1 state=faulted fault=ground_missing" in caplog.messages


def test_a_journal_that_fails_stops_a_running_session_within_60_seconds_and_lets_none_begin() -> None:
    async def story(rig: EvseRig) -> None:
        evse, board = rig.evses[1], rig.boards[1]

        def is_charging() -> bool:
            return board.closed

        await charge(rig)
        evse.post(ev.JournalHealthChanged(healthy=False))
        await asyncio.sleep(50.0)
        assert is_charging(), "it may be over in a moment"
        await asyncio.sleep(10.0)
        assert not is_charging()
        await asyncio.sleep(5.0)
        (ended,) = [fact for fact in rig.house.facts if isinstance(fact, TransactionEnded)]
        assert ended.stopped_reason is StoppedReason.OTHER
        board.car(PilotState.A)
        board.car(PilotState.B)
        board.car(PilotState.C)
        await asyncio.sleep(30.0)
        assert not is_charging()
        evse.post(ev.JournalHealthChanged(healthy=True))
        await asyncio.sleep(2.0)
        assert is_charging()
        assert len([fact for fact in rig.house.facts if isinstance(fact, TransactionStarted)]) == 2

    play(story)


def test_a_journal_that_recovers_in_time_interrupts_nothing() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig)
        for healthy in (False, False, True):
            rig.evses[1].post(ev.JournalHealthChanged(healthy))
            await asyncio.sleep(20.0)
        await asyncio.sleep(120.0)
        assert rig.boards[1].closed
        assert not rig.boards[1].forbidden

    play(story)


def two() -> EvseRig:
    return EvseRig(2, rules=FREE)


def test_the_second_car_gets_its_share_once_the_first_has_followed() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig, 1)
        await asyncio.sleep(6.0)
        rig.boards[2].car(PilotState.B)
        await asyncio.sleep(0.1)
        assert rig.boards[1].offered_a == 16.0, "lowering is immediate"
        assert rig.boards[2].offered_a == 0.0
        await asyncio.sleep(3.0)
        assert rig.boards[2].offered_a == 16.0
        assert len([fact for fact in rig.house.facts if isinstance(fact, TransactionStarted)]) == 2

    play(story, two)


def test_a_car_that_does_not_follow_keeps_the_other_waiting() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig, 1)
        await asyncio.sleep(6.0)
        rig.meters[1].follows = False
        rig.boards[2].car(PilotState.B)
        await asyncio.sleep(11.5)
        assert rig.boards[2].offered_a == 0.0
        await asyncio.sleep(3.0)
        assert Fault.OVER_CURRENT in rig.evses[1].session.faults, "the meter ends that"
        assert rig.boards[2].offered_a == 32.0

    play(story, two)


def test_a_board_that_never_confirms_keeps_the_other_waiting() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig, 1)
        await asyncio.sleep(6.0)
        rig.boards[1].confirms = False
        rig.boards[2].car(PilotState.B)
        await asyncio.sleep(60.0)
        assert rig.boards[2].offered_a == 0.0

    play(story, two)


def test_an_offer_is_raised_at_most_every_5_seconds_and_reaches_its_last_value() -> None:
    async def story(rig: EvseRig) -> None:
        await charge(rig, 1)
        await asyncio.sleep(10.0)
        for supply_a in (16.0, 10.0, 16.0, 6.0, 12.0, 9.0, 16.0, 10.0, 16.0):
            rig.supply.max_current_a = supply_a
            rig.supply.refresh()
            await asyncio.sleep(1.0)
        await asyncio.sleep(6.0)
        offers = rig.boards[1].offers
        raises = [
            (later[0] - earlier[0], later[1]) for earlier, later in itertools.pairwise(offers) if later[1] > earlier[1]
        ]
        assert raises
        assert all(gap_s >= 5.0 for gap_s, _ in raises)
        assert rig.boards[1].offered_a == 16.0
        assert min(current for _, current in offers) >= 6.0

    play(story)


def test_two_cars_in_the_same_moment_never_exceed_the_supply() -> None:
    async def story(rig: EvseRig) -> None:
        for board in rig.boards.values():
            board.car(PilotState.B)
            board.car(PilotState.C)
        for _ in range(300):
            await asyncio.sleep(0.05)
            assert sum(evse.claim().committed_a for evse in rig.evses.values()) <= 32.0
        assert [board.offered_a for board in rig.boards.values()] == [10.6, 10.6, 10.6]

    play(story, lambda: EvseRig(3, rules=FREE))

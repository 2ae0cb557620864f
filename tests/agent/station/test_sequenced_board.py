"""The pilot sequences carried out on a board that does as it is told, and the shared supply behind them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from agent.domain import events as ev
from agent.domain.pilot_commands import SequenceValues
from agent.domain.vocabulary import IdToken, IdTokenType
from agent.station.sequenced_board import SequencedBoard
from hal.abilities import Phases
from hal.api import (
    BoardEvent,
    BoardLost,
    ForbidReason,
    OfferConfirmed,
    PhasesSwitched,
    PilotChanged,
    PilotState,
    PowerOff,
    PowerOn,
)
from hil.virtual_time import run_virtual
from tests.agent.station.evse_rig import EvseRig, LeasedBoard, now_s

TOKEN = IdToken("DEADBEEF", IdTokenType.ISO14443)


class HostSteeredBoard(LeasedBoard):
    """A board that leaves the sequences to its host, with everything it was told in order."""

    capabilities = replace(LeasedBoard.capabilities, leaves_sequences_to_host=True, has_phase_switch=True)

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, str]] = []
        self.confirms_phases = True

    def offer_current(self, offered_current_a: float) -> None:
        self.told.append((now_s(), f"offer {offered_current_a:g}"))
        super().offer_current(offered_current_a)

    def forbid_power(self, reason: ForbidReason) -> None:
        self.told.append((now_s(), f"forbid {reason.value}"))
        super().forbid_power(reason)

    def permit_power(self, until_s: float) -> None:
        self.told.append((now_s(), "permit"))
        super().permit_power(until_s)

    def interrupt_pilot(self) -> None:
        self.told.append((now_s(), "F"))

    def switch_phases(self, phases: Phases) -> None:
        assert not self.closed
        self.told.append((now_s(), f"phases {phases}"))
        if self.confirms_phases:
            asyncio.get_running_loop().call_later(0.1, lambda: self.emit(PhasesSwitched(phases, now_s())))

    def words(self) -> list[str]:
        return [word for _, word in self.told]

    def time_of(self, word: str) -> float:
        return next(at_s for at_s, told in reversed(self.told) if told == word)


def since(start_s: float, offers: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(round(at_s - start_s, 6), offered_a) for at_s, offered_a in offers]


@asynccontextmanager
async def sequenced(
    board: HostSteeredBoard, values: SequenceValues | None = None
) -> AsyncIterator[tuple[SequencedBoard, list[BoardEvent]]]:
    events: list[BoardEvent] = []
    wrapped = SequencedBoard(board, values, interrupt=board, phase_switch=board)
    task = asyncio.create_task(wrapped.run(events.append))
    await asyncio.sleep(0.1)
    try:
        yield wrapped, events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_lower_offer_waits_its_five_seconds_and_is_not_taken_for_confirmed_before() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, events):
            start_s = now_s()
            wrapped.offer_current(16.0)
            await asyncio.sleep(1.0)
            wrapped.offer_current(10.0)
            board.emit(OfferConfirmed(6.0, now_s()))
            await asyncio.sleep(9.0)
            assert since(start_s, board.offers) == [(0.0, 16.0), (5.5, 10.0)]
            confirmed = [event.offered_current_a for event in events if isinstance(event, OfferConfirmed)]
            assert confirmed == [16.0, 10.0]

    run_virtual(story())


def test_a_sleeping_ev_is_woken_once_with_the_times_of_the_standard() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, _):
            board.car(PilotState.B)
            start_s = now_s()
            wrapped.offer_current(16.0)
            await asyncio.sleep(600.0)
            told = [(round(at_s - start_s, 6), word) for at_s, word in board.told]
            assert told == [(0.0, "offer 16"), (30.0, "F"), (34.0, "offer 0"), (34.75, "offer 16")]

    run_virtual(story())


def test_forbidding_passes_at_once_and_first_in_every_step() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, _):
            wrapped.forbid_power(ForbidReason.FAULT)
            assert board.told == [(now_s(), "forbid fault")]
            wrapped.switch_phases(1)
            board.told.clear()
            wrapped.forbid_power(ForbidReason.STOPPED)
            assert board.told == [(now_s(), "forbid stopped")]

    run_virtual(story())


def test_phases_are_switched_while_charging_with_power_held_back_until_they_are_known() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, events):
            board.car(PilotState.B)
            wrapped.offer_current(16.0)
            wrapped.permit_power(now_s() + 600.0)
            board.car(PilotState.C)
            await asyncio.sleep(1.0)
            assert board.closed
            board.told.clear()
            wrapped.switch_phases(1)
            await asyncio.sleep(1.0)
            board.car(PilotState.B)
            wrapped.permit_power(now_s() + 600.0)
            await asyncio.sleep(30.0)
            assert board.words() == ["offer 0", "forbid stopped", "phases 1", "offer 16", "permit"]
            opened_s = next(event.at_s for event in reversed(events) if isinstance(event, PowerOff))
            assert board.time_of("phases 1") - opened_s == pytest.approx(10.0)
            board.car(PilotState.C)
            await asyncio.sleep(1.0)
            assert sum(isinstance(event, PowerOn) for event in events) == 2
            assert sum(isinstance(event, PhasesSwitched) for event in events) == 1

    run_virtual(story())


def test_a_permission_that_was_withdrawn_while_phases_were_switched_is_not_given_back() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, _):
            board.car(PilotState.B)
            wrapped.permit_power(now_s() + 600.0)
            wrapped.switch_phases(1)
            wrapped.forbid_power(ForbidReason.STOPPED)
            board.told.clear()
            await asyncio.sleep(30.0)
            assert board.words() == ["phases 1"]

    run_virtual(story())


def test_a_board_that_is_lost_while_phases_wait_is_not_switched() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, _):
            wrapped.switch_phases(1)
            board.emit(BoardLost("silent", now_s()))
            await asyncio.sleep(60.0)
            assert "phases 1" not in board.words()

    run_virtual(story())


def test_a_refused_switching_is_named_and_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        plain = SequencedBoard(LeasedBoard())
        assert plain.phase_refusal(1) == "this board has no phase switch"
        board = HostSteeredBoard()
        async with sequenced(board, SequenceValues(max_phase_switches=0)) as (wrapped, _):
            wrapped.switch_phases(1)
            assert board.told == []
            assert "phases not switched" in caplog.text

    run_virtual(story())


def test_a_board_that_does_the_sequences_itself_is_only_paced() -> None:
    async def story() -> None:
        board = LeasedBoard()
        wrapped = SequencedBoard(board)
        task = asyncio.create_task(wrapped.run(lambda _: None))
        await asyncio.sleep(0.1)
        board.car(PilotState.B)
        start_s = now_s()
        wrapped.offer_current(16.0)
        wrapped.offer_current(10.0)
        await asyncio.sleep(600.0)
        assert since(start_s, board.offers) == [(0.0, 16.0), (5.5, 10.0)]
        assert wrapped.capabilities is board.capabilities
        assert wrapped.last_beat_s == board.last_beat_s
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(story())


# ---------------------------------------------------------------------- the shared supply


async def _watch_supply(rig: EvseRig, supply_a: float, seen: list[float]) -> None:
    while True:
        on_pilots_a = sum(board.offered_a for board in rig.boards.values())
        assert on_pilots_a <= supply_a + 1e-6, f"{on_pilots_a} A offered of {supply_a} A"
        seen.append(on_pilots_a)
        await asyncio.sleep(0.01)


def _sequenced_boards(board: LeasedBoard) -> SequencedBoard:
    return SequencedBoard(board)


async def _watched(rig: EvseRig, supply_a: float, story: Callable[[], object], seconds: float) -> list[float]:
    seen: list[float] = []
    watcher = asyncio.create_task(_watch_supply(rig, supply_a, seen))
    story()
    done, _ = await asyncio.wait({watcher, *rig.tasks.values()}, timeout=seconds)
    for task in done:
        task.result()
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    return seen


def _start(rig: EvseRig, evse_id: int) -> None:
    rig.boards[evse_id].car(PilotState.B)
    rig.evses[evse_id].post(ev.TokenPresented(TOKEN))
    rig.boards[evse_id].car(PilotState.C)


def test_a_lowering_that_waits_its_turn_keeps_the_others_waiting_too() -> None:
    async def story() -> None:
        async with EvseRig(evses=2, supply_a=32.0, wrap=_sequenced_boards) as rig:
            await _watched(rig, 32.0, lambda: _start(rig, 1), 2.0)
            assert rig.boards[1].offered_a == 32.0
            raised_s = rig.boards[1].offers[-1][0]
            await _watched(rig, 32.0, lambda: _start(rig, 2), 1.0)
            assert rig.boards[2].offered_a == 0.0
            await _watched(rig, 32.0, lambda: None, 20.0)
            lowered_s = next(at_s for at_s, offered_a in rig.boards[1].offers if offered_a == 16.0)
            assert lowered_s - raised_s == pytest.approx(5.5)
            assert rig.boards[2].offered_a == 16.0
            assert rig.boards[2].offers[-1][0] > lowered_s

    run_virtual(story())


@pytest.mark.parametrize("seed", range(8))
def test_coming_and_going_cars_never_get_more_than_the_supply(seed: int) -> None:
    chance = random.Random(seed)

    async def story() -> None:
        async with EvseRig(evses=3, supply_a=40.0, wrap=_sequenced_boards) as rig:
            seen: list[float] = []
            for _ in range(60):
                evse_id = chance.choice([1, 2, 3])
                state = chance.choice([PilotState.A, PilotState.B, PilotState.C, None])
                step = partial(_start, rig, evse_id) if state is None else partial(rig.boards[evse_id].car, state)
                seen += await _watched(rig, 40.0, step, chance.choice([0.1, 0.6, 2.0, 7.0]))
            assert max(seen) > 30.0

    run_virtual(story())


def test_pilot_edges_are_told_before_what_follows_from_them() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, events):
            wrapped.offer_current(16.0)
            board.car(PilotState.B)
            assert events[-1] == PilotChanged(PilotState.B, now_s())

    run_virtual(story())


def test_a_board_found_running_hears_a_withdrawal_that_changes_nothing_for_the_rule() -> None:
    async def story() -> None:
        board = HostSteeredBoard()
        async with sequenced(board) as (wrapped, _):
            wrapped.offer_current(0.0)
            assert board.words() == ["offer 0"]

    run_virtual(story())

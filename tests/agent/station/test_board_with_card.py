"""A board and a card as one: whose fault it is, and when it is over."""

import asyncio
from collections.abc import Callable

from agent.station.board_with_card import BoardWithCard
from hal.abilities import CardEvent, FanChanged
from hal.api import (
    BoardCapabilities,
    BoardEvent,
    BoardLost,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    PilotChanged,
    PilotState,
    PowerOff,
)
from hil.virtual_time import run_virtual


class FakeBoard:
    """A board whose events the test tells; it notes what it is told."""

    capabilities = BoardCapabilities(6, 32, 3, HostLossAction.OPEN, False, 0.1, 0.1)
    last_beat_s = 5.0

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tell: Callable[[BoardEvent], None] = lambda _event: None

    def offer_current(self, offered_current_a: float) -> None:
        self.told.append(f"offer {offered_current_a:g}")

    def permit_power(self, until_s: float) -> None:
        self.told.append(f"permit {until_s:g}")

    def forbid_power(self, reason: ForbidReason) -> None:
        self.told.append(f"forbid {reason.value}")

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        self.tell = emit
        await asyncio.Event().wait()


class FakeCard:
    """A card whose events the test tells."""

    last_beat_s = 3.0

    def __init__(self) -> None:
        self.tell: Callable[[CardEvent], None] = lambda _event: None
        self.trips = 0
        self.fan: list[bool] = []

    def trip(self) -> None:
        self.trips += 1

    def run_fan(self, *, on: bool) -> None:
        self.fan.append(on)

    async def at_rest(self) -> None:
        return

    async def run(self, emit: Callable[[CardEvent], None]) -> None:
        self.tell = emit
        await asyncio.Event().wait()


def play(story: Callable[[BoardWithCard, FakeBoard, FakeCard, list[BoardEvent]], None]) -> None:
    async def whole() -> None:
        board, card, events = FakeBoard(), FakeCard(), list[BoardEvent]()
        both = BoardWithCard(1, board, card, has_lock=True, ventilator=card, shunt_trip=card)
        task = asyncio.create_task(both.run(events.append))
        await asyncio.sleep(1)
        story(both, board, card, events)
        task.cancel()

    run_virtual(whole())


def test_fault_that_both_raise_is_over_when_neither_raises_it() -> None:
    def story(_both: BoardWithCard, board: FakeBoard, card: FakeCard, events: list[BoardEvent]) -> None:
        board.tell(FaultRaised(Fault.EMERGENCY_STOP, "board", 1))
        card.tell(FaultRaised(Fault.EMERGENCY_STOP, "card", 1))
        board.tell(FaultCleared(Fault.EMERGENCY_STOP, 2))
        assert not any(isinstance(event, FaultCleared) for event in events)
        card.tell(FaultCleared(Fault.EMERGENCY_STOP, 3))
        assert events[-1] == FaultCleared(Fault.EMERGENCY_STOP, 3)

    play(story)


def test_weld_trips_the_breaker_once_each_time_it_comes() -> None:
    def story(_both: BoardWithCard, board: FakeBoard, card: FakeCard, _events: list[BoardEvent]) -> None:
        board.tell(FaultRaised(Fault.CONTACTOR_WELDED, "", 1))
        board.tell(FaultRaised(Fault.OVER_TEMPERATURE, "", 1))
        assert card.trips == 1

    play(story)


def test_permission_waits_for_the_fan_and_is_given_when_it_runs() -> None:
    def story(both: BoardWithCard, board: FakeBoard, card: FakeCard, _events: list[BoardEvent]) -> None:
        board.tell(PowerOff(0))
        both.permit_power(4000)
        board.tell(PilotChanged(PilotState.D, 1))
        assert card.fan == [True]
        both.permit_power(5000)
        assert board.told == ["permit 4000", "forbid stopped"]
        card.tell(FanChanged(running=True, at_s=2))
        assert board.told[2:] == ["permit 5000"]

    play(story)


def test_permission_that_was_taken_back_is_not_given_when_the_fan_runs() -> None:
    def story(both: BoardWithCard, board: FakeBoard, card: FakeCard, _events: list[BoardEvent]) -> None:
        board.tell(PowerOff(0))
        board.tell(PilotChanged(PilotState.D, 1))
        both.permit_power(5000)
        both.forbid_power(ForbidReason.FAULT)
        card.tell(FanChanged(running=True, at_s=2))
        assert not any(word.startswith("permit") for word in board.told)

    play(story)


def test_permission_goes_on_waiting_for_the_fan_while_the_board_is_lost() -> None:
    def story(both: BoardWithCard, board: FakeBoard, _card: FakeCard, _events: list[BoardEvent]) -> None:
        board.tell(PowerOff(0))
        board.tell(PilotChanged(PilotState.D, 1))
        both.permit_power(5000)
        board.tell(BoardLost("port is gone", 2))
        assert not any(word.startswith("permit") for word in board.told)

    play(story)


def test_both_are_told_as_one() -> None:
    def story(both: BoardWithCard, board: FakeBoard, _card: FakeCard, _events: list[BoardEvent]) -> None:
        assert (both.capabilities.has_lock, both.capabilities.has_shunt_trip) == (True, True)
        assert both.last_beat_s == 3.0
        both.offer_current(16)
        assert board.told == ["offer 16"]

    play(story)

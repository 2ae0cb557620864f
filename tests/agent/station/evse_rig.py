"""One EVSE in virtual time over a board, a meter and a house that do as they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self

from agent.clock import Instant
from agent.domain.charging_session import ChargingSession
from agent.domain.evse_memory import EvseMemory
from agent.domain.facts import Fact, Sample
from agent.domain.session_context import SessionRules
from agent.domain.session_machine import session_machine
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from agent.station.evse import Evse
from agent.station.metering import Metering
from agent.station.sampling import SampleIntervals
from agent.station.supply import Supply
from agent.station.surroundings import EvseDevices
from hal.api import (
    BoardCapabilities,
    BoardConnected,
    BoardEvent,
    BoardStatus,
    BusTimeoutError,
    ForbidReason,
    HostLossAction,
    LinkErrors,
    MeterReading,
    OfferConfirmed,
    PilotChanged,
    PilotController,
    PilotState,
    PowerOff,
    PowerOn,
    Quality,
)
from hal.panel import Indication

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def now_s() -> float:
    return asyncio.get_running_loop().time()


class RigClock:
    def now(self) -> Instant:
        return Instant(now_s(), START + timedelta(seconds=now_s()))

    def learn_utc(self, utc: datetime) -> timedelta:
        return utc - utc


class LeasedBoard:
    """Closes while the lease runs, a current is offered and the car is in C; confirms an offer after a while."""

    capabilities = BoardCapabilities(6.0, 32.0, 3, HostLossAction.OPEN, False, 0.1, 3.1)

    def __init__(self) -> None:
        self.pilot = PilotState.A
        self.offers: list[tuple[float, float]] = []
        self.forbidden: list[tuple[float, ForbidReason]] = []
        self.lease_until_s = 0.0
        self.closed = False
        self.moves: list[tuple[float, bool]] = []
        """When the contactor moved, and whether it closed."""
        self.confirms = True
        self.answers = True
        """False: it says nothing when it is asked who it is."""
        self._emit: Callable[[BoardEvent], None] = lambda _: None

    @property
    def last_beat_s(self) -> float:
        return now_s()

    @property
    def offered_a(self) -> float:
        return self.offers[-1][1] if self.offers else 0.0

    def offer_current(self, offered_current_a: float) -> None:
        self.offers.append((now_s(), offered_current_a))
        if self.confirms:
            asyncio.get_running_loop().call_later(0.2, self._confirm, offered_current_a)

    def permit_power(self, until_s: float) -> None:
        self.lease_until_s = until_s

    def forbid_power(self, reason: ForbidReason) -> None:
        self.forbidden.append((now_s(), reason))
        self.lease_until_s = 0.0

    def car(self, state: PilotState) -> None:
        self.pilot = state
        self._emit(PilotChanged(state, now_s()))

    def emit(self, event: BoardEvent) -> None:
        self._emit(event)

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        self._emit = emit
        if self.answers:
            emit(BoardConnected(BoardStatus("1", self.pilot, False, False, False, None), now_s()))
        while True:
            await asyncio.sleep(0.05)
            closed = self.pilot is PilotState.C and self.offered_a > 0 and now_s() < self.lease_until_s
            if closed != self.closed:
                self.closed = closed
                self.moves.append((now_s(), closed))
                emit(PowerOn(now_s()) if closed else PowerOff(now_s()))

    def _confirm(self, offered_current_a: float) -> None:
        if offered_current_a == self.offered_a:
            self._emit(OfferConfirmed(offered_current_a, now_s()))


class RigMeter:
    bills = True
    errors = LinkErrors()

    def __init__(self, board: LeasedBoard) -> None:
        self._board = board
        self.register_wh = Decimal(1000)
        self.hangs = self.silent = False
        self.follows = True
        self._drawn_a = 0.0

    def restore_total(self, energy_import_wh: Decimal) -> None:
        self.register_wh = max(self.register_wh, energy_import_wh)

    async def read(self) -> MeterReading:
        if self.hangs:
            await asyncio.Event().wait()
        if self.silent:
            raise BusTimeoutError("no reply")
        if self.follows or not self._board.closed:
            self._drawn_a = self._board.offered_a if self._board.closed else 0.0
        current = (Decimal(str(self._drawn_a)),)
        at = START + timedelta(seconds=now_s())
        return MeterReading(at, now_s(), Quality.GOOD, self.register_wh, current_a=current)


class RigDisplay:
    def __init__(self) -> None:
        self.shown: list[Indication] = []

    def show(self, indication: Indication) -> None:
        self.shown.append(indication)

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class House:
    """Surroundings and fact store of all EVSEs of a rig."""

    is_online: bool = True
    sample_intervals: SampleIntervals = field(default_factory=lambda: SampleIntervals(0, 0))
    answer_after_s: float = 0.1
    accepted: bool = True
    facts: list[Fact] = field(default_factory=list)
    outside: list[Sample] = field(default_factory=list)
    statuses: list[EvseStatus] = field(default_factory=list)
    memories: dict[int, EvseMemory] = field(default_factory=dict)
    states_saved: int = 0

    async def authorize(self, id_token: IdToken) -> Authorization:
        assert id_token.value
        await asyncio.sleep(self.answer_after_s)
        return Authorization(AuthorizationStatus.ACCEPTED if self.accepted else AuthorizationStatus.INVALID)

    def status_changed(self, status: EvseStatus) -> None:
        self.statuses.append(status)

    def sample_outside(self, evse_id: int, sample: Sample) -> None:
        assert evse_id
        self.outside.append(sample)

    def record(self, evse_id: int, facts: tuple[Fact, ...], state: object | None) -> None:
        assert evse_id
        self.facts += facts
        self.states_saved += state is not None and not facts

    def remember(self, evse_id: int, memory: EvseMemory) -> None:
        self.memories[evse_id] = memory

    def note_register(self, evse_id: int, register_wh: Decimal) -> None:
        assert evse_id
        assert register_wh >= 0


class EvseRig:
    """EVSEs that share a supply, running."""

    def __init__(
        self,
        evses: int = 1,
        *,
        supply_a: float = 32.0,
        rules: SessionRules | None = None,
        wrap: Callable[[LeasedBoard], PilotController] = lambda board: board,
    ) -> None:
        self.house = House()
        self.supply = Supply(supply_a)
        self.boards = {evse_id: LeasedBoard() for evse_id in range(1, evses + 1)}
        self.meters = {evse_id: RigMeter(board) for evse_id, board in self.boards.items()}
        self.displays = {evse_id: RigDisplay() for evse_id in self.boards}
        machine = session_machine()
        self.evses = {
            evse_id: Evse(
                ChargingSession(evse_id, rules or SessionRules(), machine),
                EvseDevices(
                    wrap(board), Metering(evse_id, self.meters[evse_id]), 32.0, indicator=self.displays[evse_id]
                ),
                surroundings=self.house,
                facts=self.house,
                supply=self.supply,
                clock=RigClock(),
            )
            for evse_id, board in self.boards.items()
        }
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self.tasks = {evse_id: asyncio.create_task(evse.run()) for evse_id, evse in self.evses.items()}
        await asyncio.sleep(0.3)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

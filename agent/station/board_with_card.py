"""A board and the input/output card beside it as one `PilotController` (runner).

* What both can raise stands until neither raises it any more.
* In state D power is permitted only once the fan runs; a permission is kept back until then if it is still unexpired.
* A contactor that does not open drives the shunt trip, once each time the fault comes.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace

from agent.domain.ventilation import Ventilation
from hal.abilities import CardEvent, FanChanged, InputOutputCard, ShuntTrip, Ventilator
from hal.api import (
    BoardCapabilities,
    BoardConnected,
    BoardEvent,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    PilotChanged,
    PilotController,
    PowerOff,
    PowerOn,
)

logger = logging.getLogger(__name__)


class BoardWithCard:
    """Implements `PilotController`; `ventilator` and `shunt_trip` are None where the card has none."""

    def __init__(
        self,
        evse_id: int,
        board: PilotController,
        card: InputOutputCard,
        *,
        has_lock: bool = False,
        ventilator: Ventilator | None = None,
        shunt_trip: ShuntTrip | None = None,
    ) -> None:
        self._evse_id = evse_id
        self._board = board
        self._card = card
        self._has_lock = has_lock
        self._ventilator = ventilator
        self._shunt_trip = shunt_trip
        self._ventilation = Ventilation()
        self._fan_wished = False
        self._raised: dict[str, set[Fault]] = {"board": set(), "card": set(), "fan": set()}
        self._permitted_until_s = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._emit: Callable[[BoardEvent], None] = lambda _event: None

    @property
    def capabilities(self) -> BoardCapabilities:
        """What board and card can do together; constant."""
        own = self._board.capabilities
        has_lock, has_shunt_trip = own.has_lock or self._has_lock, own.has_shunt_trip or self._shunt_trip is not None
        return replace(own, has_lock=has_lock, has_shunt_trip=has_shunt_trip)

    @property
    def last_beat_s(self) -> float:
        """When the board's or the card's driver last came round, whichever is longer ago."""
        return min(self._board.last_beat_s, self._card.last_beat_s)

    def offer_current(self, offered_current_a: float) -> None:
        """Signal this current on the pilot, A."""
        self._board.offer_current(offered_current_a)

    def permit_power(self, until_s: float) -> None:
        """Let the contactor close when the EV asks; kept back while the fan that it needs does not run."""
        self._permitted_until_s = until_s
        if not self._holds_power:
            self._board.permit_power(until_s)

    def forbid_power(self, reason: ForbidReason) -> None:
        """Open the contactor at once."""
        self._board.forbid_power(reason)
        self._permitted_until_s = -math.inf

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Run board and card for ever; returns only on cancellation."""
        self._emit = emit
        async with asyncio.TaskGroup() as group:
            group.create_task(self._board.run(self._take_from_board), name=f"board {self._evse_id}")
            group.create_task(self._card.run(self._take_from_card), name=f"card {self._evse_id}")

    def _take_from_board(self, event: BoardEvent) -> None:
        rule, now_s, held = self._ventilation, _now_s(), self._holds_power
        match event:
            case PilotChanged(state):
                rule.pilot_changed(state, now_s)
            case PowerOn() | PowerOff():
                rule.contactor_changed(isinstance(event, PowerOn))
            case BoardConnected(status):
                rule.contactor_changed(status.contactor_closed)
                rule.pilot_changed(status.pilot, now_s)
        self._ventilate(held=held)
        self._pass("board", event)
        if isinstance(event, FaultRaised) and event.fault is Fault.CONTACTOR_WELDED:
            self._trip()

    def _take_from_card(self, event: CardEvent) -> None:
        if not isinstance(event, FanChanged):
            self._pass("card", event)
            return
        held = self._holds_power
        self._ventilation.fan_changed(event.running, event.at_s)
        self._ventilate(held=held)

    def _pass(self, source: str, event: BoardEvent) -> None:
        """Pass an event on, but for the end of a fault that another source still raises."""
        if isinstance(event, FaultRaised):
            self._raised[source].add(event.fault)
        elif isinstance(event, FaultCleared):
            self._raised[source].discard(event.fault)
            if any(event.fault in raised for raised in self._raised.values()):
                return
        self._emit(event)

    def _trip(self) -> None:
        if self._shunt_trip is not None:
            logger.error("contactor welded, breaker is tripped evse=%d", self._evse_id)
            self._shunt_trip.trip()

    @property
    def _holds_power(self) -> bool:
        return self._ventilator is not None and self._ventilation.holds_power

    def _ventilate(self, *, held: bool) -> None:
        """Carry out what the rule now says; `held` is what it said of power before."""
        rule, ventilator = self._ventilation, self._ventilator
        if ventilator is None:
            return
        if rule.fan_wished != self._fan_wished:
            self._fan_wished = rule.fan_wished
            ventilator.run_fan(on=rule.fan_wished)
        if rule.failed != (Fault.VENTILATION_REQUIRED in self._raised["fan"]):
            fault = Fault.VENTILATION_REQUIRED
            self._pass(
                "fan",
                FaultRaised(fault, "the fan does not run", _now_s()) if rule.failed else FaultCleared(fault, _now_s()),
            )
        if rule.holds_power and not held:
            self._board.forbid_power(ForbidReason.FAULT if rule.failed else ForbidReason.STOPPED)
        elif held and not rule.holds_power and self._permitted_until_s > _now_s():
            self._board.permit_power(self._permitted_until_s)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ventilation.deadline_s is not None:
            self._timer = asyncio.get_running_loop().call_at(self._ventilation.deadline_s, self._time_passed)

    def _time_passed(self) -> None:
        held = self._holds_power
        self._timer = None
        self._ventilation.time_passed(_now_s())
        self._ventilate(held=held)


def _now_s() -> float:
    return asyncio.get_running_loop().time()

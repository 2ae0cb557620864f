"""Owns the installed charging profiles: takes and clears them, and tells what they order now and for a time to come.

Rules kept here:
* What a profile orders is reckoned anew when it changes by time (a timer), when a profile or a transaction comes or
  goes, and when the wall clock was set. In between it is only looked up.
* A profile is taken once it is stored; a TxProfile is not stored and goes with its transaction, or with this process.
* A TxProfile that comes with a remote start waits for its transaction. Until that has begun, the smaller of it and the
  defaults counts: nobody knows yet whose car it will be.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import floor, inf
from typing import Final

from agent.clock import Clock, Instant
from agent.domain.charging_profile import (
    STATION,
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ProfileCriteria,
)
from agent.domain.composite_schedule import (
    LONGEST_S,
    CompositeSchedule,
    Pieces,
    composite_schedule,
    pieces,
    smallest,
    summed,
)
from agent.domain.profile_order import NO_ORDER, ProfileOrder, order_of
from agent.domain.profile_rules import malformed, refused_here, replaced_by, too_many
from agent.domain.profile_timeline import ProfileTimeline, lowest_ahead, of_evse, of_station, prevailing
from agent.domain.transaction import TransactionState
from agent.store import charging_profiles
from agent.store.database import Database
from agent.store.errors import StoreError
from hal.value import dataclass

logger = logging.getLogger(__name__)

CLOCK_STEP_S: Final = 0.5
"""More than this between the two clocks is a wall clock that was set."""
TRAVEL_S: Final = 0.5
"""The longest way of an offer to a board: by so much a limit that goes down is obeyed ahead."""
LONGEST_TIMER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What is wired to one EVSE."""

    phases: int
    max_current_a: float


@dataclass(frozen=True, slots=True)
class _Running:
    transaction_id: str
    began_s: float
    """POSIX, as the wall clock counts now."""


class ChargingProfiles:
    """Implements `ProfileCommands` for the back-end, and tells the supply what is ordered."""

    def __init__(
        self, database: Database, clock: Clock, wiring: Mapping[int, Wiring], supply_max_current_a: float
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called when an order may have changed by itself."""
        self.installed: tuple[ChargingProfile, ...] = ()
        self._database, self._clock, self._wiring = database, clock, wiring
        self._supply_a = supply_max_current_a
        self._phases = max((each.phases for each in wiring.values()), default=1)
        self._running: dict[int, _Running] = {}
        self._promised: dict[int, tuple[int, ChargingProfile]] = {}
        """By EVSE: the remote start that brought a TxProfile, and the profile."""
        self._timelines: dict[int, tuple[ProfileTimeline, ...]] = {}
        self._orders: dict[int, ProfileOrder] = {}
        self._until_s = -inf
        self._seen: Instant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Take what is stored. Raises: StoreError."""
        self.installed = await self._database.run(charging_profiles.load)
        self._anew()

    # ------------------------------------------------------------------ what is ordered now

    def order(self, evse_id: int) -> ProfileOrder:
        """Return what holds for this EVSE, or with 0 for the sum of all, at this moment."""
        now = self._clock.now()
        self._mind_the_clock(now)
        if now.utc.timestamp() >= self._until_s:
            self._reckon(now.utc.timestamp())
        return self._orders.get(evse_id, NO_ORDER)

    def forget_orders(self) -> None:
        """Reckon them anew when they are asked for next."""
        self._until_s = -inf

    def _mind_the_clock(self, now: Instant) -> None:
        seen, self._seen = self._seen, now
        if seen is None:
            return
        step_s = (now.utc - seen.utc).total_seconds() - (now.monotonic_s - seen.monotonic_s)
        if abs(step_s) > CLOCK_STEP_S:
            for evse_id, running in self._running.items():
                self._running[evse_id] = replace(running, began_s=float(floor(running.began_s + step_s)))
            self.forget_orders()

    def _reckon(self, now_s: float) -> None:
        if not self._timelines:
            self._lay_out()
        self._until_s = inf
        for evse_id, timelines in self._timelines.items():
            limit, until_s = lowest_ahead(timelines, now_s, self._began_s(evse_id, now_s), TRAVEL_S)
            self._until_s = min(self._until_s, until_s)
            order = order_of(limit)
            if evse_id in self._promised:
                promised = ProfileTimeline(self._promised[evse_id][1], self._wiring[evse_id].phases)
                first = order_of(prevailing((promised,), now_s, now_s))
                order = min(order, first, key=lambda each: each.current_a)
            self._orders[evse_id] = order
        self._set_timer(now_s)

    def _lay_out(self) -> None:
        self._timelines = {STATION: of_station(self.installed, self._phases)}
        for evse_id, wiring in self._wiring.items():
            self._timelines[evse_id] = of_evse(self.installed, evse_id, wiring.phases)

    def _began_s(self, evse_id: int, now_s: float) -> float:
        """A schedule that begins with the transaction is shown from its beginning while there is none."""
        running = self._running.get(evse_id)
        return float(floor(now_s)) if running is None else min(running.began_s, now_s)

    def _set_timer(self, now_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._until_s < inf:
            delay_s = min(max(0.0, self._until_s - now_s), LONGEST_TIMER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._time_passed)

    def _time_passed(self) -> None:
        now_s = self._clock.now().utc.timestamp()
        if now_s < self._until_s:  # the two clocks round differently, or the time was too long for one timer
            self._set_timer(now_s)
        else:
            self.changed()

    def _anew(self) -> None:
        self._timelines = {}
        self.forget_orders()
        self.changed()

    # ------------------------------------------------------------------ transactions

    def transaction_changed(self, evse_id: int, state: TransactionState | None) -> None:
        """Take note of the open transaction of an EVSE; its profiles come and go with it."""
        running = self._running.get(evse_id)
        if state is not None and (running is None or running.transaction_id != state.transaction_id):
            began_s = min(state.started_at, self._clock.now().utc).timestamp()
            self._running[evse_id] = _Running(state.transaction_id, float(floor(began_s)))
            self.forget_orders()
        elif state is None and running is not None:
            del self._running[evse_id]
            self.forget_orders()
        kept = tuple(each for each in self.installed if not self._is_over(each, evse_id))
        if len(kept) < len(self.installed):
            self.installed, self._timelines = kept, {}
        if state is not None and state.id_token is not None and evse_id in self._promised:
            self._redeem(evse_id, state)

    def _is_over(self, profile: ChargingProfile, evse_id: int) -> bool:
        running = self._running.get(evse_id)
        is_of_evse = profile.purpose is ChargingProfilePurpose.TX and profile.evse_id == evse_id
        return is_of_evse and (running is None or running.transaction_id != profile.transaction_id)

    def promise(self, evse_id: int, remote_start_id: int, given: ChargingProfile) -> str | None:
        """Take a TxProfile that a remote start brings, for its transaction; returns why not, None if taken."""
        profile = replace(given, evse_id=evse_id)
        full, _ = too_many(self.installed, replaced_by(profile, self.installed), self._clock.now().utc)
        reason = malformed(profile) or full
        if reason is None and profile.purpose is not ChargingProfilePurpose.TX:
            reason = "a remote start brings a TxProfile"  # OCPP 1.6 section 5.16.2
        if reason is None:
            self._promised[evse_id] = remote_start_id, profile
            self.forget_orders()
        return reason

    def break_promise(self, evse_id: int, remote_start_id: int) -> None:
        """The remote start came to nothing."""
        if evse_id in self._promised and self._promised[evse_id][0] == remote_start_id:
            del self._promised[evse_id]
            self.forget_orders()

    def _redeem(self, evse_id: int, state: TransactionState) -> None:
        remote_start_id, profile = self._promised.pop(evse_id)
        self.forget_orders()
        if state.remote_start_id != remote_start_id:
            return
        stored = _stored_ids(replaced_by(profile, self.installed))
        if stored:
            self._database.submit(lambda connection: charging_profiles.change(connection, stored, None), _log_failure)
        self._install(replace(profile, transaction_id=state.transaction_id))

    # ------------------------------------------------------------------ ProfileCommands: what a back-end asks

    async def set_profile(self, profile: ChargingProfile) -> str | None:
        """Install a profile; returns why it is refused, None if it is in force. A refusal changes nothing."""
        async with self._changing:
            running = self._running.get(profile.evse_id)
            running_id = None if running is None else running.transaction_id
            now = self._clock.now().utc.replace(microsecond=0)
            replaced = replaced_by(profile, self.installed)
            full, over = too_many(self.installed, replaced, now)
            reason = malformed(profile) or refused_here(profile, tuple(self._wiring), running_id) or full
            if reason is not None:
                return reason
            is_tx = profile.purpose is ChargingProfilePurpose.TX
            taken = replace(profile, received_at=now, transaction_id=running_id if is_tx else None)
            try:
                await self._store(_stored_ids((*replaced, *over)), None if is_tx else taken)
            except StoreError as error:
                _log_failure(error)
                return "it could not be stored"
            if is_tx and self._is_over(taken, taken.evse_id):
                return "its transaction has just ended"
            self._install(taken, over)
            return None

    async def clear_profiles(self, criteria: ProfileCriteria) -> bool:
        """Remove what agrees with these criteria; False if nothing does. Raises: StoreError, and nothing is removed."""
        async with self._changing:
            removed = tuple(each for each in self.installed if criteria.match(each))
            await self._store(_stored_ids(removed), None)
            if removed:
                logger.info("charging profiles cleared ids=%s", [each.profile_id for each in removed])
                self.installed = tuple(each for each in self.installed if each not in removed)
                self._anew()
            return bool(removed)

    async def _store(self, removed: tuple[int, ...], added: ChargingProfile | None) -> None:
        if removed or added is not None:
            await self._database.run(lambda connection: charging_profiles.change(connection, removed, added))

    def _install(self, profile: ChargingProfile, over: tuple[ChargingProfile, ...] = ()) -> None:
        gone = {each.profile_id for each in (*replaced_by(profile, self.installed), *over)}
        self.installed = (*(each for each in self.installed if each.profile_id not in gone), profile)
        logger.info(
            "charging profile installed id=%d evse=%d purpose=%s stack_level=%d replaced=%s",
            *(profile.profile_id, profile.evse_id, profile.purpose.value, profile.stack_level, sorted(gone)),
        )
        self._anew()

    def composite_schedule(
        self, evse_id: int, duration_s: int, unit: ChargingRateUnit | None
    ) -> CompositeSchedule | None:
        """Return what will be allowed to an EVSE, or with 0 to all together; None if there is no such EVSE.

        At 0 it is the sum of what the EVSEs may take, as far as supply and profiles of the station allow it. Without a
        unit it is told in A. Where no transaction runs, one that began now is shown.
        """
        if evse_id != STATION and evse_id not in self._wiring:
            return None
        now_s = float(floor(self._clock.now().utc.timestamp()))
        self.order(evse_id)  # so that a clock that was set is noticed
        if not self._timelines:
            self._lay_out()
        shown_s = max(0, min(duration_s, LONGEST_S))
        end_s = now_s + max(1, shown_s)
        phases = self._phases if evse_id == STATION else self._wiring[evse_id].phases
        total: Pieces = [(now_s, 0.0)]
        for each in self._wiring if evse_id == STATION else (evse_id,):
            course = pieces(self._timelines[each], now_s, end_s, self._began_s(each, now_s))
            course = smallest(course, [(now_s, self._wiring[each].max_current_a)])
            share = self._wiring[each].phases / phases if unit is ChargingRateUnit.W else 1.0
            total = summed(total, [(at_s, current_a * share) for at_s, current_a in course])
        station = smallest(pieces(self._timelines[STATION], now_s, end_s, now_s), [(now_s, self._supply_a)])
        return composite_schedule(smallest(total, station), shown_s, unit or ChargingRateUnit.A, phases)


def _stored_ids(profiles: tuple[ChargingProfile, ...]) -> tuple[int, ...]:
    return tuple(each.profile_id for each in profiles if each.purpose is not ChargingProfilePurpose.TX)


def _log_failure(error: StoreError) -> None:
    logger.error("charging profiles not stored error=%s", error)

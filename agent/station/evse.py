"""Owns one EVSE: its inbox, its board, its session. Performs what the session decides, in that order.

Everything that happens to an EVSE passes through its inbox: hardware, commands, answers, deadlines. The loop never
waits for disk or network; the board's commands do not wait either. The permission to power is renewed by this loop
only, so a hung loop loses power by itself.
"""

import asyncio
import itertools
import logging
from typing import Final, assert_never

from agent.clock import Clock, Instant
from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.charging_limit import Claim
from agent.domain.charging_session import ChargingSession
from agent.domain.control_pilot import ControlPilot
from agent.domain.energy_allowance import is_spent
from agent.domain.facts import Fact, Sample
from agent.domain.session_context import METER_FAULTS
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.session_table import ENDING
from agent.domain.vocabulary import ReadingContext, StoppedReason, TriggerReason
from agent.station.board_events import BoardTranslator
from agent.station.commands import UnlockOutcome
from agent.station.driver_panel import DriverPanel
from agent.station.guard import Guard
from agent.station.inbox_items import Beat, NewLimit, PermissionDue, Question
from agent.station.offer import HeldOffer
from agent.station.permission import Permission
from agent.station.publisher import Publisher
from agent.station.sampling import PERIODIC, SampleSchedule, SampleWanted
from agent.station.session_store import SessionStore
from agent.station.supply import Supply
from agent.station.surroundings import EvseDevices, EvseTiming, FactStore, Surroundings
from hal.api import BoardEvent, CableDetected, OfferConfirmed, TemperatureMeasured

logger = logging.getLogger(__name__)

UNLOCK_TIMEOUT_S: Final = 5.0
_NO_TIMER: asyncio.TimerHandle | None = None


_Item = ev.Event | BoardEvent | SampleWanted | Beat | PermissionDue | NewLimit | Question


class Evse:
    """One EVSE of the station."""

    def __init__(
        self,
        session: ChargingSession,
        devices: EvseDevices,
        *,
        surroundings: Surroundings,
        facts: FactStore,
        supply: Supply,
        clock: Clock,
        timing: EvseTiming | None = None,
    ) -> None:
        restored = session.recorder.state
        self.session, self.evse_id = session, session.recorder.evse_id
        self.board, self.metering = devices.board, devices.metering
        self.last_beat_s = 0.0
        self._devices, self._surroundings = devices, surroundings
        self._guard = devices.guard or Guard(self.evse_id, itertools.count(1).__next__)
        self._guard.use(devices.max_current_a, devices.board.capabilities)
        self._store = SessionStore(session, self._guard, facts)
        self._publisher = Publisher(session, surroundings.status_changed)
        self._supply, self._clock = supply, clock
        self._timing = timing or EvseTiming()
        self._translator = BoardTranslator(ControlPilot())
        self._offer = HeldOffer(restored.offered_current_a if restored else 0.0)
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue()
        self._permission = Permission(
            devices.board, self._guard.care, self._timing.lease_s, lambda: self._inbox.put_nowait(PermissionDue())
        )
        self._new_limit: NewLimit | None = None
        self._panel = DriverPanel(devices.indicator)
        self._since = 0
        self._due: list[SampleWanted] = []
        self._schedule = SampleSchedule()
        self._early: list[ev.Event | Question] = []
        """Tokens and requests that came before the meter answered or was found wanting; they wait for that."""
        self._deadline_timer = self._limit_timer = _NO_TIMER
        self._group: asyncio.TaskGroup | None = None
        self._rested = asyncio.Event()
        """Set after every event, for those who wait for a state."""
        supply.join(self)

    # ------------------------------------------------------------------ the inbox

    def post(self, item: ev.Event | BoardEvent | SampleWanted) -> None:
        """Put an event into the inbox."""
        self._inbox.put_nowait(item)

    async def ask(self, event: ev.Event) -> act.Respond:
        """Put a request into the inbox and wait for its answer."""
        answer: asyncio.Future[act.Respond] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(Question(event, answer))
        return await answer

    @property
    def oldest_beat_s(self) -> float:
        """When this loop or its board's driver last came round, whichever is longer ago."""
        return min(self.last_beat_s, self.board.last_beat_s)

    async def heard(self) -> None:
        """Wait until the board has answered once."""
        while self.session.state is SessionState.UNKNOWN:
            self._rested.clear()
            await self._rested.wait()

    async def at_rest(self) -> None:
        """Wait until nothing is being ended here."""
        while self.session.state in ENDING or self.session.id_token is not None:
            if self.session.state is SessionState.UNKNOWN:
                return  # its board has not answered: what is open stays open and is settled at the next start
            self._rested.clear()
            await self._rested.wait()

    async def bring_to_rest(self, request: ev.StopRequested) -> None:
        """Take no new session, stop what runs, and wait until it is over."""
        self.post(ev.OperativeChanged(operative=False))
        if self.session.is_stoppable():
            await self.ask(request)
        await self.at_rest()

    async def fresh_sample(self, context: ReadingContext) -> Sample | None:
        """Return a sample taken from now on; None if the meter is silent."""
        reading = await self.metering.fresh()
        return None if reading is None else Sample(context, reading, self._offer.commanded_a)

    async def unlock(self) -> UnlockOutcome:
        """Release the plug; refused while somebody is authorised, failed unless the contactor is known to be open."""
        if self._devices.lock is None:
            return UnlockOutcome.NOT_SUPPORTED
        if self.session.is_authorized():
            return UnlockOutcome.ONGOING_TRANSACTION
        if not self.session.is_contactor_open():
            return UnlockOutcome.UNLOCK_FAILED
        self._devices.lock.unlock()
        try:
            async with asyncio.timeout(UNLOCK_TIMEOUT_S):
                while self.session.locked:
                    self._rested.clear()
                    await self._rested.wait()
        except TimeoutError:
            return UnlockOutcome.UNLOCK_FAILED
        return UnlockOutcome.UNLOCKED

    async def run(self) -> None:
        """Run the board, the meter and the inbox for ever; returns only on cancellation."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self.board.run(self.post), name=f"board {self.evse_id}")
            group.create_task(self.metering.run(self.post), name=f"meter {self.evse_id}")
            if self._devices.signing is not None:
                group.create_task(self._devices.signing.run(self.post), name=f"signing {self.evse_id}")
            if self._devices.indicator is not None:
                group.create_task(self._devices.indicator.run(), name=f"indicator {self.evse_id}")
            self._publish(self._clock.now())
            self._beat()
            while True:
                self._take(await self._inbox.get())

    def _take(self, item: _Item) -> None:
        now = self._clock.now()
        match item:
            case ev.TokenPresented() | ev.AuthorizationAnswered() | Question(event=ev.RemoteStartRequested()) if (
                self.session.awaits_register
            ):
                self._early.append(item)
            case Beat():
                self._on_beat(now)
            case PermissionDue():
                self._permission.renew(now.monotonic_s)
            case NewLimit():
                self._new_limit = None
                self._take_limit(item.limit_a, now)
            case SampleWanted():
                if item not in self._due:
                    self._due.append(item)
                self.metering.read_now()
            case Question(event, answer):
                response = self._handle(event, now)
                if not answer.done():
                    answer.set_result(response or act.Respond(accepted=False, reason="not possible now"))
            case OfferConfirmed(offered_current_a, at_s):
                opened = self.session.contactor_closed is False
                self._offer.confirmed(offered_current_a, at_s, contactor_open=opened)
                self._supply.refresh()
            case TemperatureMeasured() | CableDetected():
                for event in self._guard.heard(item):
                    self._handle(event, now)
                self._supply.refresh()
            case _:
                self._hear_all(self._translator.translate(item) if isinstance(item, BoardEvent) else (item,), now)
        self._arm_deadline(now)
        if self._early and not self.session.awaits_register:
            early, self._early = self._early, []
            for waiting in early:
                self._inbox.put_nowait(waiting)

    def _hear_all(self, events: tuple[ev.Event, ...], now: Instant) -> None:
        """Hand these events to the session, each as the guard passes it."""
        for event in events:
            for passed in self._guard.passed(event, now.monotonic_s):
                self._handle(passed, now)

    def _beat(self) -> None:
        self._inbox.put_nowait(Beat())
        asyncio.get_running_loop().call_later(self._timing.beat_s, self._beat)

    def _on_beat(self, now: Instant) -> None:
        self.last_beat_s = now.monotonic_s
        self._permission.renew(now.monotonic_s)
        for event in self._guard.waited(now.monotonic_s):
            self._handle(event, now)
        self._offer.waited(now.monotonic_s)
        self._supply.refresh()
        if self._panel.is_over(now.monotonic_s):
            self._show()
        self._store.save(now)
        self._schedule_samples(now)

    def _schedule_samples(self, now: Instant) -> None:
        state = self.session.recorder.state
        transaction_id = state.transaction_id if state is not None else None
        intervals = self._surroundings.sample_intervals
        loop = asyncio.get_running_loop()
        for delay_s, wanted in self._schedule.due_within(now, self._timing.beat_s, intervals, transaction_id):
            loop.call_later(delay_s, self.post, wanted)

    def _arm_deadline(self, now: Instant) -> None:
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
            self._deadline_timer = None
        deadline_s = self.session.deadline_s
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - now.monotonic_s)
            self._deadline_timer = asyncio.get_running_loop().call_later(delay_s, self.post, ev.DeadlinePassed())

    # ------------------------------------------------------------------ event to actions

    def _handle(self, event: ev.Event, now: Instant) -> act.Respond | None:
        session = self.session
        session.offline = not self._surroundings.is_online
        wanted_power = session.wants_power
        if not wanted_power:
            session.limit_a = self._supply.ceiling(self.evse_id)
        elif self._offer.commanded_a == 0:  # what was told before may have gone to another EVSE meanwhile
            session.limit_a = min(session.limit_a, self._supply.ceiling(self.evse_id))
        response = self._perform(session.handle(event, now), now)
        if isinstance(event, ev.MeterSampled):
            self._offer.metered(event.reading)
            self._tell_due_samples(event, now)
        if isinstance(event, ev.PowerTurnedOff):
            self._offer.contactor_opened()
        if isinstance(event, ev.PlugInProven):
            self._store.prove(now)
        if event.__class__ is not ev.StopRequested and self._is_spent():
            self._handle(ev.StopRequested(StoppedReason.DEAUTHORIZED, TriggerReason.DEAUTHORIZED), now)
        if session.wants_power and not wanted_power:
            self._since = self._supply.next_turn()
        if event.__class__ is not ev.LimitChanged:
            self._supply.refresh()
        self._publish(now)
        if self._panel.is_over(now.monotonic_s, answered=isinstance(event, ev.AuthorizationAnswered)):
            self._show()
        self._rested.set()
        return response

    def _is_spent(self) -> bool:
        session, recorder = self.session, self.session.recorder
        if session.state in ENDING or session.state is SessionState.UNKNOWN:
            return False
        fails = not METER_FAULTS.isdisjoint(session.faults)
        return is_spent(recorder.state, recorder.last_reading, meter_fails=fails)

    def _perform(self, actions: list[act.Action], now: Instant) -> act.Respond | None:
        """Hardware first, in the order given; then the journal; then everything else."""
        facts: list[Fact] = []
        response: act.Respond | None = None
        for action in actions:
            match action:
                case act.ForbidPower(reason):
                    self._permission.forbid(reason)
                case act.OfferCurrent(offered_current_a):
                    self._offer_current(offered_current_a, now)
                case act.PermitPower():
                    self._permission.give(now.monotonic_s)
                case act.LockConnector() if self._devices.lock is not None:
                    self._devices.lock.lock()
                case act.UnlockConnector() if self._devices.lock is not None:
                    self._devices.lock.unlock()
                case act.LockConnector() | act.UnlockConnector():
                    pass
                case act.ReadMeter():
                    self.metering.read_now()
                case act.StartSigning() | act.StopSigning():
                    if self._devices.signing is not None:
                        self._devices.signing.ask(action)
                case act.AskAuthorization():
                    self._ask_authorization(action)
                case act.Report(fact):
                    facts.append(fact)
                case act.Respond():
                    response = action
                case act.ShowRejected(reserved):
                    self._panel.refuse(now.monotonic_s, reserved=reserved)
                case _:
                    assert_never(action)
        self._store.take(facts, now)
        return response

    def _offer_current(self, current_a: float, now: Instant) -> None:
        if current_a != self._offer.commanded_a:
            who = self._guard.who_limits(current_a, self._supply.order(self.evse_id), self._supply.limited_by)
            logger.info("offer evse=%d current_a=%.1f limited_by=%s", self.evse_id, current_a, who)
        self._offer.commanded(current_a, now.monotonic_s)
        self._guard.offered(current_a, now.monotonic_s)
        self.board.offer_current(current_a)

    def _ask_authorization(self, question: act.AskAuthorization) -> None:
        self._panel.check()
        if self._group is not None:
            self._group.create_task(self._authorize(question), name=f"authorize {self.evse_id}")

    async def _authorize(self, question: act.AskAuthorization) -> None:
        authorization = await self._surroundings.authorize(question.id_token)
        self.post(
            ev.AuthorizationAnswered(
                question.session_number, question.id_token, authorization, question.remote_start_id
            )
        )

    def _tell_due_samples(self, event: ev.MeterSampled, now: Instant) -> None:
        due, self._due = self._due, []
        for wanted in due:
            reading = self.session.recorder.last_reading or event.reading  # as the recorder believes it
            sample = Sample(wanted.context, reading, self._offer.commanded_a)
            if self.session.recorder.is_open:
                keep = wanted.context in self._surroundings.sample_intervals.kept
                self._perform(self.session.handle(ev.SampleDue(sample, wanted.trigger, keep), now), now)
            elif wanted != PERIODIC:  # that was of a transaction which has ended meanwhile
                self._surroundings.sample_outside(self.evse_id, sample)

    # ------------------------------------------------------------------ what others see

    def status(self, now: Instant) -> EvseStatus | None:
        """The present status; None while the board has not answered yet."""
        return self._publisher.status(now)

    def _publish(self, now: Instant) -> None:
        if self._publisher.publish(now):
            self._show()

    def _show(self) -> None:
        session = self.session
        self._panel.show(session.public_state, session.faults, reserved=session.reservations.is_held)

    def claim(self) -> Claim:
        """What this EVSE wants of the supply and holds of it."""
        capabilities = self.board.capabilities
        return Claim(
            evse_id=self.evse_id,
            max_current_a=min(self._guard.limit.current_a, self._supply.order(self.evse_id).current_a),
            min_current_a=capabilities.min_current_a,
            wants=self.session.wants_power,
            since=self._since,
            committed_a=self._offer.held_a,
        )

    def limit(self, current_a: float) -> None:
        """Take note of a new limit, A."""
        if self._new_limit is not None:
            self._new_limit.limit_a = current_a
        elif current_a != self.session.limit_a:
            self._new_limit = NewLimit(current_a)
            self._inbox.put_nowait(self._new_limit)

    def _take_limit(self, told_a: float, now: Instant) -> None:
        """Lower at once; raise no higher than the others leave, and not again so soon: the next beat asks again."""
        session = self.session
        limit_a = min(told_a, self._supply.ceiling(self.evse_id))
        if not session.wants_power or limit_a == session.limit_a:
            return
        ordered_a = 0.0 if self._supply.is_ordered else self._supply.order(self.evse_id).current_a
        limit_a, wait_s = self._guard.spared(limit_a, session.limit_a, now.monotonic_s, ordered_a)
        if self._limit_timer is not None:
            self._limit_timer.cancel()
            self._limit_timer = None
        if wait_s > 0:
            self._limit_timer = asyncio.get_running_loop().call_later(wait_s, self._supply.refresh)
        if limit_a < session.limit_a or (limit_a > session.limit_a and self._offer.may_raise(now.monotonic_s)):
            self._handle(ev.LimitChanged(limit_a), now)

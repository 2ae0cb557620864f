"""Owns one EVSE: its inbox, its board, its session. Performs what the session decides, in that order.

Everything that happens to an EVSE passes through its inbox: hardware, commands, answers, deadlines. The loop never
waits for disk or network; the board's commands do not wait either. The permission to power is renewed by this loop
only, so a hung loop loses power by itself.
"""

import asyncio
import logging
from typing import Final, assert_never

from agent.clock import Clock, Instant
from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.charging_limit import Claim
from agent.domain.charging_session import ChargingSession
from agent.domain.control_pilot import ControlPilot
from agent.domain.error_catalogue import gravest
from agent.domain.facts import Fact, Sample
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.session_table import ENDING
from agent.domain.vocabulary import ReadingContext
from agent.station.board_events import BoardTranslator
from agent.station.commands import UnlockOutcome
from agent.station.driver_panel import DriverPanel
from agent.station.inbox_items import Beat, Kept, NewLimit, Question
from agent.station.offer import HeldOffer
from agent.station.sampling import PERIODIC, SampleSchedule, SampleWanted
from agent.station.supply import Supply
from agent.station.surroundings import EvseDevices, EvseTiming, FactStore, Surroundings
from hal.api import BoardEvent, OfferConfirmed

logger = logging.getLogger(__name__)

STATE_SAVE_INTERVAL_S: Final = 5.0
"""How often at least the register of an open transaction is journalled (lesson 8)."""

UNLOCK_TIMEOUT_S: Final = 5.0


_Item = ev.Event | BoardEvent | SampleWanted | Beat | NewLimit | Question


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
        self.session = session
        self.evse_id = session.recorder.evse_id
        self.board, self.metering = devices.board, devices.metering
        self.last_beat_s = 0.0
        self._devices = devices
        self._surroundings = surroundings
        self._facts = facts
        self._supply = supply
        self._clock = clock
        self._timing = timing or EvseTiming()
        self._translator = BoardTranslator(ControlPilot())
        self._offer = HeldOffer(restored.offered_current_a if restored else 0.0)
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue()
        self._permitted = False
        self._new_limit: NewLimit | None = None
        self._panel = DriverPanel(devices.indicator)
        self._since = 0
        self._due: list[SampleWanted] = []
        self._schedule = SampleSchedule()
        self._early: list[ev.Event | Question] = []
        """Tokens and requests that came before the meter answered or was found wanting; they wait for that."""
        self._kept = Kept()
        self._published: tuple[object, ...] | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
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
            case _:
                for event in self._translator.translate(item) if isinstance(item, BoardEvent) else (item,):
                    self._handle(event, now)
        self._arm_deadline(now)
        if self._early and not self.session.awaits_register:
            early, self._early = self._early, []
            for waiting in early:
                self._inbox.put_nowait(waiting)

    def _beat(self) -> None:
        self._inbox.put_nowait(Beat())
        asyncio.get_running_loop().call_later(self._timing.beat_s, self._beat)

    def _on_beat(self, now: Instant) -> None:
        self.last_beat_s = now.monotonic_s
        if self._permitted:
            self.board.permit_power(now.monotonic_s + self._timing.lease_s)
        self._offer.waited(now.monotonic_s)
        self._supply.refresh()
        if self._panel.is_over(now.monotonic_s):
            self._show()
        self._save_state(now)
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
            self._save_proof(now)
        if session.wants_power and not wanted_power:
            self._since = self._supply.next_turn()
        if event.__class__ is not ev.LimitChanged:
            self._supply.refresh()
        self._publish(now)
        if self._panel.is_over(now.monotonic_s, answered=isinstance(event, ev.AuthorizationAnswered)):
            self._show()
        self._rested.set()
        return response

    def _perform(self, actions: list[act.Action], now: Instant) -> act.Respond | None:
        """Hardware first, in the order given; then the journal; then everything else."""
        facts: list[Fact] = []
        response: act.Respond | None = None
        for action in actions:
            match action:
                case act.ForbidPower(reason):
                    self._permitted = False
                    self.board.forbid_power(reason)
                case act.OfferCurrent(offered_current_a):
                    self._offer.commanded(offered_current_a, now.monotonic_s)
                    self.board.offer_current(offered_current_a)
                case act.PermitPower():
                    self._permitted = True
                    self.board.permit_power(now.monotonic_s + self._timing.lease_s)
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
                case act.ShowRejected():
                    self._panel.refuse(now.monotonic_s)
                case _:
                    assert_never(action)
        state = self.session.recorder.state
        kept = (self._kept.offered_a, self._kept.ending)
        if facts or (state is not None and (state.offered_current_a, state.ending) != kept):
            self._keep(tuple(facts), now)
        return response

    def _keep(self, facts: tuple[Fact, ...], now: Instant) -> None:
        """Journal facts and the open transaction: after a kill the board may still offer this, a stop still holds."""
        state = self.session.recorder.state
        self._facts.record(self.evse_id, facts, state)
        self._kept.saved_at_s = now.monotonic_s
        self._kept.offered_a = state.offered_current_a if state is not None else 0.0
        self._kept.ending = state.ending if state is not None else None

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
                self._perform(self.session.handle(ev.SampleDue(sample, wanted.trigger), now), now)
            elif wanted != PERIODIC:  # that was of a transaction which has ended meanwhile
                self._surroundings.sample_outside(self.evse_id, sample)

    def _save_proof(self, now: Instant) -> None:
        """Keep the first proof of a transaction's plug-in at once: without it a restart could not go on with it."""
        state = self.session.recorder.state
        if state is not None and state.transaction_id != self._kept.proven:
            self._kept.proven = state.transaction_id
            self._keep((), now)

    def _save_state(self, now: Instant) -> None:
        state = self.session.recorder.state
        if state is None:
            accounted_wh = self.session.accounted_register_wh
            if accounted_wh is not None and accounted_wh != self._kept.noted_wh:
                self._kept.noted_wh = accounted_wh
                self._facts.note_register(self.evse_id, accounted_wh)
        elif now.monotonic_s - self._kept.saved_at_s >= STATE_SAVE_INTERVAL_S:
            self._keep((), now)

    # ------------------------------------------------------------------ what others see

    def status(self, now: Instant) -> EvseStatus | None:
        """The present status; None while the board has not answered yet."""
        session = self.session
        if session.state is SessionState.UNKNOWN:
            return None
        fault = gravest(session.faults)
        return EvseStatus(
            evse_id=self.evse_id,
            connector_status=session.connector_status,
            state=session.public_state,
            charging_state=session.charging_state,
            at=now.utc,
            fault=fault,
            fault_detail=session.faults[fault] if fault else "",
        )

    def _publish(self, now: Instant) -> None:
        status = self.status(now)
        seen = None if status is None else (status.connector_status, status.state, status.fault)
        if seen != self._published:
            self._published = seen
            self._show()
            if status is not None:
                fault = status.fault.value if status.fault else "none"
                logger.info("status evse=%d state=%s fault=%s", self.evse_id, status.state.value, fault)
                self._surroundings.status_changed(status)

    def _show(self) -> None:
        self._panel.show(self.session.public_state, self.session.faults)

    def claim(self) -> Claim:
        """What this EVSE wants of the supply and holds of it."""
        capabilities = self.board.capabilities
        return Claim(
            evse_id=self.evse_id,
            max_current_a=min(self._devices.max_current_a, capabilities.max_current_a),
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
        if limit_a < session.limit_a or self._offer.may_raise(now.monotonic_s):
            self._handle(ev.LimitChanged(limit_a), now)

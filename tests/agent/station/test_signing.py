"""The runner of signed transactions over a meter that behaves, fails, is exchanged, or was left in the middle."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.clock import Instant
from agent.domain.actions import StartSigning, StopSigning
from agent.domain.events import Event, FaultAppeared, FaultDisappeared, SigningBegan, SigningEnded
from agent.station.signing import Signing
from hal.api import BusTimeoutError, Fault
from hal.signed_meter import MeterIdentity, SignedRecord, SigningRequest, SigningState
from hil.virtual_time import run_virtual
from tests.agent.domain.ocmf_records import BEGIN, END, KEY, reading, record

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
REQUEST = SigningRequest("tx-1", "ISO14443", "04A1B2C3", "CS-1 1")
STARTS = StartSigning(1, REQUEST, START)
FIRST, LAST = record(1, BEGIN), record(2, BEGIN, END)


class Meter:
    """Signs page after page; can be silent, another one, or in any state."""

    def __init__(self) -> None:
        self.serial = "PL000001"
        self.now = SigningState.IDLE
        self.silent = False
        self.last: SignedRecord | None = None
        self.times: list[datetime] = []
        self.commands: list[str] = []

    def _answer(self) -> None:
        if self.silent:
            raise BusTimeoutError("no reply")

    async def identity(self) -> MeterIdentity:
        self._answer()
        return MeterIdentity(self.serial, KEY)

    async def state(self) -> SigningState:
        self._answer()
        return self.now

    async def set_time(self, utc: datetime) -> None:
        self._answer()
        self.times.append(utc)

    async def start_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        self._answer()
        self.commands.append(f"start {request.transaction_id}")
        self.now, self.last = SigningState.ACTIVE, FIRST
        return FIRST

    async def stop_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        self._answer()
        self.commands.append(f"stop {request.transaction_id}")
        end = "P" if self.now is SigningState.ACTIVE_AFTER_POWER_FAILURE else "E"
        self.now, self.last = SigningState.IDLE, record(2, BEGIN, reading(end, "109.4500"))
        return self.last

    async def last_record(self) -> SignedRecord | None:
        self._answer()
        return self.last


class Clock:
    def now(self) -> Instant:
        now_s = asyncio.get_running_loop().time()
        return Instant(now_s, START + timedelta(seconds=now_s))

    def learn_utc(self, utc: datetime) -> timedelta:
        raise AssertionError(f"nobody teaches {utc} here")


class Rig:
    def __init__(self, *, has_begun: bool = False) -> None:
        self.meter = Meter()
        self.signing = Signing(1, self.meter, Clock(), serial_number="PL000001", has_begun=has_begun)
        self.events: list[Event] = []

    async def ask(self, *jobs: StartSigning | StopSigning, wait_s: float = 0.1) -> None:
        for job in jobs:
            self.signing.ask(job)
        await asyncio.sleep(wait_s)

    def latest(self) -> Event:
        return self.events[-1]

    def faults(self) -> list[Fault]:
        return [event.fault for event in self.events if isinstance(event, FaultAppeared)]


def play(story: Callable[[Rig], Coroutine[Any, Any, None]], *, has_begun: bool = False, **meter: object) -> None:
    async def run() -> None:
        rig = Rig(has_begun=has_begun)
        for name, value in meter.items():
            setattr(rig.meter, name, value)
        task = asyncio.create_task(rig.signing.run(rig.events.append))
        await asyncio.sleep(0.1)
        try:
            await story(rig)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run_virtual(run())


def test_begin_and_end_are_signed_with_the_stations_time() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(STARTS)
        await rig.ask(StopSigning(1, REQUEST, START, FIRST))
        assert rig.events == [SigningBegan(1, FIRST), SigningEnded(1, LAST)]
        assert rig.meter.commands == ["start tx-1", "stop tx-1"]
        assert len(rig.meter.times) == 1

    play(story)


def test_a_begin_that_was_signed_before_the_crash_is_fetched_and_not_signed_anew() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(STARTS)
        assert rig.events == [SigningBegan(1, FIRST)]
        assert rig.meter.commands == []

    play(story, has_begun=True, now=SigningState.ACTIVE, last=FIRST)


def test_an_end_that_was_signed_before_the_crash_is_fetched_and_not_signed_anew() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(StopSigning(0, REQUEST, START, FIRST))
        assert rig.events == [SigningEnded(0, LAST)]
        assert rig.meter.commands == []

    play(story, has_begun=True, last=LAST)


def test_somebody_elses_open_transaction_is_closed_before_ours_begins() -> None:
    async def story(rig: Rig) -> None:
        rig.meter.now, rig.meter.last = SigningState.ACTIVE, FIRST
        await rig.ask(StartSigning(1, REQUEST, START + timedelta(hours=1)))
        assert rig.meter.commands == ["stop ", "start tx-1"]
        assert rig.events == [SigningBegan(1, FIRST)]

    play(story)


def test_what_nobody_waits_for_is_closed_at_the_start() -> None:
    async def story(rig: Rig) -> None:
        assert rig.meter.commands == ["stop "]
        assert len(rig.meter.times) == 1
        assert rig.events == []

    play(story, now=SigningState.ACTIVE_AFTER_POWER_FAILURE)


def test_a_restored_transaction_is_left_alone_until_its_session_speaks() -> None:
    async def story(rig: Rig) -> None:
        await asyncio.sleep(30)
        assert rig.meter.commands == []
        assert rig.events == []

    play(story, has_begun=True, now=SigningState.ACTIVE, last=FIRST)


def test_a_power_failure_within_a_transaction_is_a_fault_and_ends_with_p() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(STARTS)
        rig.meter.now = SigningState.ACTIVE_AFTER_POWER_FAILURE
        await asyncio.sleep(6)
        assert rig.faults() == [Fault.SIGNED_METERING]
        await rig.ask(StopSigning(1, REQUEST, START, FIRST))
        assert rig.latest() == SigningEnded(1, record(2, BEGIN, reading("P", "109.4500")))
        await asyncio.sleep(6)
        assert rig.latest() == FaultDisappeared(Fault.SIGNED_METERING)

    play(story)


def test_another_meter_is_a_fault_until_the_registered_one_is_back() -> None:
    async def story(rig: Rig) -> None:
        rig.meter.serial = "X"
        await rig.ask(STARTS)
        assert rig.faults() == [Fault.METER_EXCHANGED]
        await rig.ask(StopSigning(1, REQUEST, START, None))
        assert rig.latest() == SigningEnded(1, None)
        rig.meter.serial = "PL000001"
        await asyncio.sleep(6)
        assert rig.latest() == FaultDisappeared(Fault.METER_EXCHANGED)
        assert rig.meter.commands == []

    play(story)


def test_a_silent_meter_fails_the_begin_at_once_and_the_end_in_bounded_time() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(STARTS)
        rig.meter.silent = True
        await rig.ask(StopSigning(1, REQUEST, START, FIRST), wait_s=19)
        assert rig.faults() == [Fault.SIGNED_METERING]
        assert rig.latest() == SigningEnded(1, None)
        await rig.ask(StartSigning(2, REQUEST, START))
        assert not any(isinstance(event, SigningBegan) and event.number == 2 for event in rig.events)

    play(story)


def test_a_meter_that_comes_back_in_time_still_signs_the_end() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask(STARTS)
        rig.meter.silent = True
        await rig.ask(StopSigning(1, REQUEST, START, FIRST), wait_s=5)
        rig.meter.silent = False
        await asyncio.sleep(2)
        assert rig.latest() == SigningEnded(1, LAST)
        assert rig.faults() == []

    play(story)


def test_one_miss_at_rest_is_no_fault_and_two_are() -> None:
    async def story(rig: Rig) -> None:
        rig.meter.silent = True
        await asyncio.sleep(6)
        assert rig.faults() == []
        await asyncio.sleep(6)
        assert rig.faults() == [Fault.SIGNED_METERING]

    play(story)

"""Owns the signing of one EVSE's meter: begins and ends signed transactions, and watches that the meter is the one.

Rules kept here:
* Nothing is signed twice for one transaction: what the meter has signed already is fetched, not signed anew.
* What nobody waits for is closed: a transaction left open at the meter by a crash blocks the next one.
* Every failure is a fault of this EVSE and ends the wait of its session; only the session decides about power.
Source: facts ocmf_eichrecht (station duties); bench scenarios MT-03, MT-04.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from agent.clock import Clock
from agent.domain.actions import StartSigning, StopSigning
from agent.domain.events import Event, FaultAppeared, FaultDisappeared, SigningBegan, SigningEnded
from agent.domain.ocmf import began_since, refusal_of_begin, refusal_of_end
from hal.api import DeviceRefusedError, Fault, HalError
from hal.signed_meter import SignedMeter, SignedRecord, SigningRequest, SigningState

logger = logging.getLogger(__name__)

MISSES_TO_FAULT: Final = 2
STOP_TRIES_S: Final = 18.0
"""How long an end is asked for again; below `SessionRules.signing_timeout_s`."""
RETRY_S: Final = 1.0
_DANGLING: Final = SigningRequest("", "NONE", "", "")


class MeterExchangedError(HalError):
    """Another meter answers than the registered one."""


class Signing:
    """Signed transactions of one EVSE."""

    def __init__(
        self,
        evse_id: int,
        meter: SignedMeter,
        clock: Clock,
        *,
        serial_number: str | None = None,
        has_begun: bool = False,
        poll_interval_s: float = 5.0,
    ) -> None:
        """`serial_number`: the registered meter's; None: any. `has_begun`: somebody was authorised before the start."""
        self._evse_id = evse_id
        self._meter = meter
        self._clock = clock
        self._serial_number = serial_number
        self._has_begun = has_begun
        self._poll_interval_s = poll_interval_s
        self._jobs: asyncio.Queue[StartSigning | StopSigning] = asyncio.Queue()
        self._misses = 0
        self._standing: set[Fault] = set()
        self._emit: Callable[[Event], None] = lambda _event: None

    def ask(self, job: StartSigning | StopSigning) -> None:
        """Begin or end a signed transaction; answered by an event."""
        self._jobs.put_nowait(job)

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Serve for ever; returns only on cancellation."""
        self._emit = emit
        if not self._has_begun:
            await self._look()
        while True:
            try:
                async with asyncio.timeout(self._poll_interval_s):
                    job = await self._jobs.get()
            except TimeoutError:
                await self._look()
                continue
            if isinstance(job, StartSigning):
                await self._start(job)
            else:
                await self._stop(job)

    # ------------------------------------------------------------------ watching

    async def _look(self) -> None:
        try:
            await self._check_identity()
            await self._check_state(await self._meter.state())
        except MeterExchangedError:
            return
        except HalError as error:
            self._misses += 1
            if self._misses >= MISSES_TO_FAULT or isinstance(error, DeviceRefusedError):
                self._raise(Fault.SIGNED_METERING, str(error))
            return
        self._misses = 0

    async def _check_identity(self) -> str:
        identity = await self._meter.identity()
        registered = self._serial_number
        if registered is not None and identity.serial_number != registered:
            detail = f"meter {identity.serial_number}, not {registered}"
            self._raise(Fault.METER_EXCHANGED, detail)
            raise MeterExchangedError(detail)
        self._clear(Fault.METER_EXCHANGED)
        return identity.serial_number

    async def _check_state(self, state: SigningState) -> None:
        if not self._has_begun:
            if state.is_open:
                await self._close(state)
            self._clear(Fault.SIGNED_METERING)
        elif state in {SigningState.IDLE, SigningState.ACTIVE_AFTER_POWER_FAILURE}:
            self._raise(Fault.SIGNED_METERING, f"the meter is {state.value} within a transaction")
        else:
            self._clear(Fault.SIGNED_METERING)

    async def _close(self, state: SigningState) -> None:
        """Close what nobody waits for."""
        if state is SigningState.ACTIVE_AFTER_POWER_FAILURE:
            await self._meter.set_time(self._clock.now().utc)
        await self._meter.stop_signed_transaction(_DANGLING)
        logger.error("signed transaction of nobody was closed evse=%d state=%s", self._evse_id, state.value)

    # ------------------------------------------------------------------ begin

    async def _start(self, job: StartSigning) -> None:
        self._has_begun = True
        try:
            serial_number = await self._check_identity()
            begin = await self._begin(job)
            refusal = refusal_of_begin(begin, serial_number)
            if refusal is not None:
                raise DeviceRefusedError(f"the signed begin cannot be used: {refusal}")
        except MeterExchangedError:
            return
        except HalError as error:
            self._raise(Fault.SIGNED_METERING, str(error))
            return
        self._clear(Fault.SIGNED_METERING)
        self._emit(SigningBegan(job.number, begin))

    async def _begin(self, job: StartSigning) -> SignedRecord:
        state = await self._meter.state()
        if state.is_open:
            signed = await self._meter.last_record()
            if signed is not None and began_since(signed, job.since):
                logger.info("signed begin adopted evse=%d transaction=%s", self._evse_id, job.request.transaction_id)
                return signed
            await self._close(state)
        await self._meter.set_time(self._clock.now().utc)
        return await self._meter.start_signed_transaction(job.request)

    # ------------------------------------------------------------------ end

    async def _stop(self, job: StopSigning) -> None:
        record = await self._patiently(job)
        if record is None:
            logger.error("no signed end evse=%d transaction=%s", self._evse_id, job.request.transaction_id)
        self._has_begun = False
        self._emit(SigningEnded(job.number, record))

    async def _patiently(self, job: StopSigning) -> SignedRecord | None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + STOP_TRIES_S
        while True:
            try:
                await self._check_identity()
                return await self._end(job)
            except MeterExchangedError:
                return None
            except HalError as error:
                if isinstance(error, DeviceRefusedError) or loop.time() + RETRY_S >= until_s:
                    self._raise(Fault.SIGNED_METERING, str(error))
                    return None
                logger.info("signed end asked for again evse=%d reason=%s", self._evse_id, error)
                await asyncio.sleep(RETRY_S)

    async def _end(self, job: StopSigning) -> SignedRecord | None:
        """Return the signed end, fetched if it is signed already; None if nothing was ever begun."""
        state = await self._meter.state()
        if not state.is_open:
            record = await self._meter.last_record() if job.begin is not None else None
        else:
            if state is SigningState.ACTIVE_AFTER_POWER_FAILURE:
                await self._meter.set_time(self._clock.now().utc)
            record = await self._meter.stop_signed_transaction(job.request)
        if record is None or job.begin is None:
            return record
        refusal = refusal_of_end(record, job.begin)
        if refusal is not None:
            raise DeviceRefusedError(f"the signed end cannot be used: {refusal}")
        return record

    # ------------------------------------------------------------------ faults

    def _raise(self, fault: Fault, detail: str) -> None:
        if fault not in self._standing:
            self._standing.add(fault)
            logger.warning("signing fault evse=%d fault=%s detail=%s", self._evse_id, fault.value, detail)
            self._emit(FaultAppeared(fault, detail))

    def _clear(self, fault: Fault) -> None:
        if fault in self._standing:
            self._standing.remove(fault)
            logger.warning("signing fault cleared evse=%d fault=%s", self._evse_id, fault.value)
            self._emit(FaultDisappeared(fault))

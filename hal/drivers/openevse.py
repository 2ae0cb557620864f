"""OpenEVSE board over RAPI: a complete charger that Linux may only steer (runner).

How the interface maps to this board:
* Enabled, it offers its current and closes the contactor by itself as soon as the EV asks; there is no state "plugged,
  PWM on, contactor later" (trap 3). So it is enabled only while a current is offered *and* permission is unexpired,
  and asleep (steady +12 V, plugging in is seen) otherwise: permit together with the offer, not when the EV asks.
* `forbid_power` writes `$FD` in the call itself, holds F until the contactor is seen open and for 300 ms, then sleeps.
  It writes nothing if the board stands open in a fault of its own, or is asleep with its contactor seen open.
* `forbid_power(EV_STOPPED)` leaves the enabling and the offer: the board opens by itself when the EV leaves C. That is
  verified; if the EV comes back and no new permission follows within `RETURN_GRACE_S`, `$FD` is written. The board
  hears it after its self-test (1.3 s after B->C), so it may close for one turn of its loop before it opens.
* A board that started by itself is put to sleep before all questions, since it would close for a car that asks.
* A board that is new to this station gets the least current stored, so that it offers no more after darkness.
* A board found enabled at start is left as it is until the agent decides, for `adoption_grace_s` at most.
* Pilot state F that the driver commanded is not reported; what the EV did meanwhile is.
Source: facts: rapi_openevse.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from hal.api import (
    BadFrameError,
    BoardCapabilities,
    BoardEvent,
    BoardLost,
    BoardReset,
    BusTimeoutError,
    DeviceRefusedError,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HalError,
    HostLossAction,
    PortError,
    StopButtonPressed,
)
from hal.codecs.rapi import BoardBooted, ButtonPressed, Report, StateReply, StateReported
from hal.codecs.rapi_values import (
    MAX_HEARTBEAT_INTERVAL_S,
    MIN_CURRENT_A,
    PROTECTIONS,
    TIME_LIMIT_STEP_MIN,
    VOLATILE,
    Verb,
)
from hal.drivers.openevse_identity import accepted, identify
from hal.drivers.openevse_link import OpenEvseLink
from hal.drivers.openevse_plan import Command
from hal.drivers.openevse_steering import Settings, Steering
from hal.together import together
from hal.transports.port import Port

logger = logging.getLogger(__name__)

_REPLY_TIMEOUT_S: Final = 1.5
"""The firmware loops 30-150 ms and blocks for seconds in its self-tests."""
_MISSES_UNTIL_LOST: Final = 3
_SILENCE_UNTIL_LOST_S: Final = 5.0
_LISTEN_S: Final = 10.0
"""So long a line is kept open on which nobody answers; then it is opened anew, for it may be the line that hangs."""
_FIRST_RETRY_S: Final = 0.2
_LONGEST_RETRY_S: Final = 5.0
_AFTER_ERROR_S: Final = 0.1
_OPENING_TIME_S: Final = 0.5
"""Declared for this board: C->A was measured at 355 ms, D at 320 ms, short of pilot at 312 ms."""
_STOP_OPENING_TIME_S: Final = 3.5
"""`$FS` in C: measured at 3.08 s."""
_ENFORCES: Final = frozenset(
    {"2.1", "2.2", "4", "7", "8.1", "8.2", "9", "10.2", "12", "ventilation", "diode", "ground_fault", "ground_missing"}
    | {"stuck_relay", "ground_fault_test", "temperature", "over_current"}
)


_NO_TIMER: asyncio.TimerHandle | None = None


class OpenEvseBoard:
    """One OpenEVSE board; implements `PilotController`."""

    def __init__(  # noqa: PLR0913 - configured values, all named
        self,
        port: Port,
        *,
        max_current_a: int = 32,
        phases: int = 1,
        poll_interval_s: float = 1.0,
        allow_protection_off: frozenset[str] = frozenset(),
        heartbeat_interval_s: int = 10,
        heartbeat_fallback_a: int = MIN_CURRENT_A,
        time_limit_min: int = TIME_LIMIT_STEP_MIN,
        adoption_grace_s: float = 5.0,
        stored_current_a: int | None = MIN_CURRENT_A,
    ) -> None:
        """Check the configured values. Raises: ValueError naming the one that does not fit this board."""
        _check(max_current_a, allow_protection_off, heartbeat_interval_s, heartbeat_fallback_a, time_limit_min)
        _check_stored(stored_current_a, max_current_a)
        self._steering = Steering(
            Settings(
                max_current_a=max_current_a,
                poll_interval_s=poll_interval_s,
                heartbeat_interval_s=heartbeat_interval_s,
                heartbeat_fallback_a=heartbeat_fallback_a,
                time_limit_steps=time_limit_min // TIME_LIMIT_STEP_MIN,
                adoption_grace_s=adoption_grace_s,
                opening_time_s=_OPENING_TIME_S,
                stop_opening_time_s=_STOP_OPENING_TIME_S,
                allow_protection_off=allow_protection_off,
                stored_current_a=stored_current_a,
            )
        )
        self._capabilities = _capabilities(max_current_a, phases, allow_protection_off)
        self._link = OpenEvseLink(port, _REPLY_TIMEOUT_S, self._take_report)
        self._emit: Callable[[BoardEvent], None] = _nobody_listens
        self._wake = asyncio.Event()
        self._lease_timer = self._silence_timer = _NO_TIMER
        self._rebooted = self._restart_untold = False
        """The second: a restart that no `BoardConnected` told yet; it outlives a connection that fails in between."""
        self._silent = self._silence_told = self._heard = False
        self._misses, self._beat_s, self._retry_s = 0, 0.0, _FIRST_RETRY_S

    @property
    def capabilities(self) -> BoardCapabilities:
        """What this board can do; constant."""
        return self._capabilities

    @property
    def last_beat_s(self) -> float:
        """When the loop that owns the line last came round."""
        return self._beat_s

    def offer_current(self, offered_current_a: float) -> None:
        """Offer this current while permission lasts, A, rounded down; below 6 A withdraw the offer (`$FS`)."""
        self._steering.offer(offered_current_a, _now_s())
        self._wake.set()

    def permit_power(self, until_s: float) -> None:
        """Let the board be enabled until this monotonic time; the expiry is kept by a timer of its own."""
        self._steering.permit(until_s, _now_s())
        self._arm_lease()
        self._wake.set()

    def forbid_power(self, reason: ForbidReason) -> None:
        """Open the contactor: `$FD` is on the wire when this returns, if the line is open."""
        must_open = self._steering.forbid(reason, _now_s())
        if self._lease_timer is not None:
            self._lease_timer.cancel()
            self._lease_timer = None
        if must_open:
            self._order(Verb.DISABLE)
        self._wake.set()

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Own the line for ever: reopen it, poll it, report through `emit`; returns only on cancellation."""
        self._emit = emit
        while True:
            self._beat_s = _now_s()
            try:
                await self._talk()
            except HalError as error:
                self._lose(str(error))
            finally:
                self._link.close()
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)

    async def _talk(self) -> None:
        await self._link.open()
        if self._steering.wanted.opening:
            self._order(Verb.DISABLE)
        await together(self._link.receive(), self._work())

    async def _work(self) -> None:
        self._misses = 0
        self._rebooted = False
        await self._connect(await self._find())
        while True:
            try:
                await self._work_once()
            except (BusTimeoutError, BadFrameError, DeviceRefusedError) as error:
                self._count_miss(error)
                await asyncio.sleep(_AFTER_ERROR_S)

    async def _work_once(self) -> None:
        self._beat_s = _now_s()
        await self._link.settle()
        if self._restart_untold:
            self._rebooted = False
            await self._connect(await self._ask_state())
        now_s = _now_s()
        events, command = self._steering.step(now_s)
        self._tell(events)
        if command is None:
            await self._wait_until(self._steering.next_due_s(now_s))
            return
        self._steering.sent(command, now_s)
        reply = await self._link.request(command.verb, *command.params)
        self._tell(self._steering.answered(command, reply, _now_s()))
        self._misses = 0

    async def _find(self) -> StateReply:
        """Ask a silent board again and again, its line open so that its boot message is heard. Raises: HalError."""
        end_s = _now_s() + _LISTEN_S
        while True:
            self._beat_s = _now_s()
            try:
                return await self._ask_state()
            except BusTimeoutError as error:
                if self._beat_s >= end_s:
                    self._retry_s = _FIRST_RETRY_S
                    raise
                self._lose(str(error))

    async def _ask_state(self) -> StateReply:
        return StateReply.from_params(accepted(await self._link.request(Verb.GET_STATE)))

    async def _connect(self, found: StateReply) -> None:
        """Identify and configure the board, asleep if it must not run. Raises: HalError."""
        steering, settings = self._steering, self._steering.settings
        self._order(steering.order_at_once(found, _now_s()))
        identity = await identify(self._link)
        self._restart_untold |= steering.has_restarted(found, identity)
        restarted = self._restart_untold
        steering.board_state(identity.state, _now_s())
        if identity.heartbeat is not None and not steering.heartbeat_is_ours(identity.heartbeat):
            interval, fallback = str(settings.heartbeat_interval_s), str(settings.heartbeat_fallback_a)
            await self._link.request(Verb.SET_HEARTBEAT, interval, fallback)
            if settings.stored_current_a is not None:  # trap 1: EEPROM is written here, once for each new board, only
                await self._link.request(Verb.SET_CURRENT, str(settings.stored_current_a))
        current = Command(Verb.SET_CURRENT, (str(steering.safe_current_a(identity, restarted=restarted)), VOLATILE))
        reply = await self._link.request(current.verb, *current.params)
        steering.answered(current, reply, _now_s())
        if self._rebooted:
            return
        if self._silent:
            self._end_silence()
        self._retry_s = _FIRST_RETRY_S
        self._restart_untold = False
        self._tell(steering.identified(identity, _now_s(), restarted=restarted))

    async def _wait_until(self, time_s: float) -> None:
        try:
            async with asyncio.timeout_at(time_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _take_report(self, report: Report) -> None:
        now_s = _now_s()
        match report:
            case StateReported():
                self._tell(self._steering.reported(report, now_s))
            case BoardBooted():
                self._rebooted = self._restart_untold = True
                self._steering.restarted()
                self._order(Verb.SLEEP)  # it is enabled; disabled it would not look at its pilot
                self._emit(BoardReset(f"board started, self-test {report.post_code:02X}", now_s))
                self._tell(self._steering.booted(report.post_code, now_s))
            case ButtonPressed():
                self._emit(StopButtonPressed(now_s))
            case _:
                logger.debug("board said report=%s", report)
        self._wake.set()

    def _tell(self, events: list[BoardEvent]) -> None:
        for event in events:
            self._emit(event)
        if events:
            self._arm_lease()

    def _order(self, verb: Verb | None) -> None:
        """Write this in the very call, whatever is outstanding."""
        if verb is None or not self._link.is_open:
            return
        try:
            self._link.order(verb)
        except PortError as error:
            logger.warning("order not sent order=%s error=%s", verb, error)
            return
        self._steering.sent(Command(verb), _now_s())

    def _arm_lease(self) -> None:
        end_s = self._steering.lease_end_s
        if self._lease_timer is None and math.isfinite(end_s):
            self._lease_timer = asyncio.get_running_loop().call_at(end_s, self._lease_ended)

    def _lease_ended(self) -> None:
        self._lease_timer = None
        end_s = self._steering.lease_end_s
        if _now_s() < end_s:
            self._arm_lease()
        elif end_s > -math.inf:
            logger.error("permission to power expired")
            self.forbid_power(ForbidReason.LEASE_EXPIRED)

    def _count_miss(self, error: HalError) -> None:
        self._misses += 1
        logger.warning("board command failed misses=%d error=%s", self._misses, error)
        if self._misses >= _MISSES_UNTIL_LOST or _now_s() - self._link.last_heard_s >= _SILENCE_UNTIL_LOST_S:
            raise PortError(f"board does not answer: {error}") from error

    def _lose(self, reason: str) -> None:
        self._steering.lost()
        if self._silent:
            return
        self._silent = True
        now_s = _now_s()
        # A board takes seconds to boot: before it was ever heard its silence is no news yet.
        logger.log(logging.ERROR if self._heard else logging.WARNING, "board lost reason=%s", reason)
        told_s = self._link.last_heard_s + _SILENCE_UNTIL_LOST_S
        if told_s <= now_s:
            self._tell_silence(reason)
        else:  # a cable that is put back in time is no fault
            self._silence_timer = asyncio.get_running_loop().call_at(told_s, self._tell_silence, reason)
        self._emit(BoardLost(reason, now_s, min(now_s, self._link.last_heard_s)))

    def _tell_silence(self, reason: str) -> None:
        self._silence_told, self._silence_timer = True, None
        self._emit(FaultRaised(Fault.BOARD_SILENT, reason, _now_s()))

    def _end_silence(self) -> None:
        self._silent = False
        if self._silence_timer is not None:
            self._silence_timer.cancel()
            self._silence_timer = None
        if self._silence_told:
            self._silence_told = False
            self._emit(FaultCleared(Fault.BOARD_SILENT, _now_s()))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _nobody_listens(event: BoardEvent) -> None:
    logger.debug("event before run event=%s", event)


def _capabilities(max_current_a: int, phases: int, allowed_off: frozenset[str]) -> BoardCapabilities:
    return BoardCapabilities(
        min_current_a=MIN_CURRENT_A,
        max_current_a=max_current_a,
        phases=phases,
        host_loss_action=HostLossAction.DERATE,
        unauthorised_after_host_loss=True,
        opening_time_s=_OPENING_TIME_S,
        stop_opening_time_s=_STOP_OPENING_TIME_S,
        enforces=_ENFORCES - allowed_off,
        pause_is_timed_by_board=True,
        has_temperature="temperature" not in allowed_off,
    )


def _check_stored(stored_current_a: int | None, max_current_a: int) -> None:
    if stored_current_a is not None and not MIN_CURRENT_A <= stored_current_a <= max_current_a:
        raise ValueError(f"stored_current_a is {stored_current_a}; {MIN_CURRENT_A} to {max_current_a} A, or none")


def _check(
    max_current_a: int, allowed_off: frozenset[str], interval_s: int, fallback_a: int, time_limit_min: int
) -> None:
    unknown = allowed_off - set(PROTECTIONS.values())
    if unknown:
        known = ", ".join(PROTECTIONS.values())
        raise ValueError(f"allow_protection_off names {', '.join(sorted(unknown))}; known are {known}")
    if max_current_a < MIN_CURRENT_A:
        raise ValueError(f"max_current_a is {max_current_a}; at least {MIN_CURRENT_A} A")
    if not 1 <= interval_s <= MAX_HEARTBEAT_INTERVAL_S:
        raise ValueError(
            f"heartbeat_interval_s is {interval_s}; 1 to {MAX_HEARTBEAT_INTERVAL_S} s, more wraps in the board"
        )
    if not MIN_CURRENT_A <= fallback_a <= max_current_a:
        raise ValueError(f"heartbeat_fallback_a is {fallback_a}; {MIN_CURRENT_A} to {max_current_a} A")
    if time_limit_min < TIME_LIMIT_STEP_MIN or time_limit_min % TIME_LIMIT_STEP_MIN:
        raise ValueError(f"time_limit_min is {time_limit_min}; a multiple of {TIME_LIMIT_STEP_MIN}")

"""Charge controller on Modbus, by its profile: a complete charger that Linux may only steer (runner).

How the interface maps to such a board:
* It closes its contactor by itself while it is switched on and the EV asks; so it is switched on (a current, or its
  enable register) only while a current is offered and permission is unexpired, and off otherwise. There is no order
  that opens faster: switched off it stops its PWM and opens when the EV lets go, or after its own time.
* Switching off is queued in the call itself and goes out before all that waits on the line; what was to be written
  before is withdrawn. The end of permission is kept by a timer of its own.
* None of these controllers counts its plug-ins, so it proves nothing after a restart of the agent and
  `BoardStatus.plug_in` is None; the agent judges by how long it was away. One that is found switched on with a car is
  left so until then, for `ADOPTION_GRACE_S` at most; one without a car, or that restarted, is switched off at once.
* With a watchdog and a fail-safe current of 0 it opens by itself without its host; the driver sets both, keeps the
  watchdog fed and refuses to work (`BOARD_UNSUITABLE`) if they do not hold. Without them it goes on as it was told.
Source: facts: boards_protocols, Modbus charge controllers.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hal.api import (
    BoardCapabilities,
    BoardConnected,
    BoardEvent,
    BoardLost,
    BoardReset,
    BoardStatus,
    Fault,
    ForbidReason,
    HalError,
    HostLossAction,
)
from hal.codecs.modbus_frame import ReadRequest
from hal.controllers.points import ControllerProfile
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_controller_image import ControllerImage, Report
from hal.drivers.modbus_controller_line import ControllerLine
from hal.drivers.modbus_controller_sensors import ControllerSensors
from hal.drivers.modbus_controller_steering import ControllerSteering, Order
from hal.value import dataclass

logger = logging.getLogger(__name__)

DEFAULT_POLL_INTERVAL_S: Final = 0.25
SILENCE_UNTIL_LOST_S: Final = 5.0
_SLOW_INTERVAL_S: Final = 2.0
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What is configured of one controller."""

    unit: int = 1
    charging_point: int = 1
    max_current_a: float = 32.0
    phases: int = 3
    poll_interval_s: float = DEFAULT_POLL_INTERVAL_S


class ModbusController:
    """One charging point of a controller; implements `PilotController`. Its bus has to run beside it."""

    def __init__(self, bus: ModbusBus, profile: ControllerProfile, settings: ControllerSettings | None = None) -> None:
        """Check the configured values. Raises: ValueError naming the one that does not fit."""
        self._settings = settings or ControllerSettings()
        _check(profile, self._settings)
        self._profile = profile
        self._image = ControllerImage(profile, self._settings.unit, self._settings.charging_point)
        self._steering = ControllerSteering(profile, self._image, self._settings.max_current_a)
        self._sensors = ControllerSensors(profile, self._image)
        self._line = ControllerLine(bus, profile, self._settings.unit, self._image)
        self._capabilities = _capabilities(profile, self._settings)
        self._emit: Callable[[BoardEvent], None] = _nobody_listens
        self._wake = asyncio.Event()
        self._lease_timer: asyncio.TimerHandle | None = None
        self._restarted = self._lost = self._heard = False
        self._next_poll_s = self._next_slow_s = -math.inf
        self._beat_s, self._retry_s = 0.0, _FIRST_RETRY_S

    @property
    def capabilities(self) -> BoardCapabilities:
        """What this board can do; constant."""
        return self._capabilities

    @property
    def last_beat_s(self) -> float:
        """When the driver's own loop last came round."""
        return self._beat_s

    def offer_current(self, offered_current_a: float) -> None:
        """Offer this current while permission lasts, A, rounded down; below the minimum the offer is withdrawn."""
        self._steering.offer(offered_current_a)
        if self._steering.wants_power(_now_s()):
            self._line.withdraw()
        elif not self._steering.is_off:
            self._order_off()
        self._wake.set()

    def permit_power(self, until_s: float) -> None:
        """Let the controller be switched on until this monotonic time; the expiry is kept by a timer of its own."""
        self._steering.permit(until_s)
        self._arm_lease()
        self._wake.set()

    def forbid_power(self, reason: ForbidReason) -> None:
        """Switch off: the order is at the head of the line's queue when this returns.

        A controller that is lost is looked at first when it is back, and switched off next: the order would wipe out
        what shows that it was dark.
        """
        if self._steering.forbid(reason, _now_s()) and not self._lost:
            self._order_off()
        self._arm_lease()
        self._wake.set()

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Poll and steer for ever, report through `emit`; returns only on cancellation."""
        self._emit = emit
        self._line.last_heard_s = _now_s()
        while True:
            self._beat_s = _now_s()
            try:
                await (self._work_once() if self._steering.connected else self._connect())
            except HalError as error:
                self._missed(error)
                await asyncio.sleep(self._retry_s)
                self._retry_s = min(2 * self._retry_s, _LONGEST_RETRY_S)

    # ------------------------------------------------------------------ connection

    async def _connect(self) -> None:
        """Identify and configure the controller, switched off first of all unless it may be on. Raises: HalError."""
        steering = self._steering
        report = await self._poll()
        self._restarted = self._restarted or steering.was_dark(report)
        if self._restarted:
            steering.revoke()
        steering.found(report, _now_s())
        self._off_unless_permitted(report)
        await self._read(self._image.first_reads)
        firmware = self._image.identify()
        for setup in self._profile.setup:
            if self._image.word(setup.span) != setup.value:
                logger.info("register set model=%s name=%s value=%d", self._profile.name, setup.name, setup.value)
                await self._line.try_write(Order(setup.span, setup.value))
        await self._set_watchdog()
        if self._restarted:
            steering.revoke()
        self._off_unless_permitted(report)
        report, now_s = await self._poll(), _now_s()
        steering.observe(report, now_s)
        self._arm_lease()
        steering.connected = True
        steering.faults.stand(Fault.BOARD_SILENT, "")
        self._lost, self._heard, self._retry_s, self._next_slow_s = False, True, _FIRST_RETRY_S, now_s
        status = BoardStatus(
            firmware_version=firmware,
            pilot=steering.pilot,
            contactor_closed=steering.contactor_closed,
            enabled=report.enabled,
            restarted=self._restarted,
            plug_in=None,
        )
        self._restarted = False
        # Faults first: an EVSE that comes up with one must not be shown as available before.
        faults = steering.faults.changes(now_s)
        self._tell([*faults, BoardConnected(status, now_s), *steering.offer_events(now_s)])

    def _off_unless_permitted(self, report: Report) -> None:
        if report.enabled and not self._steering.may_stay_on(_now_s()):
            self._order_off()

    async def _set_watchdog(self) -> None:
        """Set watchdog and fail-safe current if they are not set; a controller that had lost them has restarted."""
        watchdog = self._profile.watchdog
        await self._read(self._image.slow_reads)
        if watchdog is not None and not self._watchdog_holds():
            self._restarted = True
            await self._line.try_write(Order(watchdog.fail_safe, 0))
            await self._line.try_write(Order(watchdog.timeout, watchdog.timeout_ms))
            await self._read(self._image.slow_reads)
        missing = "" if self._watchdog_holds() else "watchdog and fail-safe current cannot be set"
        self._steering.faults.stand(Fault.BOARD_UNSUITABLE, missing)

    def _watchdog_holds(self) -> bool:
        watchdog = self._profile.watchdog
        if watchdog is None:
            return True
        return (self._image.word(watchdog.timeout), self._image.word(watchdog.fail_safe)) == (watchdog.timeout_ms, 0)

    # ------------------------------------------------------------------ work

    async def _work_once(self) -> None:
        steering, now_s = self._steering, _now_s()
        order = steering.next_order(now_s)
        if order is not None and not steering.may_stay_on(now_s) and order == steering.off:
            self._order_off()
        elif order is not None:
            await self._carry_out(order, now_s)
        elif now_s >= self._next_poll_s:
            self._next_poll_s = now_s + self._settings.poll_interval_s
            self._observe(await self._poll())
        elif now_s >= self._next_slow_s:
            self._next_slow_s = now_s + _SLOW_INTERVAL_S
            await self._look_slowly()
        else:
            await self._wait_until(min(self._next_poll_s, self._next_slow_s, steering.next_due_s(now_s)))

    async def _carry_out(self, order: Order, now_s: float) -> None:
        self._steering.ordered(order, now_s)
        if await self._line.write(order):
            self._steering.acknowledged(order)
            self._next_poll_s = _now_s()
        else:
            self._steering.withdrawn(order)

    def _observe(self, report: Report) -> None:
        if not self._steering.connected:
            return
        if self._steering.lost_settings(report):
            self._reset("the current is not what was written")
            return
        self._tell(self._steering.observe(report, _now_s()))
        self._retry_s = _FIRST_RETRY_S
        self._arm_lease()

    async def _look_slowly(self) -> None:
        await self._read(self._image.slow_reads)
        if not self._watchdog_holds() and Fault.BOARD_UNSUITABLE not in self._steering.faults.standing:
            self._reset("the watchdog is not what was written")
        else:
            self._tell(self._sensors.events(_now_s()))

    def _reset(self, reason: str) -> None:
        logger.warning("controller restarted by itself reason=%s", reason)
        self._restarted = True
        self._steering.forget()
        self._steering.revoke()
        self._sensors.forget()
        self._order_off()
        self._tell([BoardReset(reason, _now_s())])

    async def _poll(self) -> Report:
        await self._read(self._image.fast_reads)
        return self._image.report()

    async def _read(self, requests: tuple[ReadRequest, ...]) -> None:
        for request in requests:
            self._beat_s = _now_s()
            await self._line.read(request)

    async def _wait_until(self, time_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(time_s):
                await self._wake.wait()
        self._wake.clear()

    def _missed(self, error: HalError) -> None:
        """Count silence; after a while the controller is lost."""
        now_s = _now_s()
        logger.debug("controller did not answer error=%s", error)
        if self._lost or now_s < self._line.last_heard_s + SILENCE_UNTIL_LOST_S:
            return
        self._lost = True
        # A controller takes time to boot: before it was ever heard its silence is no news yet.
        logger.log(logging.ERROR if self._heard else logging.WARNING, "controller lost reason=%s", error)
        self._steering.forget()
        self._sensors.forget()
        self._steering.faults.stand(Fault.BOARD_SILENT, str(error))
        lost = BoardLost(str(error), now_s, self._line.last_heard_s)
        self._tell([*self._steering.faults.changes(now_s), lost])

    def _tell(self, events: list[BoardEvent]) -> None:
        for event in events:
            self._emit(event)

    # ------------------------------------------------------------------ switching off

    def _order_off(self) -> None:
        order = self._steering.off

        def taken() -> None:
            self._steering.acknowledged(order)
            self._next_poll_s = _now_s()
            self._wake.set()

        self._line.order_off(order, taken)
        self._steering.ordered(order, _now_s())  # also while one is under way: it is looked at again in a while

    def _arm_lease(self) -> None:
        """Wake up when permission ends, or a grace."""
        if self._lease_timer is not None:
            self._lease_timer.cancel()
            self._lease_timer = None
        end_s = self._steering.lease_end_s
        if math.isfinite(end_s):
            self._lease_timer = asyncio.get_running_loop().call_at(end_s, self._lease_ended)

    def _lease_ended(self) -> None:
        self._lease_timer = None
        if _now_s() < self._steering.lease_end_s:
            self._arm_lease()
        else:
            logger.error("permission to power expired")
            self.forbid_power(ForbidReason.LEASE_EXPIRED)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _nobody_listens(event: BoardEvent) -> None:
    logger.debug("event before run event=%s", event)


def _capabilities(profile: ControllerProfile, settings: ControllerSettings) -> BoardCapabilities:
    opens_alone = profile.watchdog is not None
    return BoardCapabilities(
        min_current_a=float(profile.current.min_a),
        max_current_a=settings.max_current_a,
        phases=settings.phases,
        host_loss_action=HostLossAction.OPEN if opens_alone else HostLossAction.NONE,
        unauthorised_after_host_loss=not opens_alone,
        opening_time_s=profile.opening_time_s,
        stop_opening_time_s=profile.stop_opening_time_s,
        enforces=profile.enforces,
        pause_is_timed_by_board=True,
        has_temperature=bool(profile.temperatures),
        detects_cable=profile.proximity is not None,
        has_contactor_feedback=profile.contactor is not None,
    )


def _check(profile: ControllerProfile, settings: ControllerSettings) -> None:
    least_a = float(profile.current.min_a)
    if settings.max_current_a < least_a:
        raise ValueError(f"max_current_a is {settings.max_current_a:g}; {profile.model} needs at least {least_a:g} A")
    if settings.charging_point != 1 and not profile.line.registers_per_point:
        raise ValueError(f"charging_point is {settings.charging_point}; {profile.model} has one")

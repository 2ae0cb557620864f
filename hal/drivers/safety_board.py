"""Safety controller in chargebyte's protocol: Linux steers pilot and contactor, the board supervises (runner).

How the interface maps to this board:
* A control frame goes out every 100 ms whatever else happens, and at once after each command; without it the board
  opens by itself. It carries the whole wish, so there is nothing else to configure and nothing to re-apply late.
* The first report after opening the line is awaited before the first frame: a board that has not been steered since
  its start shows that its pilot is not enabled, and so a restart.
* What it reports proves no plug-in: there is no counter, it is not said what happened while the host was away, and
  the contactor opened then. So `BoardStatus.plug_in` is None, and the agent judges by how long it was away.
* The board leaves its safe state by a frame without contactors once the cause is gone; a contactor closes only after.
* A board that hangs in its safe state until it is reset stays in its fault: this driver has no reset line.
Source: facts: boards_protocols, chargebyte; safety_split_and_interfaces.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hal.abilities import Phases
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
    PilotState,
    PortError,
)
from hal.codecs.pilot_duty import MIN_CURRENT_A
from hal.codecs.safety_frame import SafetyFrame
from hal.codecs.safety_values import ChargeState, Com, ErrorMessage, FirmwareVersion, Inquiry, Temperatures
from hal.drivers.safety_line import SafetyLine
from hal.drivers.safety_steering import SafetySettings, SafetySteering
from hal.together import together

logger = logging.getLogger(__name__)

CONTROL_INTERVAL_S: Final = 0.1
FIRST_REPORT_TIMEOUT_S: Final = 0.5
"""The board boots in 0.3 s and reports each 0.1 s."""
IDENTIFY_TIMEOUT_S: Final = 2.0
_INQUIRY_INTERVAL_S: Final = 0.2
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 2.0
_OPENING_TIME_S: Final = 0.1
_STOP_OPENING_TIME_S: Final = 6.5
_ENFORCES: Final = frozenset(
    {"2.1", "2.2", "7", "8.1", "8.2", "12", "diode", "ground_fault", "ground_fault_test", "temperature"}
    | {"stuck_relay", "proximity", "emergency_stop"}
)


class SafetyBoard:
    """One safety controller; implements `PilotController`, `PilotInterrupt` and `PhaseSwitch`."""

    def __init__(self, line: SafetyLine, settings: SafetySettings | None = None) -> None:
        self._line = line
        self._settings = settings or SafetySettings()
        self._steering = SafetySteering(self._settings)
        self._capabilities = _capabilities(self._settings)
        self._emit: Callable[[BoardEvent], None] = _nobody_listens
        self._timer: asyncio.TimerHandle | None = None
        self._first_report = asyncio.Event()
        self._restarted = self._lost = self._steered = False
        self._heard_since_s = self._last_heard_s = self._next_inquiry_s = -math.inf
        self._beat_s, self._retry_s = 0.0, _FIRST_RETRY_S
        self._last_error: ErrorMessage | None = None
        self._line_error = ""

    @property
    def capabilities(self) -> BoardCapabilities:
        """What this board can do; constant."""
        return self._capabilities

    @property
    def last_beat_s(self) -> float:
        """When the driver's own loop last came round."""
        return self._beat_s

    def offer_current(self, offered_current_a: float) -> None:
        """Signal this current on the pilot, A; 0 withdraws the offer (X1)."""
        self._steering.offer(offered_current_a)
        self._send_control()

    def interrupt_pilot(self) -> None:
        """Put F on the pilot until the next offer."""
        self._steering.interrupt()
        self._send_control()

    def switch_phases(self, phases: Phases) -> None:
        """Connect so many phases from the next closing on; ignored unless the contactor is confirmed open."""
        self._steering.switch_phases(phases)

    def permit_power(self, until_s: float) -> None:
        """Let the contactor close when the EV asks, until this monotonic time, kept by a timer of its own."""
        self._steering.permitted_until_s = until_s
        self._send_control()

    def forbid_power(self, reason: ForbidReason) -> None:
        """Open the contactor: the frame is on the wire when this returns, if the line is open."""
        logger.debug("forbid power reason=%s", reason.value)
        self._steering.forbid()
        self._send_control(unheard=True)

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Own the line for ever: reopen it, steer, report through `emit`; returns only on cancellation."""
        self._emit = emit
        self._last_heard_s = _now_s()
        while True:
            self._beat_s = _now_s()
            try:
                await self._talk()
            except HalError as error:
                self._note_line(str(error))
            finally:
                self._line.close()
            self._check_silence(_now_s())
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)

    # ------------------------------------------------------------------ the line

    async def _talk(self) -> None:
        await self._line.open()
        self._first_report.clear()
        await together(self._receive(), self._keep_sending())

    async def _receive(self) -> None:
        while True:
            for frame in await self._line.receive():
                self._take(frame)

    async def _keep_sending(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_REPORT_TIMEOUT_S):
                await self._first_report.wait()
        next_s = _now_s()
        while True:
            self._beat_s = now_s = _now_s()
            self._check_silence(now_s)
            self._inquire(now_s)
            self._send(self._steering.control(now_s).frame())
            self._connect(now_s)
            next_s += CONTROL_INTERVAL_S
            if next_s < now_s:  # a busy loop skips frames instead of sending them in a burst
                next_s = now_s + CONTROL_INTERVAL_S
            await asyncio.sleep(next_s - now_s)

    def _send_control(self, *, unheard: bool = False) -> None:
        """Send the present wish at once; before the board was heard on this line only what opens goes out."""
        self._arm()
        if not self._line.is_open or not (unheard or self._first_report.is_set()):
            return
        try:
            self._send(self._steering.control(_now_s()).frame())
        except PortError as error:
            logger.warning("control frame not sent error=%s", error)

    def _send(self, frame: SafetyFrame) -> None:
        self._line.send(frame)

    def _inquire(self, now_s: float) -> None:
        if self._steering.firmware is None and now_s >= self._next_inquiry_s:
            self._next_inquiry_s = now_s + _INQUIRY_INTERVAL_S
            self._send(Inquiry(Com.FIRMWARE_VERSION).frame())

    def _note_line(self, error: str) -> None:
        if error != self._line_error:
            logger.warning("line of the board lost error=%s", error)
        self._line_error = error

    # ------------------------------------------------------------------ what the board tells

    def _take(self, frame: SafetyFrame) -> None:
        now_s = _now_s()
        match frame.com:
            case Com.CHARGE_STATE:
                self._take_report(ChargeState.from_data(frame.data), now_s)
            case Com.PT1000:
                temperatures = Temperatures.from_data(frame.data)
                self._steering.faults.measured(temperatures)
                if self._steering.connected:
                    self._tell(self._steering.state.measured(temperatures, now_s))
            case Com.FIRMWARE_VERSION:
                self._steering.identified(FirmwareVersion.from_data(frame.data))
            case Com.ERROR_MESSAGE:
                message = ErrorMessage.from_data(frame.data)
                if message != self._last_error:
                    logger.warning("board reports an error data=%s", message.data.hex())
                self._last_error = message
            case _:
                logger.debug("frame not used com=%02X", frame.com)

    def _take_report(self, report: ChargeState, now_s: float) -> None:
        steering = self._steering
        self._last_heard_s = now_s
        self._retry_s = _FIRST_RETRY_S
        self._line_error = ""
        is_first = steering.state.report is None
        events = steering.state.observe(report, now_s)
        steering.faults.observe(report)
        awaits_host = steering.state.awaits_host
        if self._steered and awaits_host:
            self._reset(now_s)
            return
        if is_first:
            self._heard_since_s = now_s
            self._restarted = self._restarted or awaits_host
        self._steered = self._steered or (steering.state.is_normal and not awaits_host)
        self._first_report.set()
        steering.judge(now_s)
        if steering.connected:
            self._tell(steering.faults.changes(now_s) + events + steering.events(now_s))
        else:
            self._connect(now_s)
        self._send_if_changed(now_s)

    def _send_if_changed(self, now_s: float) -> None:
        """Open in this very moment when a report forbids it; the next frame in turn tells everything else."""
        if self._steering.has_to_open(now_s):
            self._send_control()
        self._arm()

    def _reset(self, now_s: float) -> None:
        """The board started anew while it was being steered."""
        self._steering.forget()
        self._steered, self._restarted = False, True
        self._heard_since_s = self._next_inquiry_s = now_s
        logger.warning("board restarted by itself")
        self._tell([BoardReset("board started anew", now_s)])

    def _connect(self, now_s: float) -> None:
        """Tell that the board is there, once it is identified and shows pilot and contactor."""
        steering, state = self._steering, self._steering.state
        if steering.connected or state.report is None:
            return
        waited = now_s >= self._heard_since_s + IDENTIFY_TIMEOUT_S
        shows = state.pilot not in {None, PilotState.F} and state.contactor_closed is False
        if not waited and (steering.firmware is None or not shows):
            return
        if steering.firmware is None:
            steering.identified(None)
        steering.connected = True
        self._lost = False
        status = BoardStatus(
            firmware_version=steering.firmware.text if steering.firmware else "unknown",
            pilot=None if state.pilot is PilotState.F else state.pilot,
            contactor_closed=state.contactor_closed,
            enabled=False,
            restarted=self._restarted,
            plug_in=None,
        )
        self._restarted = False
        steering.faults.stand(Fault.BOARD_SILENT, "")
        # Faults first: an EVSE that comes up with one must not be shown as available before. Then the cable, which was
        # seen before anybody was told anything: a transaction that goes on must not be offered more than it carries.
        first = [*steering.faults.changes(now_s), state.cable(now_s)]
        self._tell([*first, BoardConnected(status, now_s), *steering.events(now_s)])

    def _check_silence(self, now_s: float) -> None:
        if self._lost or now_s < self._last_heard_s + self._settings.silence_limit_s:
            return
        self._lost = True
        reason = self._line_error or f"nothing heard for {now_s - self._last_heard_s:.1f} s"
        logger.error("board lost reason=%s", reason)
        self._steering.forget()
        self._steered = False
        self._steering.faults.stand(Fault.BOARD_SILENT, reason)
        self._tell([*self._steering.faults.changes(now_s), BoardLost(reason, now_s, self._last_heard_s)])

    def _tell(self, events: list[BoardEvent]) -> None:
        for event in events:
            self._emit(event)

    # ------------------------------------------------------------------ the permission's end

    def _arm(self) -> None:
        """Wake up when permission ends, or when state C has stood for long enough."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_s = _now_s()
        due_s = min((at_s for at_s in self._steering.due_times_s if at_s > now_s), default=math.inf)
        if math.isfinite(due_s):
            self._timer = asyncio.get_running_loop().call_at(due_s, self._due)

    def _due(self) -> None:
        self._timer = None
        if -math.inf < self._steering.permitted_until_s <= _now_s():
            logger.error("permission to power expired")
            self.forbid_power(ForbidReason.LEASE_EXPIRED)
        else:
            self._send_control()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _nobody_listens(event: BoardEvent) -> None:
    logger.debug("event before run event=%s", event)


def _capabilities(settings: SafetySettings) -> BoardCapabilities:
    return BoardCapabilities(
        min_current_a=MIN_CURRENT_A,
        max_current_a=settings.max_current_a,
        phases=settings.phases,
        host_loss_action=HostLossAction.OPEN,
        unauthorised_after_host_loss=False,
        opening_time_s=_OPENING_TIME_S,
        stop_opening_time_s=_STOP_OPENING_TIME_S,
        enforces=_ENFORCES,
        leaves_sequences_to_host=True,
        has_phase_switch=settings.has_phase_switch,
        has_temperature=True,
        detects_cable=True,
    )

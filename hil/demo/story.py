"""The story of a demo: each step acts through a control socket and waits until its effect is seen (runner)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from hil.control_client import ControlClient
from hil.demo.observed import Frame, Observed, ends_transaction
from hil.demo.receipt import Marks
from hil.demo.watch import Watch
from hil.network import Network

EVSE: Final = 1
DEMO_TOKEN = "04A1B2C3D4E5F6"  # noqa: S105 - of a simulated card, shown to everybody
CAR_CURRENT_A = 32
METER_START_WH = 4711.5
BEFORE_CUT_WH = 40
WHILE_CUT_WH = 30
AFTER_CUT_WH = 15
DRAWING_A = 31.0
BOOT_LIMIT_S = 20.0
STEP_LIMIT_S = 15.0

FREE, TAKEN = ("Available",), ("Occupied", "Preparing")

Play = Callable[[], Awaitable[str]]


class Story:
    """One session; `steps` are played in order, each gives what was seen."""

    def __init__(self, bench: ControlClient, csms: ControlClient, network: Network, watch: Watch) -> None:
        self._bench = bench
        self._csms = csms
        self._network = network
        self._watch = watch
        self._seen: Observed = watch.seen
        self._times: dict[str, float] = {}
        self._moments: dict[str, datetime] = {}
        self.register_start_wh = Decimal(0)
        self.steps: tuple[tuple[str, Play], ...] = (
            ("register at the back-end", self._boot),
            ("plug in", self._plug_in),
            ("tap the card", self._tap),
            ("charge", self._charge),
            ("charge without network", self._drop),
            ("reconnect, drain queue", self._drain),
            ("charge on", self._charge_on),
            ("unplug", self._unplug),
        )

    @property
    def marks(self) -> Marks:
        """When things were done; only after the last step."""
        return Marks(
            plugged_in_s=self._times["plug_in"],
            tapped_s=self._times["tap"],
            network_cut_s=self._times["cut"],
            network_cut_at=self._moments["cut"],
            network_restored_s=self._times["restore"],
            unplugged_s=self._times["unplug"],
        )

    async def result(self) -> tuple[tuple[Decimal, Decimal], dict[str, Any]]:
        """Give the meter's registers before and after, and the back-end's ledger."""
        state = await self._bench.ask("state", evse=EVSE)
        stop_wh = Decimal(state["meter"]["energy_wh"])
        return (self.register_start_wh, stop_wh), await self._csms.ask("ledger")

    async def _boot(self) -> str:
        seen = self._seen
        await self._watch.until(
            lambda: any(frame.kind == "result" and _accepted(frame) for frame in seen.frames),
            BOOT_LIMIT_S,
            "the back-end has not accepted the station",
        )
        await self._watch.until(
            lambda: seen.status_reported(*FREE), BOOT_LIMIT_S, "the station has not reported a free connector"
        )
        return "accepted, connector free"

    async def _plug_in(self) -> str:
        self.register_start_wh = Decimal((await self._bench.ask("meter", evse=EVSE))["energy_wh"])
        started_s = self._mark("plug_in")
        await self._bench.ask("plug_in", evse=EVSE, current_a=CAR_CURRENT_A, phases=3)
        await self._watch.until(lambda: self._seen.pilot_state == "B", STEP_LIMIT_S, "the pilot does not show state B")
        await self._watch.until(
            lambda: self._seen.status_reported(*TAKEN, since_s=started_s),
            STEP_LIMIT_S,
            "the station has not reported the connector as taken",
        )
        return "pilot A to B, connector reported as taken"

    async def _tap(self) -> str:
        seen = self._seen
        tapped_s = self._mark("tap")
        await self._bench.ask("swipe", token=DEMO_TOKEN)
        await self._watch.until(
            lambda: seen.offer_at_s(tapped_s) is not None, STEP_LIMIT_S, "the station offers no current to the car"
        )
        await self._watch.until(lambda: seen.contactor_closed, STEP_LIMIT_S, "the contactor does not close")
        await self._watch.until(
            lambda: any(seen.transactional(since_s=tapped_s)), STEP_LIMIT_S, "no transaction was started"
        )
        return f"offer {seen.offered_a or 0:.0f} A, pilot C, contactor closed"

    async def _charge(self) -> str:
        seen = self._seen
        await self._watch.until(
            lambda: seen.current_a >= DRAWING_A, STEP_LIMIT_S, f"the car does not draw {DRAWING_A:g} A"
        )
        await self._flow(BEFORE_CUT_WH)
        await self._watch.until(
            lambda: len(list(seen.transactional())) > 1, STEP_LIMIT_S, "no meter values reached the back-end"
        )
        return f"{seen.current_a:.0f} A, {seen.power_w / 1000:.1f} kW"

    async def _drop(self) -> str:
        cut_s = self._mark("cut")
        self._network.cut()
        await self._watch.until(lambda: not self._seen.online, STEP_LIMIT_S, "the connection survived the cut")
        await self._flow(WHILE_CUT_WH)
        self._watch.demand(
            self._seen.event_at_s("contactor", cut_s) is None, "the contactor moved because the network was gone"
        )
        return f"contactor stayed closed, {WHILE_CUT_WH} Wh meanwhile"

    async def _drain(self) -> str:
        seen = self._seen
        restored_s = self._mark("restore")
        self._network.restore()
        await self._watch.until(
            lambda: seen.reconnection(restored_s) is not None, STEP_LIMIT_S, "the station does not reconnect"
        )
        back_at = datetime.now(UTC)
        # The journal is sent in order: the first message of the time after means that none from before is left.
        await self._watch.until(
            lambda: any(_after(frame, back_at) for frame in seen.transactional(since_s=restored_s)),
            STEP_LIMIT_S,
            "the queue does not drain",
        )
        late = sum(1 for frame in seen.transactional(since_s=restored_s) if not _after(frame, back_at))
        return f"{late} queued messages delivered"

    async def _charge_on(self) -> str:
        await self._flow(AFTER_CUT_WH)
        self._watch.demand(self._seen.contactor_closed, "the contactor opened when the network returned")
        return f"register {self._seen.register_wh:.1f} Wh"

    async def _unplug(self) -> str:
        seen = self._seen
        unplugged_s = self._mark("unplug")
        await self._bench.ask("plug_out", evse=EVSE)
        await self._watch.until(lambda: not seen.contactor_closed, STEP_LIMIT_S, "the contactor stays closed")
        await self._watch.until(lambda: seen.pilot_state == "A", STEP_LIMIT_S, "the pilot does not return to state A")
        await self._watch.until(
            lambda: any(ends_transaction(frame) for frame in seen.transactional(since_s=unplugged_s)),
            STEP_LIMIT_S,
            "the transaction was not ended",
        )
        await self._watch.until(
            lambda: seen.status_reported(*FREE, since_s=unplugged_s),
            STEP_LIMIT_S,
            "the station has not reported the connector as free again",
        )
        return "contactor open, transaction ended, connector free"

    async def _flow(self, energy_wh: int) -> None:
        from_wh = self._seen.register_wh
        await self._watch.until(
            lambda: self._seen.register_wh >= from_wh + energy_wh, STEP_LIMIT_S, f"{energy_wh} Wh did not flow"
        )

    def _mark(self, name: str) -> float:
        self._moments[name] = datetime.now(UTC)
        self._times[name] = asyncio.get_running_loop().time()
        return self._times[name]


def _accepted(frame: Frame) -> bool:
    return frame.action == "BootNotification" and frame.payload.get("status") == "Accepted"


def _after(frame: Frame, moment: datetime) -> bool:
    at = frame.happened_at
    return at is not None and at >= moment

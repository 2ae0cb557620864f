"""Sessions at a real station whose agent is killed again and again; bench and back-end run on.

Every step of a session is done by the driver or the network, and at a random moment after it comes a SIGKILL. What is
counted is the step in which the process was really running when it was killed.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from tests.fakes.real_station import RealStation
from tests.fakes.told_energy import told_energy
from tests.kill.black_box import BlackBox
from tests.kill.deliveries import TRANSACTION_ACTIONS, Deliveries

TOKEN: Final = "04A11CE0"
SETTLE_S: Final = 30.0
QUIET_S: Final = 1.0
CONTACTOR_S: Final = 4.0
TRIES: Final = 4
UNSEEN_STEPS: Final = frozenset({"starting", "leaving"})
"""Killed here, the transaction may end without proof of the same plug-in, with the last stored register."""
LATE_S: Final = (0.05, 0.3)
"""How long a slow back-end lets a message of a transaction wait for its answer."""
PROMPT_EVERY: Final = 3
"""In every third session the back-end answers at once."""
READOPTED_S: Final = 1.0
"""From what a started agent shows first until its board has obeyed."""
STARTED_S: Final = 15.0
STOPPED_S: Final = 1.0
"""So soon after a card the session may be ending, though the display and the contactor do not show it yet."""

Json = dict[str, Any]


@dataclass
class Killings:
    """What happened, for the report and the judgement."""

    by_step: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    closings: int = 0
    chatter: list[str] = field(default_factory=list)
    """Kills in the middle of charging after which the contactor moved or charging did not go on, with all around."""
    adopted: int = 0
    """Kills in the middle of charging."""
    unseen: int = 0
    """Kills after which nothing may prove whose the last energy was, and closings that no agent had an eye on."""
    unauthorised: dict[str, Decimal] = field(default_factory=dict)
    unanswered: int = 0
    """Kills while a message of a transaction waited for its answer."""
    deliveries: Deliveries = field(default_factory=Deliveries)

    @property
    def kills(self) -> int:
        return sum(self.by_step.values())


class Killer:
    """Plays sessions at one station and kills its agent."""

    def __init__(self, station: RealStation, dice: random.Random) -> None:
        self.done = Killings()
        self._station = station
        self._dice = dice
        self._closed = False
        self._shown = ""
        """Text on the display since the last start of the agent."""
        self._edges = 0
        self._moved = asyncio.Event()
        self._heard_s = 0.0
        self._status = ""
        self._late_s = 0.0
        self._swiped_s = 0.0
        self._step = ("", 0.0)
        self._box = BlackBox(station.directory / "agent.log")
        station.saw_event = self._event
        station.saw_frame = self._frame

    def _event(self, event: Json) -> None:
        self._box.bench(event)
        if event["event"] == "contactor":
            self._closed = event["closed"]
            self._edges += 1
            self.done.closings += self._closed
            self.done.unseen += self._closed and not self._shown
        if event["event"] == "indication":
            self._shown = event["text"]
        self._moved.set()

    def _frame(self, frame: Json) -> None:
        self._box.frame(frame)
        self.done.deliveries.take(frame)
        self._moved.set()
        self._heard_s = asyncio.get_running_loop().time()
        if (frame.get("direction"), frame.get("action"), frame.get("kind")) == ("in", "StatusNotification", "call"):
            payload = frame["payload"]
            if payload.get("connectorId") == 1:
                self._status = payload.get("status", payload.get("connectorStatus"))
        payload = frame.get("payload")
        found = told_energy(payload) if isinstance(payload, dict) and frame.get("direction") == "in" else None
        if found is not None:
            at, _evse, energy_wh = found
            self.done.unauthorised[at] = energy_wh

    async def session(self, kills: int) -> None:
        """One car from plugging in to leaving, with up to `kills` kills on the way."""
        steps: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
            ("available", self._nothing, 0.8),
            ("plugging in", self._plug_in, 0.5),
            ("authorising", self._authorise, 0.3),
            ("starting", self._swipe_unless_closed, 2.0),
            ("charging", self._charge, 4.0),
            ("charging offline", self._offline, 1.0),
            ("restarting", self._nothing, 0.6),
            ("suspended", self._suspend, 1.0),
            ("stopping", self._stop, 1.5),
            ("draining the queue", self._online, 0.8),
            ("leaving", self._plug_out, 0.6),
        ]
        prompt = self.done.sessions % PROMPT_EVERY == PROMPT_EVERY - 1
        await self._answer_late(0.0 if prompt else self._dice.uniform(*LATE_S))
        chosen = set(self._dice.sample(range(len(steps)), min(kills, len(steps))))
        self.done.sessions += 1
        for number, (name, act, longest_s) in enumerate(steps):
            self._box.done(f"session {self.done.sessions}: {name}")
            await act()
            self._step = (name, asyncio.get_running_loop().time())
            if number in chosen:
                await self._kill(name, longest_s)
        await self.settle()

    async def _kill(self, step: str, longest_s: float) -> None:
        await self._random_moment(longest_s)
        agent = self._station.agent
        self.done.unseen += step in UNSEEN_STEPS
        charging = step.startswith("charging") and await self._is_charging() and not self._may_be_ending
        if agent.running:
            self.done.by_step[step] += 1
            self.done.unanswered += self.done.deliveries.is_waiting
        killed_s, edges = asyncio.get_running_loop().time(), self._edges
        self._box.done(f"kill {self.done.kills} while {step}")
        await agent.kill()
        self._shown = ""
        self._box.agent_starts()
        await self._station.start_agent()
        if charging:
            await self._check_adoption(killed_s, edges)

    async def _check_adoption(self, killed_s: float, edges: int) -> None:
        """The started agent must go on with the session, and no contactor moves."""
        self.done.adopted += 1
        decided = await self.until(self._has_decided, STARTED_S)
        await asyncio.sleep(READOPTED_S)
        if decided and self._edges == edges and self._shown == "Charging":
            return
        name, since_s = self._step
        self.done.chatter.append(
            f"kill {self.done.kills} in session {self.done.sessions}, {killed_s - since_s:.3f} s after {name!r}: "
            f"{self._edges - edges} edges, then the display says {self._shown!r}\n{self._box.around(killed_s)}"
        )

    async def _has_decided(self) -> bool:
        return self._shown not in {"", "Starting up"}

    @property
    def _may_be_ending(self) -> bool:
        return asyncio.get_running_loop().time() - self._swiped_s < STOPPED_S

    async def _random_moment(self, longest_s: float) -> None:
        """Any moment of the step; if the back-end is slow, every other time one between a message and its answer."""
        if self._late_s and self._dice.random() < 1 / 2 and await self.until(self._is_waiting, longest_s):
            await asyncio.sleep(self._dice.uniform(0.0, self._late_s))
            return
        await asyncio.sleep(self._dice.uniform(0.0, longest_s))

    async def _answer_late(self, delay_s: float) -> None:
        """Let every message of a transaction wait so long for its answer from now on."""
        self._late_s = delay_s
        for action in TRANSACTION_ACTIONS:
            await self._station.csms.ask("script", action=action, behaviour={"delay_s": delay_s})

    async def until(self, holds: Callable[[], Awaitable[bool]], limit_s: float) -> bool:
        """Wait for something that only the other processes can bring; False if it does not come."""
        try:
            async with asyncio.timeout(limit_s):
                while not await holds():
                    self._moved.clear()
                    await asyncio.wait([asyncio.create_task(self._moved.wait())], timeout=0.2)
        except TimeoutError:
            return False
        return True

    async def _is_waiting(self) -> bool:
        return self.done.deliveries.is_waiting

    async def _is_charging(self) -> bool:
        return self._closed and self._shown == "Charging"

    async def _is_ready(self) -> bool:
        return bool(self._shown) and await self._is_online()

    async def _nothing(self) -> None:
        return

    async def _plug_in(self) -> None:
        await self._station.bench.ask("plug_in", evse=1, reaction_s=0.1, stop_s=0.2, current_a=32)

    async def _authorise(self) -> None:
        await self.until(self._is_ready, CONTACTOR_S)
        await self._swipe()

    async def _swipe(self) -> None:
        self._swiped_s = asyncio.get_running_loop().time()
        await self._station.bench.ask("swipe", token=TOKEN)

    async def _swipe_unless_closed(self) -> None:
        if not await self.until(self._is_charging, 1.0):
            await self._swipe()

    async def _charge(self) -> None:
        """A driver whose card was not noticed tries again."""
        for _ in range(TRIES):
            if await self.until(self._is_charging, CONTACTOR_S):
                return
            await self.until(self._is_ready, CONTACTOR_S)
            await self._swipe()
        assert await self.until(self._is_charging, CONTACTOR_S), self._station.agent.complaints()

    async def _offline(self) -> None:
        self._station.network.cut()

    async def _online(self) -> None:
        self._station.network.restore()

    async def _suspend(self) -> None:
        await self._station.bench.ask("ev", evse=1, state="B")

    async def _stop(self) -> None:
        await self._station.bench.ask("ev", evse=1, state="C")
        await self.until(self._is_charging, CONTACTOR_S)
        await self._swipe()

    async def _plug_out(self) -> None:
        await self.until(self._is_ready, CONTACTOR_S)
        await self._station.bench.ask("plug_out", evse=1)

    # ------------------------------------------------------------------ afterwards

    async def settle(self) -> None:
        """Wait until the back-end knows the end of every transaction."""
        assert await self.until(self._all_ended, SETTLE_S), await self._station.csms.ask("ledger")

    async def _all_ended(self) -> bool:
        quiet = asyncio.get_running_loop().time() - self._heard_s > QUIET_S
        if not quiet or self._status != "Available" or not await self._is_online():
            return False
        ledger = await self._station.csms.ask("ledger")
        return bool(ledger["open"] == 0)

    async def _is_online(self) -> bool:
        stations = await self._station.csms.ask("stations")
        return any(each["connected"] and each["boot_status"] == "Accepted" for each in stations.values())

    async def register_wh(self) -> Decimal:
        """What the meter shows."""
        return Decimal((await self._station.bench.ask("state", evse=1))["meter"]["energy_wh"])

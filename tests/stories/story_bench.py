"""A story's language: what happens to a station, what is waited for, and the books that must agree at the end.

The same story runs in virtual time and over real processes; nothing here sleeps for synchronisation.
"""

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from hil.csms.dialect import Dialect, Request
from tests.stories.stage import Json, Plan, Stage

TICK_S = 0.5
ABSENT_S = 2.5
"""The reader's driver takes a card that was away for less than 2 s for the same presentation; the rest is load."""
CHANGE_CARDS_S = 1.0
"""It takes cards that come within 0.4 s of each other for one hand that holds both."""
REGISTER_STEP_WH = Decimal(1)
"""Both versions bill whole Wh: each register is rounded down."""

SHOWN = 230

Condition = Callable[[], "bool | Awaitable[bool]"]


class Story:
    """One station and everybody around it."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self.stage = stage
        self.plan = plan
        self.version = plan.version
        self.dialect = Dialect(plan.version)
        self.leaves_open = False
        """Set by a story that ends while a transaction is open."""
        self.directory = Path()
        """The story's own: for what the station finds there."""
        self.case = ""
        """Which of its cases a story with several plays."""
        self.unaccounted_wh = Decimal(0)
        """How much energy may be neither billed nor reported: what lies below the reporting threshold."""
        self._registers_wh: dict[int, Decimal] = {}
        self._cursors: dict[str, int] = {}
        self._swiped_s: dict[str, float] = {}

    # ------------------------------------------------------------------ cars, cards, faults, supply

    async def plug_in(self, evse: int = 1, **model: Any) -> None:
        await self.stage.bench("plug_in", evse=evse, **model)

    async def plug_out(self, evse: int = 1) -> None:
        await self.stage.bench("plug_out", evse=evse)

    async def ev(self, state: str, evse: int = 1, **fields: Any) -> None:
        await self.stage.bench("ev", evse=evse, state=state, **fields)

    async def swipe(self, token: str) -> None:
        """Hold a card to the reader, late enough after its last time to be read anew."""
        waits_s = (at_s + (ABSENT_S if card == token else CHANGE_CARDS_S) for card, at_s in self._swiped_s.items())
        wait_s = max(waits_s, default=0.0) - self.stage.now_s()
        if wait_s > 0:
            await self.stage.pass_time(wait_s, scaled=False)
        await self.stage.bench("swipe", token=token)
        self._swiped_s[token] = self.stage.now_s()

    async def fault(self, kind: str, evse: int = 1) -> None:
        await self.stage.bench("fault", evse=evse, kind=kind)

    async def clear(self, kind: str, evse: int = 1) -> None:
        await self.stage.bench("clear", evse=evse, kind=kind)

    async def meter(self, evse: int = 1, **fields: Any) -> None:
        await self.stage.bench("meter", evse=evse, **fields)

    async def state(self, evse: int = 1) -> Json:
        return await self.stage.bench("state", evse=evse)

    async def power_cut(self) -> None:
        await self.stage.bench("power_cut")

    async def power_on(self) -> None:
        await self.stage.bench("power_on")

    # ------------------------------------------------------------------ the back-end

    async def send(self, request: Request) -> Json:
        """Ask the station; its answer's payload, or `{"call_error": …}`."""
        action, payload = request
        result = await self.stage.csms("send", action=action, payload=payload)
        answer: Json = result.get("payload", result)
        return answer

    async def remote_start(self, token: str, evse: int | None = None) -> str:
        return str((await self.send(self.dialect.remote_start(token, evse)))["status"])

    async def remote_stop(self, transaction_id: str) -> str:
        return str((await self.send(self.dialect.remote_stop(transaction_id)))["status"])

    async def set_variable(self, name: str, value: str) -> str:
        return self.dialect.set_status(await self.send(self.dialect.set_variable(name, value)))

    async def script(self, action: str, *behaviours: Json) -> None:
        """Say how this action is met from now on; nothing: accepted again."""
        await self.stage.csms("script", action=action, behaviour=list(behaviours) or None)

    async def token(self, token: str, status: str = "Accepted", **fields: Any) -> None:
        await self.stage.csms("token", token=token, status=status, **fields)

    async def boot(self, **fields: Any) -> None:
        await self.stage.csms("boot", **fields)

    async def time_in(self, seconds: float) -> str:
        """Return the back-end's time so many seconds from now, by its answer to a heartbeat that it asks for."""
        assert (await self.send(self.dialect.trigger("Heartbeat")))["status"] == "Accepted"
        sent = [f for f in self.stage.frames if f["direction"] == "out" and "currentTime" in f["payload"]]
        now = datetime.fromisoformat(sent[-1]["payload"]["currentTime"])
        return (now + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    async def drop(self, code: int | None = None) -> None:
        await self.stage.csms("drop", code=code)

    async def unreachable(self) -> None:
        await self.stage.set_reachable(reachable=False)
        await self.until(self._disconnected, "the link is down")

    async def reachable(self) -> None:
        await self.stage.set_reachable(reachable=True)

    async def connections(self) -> int:
        """How often the station has connected."""
        stations = await self.stage.csms("stations")
        return sum(station["connections"] for station in stations.values())

    async def _disconnected(self) -> bool:
        stations = await self.stage.csms("stations")
        return not any(station["connected"] for station in stations.values())

    async def ledger(self) -> Json:
        return await self.stage.csms("ledger")

    async def transactions(self) -> list[Json]:
        transactions: list[Json] = (await self.ledger())["transactions"]
        return transactions

    # ------------------------------------------------------------------ the agent

    async def start_agent(self) -> None:
        """Start the agent and wait until the back-end has heard of every EVSE."""
        self.skip_frames()
        await self.stage.start_agent()
        await self.online()

    async def stop_agent(self) -> None:
        await self.stage.stop_agent()

    async def kill_agent(self) -> None:
        await self.stage.kill_agent()

    async def online(self) -> None:
        """Wait until a boot was accepted and every EVSE has told a status since."""
        for evse in range(1, self.plan.evses + 1):
            await self.until(partial(self._status_known, evse), f"a status of EVSE {evse}")

    def _status_known(self, evse: int) -> bool:
        field = "connectorId" if self.dialect.is_16 else "evseId"
        return any(frame["payload"].get(field) == evse for frame in self.requests("StatusNotification"))

    # ------------------------------------------------------------------ waiting

    def scaled(self, seconds: float) -> float:
        """Return how long a delay of the back-end is to be on this stage."""
        return self.stage.scaled(seconds)

    async def pass_time(self, seconds: float, *, scaled: bool = True) -> None:
        await self.stage.pass_time(seconds, scaled=scaled)

    async def until(self, holds: Condition, what: str, *, within_s: float = 40.0) -> None:
        """Wait for a condition, looked at whenever something was seen. Raises: AssertionError after `within_s`."""
        end_s = self.stage.now_s() + within_s
        while not await _truth(holds):
            self.stage.check()
            left_s = end_s - self.stage.now_s()
            if left_s <= 0:
                raise AssertionError(f"not within {within_s:g} s: {what}\n{await self.describe()}")
            await self.stage.news(min(left_s, TICK_S))

    async def until_evse(self, evse: int = 1, *, within_s: float = 40.0, **expected: object) -> None:
        """Wait until the bench's own view of an EVSE has these values."""

        async def fits() -> bool:
            state = await self.state(evse)
            return all(state[name] == value for name, value in expected.items())

        await self.until(fits, f"EVSE {evse} {expected}", within_s=within_s)

    async def until_charging(self, evse: int = 1, *, within_s: float = 40.0) -> None:
        """Wait until current flows at its full strength."""

        async def flows() -> bool:
            state = await self.state(evse)
            return bool(state["contactor_closed"] and state["current_a"] > 1)

        await self.until(flows, f"EVSE {evse} charges", within_s=within_s)

    async def until_told(self, what: str, evse: int = 1, *, within_s: float = 40.0) -> None:
        """Wait until the back-end was told a status or charging state, since it was last waited for."""
        key = f"told {evse}"

        def told() -> bool:
            for frame in self._since(key):
                if self.dialect.tells(frame, what, evse):
                    self._cursors[key] = frame["n"] + 1
                    return True
            return False

        await self.until(told, f"{what} told of EVSE {evse}", within_s=within_s)

    async def expect(
        self, action: str, where: Callable[[Json], bool] = lambda _: True, *, within_s: float = 40.0
    ) -> Json:
        """Give the payload of the next request of `action` that fits, after the one expected last."""
        found: list[Json] = []

        def arrived() -> bool:
            found.extend(
                frame for frame in self._since(action) if frame["action"] == action and where(frame["payload"])
            )
            return bool(found)

        await self.until(arrived, f"{action} arrives", within_s=within_s)
        self._cursors[action] = found[0]["n"] + 1
        payload: Json = found[0]["payload"]
        return payload

    async def until_open(self, count: int = 1, *, within_s: float = 40.0) -> Json:
        """Wait until so many transactions are open at the back-end; gives the latest."""

        async def are_open() -> bool:
            return bool((await self.ledger())["open"] == count)

        await self.until(are_open, f"{count} open transactions", within_s=within_s)
        return next(each for each in reversed(await self.transactions()) if not each["ends"])

    async def until_ended(self, count: int = 1, *, within_s: float = 40.0) -> Json:
        """Wait until so many transactions have ended at the back-end; gives the latest begun."""

        async def have_ended() -> bool:
            return sum(bool(each["ends"]) for each in await self.transactions()) >= count

        await self.until(have_ended, f"{count} ended transactions", within_s=within_s)
        return next(each for each in reversed(await self.transactions()) if each["ends"])

    def requests(self, action: str | None = None, since: int = 0) -> list[Json]:
        """Return requests of the station since the last `skip_frames`."""
        first = max(since, self._cursors.get("*", 0))
        return [
            frame
            for frame in self.stage.frames
            if frame["n"] >= first
            and (frame["direction"], frame["kind"]) == ("in", "call")
            and action in {None, frame["action"]}
        ]

    def _since(self, key: str) -> list[Json]:
        return self.requests(since=self._cursors.get(key, 0))

    def skip_frames(self) -> None:
        """From here on only later requests are looked at."""
        self._cursors = {"*": self.stage.frames[-1]["n"] + 1 if self.stage.frames else 0}

    def events(self, event: str, evse: int = 1) -> list[Json]:
        """Return what the bench has seen of this kind at one EVSE."""
        return [each for each in self.stage.events if each["event"] == event and each.get("evse") == evse]

    # ------------------------------------------------------------------ the books

    async def open_books(self) -> None:
        """Note every register as the story begins."""
        for evse in range(1, self.plan.evses + 1):
            self._registers_wh[evse] = await self.register_wh(evse)

    async def register_wh(self, evse: int = 1) -> Decimal:
        """Return the meter's import register at the bench."""
        return Decimal((await self.state(evse))["meter"]["energy_wh"])

    async def close_books(self) -> None:
        """Every transaction is whole and told once, and what was billed is what flowed."""
        if not self.leaves_open:
            await self.until(self._all_ended, "every transaction has ended at the back-end")
        ledger = await self.ledger()
        assert ledger["problems"] == []
        assert ledger["conflicts"] == 0
        assert all(each["whole"] for each in ledger["transactions"] if each["ends"]), ledger
        if not self.leaves_open:
            for evse in self._registers_wh:
                await self._compare_energy(evse, ledger["transactions"])

    async def _all_ended(self) -> bool:
        ledger = await self.ledger()
        return bool(ledger["open"] == 0)

    async def _compare_energy(self, evse: int, transactions: list[Json]) -> None:
        mine = [each for each in transactions if each["evse_id"] == evse]
        billed_wh = sum((Decimal(each["energy_wh"]) for each in mine), Decimal(0))
        flowed_wh = await self.register_wh(evse) - self._registers_wh[evse]
        reported_wh = self.reported_wh(evse)
        step_wh = REGISTER_STEP_WH * max(1, len(mine))
        missing_wh = flowed_wh - billed_wh - reported_wh
        assert -step_wh <= missing_wh <= step_wh + self.unaccounted_wh, (
            f"EVSE {evse}: flowed {flowed_wh} Wh, billed {billed_wh} Wh, reported as unauthorised {reported_wh} Wh"
        )

    def reported_wh(self, evse: int = 1) -> Decimal:
        """Return the energy that the station reported as unauthorised, Wh."""
        calls = (frame for frame in self.stage.frames if (frame["direction"], frame["kind"]) == ("in", "call"))
        return sum((self.dialect.unauthorised_wh(frame, evse) for frame in calls), Decimal(0))

    async def describe(self) -> str:
        """Say how things stand, for a failure."""
        frames = [
            f"{frame['t']:.2f} {frame['direction']} {frame['kind']} {frame['action']} {str(frame['payload'])[:SHOWN]}"
            for frame in self.stage.frames[-14:]
        ]
        states = [str(await self.state(evse)) for evse in self._registers_wh]
        return "\n".join([*frames, *states])


async def _truth(holds: Condition) -> bool:
    result = holds()
    return await result if inspect.isawaitable(result) else result

"""Plays a story to a whole station in virtual time, heals everything at the end, and hands over what came of it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from agent.station.surroundings import EvseTiming
from hil.bench import BenchError
from hil.csms.behaviour import Behaviour
from hil.csms.frames import Frame
from hil.csms.station_link import CsmsError
from hil.csms.tokens import Token
from hil.csms.wire import WireError
from hil.faults import kinds_of
from tests.fakes.told_energy import told_energy
from tests.fakes.virtual_station import IDENTITY, VirtualStation, virtual_station
from tests.properties.authority import Grant
from tests.properties.bench_watch import BenchWatch, openevse
from tests.properties.operations import ALICE, ALICES_SISTER, FAMILY, STRANGER, Op

SUPPLY_A: Final = {1: 20.0, 2: 26.0}
"""By number of EVSEs; with two it binds as soon as both want more than their half."""
LOOK_S: Final = 0.2
COMMAND_TIMEOUT_S: Final = 60.0
HEALING_S: Final = 900.0
"""Boards try a tripped protection again after 300 s; everything else comes back far sooner."""
TOML: Final = """
[station]
supply_max_current_a = {supply_a}
[csms]
message_attempts = 100
message_attempt_interval_s = 1
reconnect_max_s = 10
reconnect_random_s = 1
frame_log = false
"""


class Player:
    """One station with its watch, played upon by operations."""

    def __init__(self, station: VirtualStation) -> None:
        self.station = station
        self.bench = station.lines.bench
        self.watch = BenchWatch(station, SUPPLY_A[len(self.bench.evses)])
        self.last_status: dict[int, str] = {}
        self.unauthorised: dict[str, tuple[int, Decimal]] = {}
        self.answers: list[str] = []
        self._requests: set[asyncio.Task[None]] = set()
        self._remote_starts = 0
        station.csms.tokens[ALICE] = Token(parent=FAMILY)
        station.csms.tokens[ALICES_SISTER] = Token(parent=FAMILY)
        station.csms.tokens[STRANGER] = "Invalid"
        station.csms.log.listeners.append(self._frame)

    # ------------------------------------------------------------------ the course of a story

    async def play(self, ops: Sequence[Op]) -> None:
        """Carry out every operation in order; what the bench or the station refuses is refused."""
        for each in ops:
            await getattr(self, f"_{each.verb}")(each.evse, **each.fields)
            await self._look(LOOK_S / 4)
            await self._start_again_after_reset()

    async def heal(self) -> None:
        """Take every misfortune away, let every driver leave, and wait until all is told."""
        self.station.csms.script.clear()
        self.station.reachable = True
        if not self.bench.supplied:
            self.bench.power_on()
        for number in self.bench.evses:
            self._clear_all(number)
            self.bench.plug_out(number)
        await self._start(0)
        for number in self.bench.evses:
            control = openevse(self.bench.evses[number]).control
            if not control.running or control.state.name in {"STUCK_RELAY", "GFI_SELF_TEST"}:
                self.bench.fault(number, "board_reset")  # halted in its power-on test, or latched: until the next one
        await self._wait(0, s=15.0)
        for number in self.bench.evses:
            await self._request("ChangeAvailability", _availability(self.station.version, number, operative=True))
        deadline_s = _now_s() + HEALING_S
        while not self._is_calm() and _now_s() < deadline_s:
            await self._wait(0, s=10.0)
        await self._wait(0, s=COMMAND_TIMEOUT_S)
        for task in self._requests:
            task.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    def _is_calm(self) -> bool:
        agent = self.station.agent
        told = agent is not None and agent.station.is_online and not agent.journal.has_queued(None)
        free = all(self.last_status.get(number) == "Available" for number in self.bench.evses)
        return told and free and not self.station.csms.ledger.open_transactions

    async def _look(self, seconds: float) -> None:
        end_s = _now_s() + seconds
        while (left_s := end_s - _now_s()) > 0:
            await asyncio.sleep(min(LOOK_S, left_s))
            self.watch.tick(_now_s())
            self._check_alive()

    def _check_alive(self) -> None:
        if self.station.agent is not None and not self.station.restarts:
            self.station.check_alive()

    async def _start_again_after_reset(self) -> None:
        if not self.station.restarts:
            return
        self.station.restarts = 0
        if self.station._task is not None:
            await self.station._task
            self.station._task = self.station.agent = None
        await self.station.start()

    # ------------------------------------------------------------------ time, car and driver

    async def _wait(self, _evse: int, s: float) -> None:
        end_s = _now_s() + s
        await self._look(0.0)
        while (left_s := end_s - _now_s()) > 0:
            await self._look(min(1.0, left_s))
            await self._start_again_after_reset()

    async def _plug_in(self, evse: int, **model: Any) -> None:
        self.bench.plug_in(evse, **model)

    async def _plug_out(self, evse: int) -> None:
        self.bench.plug_out(evse)

    async def _ev(self, evse: int, state: str) -> None:
        with suppress(BenchError):
            self.bench.ev(evse, state)

    async def _swipe(self, _evse: int, token: str) -> None:
        self.watch.evidence.grants.append(Grant(_now_s(), token))
        self.bench.swipe(token)

    # ------------------------------------------------------------------ back-end

    async def _remote_start(self, evse: int, token: str) -> None:
        self._remote_starts += 1
        self.watch.evidence.grants.append(Grant(_now_s(), token, evse))
        if self.station.version == "1.6":
            await self._request("RemoteStartTransaction", {"connectorId": evse, "idTag": token})
            return
        id_token = {"idToken": token, "type": "ISO14443"}
        start = {"idToken": id_token, "remoteStartId": self._remote_starts, "evseId": evse}
        await self._request("RequestStartTransaction", start)

    async def _remote_stop(self, evse: int) -> None:
        for transaction in self.station.csms.ledger.open_transactions:
            if transaction.evse_id == evse and self.station.version == "1.6":
                await self._request("RemoteStopTransaction", {"transactionId": int(transaction.transaction_id)})
            elif transaction.evse_id == evse:
                await self._request("RequestStopTransaction", {"transactionId": transaction.transaction_id})

    async def _availability(self, evse: int, *, operative: bool) -> None:
        await self._request("ChangeAvailability", _availability(self.station.version, evse, operative=operative))

    async def _reset(self, _evse: int, *, hard: bool) -> None:
        kinds = {"1.6": ("Soft", "Hard"), "2.0.1": ("OnIdle", "Immediate")}[self.station.version]
        await self._request("Reset", {"type": kinds[hard]})

    async def _answers(self, _evse: int, action: str, **behaviour: Any) -> None:
        self.station.csms.script[action] = Behaviour.from_json(behaviour)

    async def _drop(self, _evse: int) -> None:
        self.station.drop()

    async def _reachable(self, _evse: int, *, yes: bool) -> None:
        self.station.reachable = yes
        if not yes:
            self.station.drop()

    async def _request(self, action: str, payload: dict[str, Any]) -> None:
        """Ask the station in the background: a story does not wait for an answer."""
        task = asyncio.create_task(self._ask(action, payload), name=f"csms asks {action}")
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
        await asyncio.sleep(0)

    async def _ask(self, action: str, payload: dict[str, Any]) -> None:
        try:
            answer = await self.station.csms.send(IDENTITY, action, payload, timeout_s=COMMAND_TIMEOUT_S)
            self.answers.append(f"{action}: {answer}")
            if "transactionId" in payload and answer["status"] == "Accepted":
                self.watch.evidence.remote_stops.append((_now_s(), str(payload["transactionId"])))
        except (CsmsError, WireError) as error:
            self.answers.append(f"{action}: {error}")

    # ------------------------------------------------------------------ station and hardware

    async def _kill(self, _evse: int) -> None:
        if self.station.agent is not None:
            await self.station.kill()
        self.station.restarts = 0

    async def _start(self, _evse: int) -> None:
        if self.station.agent is None:
            await self.station.start()

    async def _kill_and_start(self, _evse: int, dead_s: float) -> None:
        await self._kill(0)
        await self._look(dead_s)
        await self._start(0)

    async def _stop(self, _evse: int) -> None:
        if self.station.agent is not None and not self.station.restarts:
            await self.station.stop()

    async def _fault(self, evse: int, kind: str) -> None:
        with suppress(BenchError):
            self.bench.fault(evse, kind)
            self.watch.faults[evse].add(kind)

    async def _clear(self, evse: int) -> None:
        self._clear_all(evse)

    def _clear_all(self, evse: int) -> None:
        for kind in kinds_of(self.bench.evses[evse].board_model):
            if kind not in {"vent", "over_current"} or self.bench.evses[evse].vehicle.plugged:
                self.bench.clear(evse, kind) if kind != "vent" else None
        self.watch.faults[evse].clear()

    async def _power_cut(self, _evse: int, dark_s: float) -> None:
        """The whole station loses its supply, controller and all, and comes back by itself."""
        await self._kill(0)
        self.bench.power_cut()
        await self._look(dark_s)
        self.bench.power_on()
        await self._start(0)

    # ------------------------------------------------------------------ what the back-end hears

    def _frame(self, frame: Frame) -> None:
        self.watch.evidence.frame(frame)
        if (frame.direction, frame.kind) != ("in", "call") or not isinstance(frame.payload, dict):
            return
        payload = frame.payload
        if frame.action == "StatusNotification":
            place = payload.get("evseId", payload.get("connectorId"))
            self.last_status[int(str(place))] = str(payload.get("connectorStatus", payload.get("status")))
        found = told_energy(payload)
        if found is not None:
            at, evse, energy_wh = found
            self.unauthorised[f"{evse} {at}"] = (evse, energy_wh)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _availability(version: str, evse: int, *, operative: bool) -> dict[str, Any]:
    status = "Operative" if operative else "Inoperative"
    if version == "1.6":
        return {"connectorId": evse, "type": status}
    return {"operationalStatus": status, "evse": {"id": evse}}


async def play_story(directory: Path, version: str, evses: int, ops: Sequence[Op]) -> Player:
    """Play one story from a fresh station to its healed end."""
    async with virtual_station(
        directory,
        version=version,
        evses=evses,
        extra_toml=TOML.format(supply_a=SUPPLY_A[evses]),
        timing=EvseTiming(),
        poll_interval_s=1.0,
    ) as station:
        player = Player(station)
        await player._look(5.0)
        await player.play(ops)
        await player.heal()
        player.station.check_alive()
        return player

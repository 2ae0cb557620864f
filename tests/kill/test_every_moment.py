"""Killed at any moment of an open transaction, the station goes on with it and no contactor moves that need not.

Everything runs in virtual time. An undisturbed session is played once; what came over the board's wire and was seen of
car and contactor gives the moments, and for each of them a station of its own is killed there.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from hil.devices.openevse_board_values import BoardModel
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

TOML: Final = "[csms]\nframe_log = false\n"
TOKEN: Final = "04A11CE0"
CAR: Final = {"reaction_s": 0.1, "stop_s": 0.2, "current_a": 32}
FIRST_CAR_S: Final = 15.0
"""Charging time of the car before: longer than what is looked at of the present one."""
EMPTY_S: Final = 5.0
SUSPENDS_S, RESUMES_S, END_S = 9.0, 11.0, 15.0
DEAD_S: Final = 0.4
WATCHED_S: Final = 6.0
"""More than the grace after which a driver that was told nothing lets a board sleep."""
JUST_AFTER_S: Final = (0.00001, 0.0006)
"""The moment itself, and one in which the reply is on its way."""
TOKEN_AT_S: Final = {"before": -1.0, "together": 0.1, "after": 1.0}
"""When the card is shown, seen from the plug-in."""
MOMENTS: Final = frozenset({"command", "reply", "message", "contactor", "indication", "swipe", "pilot_state"})

Json = dict[str, Any]


@dataclass
class Outcome:
    """What a kill met and what came of it."""

    transaction_id: str | None
    proven: bool
    """The counters of its plug-in are known."""
    closed: bool
    wants: bool
    """Whether the car means to charge: it may ask for it only once it sees the offer, while the station is dead."""
    edges: list[bool]
    goes_on_with: str | None

    @property
    def is_right(self) -> bool:
        """The transaction goes on, and the contactor goes once to where the car wants it, or stays there.

        A transaction without proof of its plug-in ends; but then nothing has flowed yet, and nothing does.
        """
        if self.transaction_id is None:
            return True
        if not self.proven:
            return not self.closed and self.edges == []
        moves = [] if self.closed == self.wants else [self.wants]
        return self.goes_on_with == self.transaction_id and self.edges == moves


def _open_transaction(station: VirtualStation) -> tuple[str | None, bool]:
    assert station.agent is not None
    state = station.agent.station.evses[1].session.recorder.state
    return (None, False) if state is None else (state.transaction_id, state.plug_in is not None)


async def _until(station: VirtualStation, token: str, at_s: float) -> float:
    """Let one car charge and leave, and play the next one's session until `at_s`; returns when it was plugged in."""
    bench, loop = station.lines.bench, asyncio.get_running_loop()
    bench.plug_in(1, **CAR)
    await asyncio.sleep(0.5)
    bench.swipe(TOKEN)
    await asyncio.sleep(FIRST_CAR_S)
    bench.plug_out(1)
    await asyncio.sleep(EMPTY_S)
    plugged_s = loop.time()
    script: list[tuple[float, Callable[[], object]]] = [
        (0.0, lambda: bench.plug_in(1, **CAR)),
        (TOKEN_AT_S[token], lambda: bench.swipe(TOKEN)),
        (SUSPENDS_S, lambda: bench.ev(1, "B")),
        (RESUMES_S, lambda: bench.ev(1, "C")),
    ]
    for due_s, act in sorted(script, key=lambda step: step[0]):
        if due_s < at_s:
            await asyncio.sleep(max(0.0, plugged_s + due_s - loop.time()))
            act()
            plugged_s = max(plugged_s, loop.time() - due_s)
    await asyncio.sleep(plugged_s + at_s - loop.time())
    return plugged_s


async def _moments(directory: Path, token: str, model: BoardModel) -> list[float]:
    events: list[Json] = []
    async with virtual_station(directory, board_model=model, extra_toml=TOML) as station:
        station.lines.bench.subscribers.append(events.append)
        plugged_s = await _until(station, token, END_S)
    found = {event["t"] - plugged_s for event in events if event["event"] in MOMENTS}
    return sorted(at_s + after_s for at_s in found for after_s in JUST_AFTER_S if 0 < at_s < END_S)


async def _kill_at(directory: Path, token: str, model: BoardModel, at_s: float, again_s: float | None) -> Outcome:
    edges: list[bool] = []

    def note(event: Json) -> None:
        if event["event"] == "contactor":
            edges.append(event["closed"])

    async with virtual_station(directory, board_model=model, extra_toml=TOML) as station:
        world = station.lines.bench.evses[1].world
        await _until(station, token, at_s)
        transaction_id, proven = _open_transaction(station)
        wants = not SUSPENDS_S < at_s <= RESUMES_S
        killed = Outcome(transaction_id, proven, world.contactor_closed, wants, edges, goes_on_with=None)
        station.lines.bench.subscribers.append(note)
        for alive_s in (again_s, WATCHED_S):
            if alive_s is not None:
                await station.kill()
                await asyncio.sleep(DEAD_S)
                await station.start()
                await asyncio.sleep(alive_s)
        killed.goes_on_with, _proven = _open_transaction(station)
    return killed


def _wrong(token: str, model: BoardModel, *, every: int, again_s: float | None = None) -> dict[float, Outcome]:
    """Kill at every `every`th moment; gives what went wrong."""

    def directory() -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory()

    with directory() as path:
        moments = run_virtual(_moments(Path(path), token, model))
    assert len(moments) > 100, "too few moments to be a session"
    wrong = {}
    for at_s in itertools.islice(moments, 0, None, every):
        with directory() as path:
            outcome = run_virtual(_kill_at(Path(path), token, model, at_s, again_s))
        if not outcome.is_right:
            wrong[round(at_s, 5)] = outcome
    return wrong


@pytest.mark.parametrize("token", TOKEN_AT_S)
def test_a_kill_at_some_moments_of_a_session_moves_no_contactor(token: str) -> None:
    assert _wrong(token, BoardModel(), every=37) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop_delay_s", "again_s", "every"),
    [(0.0, None, 2), (0.1, None, 6), (0.0, 0.05, 12), (0.0, 0.5, 12)],
    ids=["once", "slow board", "again while starting", "again when started"],
)
@pytest.mark.parametrize("token", TOKEN_AT_S)
def test_a_kill_at_any_moment_of_a_session_moves_no_contactor(
    token: str, loop_delay_s: float, again_s: float | None, every: int
) -> None:
    assert _wrong(token, BoardModel(loop_delay_s=loop_delay_s), every=every, again_s=again_s) == {}

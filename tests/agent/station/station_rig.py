"""The whole station in virtual time, with a word for each thing that its tests do."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken
from agent.station.charging_station import ChargingStation
from hil.csms.ledger_values import LogicalTransaction
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

CARD = IdToken("04AABBCC")
OTHER_CARD = IdToken("04112233")
LIMIT_S = 30.0
TICK_S = 0.05

Story = Callable[[VirtualStation], Awaitable[None]]


def play(directory: Path, story: Story, **options: Any) -> None:
    """Play a story on a station that is online."""

    async def whole() -> None:
        async with virtual_station(directory, **options) as rig:
            await until(lambda: station_of(rig).is_online)
            await until(lambda: states(rig) == [SessionState.AVAILABLE] * len(states(rig)))
            await story(rig)

    run_virtual(whole())


def station_of(rig: VirtualStation) -> ChargingStation:
    assert rig.agent is not None
    return rig.agent.station


def state(rig: VirtualStation, evse_id: int = 1) -> SessionState:
    return station_of(rig).evses[evse_id].session.state


def states(rig: VirtualStation) -> list[SessionState]:
    return [evse.session.state for evse in station_of(rig).evses.values()]


async def until(holds: Callable[[], bool], within_s: float = LIMIT_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(TICK_S)


def contactor_closed(rig: VirtualStation, evse_id: int = 1) -> bool:
    return rig.lines.bench.evses[evse_id].world.contactor_closed


async def plug_in(rig: VirtualStation, evse_id: int = 1) -> None:
    rig.lines.bench.plug_in(evse_id)
    await until(lambda: state(rig, evse_id) is SessionState.AWAITING_AUTHORIZATION)


async def charge(rig: VirtualStation, evse_id: int = 1, card: IdToken = CARD) -> None:
    """Plug in and tap; power flows and the back-end knows of the transaction."""
    known = len(rig.csms.ledger.transactions)
    await plug_in(rig, evse_id)
    station_of(rig).card_presented(card, (evse_id,))
    await until(lambda: contactor_closed(rig, evse_id))
    await until(lambda: len(rig.csms.ledger.transactions) > known)


async def unplug(rig: VirtualStation, evse_id: int = 1) -> None:
    rig.lines.bench.plug_out(evse_id)
    await until(lambda: state(rig, evse_id) in {SessionState.AVAILABLE, SessionState.UNAVAILABLE})


async def come_back(rig: VirtualStation) -> None:
    """Let the process that wants to restart do so."""
    await until(lambda: rig.restarts > 0)
    await rig.stop()
    rig.drop()
    await rig.start()
    await until(lambda: station_of(rig).is_online)


def boot_reasons(rig: VirtualStation) -> list[str]:
    """The reasons told in BootNotification (2.0.1), oldest first."""
    return [
        frame.payload["reason"]
        for frame in rig.csms.frames
        if (frame.direction, frame.kind, frame.action) == ("in", "call", "BootNotification")
    ]


def requests(rig: VirtualStation, action: str) -> int:
    return sum((f.direction, f.kind, f.action) == ("in", "call", action) for f in rig.csms.frames)


async def ended(rig: VirtualStation) -> LogicalTransaction:
    """The latest transaction, once its end has arrived."""
    await until(lambda: bool(rig.csms.ledger.transactions) and rig.csms.ledger.transactions[-1].ends > 0)
    return rig.csms.ledger.transactions[-1]

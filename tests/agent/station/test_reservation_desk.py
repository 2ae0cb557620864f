"""Reservations over a real database: durable before they are confirmed, and over when their time is."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import Instant
from agent.domain.reservation import Reservation, ReserveOutcome
from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken
from agent.station.reservation_desk import ReservationDesk
from agent.store import reservations
from agent.store.database import Database
from agent.store.executors import InlineExecutor
from hil.virtual_time import run_virtual
from tests.agent.domain.test_reservation import NOW, Place

OWNER = IdToken("04A1")


class LoopClock:
    step = timedelta(0)

    def now(self) -> Instant:
        now_s = asyncio.get_running_loop().time()
        return Instant(now_s, NOW + timedelta(seconds=now_s) + self.step)

    def learn_utc(self, utc: object) -> timedelta:
        raise AssertionError(utc)


class Desk:
    def __init__(self, path: Path) -> None:
        self.database = Database(path / "station.sqlite", InlineExecutor())
        self.clock = LoopClock()
        self.told: list[int | None] = []

    async def start(self) -> ReservationDesk:
        await self.database.open()
        desk = ReservationDesk(self.database, self.clock)
        await desk.open()
        desk.book.seats = {1: Place(SessionState.AVAILABLE), 2: Place(SessionState.AVAILABLE)}
        desk.on_change(self.told.append)
        return desk

    def wanted(self, number: int = 1, evse_id: int | None = 1, seconds: float = 600) -> Reservation:
        return Reservation(number, evse_id, OWNER, self.clock.now().utc + timedelta(seconds=seconds))

    async def stored(self) -> list[Reservation]:
        return await self.database.run(reservations.load)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.database.close()


async def test_a_confirmed_reservation_is_stored_whole(rig: Desk) -> None:
    desk = await rig.start()
    one, anywhere = rig.wanted(1), rig.wanted(2, None)
    assert await desk.reserve(one) is ReserveOutcome.ACCEPTED
    assert await desk.reserve(anywhere) is ReserveOutcome.ACCEPTED
    assert await rig.stored() == [one, anywhere]
    assert rig.told == [1, None]
    again = ReservationDesk(rig.database, rig.clock)
    await again.open()
    assert again.book.held(1) == one


async def test_each_way_to_end_takes_it_out_of_the_store_and_is_told(rig: Desk) -> None:
    desk = await rig.start()
    for end in (lambda: desk.cancel(1), lambda: desk.started(1), lambda: desk.cannot_serve(1)):
        assert await desk.reserve(rig.wanted(1)) is ReserveOutcome.ACCEPTED
        end()
        assert await rig.stored() == []
    assert rig.told == [1] * 6
    assert not desk.cancel(1)


async def test_a_reservation_that_is_over_already_is_rejected(rig: Desk) -> None:
    desk = await rig.start()
    assert await desk.reserve(rig.wanted(seconds=-1)) is ReserveOutcome.REJECTED
    assert await rig.stored() == []


async def test_a_reservation_that_cannot_be_stored_is_rejected_and_the_one_before_stays(
    rig: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await rig.start()
    before = rig.wanted(1)
    await desk.reserve(before)

    def full_disk(_connection: sqlite3.Connection, reservation: Reservation) -> None:
        raise sqlite3.OperationalError(f"disk is full, {reservation.reservation_id}")

    monkeypatch.setattr(reservations, "put", full_disk)
    assert await desk.reserve(rig.wanted(1, 2)) is ReserveOutcome.REJECTED
    assert await desk.reserve(rig.wanted(3, 2)) is ReserveOutcome.REJECTED
    assert (desk.book.held(1), desk.book.held(2)) == (before, None)


@pytest.mark.parametrize("stepped", [False, True])
def test_a_reservation_ends_at_its_time_also_when_the_clock_is_set_forward(tmp_path: Path, stepped: bool) -> None:
    async def tell() -> None:
        rig = Desk(tmp_path)
        desk = await rig.start()
        running = asyncio.create_task(desk.run())
        await desk.reserve(rig.wanted(seconds=600))
        await asyncio.sleep(590)
        assert desk.book.held(1) is not None
        if stepped:
            rig.clock.step = timedelta(hours=1)
        await asyncio.sleep(10.1)
        assert desk.book.held(1) is None
        assert await rig.stored() == []
        assert rig.told == [1, 1]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await rig.database.close()

    run_virtual(tell())

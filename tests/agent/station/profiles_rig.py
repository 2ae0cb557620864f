"""The station's charging profiles in virtual time, with a clock that can be set and a disk that can fail."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from agent.clock import Instant
from agent.domain.charging_profile import ChargingProfile
from agent.domain.transaction import TransactionState
from agent.domain.vocabulary import ChargingState, IdToken
from agent.station.charging_profiles import ChargingProfiles, Wiring
from agent.store.database import Database, Function
from agent.store.errors import StoreError
from agent.store.executors import InlineExecutor
from hil.virtual_time import run_virtual
from tests.agent.domain.profiles import NOON

T = TypeVar("T")
DRIVER = IdToken("04A1B2C3")
WIRING = {1: Wiring(3, 32.0), 2: Wiring(1, 16.0)}


class SettableClock:
    """Noon when the loop's time is 0, until it is set."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> Instant:
        now_s = asyncio.get_running_loop().time()
        return Instant(now_s, NOON + timedelta(seconds=now_s - 1000.0) + self.offset)

    def learn_utc(self, utc: datetime) -> timedelta:
        step = utc - self.now().utc
        self.offset += step
        return step


class FailingDatabase(Database):
    """`full`: nothing can be written."""

    full = False

    async def run(self, function: Function[T]) -> T:
        if self.full:
            raise StoreError("disk full")
        return await super().run(function)


class ProfilesRig:
    def __init__(self, directory: Path) -> None:
        self.clock = SettableClock()
        self.database = FailingDatabase(directory / "station.sqlite", InlineExecutor())
        self.profiles = ChargingProfiles(self.database, self.clock, WIRING, 40.0)
        self.changes: list[float] = []
        """When orders were said to have changed, s after the beginning."""
        self._began_s = asyncio.get_running_loop().time()

    async def restart(self) -> None:
        """Another process over the same file."""
        self.profiles = ChargingProfiles(self.database, self.clock, WIRING, 40.0)
        await self.profiles.open()

    async def set(self, given: ChargingProfile) -> str | None:
        return await self.profiles.set_profile(given)

    def order_a(self, evse_id: int = 1) -> float:
        return self.profiles.order(evse_id).current_a

    def begin(self, transaction_id: str = "tx-1", evse_id: int = 1, remote_start_id: int | None = None) -> None:
        """A transaction begins now."""
        self.profiles.transaction_changed(
            evse_id,
            TransactionState(
                transaction_id,
                evse_id,
                1,
                self.clock.now().utc,
                Decimal(0),
                Decimal(0),
                ChargingState.EV_CONNECTED,
                (),
                (),
                id_token=DRIVER,
                remote_start_id=remote_start_id,
            ),
        )

    def end(self, evse_id: int = 1) -> None:
        self.profiles.transaction_changed(evse_id, None)

    def changed(self) -> None:
        self.changes.append(round(asyncio.get_running_loop().time() - self._began_s, 3))
        for evse_id in (0, 1, 2):
            self.profiles.order(evse_id)


def play(directory: Path, story: Callable[[ProfilesRig], Awaitable[None]]) -> None:
    async def whole() -> None:
        rig = ProfilesRig(directory)
        await rig.database.open()
        await rig.profiles.open()
        rig.profiles.changed = rig.changed
        await story(rig)
        await rig.database.close()

    run_virtual(whole())

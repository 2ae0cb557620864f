"""How long it takes to reckon with a hundred charging profiles: limits of this moment, and a day to come."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from agent.domain.charging_profile import (
    MAX_PROFILES,
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKind,
)
from agent.station.charging_profiles import ChargingProfiles, Wiring
from agent.station.station_clock import StationClock
from agent.store.database import Database
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options

DAY_S: Final = 86_400
PERIODS: Final = 24
COMPOSITE_LIMIT_MS: Final = 10.0
RECOMPUTE_LIMIT_MS: Final = 1.0
EVSES: Final = 2


async def measure(_version: str, options: Options) -> list[Figure]:
    """Fill a station with as many profiles as it takes, and reckon."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder, "station.sqlite"))
        await database.open()
        wiring = {number: Wiring(3, 32.0) for number in range(1, EVSES + 1)}
        profiles = ChargingProfiles(database, StationClock(), wiring, 63.0)
        now = datetime.now(UTC)
        for number in range(MAX_PROFILES):
            refused = await profiles.set_profile(_profile(number, now))
            if refused is not None:
                raise ValueError(refused)
        composite = _times_ms(lambda: profiles.composite_schedule(1, DAY_S, ChargingRateUnit.A), options)

        def recompute() -> None:
            profiles.forget_orders()
            profiles.order(1)

        limits = _times_ms(recompute, options)
        await database.close()
    note = f"{MAX_PROFILES} profiles of {PERIODS} periods, each for a hundredth of the day; median of {len(composite)}"
    return [
        _figure("composite schedule over 24 h", composite, COMPOSITE_LIMIT_MS, note),
        _figure("limits of all EVSEs and the station, reckoned anew", limits, RECOMPUTE_LIMIT_MS, note),
    ]


def _figure(name: str, samples: list[float], limit_ms: float, note: str) -> Figure:
    worst = f"; worst {max(samples):.2f} ms"
    return Figure(name, median(samples), "ms", limit_ms, note=note + worst, samples=tuple(samples))


def _times_ms(act: Callable[[], object], options: Options) -> list[float]:
    act()
    times = []
    for _ in range(options.size(200, 50, 2)):
        began_s = time.perf_counter()
        act()
        times.append((time.perf_counter() - began_s) * 1000)
    return times


def _profile(number: int, now: datetime) -> ChargingProfile:
    """One of a stack of daily profiles, each in force for its hundredth of the day."""
    purpose = ChargingProfilePurpose.CHARGING_STATION_MAX if number % 2 else ChargingProfilePurpose.TX_DEFAULT
    lasts_s = DAY_S // MAX_PROFILES
    begins = now.replace(microsecond=0) - timedelta(days=3, seconds=lasts_s * (MAX_PROFILES - number))
    step_s = lasts_s // PERIODS
    periods = tuple(ChargingSchedulePeriod(each * step_s, 6.0 + (each + number) % 26) for each in range(PERIODS))
    return ChargingProfile(
        profile_id=number,
        evse_id=0,
        stack_level=number,
        purpose=purpose,
        profile_kind=ChargingProfileKind.RECURRING,
        schedule=ChargingSchedule(ChargingRateUnit.A, periods, lasts_s, begins),
        recurrency=RecurrencyKind.DAILY,
    )

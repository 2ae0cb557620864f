"""Temperatures of an OpenEVSE board: asked in the background, told as other boards tell theirs."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from hal.api import TemperatureMeasured
from hal.codecs.rapi import Reply
from hal.drivers.openevse_temperature import INTERVAL_S, Thermometer
from hil.devices.openevse_board_values import BoardModel
from tests.hal.drivers.openevse_bench import Bench, bench, charging, now, virtual


def warm(made: Bench, enclosure_c: float) -> None:
    made.world.surroundings = replace(made.world.surroundings, enclosure_c=enclosure_c)


@virtual
async def test_the_sensor_is_read_at_connection_and_every_ten_seconds() -> None:
    async with bench() as made:
        warm(made, 31.5)
        first = await made.expect(TemperatureMeasured)
        await asyncio.sleep(100.0)
        told = [event for event in made.events if isinstance(event, TemperatureMeasured)]
        assert (first.sensor, first.temperature_c) == ("board", Decimal("31.5"))
        assert 9 <= len(told) <= 12
        assert made.driver.capabilities.has_temperature


@virtual
async def test_a_warm_board_is_asked_every_second() -> None:
    async with bench() as made:
        await charging(made)
        warm(made, 60.0)
        await made.expect(TemperatureMeasured, lambda event: event.temperature_c == 60)
        since_s = now()
        warm(made, 71.0)
        told = await made.expect(TemperatureMeasured, lambda event: event.temperature_c == 71)
        assert told.at_s - since_s <= 1.2


@virtual
async def test_temperatures_do_not_hold_up_the_look_at_the_state() -> None:
    """A turn of 100 ms of the board's loop and a question each second are what there is; the state comes first."""
    async with bench(model=BoardModel(loop_delay_s=0.1)) as made:
        warm(made, 60.0)
        await made.expect(TemperatureMeasured, lambda event: event.temperature_c == 60)
        await asyncio.sleep(10.0)
        since = len(made.heard)
        start_s = now()
        await asyncio.sleep(60.0)
        looks = made.commands(since).count("$GS")
        assert looks >= (now() - start_s) * 0.75


@virtual
async def test_a_sensor_that_is_gone_is_told_as_none() -> None:
    async with bench() as made:
        await made.expect(TemperatureMeasured)
        made.world.surroundings = replace(made.world.surroundings, sensor_c=((1, None),))
        since = len(made.events)
        assert (await made.expect(TemperatureMeasured, since=since)).temperature_c is None


@virtual
async def test_without_the_protection_that_was_allowed_to_be_off_nothing_is_asked() -> None:
    async with bench(allow_protection_off=frozenset({"temperature"})) as made:
        await made.connected()
        await asyncio.sleep(30.0)
        assert "$GP" not in made.commands()
        assert not made.driver.capabilities.has_temperature


@pytest.mark.parametrize(
    ("shown", "temperature_c"),
    [
        (("215", "-2560", "-2560"), Decimal("21.5")),
        (("-55", "-2560", "312"), Decimal("31.2")),
        (("-2560", "-2560", "-2560"), None),
        ((), None),
    ],
    ids=["one fitted", "the warmest", "none fitted", "refused"],
)
def test_the_warmest_sensor_counts_and_none_is_never_cold(
    shown: tuple[str, ...], temperature_c: Decimal | None
) -> None:
    measured = Thermometer(is_used=True).answered(Reply(ok=bool(shown), params=shown, sequence=None), 1.0)
    assert measured == TemperatureMeasured("board", temperature_c, 1.0)


def test_one_of_two_sensors_that_fails_is_missed() -> None:
    thermometer = Thermometer(is_used=True)
    thermometer.answered(Reply(ok=True, params=("215", "220", "-2560"), sequence=None), 1.0)
    later = thermometer.answered(Reply(ok=True, params=("215", "-2560", "-2560"), sequence=None), 2.0)
    assert later.temperature_c is None


def test_a_board_that_is_back_is_asked_at_once() -> None:
    thermometer = Thermometer(is_used=True)
    thermometer.asked(1.0)
    assert thermometer.next_s == 1.0 + INTERVAL_S
    thermometer.forget()
    assert thermometer.command(1.1) is not None

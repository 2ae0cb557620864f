"""Faults with a value and faults that end by themselves: what the bench does to the world, and takes back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hil.bench import Bench, BenchError
from hil.boards import board_model
from hil.value_faults import VALUE_FAULTS
from hil.virtual_time import run_virtual
from hil.world import EvseWorld

Tale = Callable[[Bench, EvseWorld], Awaitable[None]]
READ: dict[str, Callable[[EvseWorld], Any]] = {
    "brown_out": lambda world: world.surroundings.board_supply_v,
    "over_voltage": lambda world: world.voltage_v,
    "phase_loss": lambda world: world.lost_phases,
    "pilot_noise": lambda world: world.pilot_noise_v,
    "pilot_offset": lambda world: world.pilot_offset_v,
    "proximity": lambda world: world.proximity_ohm,
    "pwm_frequency": lambda world: world.pwm_frequency_hz,
    "temperature": lambda world: world.surroundings.enclosure_c,
    "under_voltage": lambda world: world.voltage_v,
    "weak_rail": lambda world: world.negative_rail_v,
}


def play(tale: Tale, board: str = "socket") -> None:
    async def story() -> None:
        bench = Bench(1, board_model("safety", board))
        bench.power_on()
        bench.plug_in(1, cable_a=32, delay_s=3600) if board == "socket" else None
        await asyncio.sleep(3)
        await tale(bench, bench.evses[1].world)

    run_virtual(story())


@pytest.mark.parametrize("kind", READ)
def test_a_value_stands_in_the_world_until_it_is_cleared_and_the_last_one_counts(kind: str) -> None:
    async def tale(bench: Bench, world: EvseWorld) -> None:
        fault, before = VALUE_FAULTS[kind], READ[kind](world)
        bench.fault(1, kind)
        bench.fault(1, kind, value=fault.high)
        assert READ[kind](world) == fault.high
        bench.clear(1)
        assert READ[kind](world) == before

    play(tale)


def test_what_was_changed_since_is_left_as_it_is() -> None:
    async def tale(bench: Bench, world: EvseWorld) -> None:
        bench.fault(1, "under_voltage", value=150)
        bench.meter(1, voltage_v=235)
        bench.clear(1)
        assert world.voltage_v == 235

    play(tale)


@pytest.mark.parametrize(
    ("kind", "value", "named"),
    [
        ("temperature", 1000, "-50 to 150 degrees"),
        ("phase_loss", 3, "1 to 2 phases"),
        ("diode", 1, "'diode' has no value"),
        ("proximity", 220, "no socket"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_stands(kind: str, value: float, named: str) -> None:
    async def tale(bench: Bench, _: EvseWorld) -> None:
        with pytest.raises(BenchError, match=named):
            bench.fault(1, kind, value=value)
        assert bench.state(1)["faults"] == []

    play(tale, "cable")


def test_a_fault_for_some_seconds_ends_by_itself_and_the_stream_says_when() -> None:
    async def tale(bench: Bench, world: EvseWorld) -> None:
        events: list[dict[str, Any]] = []
        bench.subscribers.append(events.append)
        began_s = world.loop.time()
        bench.fault(1, "cable_pulled", for_s=3)
        await asyncio.sleep(2.9)
        pulled = [bench.evses[1].cable_pulled]
        await asyncio.sleep(0.2)
        pulled.append(bench.evses[1].cable_pulled)
        assert pulled == [True, False]
        (end,) = (event for event in events if event["event"] == "stimulus")
        assert end["t"] == pytest.approx(began_s + 3)
        assert (end["op"], end["kind"]) == ("clear", "cable_pulled")

    play(tale)


def test_clearing_a_fault_early_or_bringing_it_in_anew_stops_its_clock() -> None:
    async def tale(bench: Bench, world: EvseWorld) -> None:
        bench.fault(1, "pilot_noise", for_s=1)
        bench.fault(1, "pilot_noise", value=0.5)
        bench.fault(1, "weak_rail", for_s=1)
        bench.clear(1, "weak_rail")
        bench.fault(1, "weak_rail")
        await asyncio.sleep(2)
        assert (world.pilot_noise_v, world.negative_rail_v) == (0.5, -9.5)

    play(tale)


def test_what_is_wrong_with_a_car_leaves_with_it() -> None:
    async def tale(bench: Bench, world: EvseWorld) -> None:
        for kind in ("over_current", "proximity", "vent"):
            bench.fault(1, kind)
        bench.plug_out(1)
        assert bench.state(1)["faults"] == []
        bench.plug_in(1, cable_ohm=680.0)
        assert world.proximity_ohm == 680

    play(tale)


def test_faults_outlive_the_bench_but_for_those_that_had_an_end() -> None:
    async def tale(bench: Bench, _: EvseWorld) -> None:
        bench.fault(1, "welded")
        bench.fault(1, "temperature", value=66)
        bench.fault(1, "cable_pulled", for_s=30)
        bench.fault(1, "board_reset")
        again = Bench(1, board_model("safety", "socket"))
        again.restore(bench.to_json())
        assert again.state(1)["faults"] == ["temperature", "welded"]
        assert again.evses[1].world.surroundings.enclosure_c == 66
        again.clear(1)
        assert again.evses[1].world.surroundings.enclosure_c == 25

    play(tale)


def test_a_resistor_in_the_plug_is_refused_where_nobody_measures_it() -> None:
    async def tale(bench: Bench, _: EvseWorld) -> None:
        with pytest.raises(BenchError, match="cable_ohm: this EVSE has no socket"):
            bench.plug_in(1, cable_ohm=220.0)

    play(tale, "cable")


@pytest.mark.parametrize(("board", "told"), [("rapi", "99.0.0"), ("safety", "9.0.0")])
def test_another_firmware_is_what_the_board_is_until_it_is_cleared(board: str, told: str) -> None:
    async def story() -> None:
        bench = Bench(1, board_model(board))
        bench.power_on()
        await asyncio.sleep(5)
        own = str(bench.evses[1].board.model.firmware)  # type: ignore[attr-defined]  # both boards of the table have one
        bench.fault(1, "firmware_mismatch")
        shown = bench.evses[1].board.model.firmware  # type: ignore[attr-defined]
        assert getattr(shown, "text", shown) == told
        bench.clear(1)
        assert str(bench.evses[1].board.model.firmware) == own  # type: ignore[attr-defined]

    run_virtual(story())

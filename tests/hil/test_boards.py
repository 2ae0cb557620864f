"""Every kind of board on the bench: chosen by name, hosted alike, refused faults named."""

import asyncio

import pytest

from hil.bench import Bench, BenchError
from hil.boards import PROFILES, absent_faults, board_model
from hil.current_ramp import CurrentRamp
from hil.faults import ALL_KINDS, HAPPEN_ONCE
from hil.virtual_time import run_virtual

OF_A_SIGNING_METER = {"meter_exchanged", "signer_fails", "signer_silent"}
EVERY = [(kind, profile) for kind, models in PROFILES.items() for profile in models]


@pytest.mark.parametrize(("kind", "profile"), EVERY)
def test_every_fault_kind_is_brought_in_and_taken_out_or_refused_with_the_reason(kind: str, profile: str) -> None:
    async def story() -> None:
        model = board_model(kind, profile)
        bench = Bench(1, model)
        bench.power_on()
        await asyncio.sleep(5)
        bench.plug_in(1)
        for fault in {*ALL_KINDS, *absent_faults(model)}:
            if fault in absent_faults(model):
                with pytest.raises(BenchError, match=f"'{fault}' does not exist here: .+"):
                    bench.fault(1, fault)
                continue
            if fault in OF_A_SIGNING_METER:
                with pytest.raises(BenchError, match="this meter signs nothing"):
                    bench.fault(1, fault)
                continue
            bench.fault(1, fault)
            assert (fault in bench.state(1)["faults"]) == (fault not in HAPPEN_ONCE)
            await asyncio.sleep(1)
            bench.clear(1, fault)
            await asyncio.sleep(1)
        assert bench.state(1)["faults"] == []

    run_virtual(story())


@pytest.mark.parametrize(("kind", "profile"), EVERY)
def test_a_bench_that_starts_again_has_its_register_its_board_and_its_car(kind: str, profile: str) -> None:
    async def story() -> None:
        model = board_model(kind, profile)
        bench = Bench(1, model)
        bench.meter(1, energy_wh=4711)
        bench.power_on()
        bench.plug_in(1, delay_s=3600)
        again = Bench(1, model)
        again.restore(bench.to_json())
        assert again.evses[1].board.save() == bench.evses[1].board.save()
        assert again.evses[1].register_wh == 4711
        assert again.evses[1].vehicle.plugged

    run_virtual(story())


def test_what_another_kind_of_board_has_kept_is_left_alone() -> None:
    async def story() -> None:
        saved = Bench(1, board_model("safety")).to_json()
        rapi = Bench(1)
        before = rapi.evses[1].board.save()
        rapi.restore(saved)
        assert rapi.evses[1].board.save() == before

    run_virtual(story())


def test_an_unknown_board_or_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown board 'abacus'; known: rapi, safety, modbus"):
        board_model("abacus")
    with pytest.raises(ValueError, match="board safety has no profile 'tea'; known: cable, socket"):
        board_model("safety", "tea")


def test_the_meter_shows_current_only_in_the_phases_that_are_switched_through() -> None:
    async def story() -> None:
        bench = Bench(1, board_model("safety"))
        world = bench.evses[1].world
        flowing = CurrentRamp(world.loop.time(), 16.0, 16.0, 1.0)
        world.change(relay_driven=True, further_relays_driven=(True, False), draw=flowing)
        assert bench.evses[1]._meter_values().current_a == (16.0, 16.0, 16.0)
        world.change(further_relays_driven=(False, False))
        assert bench.evses[1]._meter_values().current_a == (16.0, 0.0, 0.0)

    run_virtual(story())

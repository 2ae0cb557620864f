"""The bench as a whole in virtual time: car, board, meter and supply together."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from hil.bench import Bench, BenchError
from hil.virtual_time import run_virtual
from tests.fakes.virtual_bench import virtual_bench


async def booted(evses: int = 1) -> tuple[Bench, list[dict[str, Any]]]:
    bench = Bench(evses)
    events: list[dict[str, Any]] = []
    bench.subscribers.append(events.append)
    bench.power_on()
    await asyncio.sleep(5)
    return bench, events


def test_ten_hours_of_charging_cost_little_and_count_exactly() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, current_a=16.0, phases=3, ramp_a_per_s=1e9)
        await asyncio.sleep(0.307 + 0.355 + 2)
        before = bench.evses[1].register_wh
        await asyncio.sleep(36_000)
        assert bench.evses[1].register_wh - before == pytest.approx(Decimal(16 * 230 * 3 * 10), abs=Decimal("0.001"))

    started_s = time.process_time()
    run_virtual(story())
    assert time.process_time() - started_s < 0.5


def test_car_follows_the_offer_within_its_cable() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, current_a=32.0, cable_a=20)
        await asyncio.sleep(20)
        assert bench.state(1)["current_a"] == 20
        bench.evses[1].board_line.receive(b"$SC 10 V\r")
        await asyncio.sleep(0.4)
        assert bench.state(1)["current_a"] == 20
        await asyncio.sleep(5)
        assert bench.state(1)["current_a"] == pytest.approx(9.975)

    run_virtual(story())


def test_car_leaves_c_when_the_offer_ends_unless_it_is_stubborn() -> None:
    async def story() -> None:
        for stubborn, opened_s in ((False, 1.026), (True, 3.08)):
            bench, events = await booted()
            bench.plug_in(1, stubborn=stubborn)
            await asyncio.sleep(20)
            bench.evses[1].board_line.receive(b"$FS\r")
            await asyncio.sleep(10)
            slept_s = next(e["t"] for e in reversed(events) if e["event"] == "reply")
            contactor = [e for e in events if e["event"] == "contactor"][-1]
            assert contactor["closed"] is False
            assert contactor["t"] - slept_s == pytest.approx(opened_s, abs=1e-5)

    run_virtual(story())


def test_full_battery_falls_asleep_at_its_capacity_and_the_contactor_opens() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, current_a=16.0, capacity_wh=2000.0)
        await asyncio.sleep(3600)
        assert float(bench.evses[1].register_wh) == pytest.approx(2000, abs=1e-3)
        state = bench.state(1)
        assert state["vehicle"]["asleep"] is True
        assert state["contactor_closed"] is False

    run_virtual(story())


def test_delayed_car_waits_in_b_and_sleeping_car_stays_in_b_until_woken() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, delay_s=30.0)
        await asyncio.sleep(25)
        assert bench.state(1)["pilot_state"] == "B"
        await asyncio.sleep(10)
        assert bench.state(1)["pilot_state"] == "C"
        bench.ev(1, "sleep")
        await asyncio.sleep(60)
        assert bench.state(1)["pilot_state"] == "B"
        bench.ev(1, "C")
        await asyncio.sleep(5)
        assert bench.state(1)["current_a"] > 0

    run_virtual(story())


def test_power_cut_keeps_register_and_car_and_loses_what_was_volatile() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, current_a=16.0)
        bench.evses[1].board_line.receive(b"$SC 10 V\r")
        await asyncio.sleep(600)
        bench.power_cut()
        register = bench.evses[1].register_wh
        assert register > 0
        await asyncio.sleep(600)
        assert bench.evses[1].register_wh == register
        assert bench.state(1)["pilot_high_v"] == 0
        bench.power_on()
        await asyncio.sleep(10)
        state = bench.state(1)
        assert state["board"]["capacity_a"] == 32
        assert state["vehicle"]["plugged"] is True
        assert state["board"]["total_wh"] == 0, "a plug-in joins the total when it ends, and this one went dark"

    run_virtual(story())


def test_saved_bench_continues_in_a_new_one_with_the_car_plugged() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.meter(1, energy_wh=123456.5)
        bench.plug_in(1, current_a=16.0, capacity_wh=50_000.0)
        await asyncio.sleep(600)
        saved, register = bench.to_json(), bench.evses[1].register_wh
        again = Bench(1)
        again.restore(saved)
        assert again.evses[1].register_wh == register
        again.power_on()
        await asyncio.sleep(10)
        assert again.state(1)["current_a"] > 0

    run_virtual(story())


def test_reset_on_plug_in_sets_the_register_to_zero() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.meter(1, energy_wh=5000, reset_on_plug_in=True)
        bench.plug_in(1, delay_s=100.0)
        assert bench.evses[1].register_wh == 0

    run_virtual(story())


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("diode", "05"),
        ("pilot_short", "05"),
        ("vent", "04"),
        ("ground", "07"),
        ("pe_loss", "01"),
        ("rcd_dc", "06"),
        ("rcd_ac", "06"),
        ("over_temperature", "0a"),
        ("over_current", "0b"),
    ],
)
def test_each_fault_of_a_charging_board_opens_the_contactor_and_says_which(kind: str, state: str) -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1)
        await asyncio.sleep(20)
        assert bench.state(1)["contactor_closed"] is True
        bench.fault(1, kind)
        await asyncio.sleep(30)
        shown = bench.state(1)
        assert shown["contactor_closed"] is False
        assert shown["board"]["state"] == state

    run_virtual(story())


def test_clearing_takes_out_what_was_brought_in_and_nothing_else() -> None:
    async def story() -> None:
        bench, _ = await booted()
        bench.plug_in(1, delay_s=3600)
        bench.meter(1, voltage_v=240)
        bench.fault(1, "meter_silent")
        bench.clear(1, "meter_garbage")
        bench.clear(1, "under_voltage")
        assert (bench.state(1)["meter"]["mode"], bench.state(1)["voltage_v"]) == ("silent", 240)
        bench.clear(1)
        shown = bench.state(1)
        assert (shown["meter"]["mode"], shown["voltage_v"], shown["vehicle"]["state"]) == ("normal", 240, "B")

    run_virtual(story())


def test_unknown_and_absent_faults_are_refused_by_name() -> None:
    async def story() -> None:
        bench, _ = await booted()
        with pytest.raises(BenchError, match="unknown fault kind 'meltdown'"):
            bench.fault(1, "meltdown")
        with pytest.raises(BenchError, match="'lock_blocked' does not exist here"):
            bench.fault(1, "lock_blocked")

    run_virtual(story())


def test_silent_board_says_nothing_but_goes_on_controlling() -> None:
    async def story() -> None:
        bench, events = await booted()
        bench.fault(1, "board_silent")
        bench.plug_in(1)
        bench.evses[1].board_line.receive(b"$GS\r")
        await asyncio.sleep(10)
        assert bench.state(1)["contactor_closed"] is True
        assert not [e for e in events if e["event"] == "reply"]
        bench.clear(1)
        bench.evses[1].board_line.receive(b"$GS\r")
        await asyncio.sleep(1)
        assert [e for e in events if e["event"] == "reply"]

    run_virtual(story())


def test_energy_and_contactor_events_carry_the_time_of_the_loop() -> None:
    async def story() -> None:
        bench, events = await booted()
        bench.plug_in(1, current_a=10.0)
        await asyncio.sleep(3600)
        bench.plug_out(1)
        await asyncio.sleep(1)
        closed, opened = [e for e in events if e["event"] == "contactor" and e["t"] > 1005]
        assert (closed["closed"], opened["closed"]) == (True, False)
        energy = [e for e in events if e["event"] == "energy"][-1]
        assert Decimal(energy["energy_wh"]) == bench.evses[1].register_wh

    run_virtual(story())


def test_lines_in_memory_reach_board_meter_and_reader() -> None:
    async def story() -> None:
        async with virtual_bench() as lines:
            await asyncio.sleep(5)
            board = lines.boards[1]
            await board.open()
            board.write(b"$GV :1A\r")
            assert await board.read() == b"$OK 8.2.3.EU 5.2.1 :1A^7B\r"
            assert lines.reader is not None
            await lines.reader.open()
            lines.bench.swipe("04a1b2c3")
            assert await lines.reader.read() == b"04A1B2C3\r\n"
            lines.bench.fault(1, "cable_pulled")
            lines.bench.clear(1, "cable_pulled")
            await asyncio.sleep(1)
            await board.open()
            board.write(b"$G0\r")
            assert (await board.read()).startswith(b"$OK 0")

    run_virtual(story())

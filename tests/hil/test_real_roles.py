"""The roles of a real bench, over a relay card on a pseudo-terminal."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import hil.real_roles as real_roles_module
from hil.background import work_beside
from hil.bench_file import Role, parse_bench_file
from hil.bench_roles import BenchRoles, present
from hil.errors import StationError
from hil.real_roles import InputProbe, real_roles
from hil.relay_card import RelayCard
from hil.roles import CannotError
from hil.watching import Watching
from tests.hil.simulated_relay_card import SimulatedRelayCard

PLUG, STATE_C, DIODE, SUPPLY = 0, 1, 2, 3
CONTACTOR = 4
LIMIT_S = 5.0
BENCH = """
[roles.board]
kind = "serial"
port = "/dev/ttyUSB0"
[roles.car]
kind = "modbus_coils"
port = "{card}"
coils = {{ plug = 0, state_c = 1 }}
[roles.faults]
kind = "modbus_coils"
port = "{card}"
coils = {{ diode = 2 }}
[roles.power]
kind = "power_switch"
{power}
[roles.probe]
kind = "modbus_inputs"
port = "{card}"
inputs = {{ contactor = 4 }}
"""


class RealBench:
    """A card with roles on it."""

    def __init__(self, card: SimulatedRelayCard, roles: BenchRoles, watching: Watching) -> None:
        self.card = card
        self.watching = watching
        self.car = present(roles.car, "real", "car")
        self.faults = present(roles.faults, "real", "faults")
        self.power = present(roles.power, "real", "power")
        self.probe = present(roles.probe, "real", "probe")

    def contactor_events(self) -> list[bool] | None:
        return [event["closed"] for event in self.watching.events("contactor")] or None


@asynccontextmanager
async def real_bench(tmp_path: Path, power: str = "") -> AsyncIterator[RealBench]:
    card = SimulatedRelayCard(tmp_path / "card")
    card.open()
    card.coils[PLUG] = card.coils[DIODE] = True
    power = power or f'port = "{card.path}"\ncoils = {{ supply = 3 }}'
    file = parse_bench_file(Path("real.toml"), BENCH.format(card=card.path, power=power))
    watching = Watching()
    try:
        async with work_beside() as add:
            roles = await real_roles(file, BenchRoles(), watching, add)
            yield RealBench(card, roles, watching)
    finally:
        card.close()


async def test_a_bench_begins_and_ends_without_car_and_fault_and_with_supply(tmp_path: Path) -> None:
    async with real_bench(tmp_path) as bench:
        assert bench.card.coils == [False, False, False, True, False, False, False, False]
        await bench.car.plug_in(delay_s=1)
        await bench.faults.bring("diode")
        await bench.power.cut()
        assert bench.card.coils[:4] == [True, False, True, False]
    assert bench.card.coils[:4] == [False, False, False, True]


async def test_the_cable_is_pulled_before_the_resistors_change(tmp_path: Path) -> None:
    async with real_bench(tmp_path) as bench:
        await bench.car.plug_in(delay_s=1)
        await bench.car.ev("C")
        bench.card.switched.clear()
        await bench.car.plug_out()
        assert bench.card.switched == [(PLUG, False), (STATE_C, False)]


async def test_each_stimulus_stands_in_the_history_with_its_time(tmp_path: Path) -> None:
    async with real_bench(tmp_path) as bench:
        plugged_t = await bench.car.plug_in(delay_s=1)
        asked_t = await bench.car.ev("C")
        assert plugged_t < asked_t == bench.watching.stimulus_t
        assert [event["op"] for event in bench.watching.events("stimulus")] == ["plug_in", "ev"]


async def test_an_input_that_changes_is_told_as_the_event_it_stands_for(tmp_path: Path) -> None:
    async with real_bench(tmp_path) as bench:
        bench.card.inputs[CONTACTOR] = lambda: bench.card.coils[STATE_C]
        assert bench.probe.sees("contactor")
        assert not bench.probe.sees("pilot_state")
        await bench.watching.find(bench.contactor_events, "the first look", LIMIT_S)
        asked_t = await bench.car.ev("C")
        event = await bench.watching.find(
            lambda: next(iter(bench.watching.events("contactor", closed=True)), None), "closed", LIMIT_S
        )
        assert event["t"] >= asked_t
        assert (await bench.probe.state())["contactor_closed"]


async def test_a_power_switch_may_be_a_pair_of_commands(tmp_path: Path) -> None:
    file = tmp_path / "supply"
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    command = [sys.executable, "-c", program, str(file)]
    power = f"on_command = {[*command, 'on']}\noff_command = {[*command, 'off']}".replace("'", '"')
    async with real_bench(tmp_path, power) as bench:
        assert file.read_text() == "on", "however the bench was left"
        await bench.power.cut()
        assert file.read_text() == "off"
        await bench.power.on()
        assert file.read_text() == "on"
        await bench.power.cut()
    assert file.read_text() == "on"


async def test_a_power_command_that_hangs_is_ended_before_the_bench_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_roles_module, "COMMAND_LIMIT_S", 1.0)
    file = tmp_path / "supply"
    program = (
        "import pathlib, sys, time; time.sleep(float(sys.argv[3])); pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    )
    command = [sys.executable, "-c", program, str(file)]
    power = f"on_command = {json.dumps([*command, 'on', '0'])}\noff_command = {json.dumps([*command, 'off', '2'])}"
    async with real_bench(tmp_path, power) as bench:
        with pytest.raises(StationError, match="took more than 1 s; try it by hand"):
            await bench.power.cut()
        await asyncio.sleep(2.0)
        assert file.read_text() == "on", "the command was ended"


class CardThatWaitsAsPymodbusDoes(RelayCard):
    """Answers when told to."""

    def __init__(self) -> None:
        self.answer = asyncio.get_running_loop().create_future()

    async def read(self, unit: int, inputs: range) -> list[bool]:
        assert unit == 1
        return [await asyncio.wait_for(self.answer, LIMIT_S) for _ in inputs]


async def test_a_probe_that_is_cancelled_as_an_answer_comes_ends() -> None:
    card = CardThatWaitsAsPymodbusDoes()
    watching = Watching()
    task = asyncio.create_task(InputProbe(card, Role(numbers={"contactor": 4}), watching).run())
    await asyncio.sleep(0)
    card.answer.set_result(True)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=LIMIT_S)
    assert done == {task}


async def test_what_the_equipment_lacks_is_a_reason_to_skip(tmp_path: Path) -> None:
    async with real_bench(tmp_path) as bench:
        with pytest.raises(CannotError, match="no relay for 'D'"):
            await bench.car.ev("D")
        with pytest.raises(CannotError, match="no relay for the fault 'welded'; wired: diode"):
            await bench.faults.bring("welded")
        with pytest.raises(CannotError, match="no current_a"):
            await bench.car.plug_in(delay_s=1, current_a=16)
        with pytest.raises(CannotError, match="one EVSE, not 2"):
            await bench.car.plug_out(2)


async def test_a_card_that_falls_silent_ends_the_run_with_its_name(tmp_path: Path) -> None:
    async def fall_silent() -> None:
        async with real_bench(tmp_path) as bench:
            bench.card.muted = True
            await bench.watching.find(lambda: None, "nothing", LIMIT_S * 2)

    with pytest.raises(StationError, match=r"the relay card at .*card, unit 1, does not answer"):
        await fall_silent()

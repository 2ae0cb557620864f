"""A bench that labgrid lends: real coordinator, exporter, ser2net and client on loopback; the hardware is simulated."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hil.labgrid import LabgridClient
from tests.hil.real_labgrid import CLIENT, PLACE, RealLabgrid, is_loopback, real_labgrid
from tests.hil.simulated_relay_card import SimulatedRelayCard
from tests.hil.test_real_bench import CONTACTOR, PLUG, STATE_C, SUPPLY, Hardware, hardware, play

pytestmark = [pytest.mark.labgrid, pytest.mark.slow]
BENCH_FILE = """
[bench]
board = "rapi"
[labgrid]
client = "{client}"
coordinator = "{coordinator}"
[roles.board]
kind = "labgrid"
place = "bench-1"
resource = "evse1-board"
[roles.meter]
kind = "labgrid"
place = "bench-1"
resource = "evse1-meter"
[roles.car]
kind = "labgrid"
place = "bench-1"
resources = {{ plug = "plug", state_c = "state-c" }}
[roles.power]
kind = "labgrid"
place = "bench-1"
resource = "supply"
[roles.probe]
kind = "modbus_inputs"
host = "127.0.0.1"
tcp_port = {card}
inputs = {{ contactor = {contactor} }}
"""


class Remote:
    """Hardware behind labgrid."""

    def __init__(self, labgrid: RealLabgrid, behind: Hardware, card: SimulatedRelayCard, card_port: int) -> None:
        self.labgrid = labgrid
        self.behind = behind
        self.card = card
        self.card_port = card_port


@asynccontextmanager
async def remote_bench(directory: Path) -> AsyncIterator[Remote]:
    async with hardware(directory) as (behind, card):
        server, card_port = await card.serve()
        address = f"127.0.0.1:{card_port}"
        lines = {
            "evse1-board": (directory / "lines/evse1/board", 115_200),
            "evse1-meter": (directory / "lines/evse1/meter", 9600),
        }
        coils = {"plug": (address, PLUG), "state-c": (address, STATE_C), "supply": (address, SUPPLY)}
        async with server, real_labgrid(directory, lines, coils) as labgrid:
            yield Remote(labgrid, behind, card, card_port)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "b"
    made.mkdir()
    return made


async def test_everything_that_labgrid_serves_listens_on_loopback_alone_and_only_while_lent(directory: Path) -> None:
    async with remote_bench(directory) as remote:
        client = LabgridClient(str(CLIENT), remote.labgrid.coordinator, PLACE)
        assert set(remote.labgrid.listeners()) == {"labgrid-coordin"}
        await client.acquire()
        served = {await client.serial_server(name) for name in ("evse1-board", "evse1-meter")}
        listeners = remote.labgrid.listeners()
        assert {address.host for address in served} == {"127.0.0.1"}
        assert len(listeners["ser2net"]) == len(served) == 2
        assert all(is_loopback(each) for addresses in listeners.values() for each in addresses), listeners
        await client.switch_coil("plug", closed=True)
        await client.switch_coil("plug", closed=False)
        await client.release()
        assert "ser2net" not in remote.labgrid.listeners()
    assert remote.card.switched == [(PLUG, True), (PLUG, False)]


async def test_a_car_charges_at_a_board_and_a_meter_that_labgrid_lends(directory: Path) -> None:
    async with remote_bench(directory) as remote:
        file = directory / "remote.toml"
        file.write_text(
            BENCH_FILE.format(
                client=CLIENT, coordinator=remote.labgrid.coordinator, card=remote.card_port, contactor=CONTACTOR
            )
        )
        results = directory / "results"
        scenarios = ("hil/scenarios/test_control_pilot.py", "-k", "CP-03")
        told = await play(*scenarios, "--bench", str(file), "--bench-results", str(results))
        played = [json.loads(path.read_text()) for path in results.glob("*.json")]
        assert [(each["outcome"], each["reason"]) for each in played] == [("passed", "")], told
        assert remote.behind.times_closed == 1, "seen on the hardware's own side"
        assert not remote.labgrid.listeners().get("ser2net"), "the place was given back"
        assert "acquired: None" in await remote.labgrid.client("-p", PLACE, "show")

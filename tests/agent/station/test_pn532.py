"""Cards at a PN532, from the field of the reader to the contactor."""

import asyncio
from pathlib import Path

import pytest

from hil.bench import BenchError
from hil.devices.pn532 import Pn532Simulator
from tests.agent.station.station_rig import contactor_closed, play, plug_in, requests, until
from tests.fakes.virtual_station import VirtualStation

SEVEN_BYTES, FOUR_BYTES = "04A1B2C3D4E5F6", "11223344"


def reader(rig: VirtualStation) -> Pn532Simulator:
    assert isinstance(rig.lines.bench.reader, Pn532Simulator)
    return rig.lines.bench.reader


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_card_starts_once_while_held_and_stops_when_it_comes_again(tmp_path: Path, version: str) -> None:
    async def story(rig: VirtualStation) -> None:
        await plug_in(rig)
        reader(rig).place(SEVEN_BYTES)
        await until(lambda: contactor_closed(rig))
        await asyncio.sleep(30)
        reader(rig).take_away(SEVEN_BYTES)
        await asyncio.sleep(1)
        reader(rig).present(SEVEN_BYTES)
        await asyncio.sleep(10)
        assert contactor_closed(rig)
        reader(rig).present(SEVEN_BYTES)
        await until(lambda: not contactor_closed(rig))

    play(tmp_path, story, version=version, reader="pn532")


def test_two_cards_at_once_are_one_question_to_the_back_end(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await plug_in(rig)
        reader(rig).place(SEVEN_BYTES)
        reader(rig).place(FOUR_BYTES)
        await until(lambda: contactor_closed(rig))
        await asyncio.sleep(10)
        assert requests(rig, "Authorize") == 1
        assert contactor_closed(rig)

    play(tmp_path, story, reader="pn532")


def test_cards_are_read_after_the_bench_was_dark(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        rig.lines.bench.power_cut()
        await asyncio.sleep(60)
        rig.lines.bench.power_on()
        await asyncio.sleep(15)
        await plug_in(rig)
        rig.lines.bench.swipe(FOUR_BYTES)
        await until(lambda: contactor_closed(rig))

    play(tmp_path, story, reader="pn532")


def test_what_is_no_card_of_type_a_cannot_be_held_to_it(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        with pytest.raises(BenchError, match="8, 14 or 20"):
            rig.lines.bench.swipe("0411")
        with pytest.raises(BenchError, match="ISO14443"):
            rig.lines.bench.swipe(FOUR_BYTES, "ISO15693")

    play(tmp_path, story, reader="pn532")

"""The driver against the behaving reader of the bench, in virtual time."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hal.api import PortError
from hal.codecs.rfid import UidFormat
from hal.drivers.pn532_reader import Pn532Reader
from hal.panel import CardPresented
from hal.transports.memory_port import MemoryPort, memory_pipe
from hal.transports.serial_port import SerialPort
from hil.devices.pn532 import Pn532Simulator, ReaderFirmware
from hil.lines.pty_line import PtyLine
from tests.hal.drivers.openevse_bench import virtual

MIFARE, NTAG, TRIPLE = "11223344", "04A1B2C3D4E5F6", "00112233445566778899"


@dataclass
class Rig:
    near: MemoryPort
    far: MemoryPort
    reader: Pn532Simulator
    driver: Pn532Reader
    cards: list[CardPresented] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray)

    @property
    def uids(self) -> list[str]:
        return [card.uid for card in self.cards]


@asynccontextmanager
async def reading(uid_format: UidFormat | None = None, firmware: ReaderFirmware | None = None) -> AsyncIterator[Rig]:
    near, far = memory_pipe()
    rig = Rig(near, far, Pn532Simulator(firmware or ReaderFirmware()), Pn532Reader(near, uid_format))
    rig.reader.output = far.write

    async def hear() -> None:
        while True:
            try:
                await far.open()
                while True:
                    data = await far.read()
                    rig.sent += data
                    rig.reader.receive(data)
            except PortError:
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(hear()), group.create_task(rig.driver.run(rig.cards.append))]
        await asyncio.sleep(1)
        yield rig
        for task in tasks:
            task.cancel()


@virtual
async def test_cards_of_every_length_are_read_once_while_held() -> None:
    async with reading() as rig:
        for uid in (MIFARE, NTAG, TRIPLE):
            rig.reader.place(uid)
            await asyncio.sleep(5)
            rig.reader.take_away(uid)
            await asyncio.sleep(1)
        assert rig.uids == [MIFARE, NTAG, TRIPLE]
        assert {card.token_type for card in rig.cards} == {"ISO14443"}


@virtual
async def test_same_card_counts_again_only_after_two_seconds_of_absence() -> None:
    async with reading() as rig:
        rig.reader.present(MIFARE)
        await asyncio.sleep(1.8)
        rig.reader.present(MIFARE)
        await asyncio.sleep(2)
        assert rig.uids == [MIFARE]
        await asyncio.sleep(1.5)
        rig.reader.present(MIFARE)
        await asyncio.sleep(1)
        assert rig.uids == [MIFARE, MIFARE]


@virtual
async def test_absence_counts_from_when_the_card_left_not_from_when_it_came() -> None:
    async with reading() as rig:
        rig.reader.place(MIFARE)
        await asyncio.sleep(10)
        rig.reader.take_away(MIFARE)
        await asyncio.sleep(1)
        rig.reader.present(MIFARE)
        await asyncio.sleep(1)
        assert rig.uids == [MIFARE]


@virtual
async def test_two_cards_at_once_are_one_token_until_both_have_left() -> None:
    async with reading() as rig:
        rig.reader.place(NTAG)
        rig.reader.place(MIFARE)
        await asyncio.sleep(3)
        rig.reader.take_away(rig.uids[0])
        await asyncio.sleep(3)
        assert len(rig.uids) == 1
        rig.reader.take_away(NTAG)
        rig.reader.take_away(MIFARE)
        await asyncio.sleep(2.5)
        rig.reader.present(NTAG)
        await asyncio.sleep(0.5)
        assert rig.uids[1:] == [NTAG]


@virtual
async def test_case_byte_order_and_lengths_follow_the_settings() -> None:
    async with reading(UidFormat(case="lower", byte_order="lsb", lengths=(7,))) as rig:
        rig.reader.present(MIFARE)
        await asyncio.sleep(1)
        rig.reader.present(NTAG)
        await asyncio.sleep(1)
        assert rig.uids == ["f6e5d4c3b2a104"]


@virtual
async def test_reader_that_restarts_is_set_up_again() -> None:
    async with reading() as rig:
        rig.reader.restart()
        await asyncio.sleep(4)
        rig.reader.present(MIFARE)
        await asyncio.sleep(1)
        assert rig.uids == [MIFARE]


def test_silent_reader_is_logged_once_and_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def story() -> None:
        async with reading() as rig:
            caplog.clear()
            rig.reader.muted = True
            await asyncio.sleep(120)
            rig.reader.muted = False
            await asyncio.sleep(10)
            rig.reader.present(NTAG)
            await asyncio.sleep(1)
            assert rig.uids == [NTAG]

    with caplog.at_level(logging.INFO):
        story()
    assert [record.getMessage().split(" reason")[0] for record in caplog.records] == [
        "reader does not work state=silent",
        "reader ready firmware=1.6",
    ]
    assert NTAG not in caplog.text


def test_wrong_reader_is_refused_with_one_line_and_no_busy_loop(caplog: pytest.LogCaptureFixture) -> None:
    sent = bytearray()

    @virtual
    async def story() -> None:
        async with reading(firmware=ReaderFirmware(ic=0x07)) as rig:
            rig.reader.place(MIFARE)
            await asyncio.sleep(120)
            assert rig.uids == []
            sent.extend(rig.sent)

    with caplog.at_level(logging.INFO):
        story()
    assert [record.getMessage() for record in caplog.records] == [
        "reader does not work state=unsuitable reason=not a PN532 that reads type A: IC 0x07 support 0x07"
    ]
    assert len(sent) < 30 * 60


def test_pulled_cable_is_logged_once_and_the_port_reopened(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def story() -> None:
        async with reading() as rig:
            caplog.clear()
            rig.near.cut()
            await asyncio.sleep(30)
            rig.near.mend()
            await asyncio.sleep(6)
            rig.reader.present(MIFARE)
            await asyncio.sleep(1)
            assert rig.uids == [MIFARE]

    with caplog.at_level(logging.INFO):
        story()
    assert [record.getMessage().split(" reason")[0] for record in caplog.records] == [
        "reader does not work state=port lost",
        "reader ready firmware=1.6",
    ]


@virtual
async def test_spoiled_response_is_asked_for_again_at_once() -> None:
    async with reading() as rig:
        whole = rig.reader.output
        spoiled: list[bytes] = []

        def spoil_once(data: bytes) -> None:
            if len(data) > 12 and not spoiled:
                spoiled.append(data)
                data = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
            whole(data)

        rig.reader.output = spoil_once
        rig.reader.place(MIFARE)
        await asyncio.sleep(0.3)
        assert spoiled
        assert rig.driver.bad_frames >= 1
        assert rig.uids == [MIFARE]


@virtual
async def test_garbage_before_every_answer_delays_nothing_and_invents_no_card() -> None:
    async with reading() as rig:
        whole = rig.reader.output
        rig.reader.output = lambda data: whole(os.urandom(9) + data)
        await asyncio.sleep(20)
        assert rig.uids == []
        rig.reader.place(NTAG)
        await asyncio.sleep(3)
        assert rig.uids == [NTAG]


async def test_card_is_read_over_a_pseudo_terminal(tmp_path: Path) -> None:
    reader = Pn532Simulator()
    line = PtyLine(tmp_path / "reader1", reader.receive)
    reader.output = line.write
    line.open()
    presented: asyncio.Queue[CardPresented] = asyncio.Queue()
    task = asyncio.create_task(Pn532Reader(SerialPort(str(tmp_path / "reader1"), 115_200)).run(presented.put_nowait))
    try:
        reader.place(NTAG)
        async with asyncio.timeout(10):
            assert (await presented.get()).uid == NTAG
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        line.close()

"""A controller written through its boot loader: the bench's behaves, and avrdude takes it for a real one."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hal.api import BusTimeoutError, HalError, HardwareFault, PortError
from hal.codecs.stk500 import ATMEGA328P, AvrPart
from hal.drivers.stk500_loader import Stk500Loader
from hal.transports.memory_port import MemoryPort, memory_pipe
from hal.transports.serial_port import SerialPort
from hil.devices.avr_boot_loader import AvrBootLoader
from hil.lines.pty_line import PtyLine
from tests.hal.drivers.openevse_bench import virtual

OLD = random.Random(1).randbytes(700)
NEW = random.Random(2).randbytes(1_500)
PAGES = 12
"""Of NEW: 1,500 bytes of 128 each."""


@dataclass
class Rig:
    near: MemoryPort
    controller: AvrBootLoader
    loader: Stk500Loader
    told: list[float] = field(default_factory=list)

    async def install(self, image: bytes = NEW) -> None:
        await self.loader.install(image, self.told.append)


@asynccontextmanager
async def wired(part: AvrPart = ATMEGA328P, *, expected: AvrPart = ATMEGA328P) -> AsyncIterator[Rig]:
    near, far = memory_pipe()
    controller = AvrBootLoader(part, OLD)
    controller.output = far.write

    async def reset() -> None:
        controller.reset()

    async def hear() -> None:
        while True:
            try:
                await far.open()
                while True:
                    controller.receive(await far.read())
            except PortError:
                await asyncio.sleep(0.01)

    hearing = asyncio.create_task(hear())
    await asyncio.sleep(0)
    yield Rig(near, controller, Stk500Loader(near, reset, expected))
    hearing.cancel()
    controller.cut_supply()


@virtual
async def test_an_image_is_written_compared_and_started() -> None:
    async with wired() as rig:
        await rig.install()
        assert rig.controller.starts == NEW
        assert not rig.controller.listens, "left in its boot loader"
        assert rig.told == sorted(rig.told)
        assert rig.told[-1] == 1.0


@virtual
async def test_a_controller_is_named_and_left_as_it_was() -> None:
    async with wired() as rig:
        assert await rig.loader.identify() == "ATmega328P"
        assert rig.controller.starts == OLD
        assert rig.controller.page_writes == 0


@virtual
async def test_a_shorter_image_leaves_nothing_of_an_older_one_in_its_own_pages() -> None:
    async with wired() as rig:
        await rig.install(OLD[:100])
        assert rig.controller.flash[:128] == OLD[:100].ljust(128, b"\xff")


@pytest.mark.parametrize("before_page", range(PAGES + 1))
@virtual
async def test_a_supply_lost_at_any_page_never_leaves_a_part_of_an_image_that_starts(before_page: int) -> None:
    """Updater facts: whatever interrupts it, the old, the new or the boot loader; written again, it is whole."""
    async with wired() as rig:

        def cut() -> None:
            if rig.controller.page_writes == before_page:
                rig.controller.cut_supply()

        rig.controller.on_page = cut
        with pytest.raises(BusTimeoutError):
            await rig.install()
        assert rig.controller.page_writes == before_page
        assert rig.controller.starts == (OLD if before_page == 0 else None)
        rig.controller.on_page = lambda: None
        await rig.install()
        assert rig.controller.starts == NEW


@virtual
async def test_flash_that_keeps_a_bit_is_found_before_the_image_may_start() -> None:
    async with wired() as rig:
        rig.controller.stuck_bits = {1_000: ~NEW[1_000] & 0xFF}
        with pytest.raises(HardwareFault, match="page 7 of the controller's flash"):
            await rig.install()
        assert rig.controller.starts is None


@virtual
async def test_another_controller_is_left_alone() -> None:
    other = replace(ATMEGA328P, signature=bytes.fromhex("1E9801"))
    async with wired(other) as rig:
        with pytest.raises(HardwareFault, match="no ATmega328P: signature 1e9801"):
            await rig.install()
        assert rig.controller.starts == OLD


@virtual
async def test_a_controller_without_boot_loader_is_told_in_one_sentence() -> None:
    async with wired() as rig:
        rig.controller.reset = lambda: None  # type: ignore[method-assign]  # its reset line is cut
        with pytest.raises(BusTimeoutError, match="no boot loader answers after a reset"):
            await rig.install()


@virtual
async def test_a_line_that_is_lost_half_way_is_told_and_the_write_can_be_begun_anew() -> None:
    async with wired() as rig:
        rig.controller.on_page = lambda: rig.near.cut() if rig.controller.page_writes == 5 else None
        with pytest.raises(HalError):
            await rig.install()
        assert rig.controller.starts is None
        rig.controller.on_page = lambda: None
        rig.near.mend()
        await asyncio.sleep(1)
        await rig.install()
        assert rig.controller.starts == NEW


@virtual
async def test_a_boot_loader_that_starts_with_noise_is_synchronised_with() -> None:
    async with wired() as rig:
        rig.controller.receive(b"\x30\x99$GS\r")
        await rig.install()
        assert rig.controller.starts == NEW


@virtual
async def test_an_image_that_does_not_fit_is_refused_before_the_controller_is_touched() -> None:
    async with wired() as rig:
        with pytest.raises(ValueError, match="do not fit"):
            await rig.install(bytes(40_000))
        assert not rig.controller.listens


# ---------------------------------------------------------------------- over a real line, and by other people's tool


@asynccontextmanager
async def on_a_pty(path: Path) -> AsyncIterator[AvrBootLoader]:
    controller = AvrBootLoader(application=OLD)
    line = PtyLine(path, controller.receive)
    controller.output = line.write
    line.open()
    yield controller
    controller.cut_supply()
    line.close()


async def test_it_is_written_over_a_real_line(tmp_path: Path) -> None:
    async with on_a_pty(tmp_path / "board") as controller:

        async def reset() -> None:
            controller.reset()

        await Stk500Loader(SerialPort(str(tmp_path / "board"), 115_200), reset).install(NEW, lambda _share: None)
        assert controller.starts == NEW


@pytest.mark.slow
@pytest.mark.boot_tools
async def test_avrdude_takes_the_bench_for_a_controller_of_the_arduino_kind(tmp_path: Path) -> None:
    """Bench and codec share no misreading of AVR061: Debian's avrdude writes, reads and compares."""
    tool = shutil.which("avrdude")
    assert tool is not None, "make test-boot-tools installs it"
    (tmp_path / "image.bin").write_bytes(NEW)
    async with on_a_pty(tmp_path / "board") as controller:
        controller.reset()
        process = await asyncio.create_subprocess_exec(
            tool,
            *("-p", "m328p", "-c", "arduino", "-P", str(tmp_path / "board"), "-b", "115200", "-D"),
            *("-U", f"flash:w:{tmp_path / 'image.bin'}:r"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        assert controller.starts == NEW

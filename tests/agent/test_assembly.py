"""What the whole agent does first, in virtual time."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.assembly import BOARDS_FIRST_S
from hil.csms.frames import Frame
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

BOOT = "BootNotification"
SWITCHING = {"FD", "FE", "FS"}


def played(directory: Path, play: Callable[[VirtualStation, list[str]], Awaitable[None]]) -> None:
    """Play on a station of two EVSEs that has not started; `seen` takes switching commands and BootNotification."""

    async def whole() -> None:
        async with virtual_station(directory, evses=2, started=False) as station:
            seen: list[str] = []
            station.lines.bench.subscribers.append(lambda event: seen.extend(_switching(event)))
            station.csms.log.listeners.append(lambda frame: seen.extend(_boot(frame)))
            await play(station, seen)

    run_virtual(whole())


def _switching(event: dict[str, Any]) -> list[str]:
    return [f"{event['evse']} {event['name']}"] if event.get("name") in SWITCHING else []


def _boot(frame: Frame) -> list[str]:
    return [BOOT] if (frame.kind, frame.action) == ("call", BOOT) else []


def test_every_board_is_commanded_before_boot_notification(tmp_path: Path) -> None:
    async def play(station: VirtualStation, seen: list[str]) -> None:
        await station.start()
        await station.csms.expect(BOOT)
        assert sorted(seen[: seen.index(BOOT)]) == ["1 FD", "2 FD"]

    played(tmp_path, play)


def test_a_silent_board_holds_boot_notification_back_for_a_moment_only(tmp_path: Path) -> None:
    async def play(station: VirtualStation, seen: list[str]) -> None:
        station.lines.bench.power_cut()
        began_s = station.clock.now().monotonic_s
        await station.start()
        await station.csms.expect(BOOT)
        assert seen == [BOOT]
        assert BOARDS_FIRST_S <= station.clock.now().monotonic_s - began_s <= BOARDS_FIRST_S + 0.1

    played(tmp_path, play)

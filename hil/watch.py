"""`pilotline-bench watch`: the bench on a terminal, live, until Ctrl-C (runner: owns the terminal)."""

import argparse
import asyncio
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live

from hil.command_line import DONE, FAILED, complain
from hil.control_client import ControlClient
from hil.ctl import no_bench
from hil.errors import StationError
from hil.state_wording import state_lines
from hil.watch_view import WatchView

COMMAND = "pilotline-bench watch"
REDRAW_S = 0.2
RETRY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    default = Path("bench") / "control.sock"
    parser.add_argument("--control", type=Path, default=default, metavar="SOCKET", help=f"default {default}")


def run(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C; into a pipe, say the state once."""
    console = Console()
    try:
        if not console.is_terminal:
            return asyncio.run(_say_once(args.control))
        asyncio.run(_watch(args.control, console))
    except (OSError, StationError) as error:
        told = no_bench(args.control, error) if isinstance(error, OSError) else str(error)
        return complain(COMMAND, told, FAILED)
    return DONE


async def _say_once(control: Path) -> int:
    client = ControlClient("bench", control, lambda _event: None)
    await client.open()
    reading = asyncio.ensure_future(client.run())
    try:
        sys.stdout.write("\n".join(state_lines(await client.ask("state"))) + "\n")
    finally:
        client.close()
        await reading
    return DONE


async def _watch(control: Path, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    view = WatchView(str(control))
    with Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        watching = asyncio.ensure_future(_follow(control, view, console, live))
        ending = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, ending):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def _follow(control: Path, view: WatchView, console: Console, live: Live) -> None:
    """Ask and draw; a bench that was there and went away is waited for."""
    seen = False
    while True:
        try:
            await _draw_one_bench(control, view, console, live)
        except (OSError, StationError, json.JSONDecodeError) as error:
            if not seen and isinstance(error, OSError):
                raise
            view.lost = "the bench does not answer"
            live.update(view.render(console.height, console.width), refresh=True)
            await asyncio.sleep(RETRY_S)
        seen = True


async def _draw_one_bench(control: Path, view: WatchView, console: Console, live: Live) -> None:
    client = ControlClient("bench", control, view.take_event)
    await client.open()
    reading = asyncio.ensure_future(client.run())
    try:
        await client.ask("subscribe")
        view.lost = ""
        while not reading.done():
            view.take_state(await client.ask("state"))
            live.update(view.render(console.height, console.width), refresh=True)
            await asyncio.sleep(REDRAW_S)
        raise ConnectionResetError("the bench closed the line")
    finally:
        client.close()
        reading.cancel()

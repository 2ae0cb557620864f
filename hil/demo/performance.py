"""One demo from the first process to the exit code: stage, story and view brought together (runner)."""

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from hil.command_line import DONE, FAILED, complain
from hil.demo.background import Background, Interruption
from hil.demo.errors import DemoInterruptedError
from hil.demo.examples import example_lines
from hil.demo.lines_view import LinesView
from hil.demo.observed import Frame, Json, Observed
from hil.demo.receipt import Receipt, make_receipt
from hil.demo.stage import Stage
from hil.demo.story import DEMO_TOKEN, Play, Story
from hil.demo.view import Programme, Step, View
from hil.demo.watch import Watch
from hil.errors import StationError

TOTAL_LIMIT_S = 60.0
TICK_S = 0.15
COMMAND = "pilotline-bench demo"
START_TITLE, END_TITLE = "start bench, CSMS, agent", "end in order"


class Performance:
    """Plays once; make it on a running event loop."""

    def __init__(self, version: str, directory: Path, *, keep: bool) -> None:
        self._seen = Observed(version)
        self._keep = keep
        self._stage = Stage(directory, self._seen)
        self._story = Story(self._stage.bench, self._stage.csms, self._stage.network, Watch(self._seen))
        self._programme = Programme(self._seen, time.monotonic(), os.path.relpath(directory))
        self._view: View = choose_view(self._programme)
        self._receipt: Receipt | None = None
        self._seen.on_frame = self._show_frame
        self._seen.on_event = self._show_event

    async def run(self) -> int:
        """Play, tidy up, say how it went; gives the exit code."""
        interruption = Interruption()
        failure: StationError | None = None
        try:
            await self._play_watched(interruption)
            if not self._keep:
                await self._end_in_order()
        except StationError as error:
            failure = error
        finally:
            try:
                self._view.close()
            finally:
                await self._stage.end(hasty=True)
        return self._conclude(failure)

    async def _play_watched(self, interruption: Interruption) -> None:
        """Play while everything is watched. Raises: StationError for the first thing that goes wrong."""
        try:
            async with asyncio.TaskGroup() as group:
                background = Background(group)
                background.add(interruption.wait())
                background.add(self._tick())
                await self._play(background)
                background.cancel()
        except BaseExceptionGroup as errors:
            raise cause_of(errors) from errors

    async def _play(self, background: Background) -> None:
        steps: list[tuple[str, Play]] = [(START_TITLE, lambda: self._open(background))]
        steps += self._story.steps
        last = [] if self._keep else [Step(END_TITLE)]
        self._programme.steps = [*(Step(title) for title, _ in steps), *last]
        try:
            async with asyncio.timeout(TOTAL_LIMIT_S):
                for step, (_, play) in zip(self._programme.steps, steps, strict=False):
                    await self._step(step, play)
        except TimeoutError:
            raise StationError(f"the session took longer than {TOTAL_LIMIT_S:g} s") from None
        registers_wh, ledger = await self._story.result()
        duration_s = time.monotonic() - self._programme.start_s
        self._receipt = make_receipt(self._seen, self._story.marks, registers_wh, ledger, duration_s)
        if self._keep:
            self._settle_in(self._receipt)
            await asyncio.Event().wait()

    async def _open(self, background: Background) -> str:
        await self._stage.open(background)
        return "three processes, real serial lines between bench and agent"

    async def _step(self, step: Step, play: Play) -> None:
        step.began_s = time.monotonic()
        self._view.step_changed(step)
        try:
            step.failed = True
            step.detail = await play()
            step.failed = False
        except StationError as error:
            step.detail = str(error)
            raise
        finally:
            step.ended_s = time.monotonic()
            self._view.step_changed(step)

    async def _end_in_order(self) -> None:
        await self._step(self._programme.steps[-1], self._end)

    async def _end(self) -> str:
        problems = await self._stage.end(hasty=False)
        if self._receipt is not None:
            self._receipt = replace(self._receipt, problems=(*self._receipt.problems, *problems))
        return "; ".join(problems) or "agent, bench and back-end ended by themselves when told to"

    def _settle_in(self, receipt: Receipt) -> None:
        self._view.close()
        self._view.show_receipt(receipt)
        bench, csms = self._stage.sockets / "bench.sock", self._stage.sockets / "csms.sock"
        print("\nEverything keeps running until Ctrl-C. To play with it, in another terminal:\n")
        for line in example_lines(self._seen.version, bench, csms, DEMO_TOKEN):
            print(f"  {line}")
        print(flush=True)
        self._view = LinesView(self._programme)

    async def _tick(self) -> None:
        while True:
            self._view.tick()
            await asyncio.sleep(TICK_S)

    def _show_frame(self, frame: Frame) -> None:
        self._view.show_frame(frame)

    def _show_event(self, event: Json) -> None:
        self._view.show_event(event)

    def _conclude(self, failure: StationError | None) -> int:
        kept = self._keep and self._receipt is not None
        if failure is not None and not (kept and isinstance(failure, DemoInterruptedError)):
            return self._complain(str(failure))
        if self._receipt is None:
            return FAILED
        if not kept:
            self._view.show_receipt(self._receipt)
        if self._receipt.problems:
            return self._complain("; ".join(self._receipt.problems))
        print(f"Everything has ended; logs are in {self._programme.directory}")
        return DONE

    def _complain(self, sentence: str) -> int:
        return complain(COMMAND, f"{sentence}; logs are in {self._programme.directory}", FAILED)


def choose_view(programme: Programme) -> View:
    """Draw on a terminal, print lines anywhere else."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return LinesView(programme)
    try:
        from rich.console import Console  # noqa: PLC0415 - of the extra `bench`

        from hil.demo.screen_view import ScreenView  # noqa: PLC0415
    except ImportError:
        return LinesView(programme)
    return ScreenView(programme, Console())


def cause_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the first StationError, or an OSError as one; the group itself if somebody has made a mistake."""
    demo_errors, _ = errors.split(StationError)
    os_errors, others = errors.split(OSError)
    if demo_errors is not None:
        return _leaf(demo_errors)
    return errors if os_errors is None or others is not None else StationError(str(_leaf(os_errors)))


def _leaf(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first

"""The strict back-end as a process: what it heard, and what it is to ask."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FOLDER = Path(__file__).parent
ANSWER_S = 40.0
LINE_BYTES = 1 << 22


class StrictCsms:
    """`requests` and `violations` grow; `ask` gives the payload of an answer, or its error as `{"error": …}`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.requests: list[Json] = []
        self.violations: list[Json] = []
        self.url = ""
        self._process = process
        self._answers: dict[int, Json] = {}
        self._asked = 0
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Take in what it says until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._take(json.loads(line))
            self._news.set()

    def _take(self, event: Json) -> None:
        match event["event"]:
            case "ready":
                self.url = event["url"]
            case "request":
                self.requests.append(event)
            case "violation":
                self.violations.append(event)
            case "answer":
                self._answers[event["id"]] = event

    async def until(self, holds: Callable[[], bool], what: str, within_s: float = ANSWER_S) -> None:
        """Wait for a condition on what was heard. Raises: AssertionError."""
        end_s = asyncio.get_running_loop().time() + within_s
        while not holds():
            left_s = end_s - asyncio.get_running_loop().time()
            assert left_s > 0, f"not within {within_s:g} s: {what}; heard {self.actions()}"
            self._news.clear()
            await asyncio.wait([asyncio.ensure_future(self._news.wait())], timeout=left_s)

    async def requested(self, action: str, where: Callable[[Json], bool] = lambda _: True, times: int = 1) -> Json:
        """Wait for the n-th request that fits; gives its payload."""

        def found() -> list[Json]:
            return [each for each in self.requests if each["action"] == action and where(each["payload"])]

        await self.until(lambda: len(found()) >= times, f"{times} {action}")
        payload: Json = found()[times - 1]["payload"]
        return payload

    def actions(self) -> list[str]:
        """What was requested, in order."""
        return [each["action"] for each in self.requests]

    async def ask(self, action: str, payload: Json) -> Json:
        """Ask the station."""
        assert self._process.stdin is not None
        self._asked += 1
        number = self._asked
        self._process.stdin.write(json.dumps({"id": number, "action": action, "payload": payload}).encode() + b"\n")
        await self.until(lambda: number in self._answers, f"an answer to {action}")
        event = self._answers[number]
        answer: Json = event["payload"] if "payload" in event else {"error": event["error"]}
        return answer


@asynccontextmanager
async def strict_csms() -> AsyncIterator[StrictCsms]:
    """Run it; `make test-independent` has installed what it needs."""
    assert (FOLDER / "node_modules/ocpp-rpc").is_dir(), "call `make test-independent`, which installs it"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", "server.mjs", cwd=FOLDER, stdin=pipe, stdout=pipe, limit=LINE_BYTES
    )
    csms = StrictCsms(process)
    listening = asyncio.create_task(csms.listen())
    try:
        await csms.until(lambda: bool(csms.url), "it listens")
        yield csms
    finally:
        process.kill()
        await process.wait()
        await listening

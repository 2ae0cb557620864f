"""A bare station for tests: writes frames, keeps what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed

from hil.csms.bench_csms import BenchCsms
from hil.csms.memory_connection import MemoryConnection, memory_connection_pair
from hil.csms.station_link import Connection

Json = dict[str, Any]


class BareStation:
    """Speaks OCPP-J over any connection; ids count up."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent = 0

    async def say(self, action: str, payload: Json) -> str:
        """Send a request without waiting; gives its id."""
        self.sent += 1
        await self.connection.send(json.dumps([2, f"m{self.sent}", action, payload]))
        return f"m{self.sent}"

    async def hear(self) -> list[Any]:
        async with asyncio.timeout(5):
            frame: list[Any] = json.loads(await self.connection.recv())
        return frame

    async def ask(self, action: str, payload: Json) -> Json:
        """Send a request and give the payload of its answer."""
        message_id = await self.say(action, payload)
        frame = await self.hear()
        assert frame[:2] == [3, message_id], frame
        answer: Json = frame[2]
        return answer

    async def refused(self, action: str, payload: Json) -> str:
        """Send a request and give the code of its CALLERROR."""
        message_id = await self.say(action, payload)
        frame = await self.hear()
        assert frame[:2] == [4, message_id], frame
        return str(frame[2])

    async def closed(self) -> ConnectionClosed:
        """Read until the connection is closed."""
        try:
            while True:
                async with asyncio.timeout(5):
                    await self.connection.recv()
        except ConnectionClosed as closed:
            return closed


@asynccontextmanager
async def station_in_memory(
    csms: BenchCsms, version: str = "1.6", identity: str = "CP1", latency_s: float = 0.0
) -> AsyncIterator[BareStation]:
    """Connect a station to a CSMS without a network."""
    station_end, csms_end = memory_connection_pair(latency_s)
    async with asyncio.TaskGroup() as group:
        group.create_task(csms.accept(identity, version, csms_end))
        await csms.connected(identity)
        yield BareStation(station_end)
        await station_end.close()


def end_of(station: BareStation) -> MemoryConnection:
    """The station's end of a connection in memory."""
    assert isinstance(station.connection, MemoryConnection)
    return station.connection

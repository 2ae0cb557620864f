"""The local list with 10,000 entries: a full update, answers meanwhile, and a lookup."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

from agent.domain.local_list import MAX_ENTRIES, ListEntry, ListUpdate, UpdateKind
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from agent.station.local_list import LocalList
from agent.store.database import Database
from tests.benchmarks.fast_csms import LIMIT_S, FastCsms, StationSocket
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options, station
from tests.benchmarks.size import MEMORY_LIMIT_MIB

UPDATE_LIMIT_MS = 2000.0
LOOKUP_LIMIT_US = 200.0
INFO = {"status": "Accepted", "parentIdTag": "PARENT00000000000001", "expiryDate": "2036-01-01T00:00:00.000Z"}
ASKED = '{"key":["HeartbeatInterval"]}'


async def measure(version: str, options: Options) -> list[Figure]:
    """Send full lists over the wire while other requests are asked; then look up in a list in memory."""
    del version  # the messages are built for OCPP 1.6 alone
    entries = options.size(MAX_ENTRIES, MAX_ENTRIES, 100)
    updates, latencies = [], []
    async with station("1.6") as rig:
        await rig.start_settled()
        before_mib = rig.running().rss_mib()
        for number in range(options.size(5, 3)):
            update_ms, during_ms = await _update(rig.csms, number + 1, entries)
            updates.append(update_ms)
            latencies += during_ms
        rss_mib = rig.running().rss_mib()
        rig.end()
        await rig.start_settled()
        loaded_mib = rig.running().rss_mib()
        rig.end()
    return [
        Figure(
            f"full local list of {entries:,}, sent to answered",
            median(updates),
            "ms",
            UPDATE_LIMIT_MS,
            samples=tuple(round(update, 1) for update in updates),
        ),
        Figure(
            "GetConfiguration answered during a full local list, longest",
            max(latencies),
            "ms",
            note=f"{len(latencies)} asked; median {median(latencies):.1f} ms",
        ),
        Figure(f"resident memory after a start with a local list of {entries:,}", loaded_mib, "MiB", MEMORY_LIMIT_MIB),
        Figure(
            "resident memory after such lists have come in one message",
            rss_mib,
            "MiB",
            note=f"{len(updates)} times, {before_mib:.1f} MiB before",
        ),
        Figure(f"lookup in a local list of {entries:,}", await _lookup_us(entries), "us", LOOKUP_LIMIT_US),
    ]


class _Asker:
    """Asks one station several things at a time."""

    def __init__(self, socket: StationSocket) -> None:
        self._socket = socket
        self._asked: dict[str, asyncio.Future[str]] = {}
        socket.on_answer = self._take

    async def ask(self, action: str, payload: str) -> str:
        """Send one CALL with this text as payload; returns the answer's frame. Raises: TimeoutError."""
        message_id = f"{action}-{len(self._asked)}"
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[message_id] = answered
        self._socket.send(f'[2,"{message_id}","{action}",{payload}]')
        async with asyncio.timeout(LIMIT_S):
            return await answered

    def _take(self, _at_s: float, text: str) -> None:
        self._asked[json.loads(text)[1]].set_result(text)


async def _update(csms: FastCsms, version: int, entries: int) -> tuple[float, list[float]]:
    listed = [{"idTag": f"{version:04}{n:016}", "idTagInfo": INFO} for n in range(entries)]
    text = json.dumps({"listVersion": version, "updateType": "Full", "localAuthorizationList": listed})
    asker, began_s = _Asker(csms.station()), time.perf_counter()
    update = asyncio.create_task(asker.ask("SendLocalList", text))
    latencies = []
    while not update.done():
        await asyncio.sleep(0)
        asked_s = time.perf_counter()
        await asker.ask("GetConfiguration", ASKED)
        latencies.append(1000 * (time.perf_counter() - asked_s))
    if json.loads(update.result())[2] != {"status": "Accepted"}:
        raise ValueError(f"the list was not taken: {update.result()[:200]}")
    return 1000 * (time.perf_counter() - began_s), latencies


async def _lookup_us(entries: int) -> float:
    accepted = Authorization(AuthorizationStatus.ACCEPTED)
    with tempfile.TemporaryDirectory(prefix="pilotline-bench-") as name:
        database = Database(Path(name) / "station.sqlite")
        await database.open()
        listed = LocalList(database)
        told = tuple(ListEntry(IdToken(f"T{n}"), accepted) for n in range(entries))
        await listed.update(ListUpdate(UpdateKind.FULL, 1, told))
        tokens = [IdToken(f"t{n}") for n in range(0, 2 * entries, 2)]
        began_s = time.perf_counter()
        for token in tokens:
            listed.find(token)
        lookup_us = 1e6 * (time.perf_counter() - began_s) / len(tokens)
        await database.close()
    return lookup_us

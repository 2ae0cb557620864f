"""From a remote start on the wire to the first transaction message, which leaves only once it is durable."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.fast_csms import FastCsms, ask
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.rig import Options, Station, start_bare, station

LIMIT_MS = 3.0
MS = 1000.0
NEVER_S = 86_400.0
"""The car stays in B, so that stopping waits for nothing."""
STOP_TRIES = 20
TOKEN = "04A1B2C3D4E5F6"
OCCUPIED = {"1.6": "Preparing", "2.0.1": "Occupied"}


async def measure(version: str, options: Options) -> list[Figure]:
    """Start at the EVSEs in turn; the first start of all does not count."""
    runs = options.size(30, 10, 1)
    async with station(version) as rig:
        bare = await _bare_s(version, runs)
        await rig.start_settled(options.profile_file("remote-start", version))
        ours = [await _start_and_stop(rig, run % 2 + 1) for run in range(runs + 1)]
        rig.end()
    kept = ours[1:]
    return [
        Figure(
            f"remote start to transaction message, durable, {version}",
            median(kept) * MS,
            "ms",
            LIMIT_MS,
            baseline=median(bare) * MS,
            note=f"p90 {percentile(kept, 90) * MS:.1f} ms, worst {max(kept) * MS:.1f} ms; bare stores nothing",
            samples=tuple(round(sample * MS, 3) for sample in kept),
        )
    ]


@dataclass
class _Begun:
    """The first message of the next transaction."""

    at_s: float = 0.0
    transaction_id: Any = None
    sent_s: float = field(default=0.0)


async def _start_and_stop(rig: Station, evse: int) -> float:
    occupied = rig.expect_status(evse, OCCUPIED[rig.version])
    await rig.bench.operate("plug_in", evse=evse, delay_s=NEVER_S)
    await occupied
    begun = await _remote_start(rig.csms, evse)
    await _remote_stop(rig.csms, begun)
    available = rig.expect_status(evse, "Available")
    await rig.bench.operate("plug_out", evse=evse)
    await available
    return begun.at_s - begun.sent_s


async def _bare_s(version: str, runs: int) -> list[float]:
    async with FastCsms(version) as csms:
        client, _ = await start_bare(csms)
        try:
            begun = [await _remote_start(csms, 1) for _ in range(runs + 1)]
        finally:
            client.kill()
    return [each.at_s - each.sent_s for each in begun[1:]]


async def _remote_start(csms: FastCsms, evse: int) -> _Begun:
    begins = csms.expect(_begins)
    action, payload = _start_request(csms.version, evse)
    sent_s = time.monotonic()
    answer = await ask(csms.station(), action, payload)
    if answer["status"] != "Accepted":
        raise ValueError(f"{action} was answered {answer}")
    at_s, payload = await begins
    known = payload.get("transactionInfo", {}).get("transactionId", csms.counts["StartTransaction"])
    return _Begun(at_s, known, sent_s)


async def _remote_stop(csms: FastCsms, begun: _Begun) -> None:
    ends = csms.expect(_ends)
    action = "RemoteStopTransaction" if csms.version == "1.6" else "RequestStopTransaction"
    # A stop right behind the answer to StartTransaction may find the id not yet noted.
    for _ in range(STOP_TRIES):
        answer = await ask(csms.station(), action, {"transactionId": begun.transaction_id})
        if answer["status"] == "Accepted":
            await ends
            return
        await asyncio.sleep(0.05)
    raise ValueError(f"{action} was answered {answer}")


def _start_request(version: str, evse: int) -> tuple[str, dict[str, Any]]:
    if version == "1.6":
        return "RemoteStartTransaction", {"connectorId": evse, "idTag": TOKEN}
    token = {"idToken": TOKEN, "type": "ISO14443"}
    return "RequestStartTransaction", {"evseId": evse, "remoteStartId": 1, "idToken": token}


def _begins(action: str, payload: dict[str, Any]) -> bool:
    return action == "StartTransaction" or payload.get("eventType") == "Started"


def _ends(action: str, payload: dict[str, Any]) -> bool:
    return action == "StopTransaction" or payload.get("eventType") == "Ended"

"""From the line out of the reader to the command that permits power, with a token that the cache knows."""

import asyncio

from tests.benchmarks.bench_process import is_command
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.remote_start import NEVER_S, OCCUPIED
from tests.benchmarks.rig import Options, Station, station

LIMIT_MS = 20.0
MS = 1000.0
TOKENS = ("04A1B2C3D4E5F6", "04A1B2C3D4E5F7")
"""In turn: a card that is held to the reader repeats itself, so the same one counts again after 2 s only."""
REST_S = 1.2
"""The driver gives a board a second between two commands that switch it."""
PERMITTING = ("FE", "SC")


async def measure(version: str, options: Options) -> list[Figure]:
    """Start with a token at the EVSEs in turn; the first time of each the back-end is asked, which does not count."""
    async with station(version) as rig:
        await rig.start_settled(options.profile_file("token", version))
        taken = [await _present(rig, run) for run in range(options.size(20, 6, 1) + len(TOKENS))]
        asked = rig.csms.counts["Authorize"]
        rig.end()
    kept = taken[len(TOKENS) :]
    return [
        Figure(
            f"cached token to permit, {version}",
            median(kept) * MS,
            "ms",
            LIMIT_MS,
            note=f"p90 {percentile(kept, 90) * MS:.1f} ms, worst {max(kept) * MS:.1f} ms; Authorize sent {asked} times",
            samples=tuple(round(sample * MS, 3) for sample in kept),
        )
    ]


async def _present(rig: Station, run: int) -> float:
    evse = run % 2 + 1
    occupied = rig.expect_status(evse, OCCUPIED[rig.version])
    await rig.bench.operate("plug_in", evse=evse, delay_s=NEVER_S)
    await occupied
    began_s = await rig.bench.now_s()
    await rig.bench.operate("swipe", token=TOKENS[run % len(TOKENS)])
    swiped = await rig.bench.seen(lambda event: event["event"] == "swipe", began_s)
    permitted = await rig.bench.seen(lambda event: is_command(event, evse, *PERMITTING), swiped["t"])
    await rig.bench.seen(lambda event: is_command(event, evse, "FE"), swiped["t"])
    available = rig.expect_status(evse, "Available")
    await rig.bench.operate("plug_out", evse=evse)
    await available
    await rig.bench.seen(lambda event: is_command(event, evse, "FS"), permitted["t"])
    await asyncio.sleep(REST_S)
    return float(permitted["t"]) - float(swiped["t"])

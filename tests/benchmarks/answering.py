"""Requests of the back-end answered in a second, one at a time and pipelined."""

from collections.abc import Iterator

from tests.benchmarks.fast_csms import FastCsms, answers_per_second
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options, start_bare, station

WANTED_RATIO = 2.0
PIPELINED = 32
REQUESTS = {
    "1.6": ("GetConfiguration", '{"key":["HeartbeatInterval"]}'),
    "2.0.1": (
        "GetVariables",
        '{"getVariableData":[{"component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}]}',
    ),
}


async def measure(version: str, options: Options) -> list[Figure]:
    """Ask both in turn."""
    number = options.size(3000, 1000, 20)
    ours: dict[int, list[float]] = {1: [], PIPELINED: []}
    bare: dict[int, list[float]] = {1: [], PIPELINED: []}
    async with FastCsms(version) as bare_csms, station(version) as rig:
        client, _ = await start_bare(bare_csms)
        await rig.start_settled(options.profile_file("answers", version))
        try:
            for _ in range(options.size(5, 3)):
                await _ask(bare_csms, number, bare)
                await _ask(rig.csms, number, ours)
            rig.end()
        finally:
            client.kill()
    return list(_figures(version, bare, ours))


async def _ask(csms: FastCsms, number: int, rates: dict[int, list[float]]) -> None:
    action, payload = REQUESTS[csms.version]
    for window, samples in rates.items():
        samples.append(await answers_per_second(csms.station(), action, payload, number, window))


def _figures(version: str, bare: dict[int, list[float]], ours: dict[int, list[float]]) -> Iterator[Figure]:
    for window, how in ((1, "one at a time"), (PIPELINED, f"{PIPELINED} pipelined")):
        base = median(bare[window])
        yield Figure(
            f"{REQUESTS[version][0]} answered, {how}, {version}",
            median(ours[window]),
            "/s",
            WANTED_RATIO * base,
            more_is_better=True,
            target="2 x bare",
            baseline=base,
            samples=tuple(round(rate, 1) for rate in ours[window]),
        )

"""Every quirk of the zoo really does something that a well-meaning back-end does not, and ceases when it is told to."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from hil.csms.bench_csms import BenchCsms
from hil.csms.control_operations import OperationError, Operations
from hil.csms.station_link import Connection
from hil.csms.websocket_server import Door, serve_websockets
from hil.csms.zoo.catalogue import QUIRKS
from hil.csms.zoo.quirk import Quirk
from hil.virtual_time import run_virtual
from tests.hil.csms.messages import BOOT_16, BOOT_201, event_201, start_16
from tests.hil.csms.station import BareStation, station_in_memory

AT_LEAST = 30
EVENT = event_201("Started", 0, idToken={"idToken": "TAG", "type": "Central"})
SESSION: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "1.6": [("BootNotification", BOOT_16), ("Heartbeat", {}), ("StartTransaction", start_16()), ("Heartbeat", {})],
    "2.0.1": [("BootNotification", BOOT_201), ("Heartbeat", {}), ("TransactionEvent", EVENT)],
}
IN_MEMORY = [name for name, quirk in QUIRKS.items() if (quirk.answer or quirk.beside) and not quirk.sockets_only]
DECIDED_BY_THE_BOOKS = [name for name, quirk in QUIRKS.items() if quirk.transaction_id is not None]
ON_SOCKETS = [name for name, quirk in QUIRKS.items() if quirk.sockets_only or quirk.door or quirk.subprotocol != ""]


async def _heard(quirk: Quirk | None, version: str) -> list[str]:
    """What a station hears that says the same things, one each 3 s, and repeats its start; message times count."""
    csms = BenchCsms(clock=_clock)
    csms.misbehave(quirk)
    heard: list[str] = []
    async with station_in_memory(csms, version) as station:
        reading = asyncio.create_task(_read(station, heard))
        for action, payload in [*SESSION[version], SESSION[version][2]]:
            with suppress(ConnectionClosed):
                await station.say(action, payload)
                await asyncio.sleep(3)
        reading.cancel()
    return heard


def _clock() -> datetime:
    return datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


async def _read(station: BareStation, heard: list[str]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            message = await station.connection.recv()
        except ConnectionClosed as closed:
            heard.append(f"{loop.time():.0f} closed {closed.rcvd and closed.rcvd.code}")
            return
        heard.append(f"{loop.time():.0f} {message!r}")


def test_there_are_many_and_each_says_what_it_does() -> None:
    assert len(QUIRKS) >= AT_LEAST
    assert len({quirk.does for quirk in QUIRKS.values()}) == len(QUIRKS)


@pytest.mark.parametrize("name", [*IN_MEMORY, *DECIDED_BY_THE_BOOKS])
def test_a_quirk_is_heard_in_each_version_that_it_names(name: str) -> None:
    quirk = QUIRKS[name]
    for version in quirk.versions:
        assert run_virtual(_heard(quirk, version)) != run_virtual(_heard(None, version))


def test_without_a_quirk_a_station_hears_one_answer_to_each_request() -> None:
    assert len(run_virtual(_heard(None, "1.6"))) == 5


async def _met(name: str | None) -> str:
    """What a station's handshake and first request meet on a real socket."""
    csms = BenchCsms(clock=_clock)
    csms.misbehave(None if name is None else QUIRKS[name])
    async with serve_websockets(csms, Door()) as url:
        try:
            async with (
                asyncio.timeout(0.5),
                connect(
                    f"{url}/CP1",
                    subprotocols=[Subprotocol("ocpp1.6")],
                    compression=None,
                    ping_interval=0.1,
                    ping_timeout=0.1,
                    open_timeout=None,
                ) as connection,
            ):
                station = BareStation(cast("Connection", connection))
                answers = [
                    await station.ask("BootNotification", BOOT_16),
                    await station.ask("StatusNotification", STATUS),
                ]
                await asyncio.sleep(0.3)
                return f"{connection.subprotocol} {json.dumps(answers)} {connection.state.name}"
        except (ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError, OSError, AssertionError) as error:
            return f"{type(error).__name__}"


STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize("name", sorted(set(ON_SOCKETS) - {"floods_pings", "sends_fragments"}))
async def test_a_quirk_below_the_messages_is_met(name: str) -> None:
    assert await _met(name) != await _met(None)


async def test_a_fragmented_message_is_still_the_right_one() -> None:
    assert await _met("sends_fragments") == await _met(None)


async def test_a_harness_begins_and_ends_a_quirk_by_name() -> None:
    csms = BenchCsms()
    operations = Operations(csms, Door(), asyncio.Event())
    assert await operations.perform("quirks", {}) == {name: quirk.does for name, quirk in QUIRKS.items()}
    async with station_in_memory(csms) as station:
        await operations.perform("quirk", {"name": "refuses_everything"})
        await station.ask("BootNotification", BOOT_16)
        assert await station.refused("StatusNotification", STATUS) == "InternalError"
        await operations.perform("quirk", {})
        assert await station.ask("StatusNotification", STATUS) == {}
    with pytest.raises(OperationError, match="unknown quirk 'smiles'"):
        await operations.perform("quirk", {"name": "smiles"})


async def test_what_a_quirk_does_beside_ends_with_it() -> None:
    csms = BenchCsms()
    async with station_in_memory(csms) as station:
        csms.misbehave(QUIRKS["asks_nonsense"])
        await station.hear()
        csms.misbehave(None)
        tasks = [task for task in csms.link("CP1")._tasks if not task.cancelling()]
        assert tasks == []


def test_a_process_can_begin_with_a_quirk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hil.csms.cli import main  # noqa: PLC0415 - its parser alone is looked at

    with pytest.raises(SystemExit):
        main(["--quirk", "smiles", "--control", str(tmp_path / "socket")])
    assert "invalid choice: 'smiles'" in capsys.readouterr().err

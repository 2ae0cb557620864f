"""The real process, by its outside faces only: ready line, websocket, control socket, signals, files."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from hil.csms.cli import main
from hil.csms.station_link import Connection
from tests.hil.csms.messages import BOOT_16, start_16, stop_16
from tests.hil.csms.station import BareStation

Json = dict[str, Any]
DEADLINE_S = 15


class Control:
    """A client of the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = 0
        self.events: list[Json] = []

    async def line(self) -> Json:
        async with asyncio.timeout(DEADLINE_S):
            answer: Json = json.loads(await self._reader.readline())
        return answer

    async def write(self, text: str) -> None:
        self._writer.write(text.encode() + b"\n")
        await self._writer.drain()

    async def do(self, op: str, **fields: object) -> Json:
        """Ask one operation; events that come meanwhile are kept."""
        self._ids += 1
        await self.write(json.dumps({"id": self._ids, "op": op, **fields}))
        while "event" in (answer := await self.line()):
            self.events.append(answer)
        assert answer["id"] == self._ids
        return answer

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def process(folder: Path, *options: str) -> AsyncIterator[tuple[Process, Json, Control]]:
    control = folder / "control"
    arguments = ["-m", "hil.csms", "--control", str(control), *options]
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, stderr=PIPE)
    try:
        assert running.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            ready: Json = json.loads(await running.stdout.readline())
        client = Control(*await asyncio.open_unix_connection(control))
        yield running, ready, client
        client.close()
    finally:
        if running.returncode is None:
            running.terminate()
        async with asyncio.timeout(DEADLINE_S):
            _, errors = await running.communicate()
        assert errors == b""


@asynccontextmanager
async def dialled(ready: Json, version: str = "1.6") -> AsyncIterator[BareStation]:
    socket: ClientConnection
    subprotocols = [Subprotocol(f"ocpp{version}")]
    async with connect(f"{ready['url']}/CP1", subprotocols=subprotocols, proxy=None) as socket:
        yield BareStation(cast("Connection", socket))


async def test_ready_line_names_url_and_control_and_sigterm_ends_with_zero(tmp_path: Path) -> None:
    async with process(tmp_path) as (running, ready, _):
        assert ready["ready"] is True
        assert ready["url"].startswith("ws://127.0.0.1:")
        assert ready["control"] == str(tmp_path / "control")
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
    assert not (tmp_path / "control").exists()


async def test_sigterm_ends_the_process_with_stations_and_subscribers_connected(tmp_path: Path) -> None:
    async with process(tmp_path) as (running, ready, control), dialled(ready) as station:
        await control.do("subscribe")
        await station.ask("Heartbeat", {})
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await running.wait() == 0


async def test_sigterm_ends_the_process_although_a_subscriber_never_reads(tmp_path: Path) -> None:
    async with process(tmp_path) as (running, ready, control):
        await control.do("subscribe")
        async with dialled(ready) as station:
            for _ in range(30):
                await station.ask("DataTransfer", {"vendorId": "v", "data": "x" * 100_000})
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await running.wait() == 0


async def test_a_client_that_closes_its_side_still_gets_its_answers(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, _, _):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
        writer.write(b'{"id":1,"op":"stations"}\n')
        writer.write_eof()
        assert json.loads(await reader.read()) == {"id": 1, "ok": True, "result": {}}
        writer.close()


async def test_every_operation_answers(tmp_path: Path) -> None:
    async with process(tmp_path) as (running, ready, control), dialled(ready) as station:
        assert await control.do("token", token="TAG", status="Blocked", parent="P") == {
            "id": 1,
            "ok": True,
            "result": {},
        }
        await control.do("boot", status="Pending", interval_s=5)
        boot = await station.ask("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert (boot["status"], boot["interval"]) == ("Pending", 5)
        answer = await station.ask("StartTransaction", start_16())
        assert answer["idTagInfo"] == {"status": "Blocked", "parentIdTag": "P"}
        assert (await control.do("stations"))["result"]["CP1"]["version"] == "1.6"
        ledger = (await control.do("ledger"))["result"]
        assert (ledger["open"], ledger["problems"], ledger["transactions"][0]["id_token"]) == (1, [], "TAG")
        log = (await control.do("log", since=1, limit=2))["result"]
        assert [frame["action"] for frame in log["frames"]] == ["BootNotification", "BootNotification"]
        assert log["next"] == 3
        await control.do("drop", code=1012)
        closed = await station.closed()
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1012
        assert (await control.do("shutdown"))["ok"] is True
        assert await running.wait() == 0


async def test_a_password_set_at_run_time_holds_for_the_next_connection(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, ready, control), dialled(ready) as station:
        await control.do("password", identity="CP1", password="secret")
        await station.ask("Heartbeat", {})
        with pytest.raises(InvalidStatus):
            async with dialled(ready):
                pass
        await control.do("password", identity="CP1")
        async with dialled(ready):
            pass


async def test_boot_time_can_be_shifted_fixed_or_missing(tmp_path: Path) -> None:
    options = ["--boot-status", "none", "--heartbeat-interval", "9"]
    async with process(tmp_path, *options) as (_, ready, control), dialled(ready) as station:
        await station.say("BootNotification", BOOT_16)
        await control.do("boot", current_time="2001-01-01T00:00:00Z")
        assert await station.ask("Heartbeat", {}) == {"currentTime": "2001-01-01T00:00:00Z"}
        await control.do("boot", status="Accepted", current_time="now", clock_offset_s=86400 * 365)
        boot = await station.ask("BootNotification", BOOT_16)
    assert boot["interval"] == 9
    assert datetime.fromisoformat(boot["currentTime"]) > datetime.now(UTC) + timedelta(days=364)


async def test_script_sets_what_an_action_meets_and_clears_it(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, ready, control), dialled(ready) as station:
        steps = [{"answer": "error", "error_code": "GenericError", "times": 1}, {"answer": "reject", "times": 1}]
        await control.do("script", action="DataTransfer", identity="CP1", behaviour=steps)
        assert await station.refused("DataTransfer", {"vendorId": "v"}) == "GenericError"
        assert await station.ask("DataTransfer", {"vendorId": "v"}) == {"status": "Rejected"}
        await control.do("script", action="DataTransfer", behaviour={"answer": "reject"})
        await control.do("script", action="DataTransfer")
        assert await station.ask("DataTransfer", {"vendorId": "v"}) == {"status": "Accepted"}


async def test_send_waits_without_blocking_other_operations(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, ready, control), dialled(ready) as station:
        await station.ask("Heartbeat", {})
        await control.write(json.dumps({"id": "s", "op": "send", "action": "ClearCache"}))
        frame = await station.hear()
        assert (await control.do("stations"))["ok"] is True
        await station.connection.send(json.dumps([4, frame[1], "NotSupported", "no cache", {}]))
        refused = {"code": "NotSupported", "description": "no cache", "details": {}}
        assert await control.line() == {"id": "s", "ok": True, "result": {"call_error": refused}}


async def test_subscribe_streams_frames_with_monotonic_times(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, ready, control):
        await control.do("subscribe")
        async with dialled(ready) as station:
            await station.ask("Heartbeat", {})
            events = [await control.line() for _ in range(3)]
    assert [event["event"] for event in events] == ["connected", "frame", "frame"]
    assert [event["direction"] for event in events] == ["-", "in", "out"]
    times = [event["t"] for event in events]
    assert times == sorted(times)


BAD_REQUESTS = [
    ("{", "not JSON"),
    ("[]", "object with `op`"),
    ('{"id":1,"op":"fly"}', "unknown op 'fly'"),
    ('{"id":1,"op":"drop","identity":"CP9"}', "CP9 is not connected"),
    ('{"id":1,"op":"drop","wings":2}', "wings"),
    ('{"id":1,"op":"script","behaviour":{"anser":1}}', "unknown behaviour field 'anser'"),
    ('{"id":1,"op":"script","behaviour":{"answer":"maybe"}}', "maybe"),
    ('{"id":1,"op":"script","behaviour":{"delay_s":"x"}}', "delay_s"),
    ('{"id":1,"op":"script","behaviour":3}', "behaviour"),
    ('{"id":1,"op":"boot","status":"Perhaps"}', "Pending"),
    ('{"id":1,"op":"token","token":5}', "token"),
    ('{"id":1,"op":"log","since":"x"}', "log"),
]


async def test_bad_requests_are_answered_by_name_and_survived(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, _, control):
        for line, error in BAD_REQUESTS:
            await control.write(line)
            answer = await control.line()
            assert answer["ok"] is False
            assert error in answer["error"]
        assert (await control.do("stations"))["result"] == {}


async def test_ledger_and_ids_survive_sigkill(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    async with process(tmp_path, "--state", state) as (running, ready, _), dialled(ready) as station:
        await station.ask("StartTransaction", start_16())
        running.kill()
        await running.wait()
    kept = (tmp_path / "state").read_text()
    (tmp_path / "state").write_text(kept + '{"identity":"CP1","act')
    async with process(tmp_path, "--state", state) as (_, ready, control), dialled(ready) as station:
        assert (await station.ask("StartTransaction", start_16()))["transactionId"] == 1
        assert (await station.ask("StartTransaction", start_16(connectorId=2)))["transactionId"] == 2
        await station.ask("StopTransaction", stop_16(1))
        ledger = (await control.do("ledger"))["result"]
    assert [transaction["whole"] for transaction in ledger["transactions"]] == [True, False]
    assert (ledger["repeats"], ledger["problems"]) == (1, [])


@pytest.mark.parametrize("as_json", [False, True])
async def test_log_file_has_one_line_a_frame_and_hides_keys(tmp_path: Path, as_json: bool) -> None:
    log = tmp_path / "frames"
    options = ["--log", str(log), *(["--json"] if as_json else [])]
    async with process(tmp_path, *options) as (_, ready, control), dialled(ready) as station:
        await station.ask("Heartbeat", {})
        change = {"key": "AuthorizationKey", "value": "c0ffee"}
        await control.do("send", action="ChangeConfiguration", payload=change, timeout_s=0.01)
    lines = log.read_text().splitlines()
    assert len(lines) == 5
    assert "c0ffee" not in log.read_text()
    if as_json:
        assert json.loads(lines[1])["action"] == "Heartbeat"
    else:
        assert "CP1 -> call   Heartbeat {}" in lines[1]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--cert", "x"], "--cert and --key go together"),
        (["--secure-port", "1"], "--secure-port needs --authority"),
        (["--cert", "/nowhere", "--key", "/nowhere"], "cannot read"),
        (["--password-file", "/nowhere"], "cannot read"),
        (["--versions", "1.5"], "'1.5' is not supported"),
    ],
)
def test_wrong_options_end_with_two_and_one_sentence(
    options: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 2
    assert error in capsys.readouterr().err


def test_a_foreign_state_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    state.write_text("hello\n")
    assert main(["--state", str(state)]) == 2
    assert "line 1" in capsys.readouterr().err

"""Diagnostics and logs. Requirement: OCPP 1.6 sections 4.4, 5.9; security white paper, N01; OCPP 2.0.1 N01."""

import io
import json
import time
import zipfile
from typing import Any

from agent.csms.frame_log import LOOK_INTERVAL_S
from hil.file_server import FileFault, FileServer, file_server
from tests.stories.sessions import CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

PLAIN, LOG = "DiagnosticsStatusNotification", "LogStatusNotification"
TOML = "[transfer]\nstall_timeout_s = 1\n"


def told(s: Story, action: str, request_id: int | None = None) -> list[str]:
    """Statuses told so far, since the story began."""
    return [
        frame["payload"]["status"]
        for frame in s.stage.frames
        if (frame["direction"], frame["kind"], frame["action"]) == ("in", "call", action)
        and request_id in {None, frame["payload"].get("requestId")}
    ]


async def until_told(s: Story, action: str, status: str, request_id: int | None = None) -> None:
    await s.until(lambda: told(s, action, request_id)[-1:] == [status], f"{status} told")


def get_log(server: FileServer, request_id: int = 1, log_type: str = "DiagnosticsLog", **more: Any) -> tuple[str, Any]:
    retrying = {key: more.pop(key) for key in ("retries", "retryInterval") if key in more}
    log = {"remoteLocation": server.url("/in/"), **more}
    return "GetLog", {"logType": log_type, "requestId": request_id, "log": log, **retrying}


def archive(server: FileServer, name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(server.shelf.uploads[f"/in/{name}"]))


@story(versions=("1.6",), toml=TOML, smoke=True)
async def test_diagnostics_go_away_while_a_car_charges(s: Story) -> None:
    with file_server() as server:
        await begin_session(s)
        time.sleep(3 * LOOK_INTERVAL_S)  # noqa: ASYNC251 - frames are written in real time, also of a virtual hour
        answer = await s.send(("GetDiagnostics", {"location": server.url("/in/")}))
        await until_told(s, PLAIN, "Uploaded")
        assert told(s, PLAIN) == ["Uploading", "Uploaded"]
        with archive(server, answer["fileName"]) as found:
            assert {"configuration.json", "status.json", "variables.json", "ocpp-frames.log"} <= set(found.namelist())
            status = json.loads(found.read("status.json"))
            assert "BootNotification" in found.read("ocpp-frames.log").decode()
            everything = b"".join(found.read(name) for name in found.namelist()).decode()
        assert status["evses"][0]["connector_status"] == "ConnectorStatus.OCCUPIED"
        assert len(status["open_transactions"]) == 1
        assert CARD not in everything
        assert (await s.state())["contactor_closed"]
        assert [each["closed"] for each in s.events("contactor")] == [True]
        await leave(s)
        await s.until_ended()


@story(versions=("1.6",), toml=TOML)
async def test_a_log_of_a_period_has_the_lines_of_that_period(s: Story) -> None:
    with file_server() as server:
        begin, end = await s.time_in(-3600), await s.time_in(-1800)
        answer = await s.send(get_log(server, 3, oldestTimestamp=begin, latestTimestamp=end))
        assert answer["status"] == "Accepted"
        await until_told(s, LOG, "Uploaded", 3)
        with archive(server, answer["filename"]) as found:
            assert found.read("ocpp-frames.log") == b""
        swapped = await s.send(get_log(server, 4, oldestTimestamp=end, latestTimestamp=begin))
        assert swapped == {"status": "Rejected"}


@story(versions=("1.6",), toml=TOML)
async def test_an_upload_that_is_retried_is_told_once(s: Story) -> None:
    """Lesson 107: a flood of Uploading."""
    with file_server() as server:
        server.shelf.faults.extend([FileFault(status=503), FileFault(cut_after=10), None])
        await s.send(get_log(server, retries=3, retryInterval=1))
        await until_told(s, LOG, "Uploaded")
        assert told(s, LOG, 1) == ["Uploading", "Uploaded"]


@story(versions=("1.6",), toml=TOML, cases=("403", "500", "400"))
async def test_an_upload_that_fails_says_why_once_its_retries_are_spent(s: Story) -> None:
    expected = {"403": "PermissionDenied", "500": "UploadFailure", "400": "BadMessage"}[s.case]
    with file_server() as server:
        server.shelf.always = FileFault(status=int(s.case))
        await s.send(get_log(server, retries=2, retryInterval=1))
        await until_told(s, LOG, expected)
        assert told(s, LOG, 1) == ["Uploading", expected]
        assert len(server.shelf.requests) == 3
        await s.send(("GetDiagnostics", {"location": server.url("/in/"), "retries": 0}))
        await until_told(s, PLAIN, "UploadFailed")
        assert told(s, PLAIN) == ["Uploading", "UploadFailed"]
        assert len(server.shelf.requests) == 4


@story(versions=("1.6",), toml=TOML)
async def test_a_second_request_takes_the_place_of_the_first(s: Story) -> None:
    with file_server() as server:
        server.shelf.faults.append(FileFault(status=503))
        assert (await s.send(get_log(server, 1, retries=9, retryInterval=3600)))["status"] == "Accepted"
        await s.until(lambda: len(server.shelf.requests) == 1, "the first attempt")
        triggered = await s.send(("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}))
        assert triggered["status"] == "Accepted"
        await s.until(lambda: told(s, LOG, 1) == ["Uploading", "Uploading"], "the present status")
        assert (await s.send(get_log(server, 2)))["status"] == "AcceptedCanceled"
        await until_told(s, LOG, "Uploaded", 2)
        assert told(s, LOG, 1) == ["Uploading", "Uploading", "UploadFailure"]
        assert told(s, LOG, 2) == ["Uploading", "Uploaded"]


@story(versions=("1.6",), toml=TOML)
async def test_a_killed_station_goes_on_with_its_upload_and_tells_nothing_twice(s: Story) -> None:
    with file_server() as server:
        server.shelf.faults.append(FileFault(status=503))
        answer = await s.send(get_log(server, 6, retries=1, retryInterval=30))
        await s.until(lambda: len(server.shelf.requests) == 1, "the first attempt")
        await s.pass_time(1)
        await s.kill_agent()
        await s.start_agent()
        await until_told(s, LOG, "Uploaded", 6)
        assert told(s, LOG) == told(s, LOG, 6) == ["Uploading", "Uploaded"]
        assert list(server.shelf.uploads) == [f"/in/{answer['filename']}"]


@story(versions=("1.6",), toml=TOML)
async def test_what_is_not_there_or_cannot_be_reached_is_refused(s: Story) -> None:
    """GetDiagnostics has no word for a refusal but CALLERROR."""
    with file_server() as server:
        assert await s.send(get_log(server, remoteLocation="scp://files.example/in/")) == {"status": "Rejected"}
        answer = await s.send(("GetDiagnostics", {"location": "scp://files.example/in/"}))
        assert answer["call_error"]["code"] == "PropertyConstraintViolation"
        assert (await s.send(("TriggerMessage", {"requestedMessage": PLAIN})))["status"] == "Accepted"
        await until_told(s, PLAIN, "Idle")
        assert (await s.send(("ExtendedTriggerMessage", {"requestedMessage": LOG})))["status"] == "Accepted"
        await until_told(s, LOG, "Idle")
        assert server.shelf.requests == []


@story(versions=("1.6",), toml=TOML)
async def test_the_security_log_is_sent_as_it_stands(s: Story) -> None:
    """White paper edition 3, N01: what was sent can be verified like the log itself."""
    with file_server() as server:
        answer = await s.send(get_log(server, log_type="SecurityLog"))
        assert answer["status"] == "Accepted"
        await until_told(s, LOG, "Uploaded")
        lines = server.shelf.uploads[f"/in/{answer['filename']}"].decode().splitlines()
    assert any("StartupOfTheDevice" in line for line in lines)
    assert len(lines) == len(set(lines)) >= 1


@story(versions=("2.0.1",), toml=TOML)
async def test_logs_by_2_0_1_are_not_built_and_answered_so(s: Story) -> None:
    answer = await s.stage.csms("send", action="GetLog", payload={}, raw=True)
    assert answer["call_error"]["code"] == "NotSupported"

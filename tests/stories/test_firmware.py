"""Firmware updates. Requirement: OCPP 1.6 sections 4.5 and 5.19; security white paper, L01; OCPP 2.0.1 L01, L02."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hil.file_server import FileFault, FileShelf, file_server
from tests.agent.firmware.manufacturer import Manufacturer, Party
from tests.stories.sessions import CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

IMAGE = bytes(range(256)) * 2048
"""512 KiB."""
SIGNED, PLAIN = "SignedFirmwareStatusNotification", "FirmwareStatusNotification"
DOWNLOAD = ["Downloading", "Downloaded"]
INSTALL = ["Installing", "InstallRebooting", "Installed"]
TOML = '[firmware]\nroots_dir = "{directory}/roots"\n[transfer]\nstall_timeout_s = 1\n'


@dataclass
class Depot:
    """A file server with one image, and whoever signs it."""

    shelf: FileShelf
    url: str
    maker: Manufacturer
    signer: Party

    def signed(self, request_id: int = 1, **more: Any) -> tuple[str, Any]:
        firmware = {
            "location": self.url,
            "retrieveDateTime": "2026-01-01T00:00:00Z",
            "signingCertificate": self.signer.pem,
            "signature": self.signer.sign(IMAGE),
        }
        timing = {key: more.pop(key) for key in ("retries", "retryInterval") if key in more}
        return "SignedUpdateFirmware", {"requestId": request_id, "firmware": {**firmware, **more}, **timing}

    def plain(self, **more: Any) -> tuple[str, Any]:
        return "UpdateFirmware", {"location": self.url, "retrieveDate": "2026-01-01T00:00:00Z", **more}


@contextmanager
def depot(s: Story) -> Iterator[Depot]:
    maker = Manufacturer(s.directory / "roots")
    with file_server() as server:
        server.shelf.files["/fw.bin"] = IMAGE
        yield Depot(server.shelf, server.url("/fw.bin"), maker, maker.signer())


def told(s: Story, action: str = SIGNED, request_id: int | None = None) -> list[str]:
    """Statuses told so far, since the story began."""
    return [
        frame["payload"]["status"]
        for frame in s.stage.frames
        if (frame["direction"], frame["kind"], frame["action"]) == ("in", "call", action)
        and request_id in {None, frame["payload"].get("requestId")}
    ]


async def until_told(s: Story, *statuses: str, action: str = SIGNED, within_s: float = 60) -> None:
    wanted = list(statuses)
    await s.until(lambda: told(s, action)[-len(wanted) :] == wanted, f"{wanted} told", within_s=within_s)


def boots(s: Story) -> int:
    return sum(f["action"] == "BootNotification" and f["direction"] == "in" for f in s.stage.frames)


def statuses_of(s: Story, connector: int) -> list[str]:
    frames = s.requests("StatusNotification")
    return [f["payload"]["status"] for f in frames if f["payload"]["connectorId"] == connector]


async def accepted(s: Story, request: tuple[str, Any], status: str = "Accepted") -> None:
    answer = await s.send(request)
    assert answer == ({"status": status} if request[0].startswith("Signed") else {})


async def present(s: Story, trigger: str, action: str) -> dict[str, Any]:
    """What the station answers when it is asked for the status."""
    since = len(s.stage.frames)
    assert (await s.send((trigger, {"requestedMessage": "FirmwareStatusNotification"})))["status"] == "Accepted"
    found: list[dict[str, Any]] = []

    def arrived() -> bool:
        found.extend(
            frame["payload"] for frame in s.stage.frames[since:] if (frame["action"], frame["kind"]) == (action, "call")
        )
        return bool(found)

    await s.until(arrived, "the status that was asked for")
    return found[0]


@story(versions=("1.6",), toml=TOML, smoke=True)
async def test_a_signed_update_is_told_step_by_step_and_proven_before_it_is_installed(s: Story) -> None:
    with depot(s) as files:
        await accepted(s, files.signed(7))
        await until_told(s, "Installed")
        await s.until_told("Available")
        assert told(s, request_id=7) == told(s) == [*DOWNLOAD, "SignatureVerified", *INSTALL]
        assert told(s, PLAIN) == []
        assert boots(s) == 2
        assert await present(s, "ExtendedTriggerMessage", SIGNED) == {"status": "Idle"}
        assert await present(s, "TriggerMessage", PLAIN) == {"status": "Idle"}


@story(versions=("1.6",), toml=TOML)
async def test_a_plain_update_is_told_in_the_words_of_1_6(s: Story) -> None:
    with depot(s) as files:
        await accepted(s, files.plain())
        await until_told(s, "Installed", action=PLAIN)
        assert told(s, PLAIN) == [*DOWNLOAD, "Installing", "Installed"]
        assert told(s) == []


@story(versions=("1.6",), toml=TOML)
async def test_a_download_is_resumed_and_what_it_gained_costs_no_retry(s: Story) -> None:
    with depot(s) as files:
        cuts = [FileFault(cut_after=size) for size in (100_000, 90_000, 90_000)]
        files.shelf.faults.extend([*cuts, FileFault(status=500), None])
        await accepted(s, files.signed(retries=1, retryInterval=2))
        await until_told(s, "Installed")
        assert told(s) == ["Downloading", "DownloadPaused", *DOWNLOAD, "SignatureVerified", *INSTALL]
        assert [each.range for each in files.shelf.requests] == [
            *(None, "bytes=100000-", "bytes=190000-"),
            *("bytes=280000-", "bytes=280000-"),
        ]


@story(versions=("1.6",), toml=TOML)
async def test_a_download_that_fails_leaves_the_station_as_it_was(s: Story) -> None:
    with depot(s) as files:
        files.shelf.always = FileFault(status=404)
        s.skip_frames()
        await accepted(s, files.signed(retries=2, retryInterval=1))
        await until_told(s, "DownloadFailed")
        assert told(s) == [*["Downloading", "DownloadPaused"] * 2, "Downloading", "DownloadFailed"]
        assert len(files.shelf.requests) == 3
        assert s.requests("StatusNotification") == []


@story(versions=("1.6",), toml=TOML)
async def test_a_plain_download_that_is_retried_is_told_once(s: Story) -> None:
    """Lesson 107: no flood."""
    with depot(s) as files:
        files.shelf.always = FileFault(status=404)
        await accepted(s, files.plain(retries=3, retryInterval=1))
        await until_told(s, "DownloadFailed", action=PLAIN)
        assert told(s, PLAIN) == ["Downloading", "DownloadFailed"]


@story(
    versions=("1.6",),
    evses=2,
    toml=TOML + '[variables]\n"ChargingStation.AllowNewSessionsPendingFirmwareUpdate" = {case}\n',
    cases=("false", "true"),
)
async def test_an_update_waits_for_the_session_and_then_everything_is_as_before(s: Story) -> None:
    """L01: the connector that is free becomes Unavailable meanwhile, unless new sessions are allowed."""
    with depot(s) as files:
        await begin_session(s, 1)
        await accepted(s, files.signed(5))
        await until_told(s, "InstallScheduled")
        if s.case == "false":
            await s.until_told("Unavailable", 2)
        await s.pass_time(60)
        assert (await s.state(1))["contactor_closed"]
        assert "Installing" not in told(s)
        assert statuses_of(s, 2)[-1] == ("Unavailable" if s.case == "false" else "Available")
        await s.plug_out(1)
        await s.until_ended()
        await until_told(s, "Installed")
        assert told(s, request_id=5) == [*DOWNLOAD, "SignatureVerified", "InstallScheduled", *INSTALL]
        for evse in (1, 2):
            await s.until_told("Available", evse)


@story(versions=("1.6",), evses=2, toml=TOML, cases=("good", "empty"))
async def test_what_was_out_of_service_stays_so_and_the_rest_comes_back(s: Story) -> None:
    """Lessons 58 and 70: neither a failed install nor a good one makes the hold permanent."""
    with depot(s) as files:
        await s.send(s.dialect.change_availability(2, operative=False))
        await s.until_told("Unavailable", 2)
        if s.case == "empty":
            files.shelf.files["/fw.bin"] = b""
        s.skip_frames()
        await accepted(s, files.plain())
        await until_told(s, "Installed" if s.case == "good" else "InstallationFailed", action=PLAIN)
        await s.until_told("Available", 1)
        await begin_session(s, 1)
        await leave(s, 1)
        await s.until_ended()
        assert set(statuses_of(s, 2)) <= {"Unavailable"}


@story(versions=("1.6",), toml=TOML)
async def test_a_reservation_outlives_an_update(s: Story) -> None:
    """What is held out of service for a moment has not become Unavailable in the sense of section 5.13."""
    with depot(s) as files:
        files.shelf.files["/fw.bin"] = b""
        expiry = {"expiryDate": await s.time_in(3600), "idTag": CARD, "reservationId": 7, "connectorId": 1}
        assert (await s.send(("ReserveNow", expiry)))["status"] == "Accepted"
        await s.until_told("Reserved")
        await accepted(s, files.plain())
        await until_told(s, "InstallationFailed", action=PLAIN)
        await s.until_told("Unavailable")
        await s.until_told("Reserved")
        assert (await s.send(("CancelReservation", {"reservationId": 7})))["status"] == "Accepted"


@story(versions=("1.6",), toml=TOML, cases=("DownloadScheduled", "DownloadPaused", "InstallScheduled", "Installing"))
async def test_a_killed_station_goes_on_with_its_update_and_tells_nothing_twice(s: Story) -> None:
    with depot(s) as files:
        before: list[str] = []
        more: dict[str, Any] = {}
        if s.case == "DownloadScheduled":
            before, more = ["DownloadScheduled"], {"retrieveDateTime": await s.time_in(20)}
        if s.case == "DownloadPaused":
            before, more = ["Downloading", "DownloadPaused"], {"retries": 1, "retryInterval": 20}
            files.shelf.faults.append(FileFault(status=503))
        waits = ["InstallScheduled"] if s.case == "InstallScheduled" else []
        if waits:
            await begin_session(s)
        await accepted(s, files.signed(9, **more))
        await until_told(s, s.case)
        await s.pass_time(0.5, scaled=False)  # what was not acknowledged is rightly told again
        await s.kill_agent()
        await s.start_agent()
        if waits:
            await s.plug_out()
            await s.until_ended()
        await until_told(s, "Installed", within_s=120)
        assert told(s, request_id=9) == told(s) == [*before, *DOWNLOAD, "SignatureVerified", *waits, *INSTALL]
        await s.until_told("Available")


@story(versions=("1.6",), toml=TOML)
async def test_an_update_that_the_back_end_did_not_hear_of_is_told_when_it_is_back(s: Story) -> None:
    """Lesson 72: InstallRebooting too."""
    with depot(s) as files:
        await accepted(s, files.signed(3, retrieveDateTime=await s.time_in(5)))
        await until_told(s, "DownloadScheduled")
        await s.pass_time(1, scaled=False)  # its answer must arrive, else it is rightly told again
        await s.unreachable()
        await s.pass_time(40, scaled=False)
        await s.reachable()
        await until_told(s, "Installed")
        assert told(s) == ["DownloadScheduled", *DOWNLOAD, "SignatureVerified", *INSTALL]


@story(versions=("1.6",), toml=TOML)
async def test_a_bad_signature_ends_the_update_before_anything_is_held(s: Story) -> None:
    with depot(s) as files:
        files.shelf.files["/fw.bin"] = IMAGE[:-1] + b"!"
        s.skip_frames()
        await accepted(s, files.signed(4))
        await until_told(s, "InvalidSignature")
        assert told(s) == [*DOWNLOAD, "InvalidSignature"]
        assert s.requests("StatusNotification") == []
        assert (await present(s, "ExtendedTriggerMessage", SIGNED)) == {"status": "Idle"}


@story(versions=("1.6",), toml=TOML, cases=("stranger", "expired", "revoked", "garbage"))
async def test_a_certificate_that_is_not_good_begins_nothing(s: Story) -> None:
    with depot(s) as files:
        expected = "InvalidCertificate"
        if s.case == "stranger":
            files.signer = Manufacturer(s.directory / "elsewhere").signer()
        if s.case == "expired":
            files.signer = files.maker.root.issue("Old Signer", ends=files.maker.root.certificate.not_valid_before_utc)
        if s.case == "revoked":
            files.maker.publish(files.signer)
            expected = "RevokedCertificate"
        more = {"signingCertificate": "no certificate"} if s.case == "garbage" else {}
        await accepted(s, files.signed(4, **more), expected)
        await s.pass_time(5)
        assert told(s) == []
        assert files.shelf.requests == []


@story(versions=("1.6",), toml=TOML)
async def test_a_second_request_takes_the_place_of_the_first(s: Story) -> None:
    with depot(s) as files:
        await accepted(s, files.signed(1, retrieveDateTime=await s.time_in(3600)))
        await until_told(s, "DownloadScheduled")
        assert await present(s, "ExtendedTriggerMessage", SIGNED) == {"status": "DownloadScheduled", "requestId": 1}
        await accepted(s, files.signed(2), "AcceptedCanceled")
        await until_told(s, "Installed")
        assert told(s, request_id=1)[0] == "DownloadScheduled"
        assert set(told(s, request_id=1)) == {"DownloadScheduled"}
        assert told(s, request_id=2) == [*DOWNLOAD, "SignatureVerified", *INSTALL]


@story(versions=("1.6",), toml=TOML)
async def test_an_installation_is_disturbed_neither_by_a_reset_nor_by_another_request(s: Story) -> None:
    """Lesson 67: a reset in the middle of writing."""
    with depot(s) as files:
        await accepted(s, files.signed(1))
        await until_told(s, "Installing")
        assert (await s.send(s.dialect.reset("Immediate")))["status"] == "Rejected"
        await accepted(s, files.signed(2), "Rejected")
        await until_told(s, "Installed")
        assert told(s) == [*DOWNLOAD, "SignatureVerified", *INSTALL]
        assert boots(s) == 2
        assert len(files.shelf.requests) == 1


@story(versions=("1.6",), toml=TOML)
async def test_what_cannot_be_fetched_is_refused_at_once(s: Story) -> None:
    with depot(s) as files:
        await accepted(s, files.signed(1, location="gopher://files.example/fw"), "Rejected")
        answer = await s.send(files.plain(location="gopher://files.example/fw"))
        assert answer["call_error"]["code"] == "PropertyConstraintViolation"
        assert "ftps, sftp" in answer["call_error"]["description"]
        await s.pass_time(3)
        assert told(s) == told(s, PLAIN) == []


@story(versions=("2.0.1",), toml=TOML)
async def test_updates_by_2_0_1_are_not_built_and_answered_so(s: Story) -> None:
    answer = await s.stage.csms("send", action="UpdateFirmware", payload={}, raw=True)
    assert answer["call_error"]["code"] == "NotSupported"

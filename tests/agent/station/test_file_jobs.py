"""Updates and uploads within a station: what is held, what is told, what is left behind."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.domain.firmware_events import UpdateRequest
from agent.domain.log_upload import LogRequest
from agent.domain.session_state import SessionState
from agent.domain.transfer_attempts import Attempts
from agent.domain.vocabulary import FirmwareStatus, UploadStatus
from agent.station.file_commands import LogOutcome, UpdateOutcome
from agent.station.firmware_parts import CertificateVerdict, InstallError, Proof
from agent.station.firmware_updates import FirmwareUpdates
from hil.file_server import FileFault, FileServer, file_server
from tests.agent.station.station_rig import charge, play, state, station_of, unplug, until
from tests.fakes.virtual_station import VirtualStation

PAST = datetime(2026, 1, 1, tzinfo=UTC)


class Workshop:
    """An installer and a verifier that do as they are told, and a list of alarms."""

    def __init__(self) -> None:
        self.failure: InstallError | None = None
        self.needs_reboot = False
        self.verdict = (CertificateVerdict.GOOD, "")
        self.bad_signature = ""
        self.alarms: list[str] = []

    async def install(self, image: Path, progress: object) -> bool:  # noqa: ARG002 - as the interface
        if self.failure is not None:
            raise self.failure
        return self.needs_reboot

    async def proof(self) -> Proof:
        return Proof.CONFIRMED

    async def check_certificate(self, pem: str, at: datetime) -> tuple[CertificateVerdict, str]:  # noqa: ARG002
        return self.verdict

    async def check_signature(self, image: Path, pem: str, signature: str) -> str:  # noqa: ARG002
        return self.bad_signature

    def alarm(self, event_type: str, text: str) -> None:  # noqa: ARG002
        self.alarms.append(event_type)


def updates(rig: VirtualStation, workshop: Workshop | None = None) -> FirmwareUpdates:
    firmware = station_of(rig).files.firmware
    assert firmware is not None
    if workshop is not None:
        for name, value in (("installer", workshop), ("verifier", workshop), ("alarm", workshop.alarm)):
            object.__setattr__(firmware._parts, name, value)
    return firmware


async def begin(rig: VirtualStation, server: FileServer, **more: object) -> UpdateOutcome:
    request = UpdateRequest(server.url("/fw"), PAST, request_id=5, **more)  # type: ignore[arg-type]  # its fields
    reply = await updates(rig).request(request)
    if reply.begin is not None:
        await reply.begin()
    return reply.outcome


def statuses(rig: VirtualStation) -> list[str]:
    """Of updates, as 2.0.1 tells them."""
    return [
        frame.payload["status"]
        for frame in rig.csms.frames
        if (frame.direction, frame.kind, frame.action) == ("in", "call", "FirmwareStatusNotification")
    ]


def left_behind(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*.image*")) + sorted(each.name for each in folder.rglob("*.zip*"))


@pytest.mark.parametrize("not_verified", [False, True])
def test_a_failed_installation_lets_every_evse_go_and_says_why(tmp_path: Path, not_verified: bool) -> None:
    """Lessons 58 and 70."""

    async def story(rig: VirtualStation) -> None:
        with file_server() as server:
            server.shelf.files["/fw"] = b"image"
            workshop = Workshop()
            workshop.failure = InstallError("slot cannot be written", not_verified=not_verified)
            firmware = updates(rig, workshop)
            assert await begin(rig, server) is UpdateOutcome.ACCEPTED
            await until(lambda: firmware.view is not None and "slot" in firmware.view.reason)
            await until(lambda: state(rig) is SessionState.AVAILABLE)
            failed = "InstallVerificationFailed" if not_verified else "InstallationFailed"
            await until(lambda: statuses(rig)[-1:] == [failed])
            assert firmware.present == (FirmwareStatus.IDLE, None)
            assert left_behind(tmp_path) == []

    play(tmp_path, story)


def test_updates_are_told_by_2_0_1_as_well(tmp_path: Path) -> None:
    """A fact knows no version: a switch of the version in the middle loses no step."""

    async def story(rig: VirtualStation) -> None:
        with file_server() as server:
            server.shelf.files["/fw"] = b"image"
            workshop = Workshop()
            updates(rig, workshop)
            await begin(rig, server)
            await until(lambda: statuses(rig) == ["Downloading", "Downloaded", "Installing", "Installed"])
            assert workshop.alarms == ["FirmwareUpdated"]

    play(tmp_path, story)


def test_alarms_are_raised_for_certificates_and_signatures(tmp_path: Path) -> None:
    """White paper: InvalidFirmwareSigningCertificate, InvalidFirmwareSignature."""

    async def story(rig: VirtualStation) -> None:
        with file_server() as server:
            server.shelf.files["/fw"] = b"image"
            workshop = Workshop()
            updates(rig, workshop)
            signed = {"signing_certificate": "PEM", "signature": "AA=="}
            workshop.verdict = (CertificateVerdict.INVALID, "unknown")
            assert await begin(rig, server, **signed) is UpdateOutcome.INVALID_CERTIFICATE
            workshop.verdict = (CertificateVerdict.REVOKED, "revoked")
            assert await begin(rig, server, **signed) is UpdateOutcome.REVOKED_CERTIFICATE
            workshop.verdict = (CertificateVerdict.GOOD, "")
            workshop.bad_signature = "not of this file"
            assert await begin(rig, server, **signed) is UpdateOutcome.ACCEPTED
            await until(lambda: len(workshop.alarms) == 3)
            assert workshop.alarms == [*["InvalidFirmwareSigningCertificate"] * 2, "InvalidFirmwareSignature"]
            assert left_behind(tmp_path) == []

    play(tmp_path, story)


def test_the_hold_begins_with_the_first_look_and_outlives_a_kill(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        with file_server() as server:
            server.shelf.files["/fw"] = b"image"
            await charge(rig, 1)
            await begin(rig, server)
            await until(lambda: state(rig, 2) is SessionState.UNAVAILABLE)
            assert station_of(rig).files.holds
            await rig.kill()
            await rig.start()
            await until(lambda: station_of(rig).is_online)
            await until(lambda: state(rig, 2) is not SessionState.UNKNOWN)
            assert state(rig, 2) is SessionState.UNAVAILABLE
            assert state(rig, 1) is SessionState.CHARGING
            await unplug(rig, 1)
            await until(lambda: rig.restarts == 1)

    play(tmp_path, story, evses=2)


def test_what_a_kill_has_left_of_other_updates_is_swept_out(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "firmware"
    folder.mkdir(parents=True)
    (folder / "firmware-3.image.part").write_bytes(b"half of one")

    async def story(_rig: VirtualStation) -> None:
        await until(lambda: left_behind(tmp_path) == [])

    play(tmp_path, story)


def test_an_order_that_comes_while_everything_is_held_counts_afterwards(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        with file_server() as server:
            server.shelf.files["/fw"] = b"image"
            workshop = Workshop()
            updates(rig, workshop)
            await charge(rig, 1)
            await begin(rig, server)
            await until(lambda: state(rig, 2) is SessionState.UNAVAILABLE)
            await station_of(rig).change_availability(2, operative=False)
            await station_of(rig).change_availability(3, operative=True)
            assert state(rig, 3) is SessionState.UNAVAILABLE
            await unplug(rig, 1)
            await until(lambda: statuses(rig)[-1:] == ["Installed"], within_s=5)  # not only at the next look
            await until(lambda: state(rig, 3) is SessionState.AVAILABLE)
            assert state(rig, 2) is SessionState.UNAVAILABLE

    play(tmp_path, story, evses=3)


async def ask_log(rig: VirtualStation, url: str, request_id: int = 8, **more: object) -> LogOutcome:
    request = LogRequest(url, request_id=request_id, attempts=Attempts(1, 60), **more)  # type: ignore[arg-type]  # its fields
    reply = await station_of(rig).files.logs.request(request)
    if reply.begin is not None:
        await reply.begin()
    return reply.outcome


def test_an_upload_leaves_no_file_behind_however_it_ends(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        logs = station_of(rig).files.logs
        with file_server() as server:
            assert await ask_log(rig, server.url("/in/")) is LogOutcome.ACCEPTED
            await until(lambda: logs.present[0] is UploadStatus.IDLE)
            assert left_behind(tmp_path) == []
            server.shelf.always = FileFault(status=500)
            await ask_log(rig, server.url("/in/"))
            await until(lambda: len(server.shelf.requests) == 2)
            assert len(left_behind(tmp_path)) == 1
            assert await ask_log(rig, server.url("/in/"), 9) is LogOutcome.ACCEPTED_CANCELED
            await until(lambda: logs.present == (UploadStatus.IDLE, None), within_s=100)
            assert left_behind(tmp_path) == []

    play(tmp_path, story)


def test_a_log_that_cannot_be_written_is_an_upload_that_failed(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        logs = station_of(rig).files.logs
        (tmp_path / "state" / "uploads").write_text("a file where a directory belongs")
        with file_server() as server:
            await ask_log(rig, server.url("/in/"))
            await until(lambda: logs.present[0] is UploadStatus.IDLE)
            assert server.shelf.requests == []
        assert "cannot be written" in (logs._upload.state.reason if logs._upload else "")

    play(tmp_path, story)


def test_a_bad_location_is_refused(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        assert await ask_log(rig, "gopher://h/in/") is LogOutcome.REJECTED
        assert station_of(rig).files.logs.present == (UploadStatus.IDLE, None)

    play(tmp_path, story)

"""Firmware and logs as a 1.6 back-end asks for them. OCPP 1.6 sections 5.9, 5.19; security white paper, L01, N01."""

from datetime import UTC, datetime

import pytest

from agent.csms.adapter import RpcError, RpcErrorCode
from agent.csms.v16 import file_messages
from agent.domain.firmware_events import UpdateRequest
from agent.domain.log_upload import LogRequest
from agent.domain.transfer_attempts import Attempts
from agent.domain.vocabulary import FirmwareStatus, LogType, UploadStatus
from agent.station.file_commands import LogOutcome, UpdateOutcome
from tests.agent.csms.v16.official import check_sent, enums
from tests.agent.csms.v16.rig import Rig
from tests.fakes.fake_files import FakeFirmware

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIRMWARE = {
    "location": "https://files.example/fw",
    "retrieveDateTime": "2026-05-01T12:00:00Z",
    "installDateTime": "2026-05-01T14:00:00+02:00",
    "signingCertificate": "PEM",
    "signature": "AAAA",
}
SIGNED = {"requestId": 7, "firmware": FIRMWARE, "retries": 2, "retryInterval": 60}
PLAIN = {"location": "ftp://files.example/fw", "retrieveDate": "2026-05-01T12:00:00Z"}
LOG = {"logType": "SecurityLog", "requestId": 8, "log": {"remoteLocation": "sftp://files.example/in/"}}


def firmware(rig: Rig) -> FakeFirmware:
    assert rig.station.files.firmware is not None
    return rig.station.files.firmware


async def test_a_signed_update_is_passed_on_and_begins_after_its_answer() -> None:
    rig = Rig()
    assert await rig.ask("SignedUpdateFirmware", SIGNED) == {"status": "Accepted"}
    wanted = UpdateRequest("https://files.example/fw", AT, AT, 7, "PEM", "AAAA", Attempts(2, 60.0))
    assert firmware(rig).asked == firmware(rig).begun == [wanted]


@pytest.mark.parametrize("outcome", list(UpdateOutcome))
async def test_every_outcome_has_its_word(outcome: UpdateOutcome) -> None:
    rig = Rig()
    firmware(rig).outcome = outcome
    assert await rig.ask("SignedUpdateFirmware", SIGNED) == {"status": outcome.value}
    assert bool(firmware(rig).begun) == outcome.value.startswith("Accepted")


async def test_a_plain_update_is_passed_on_without_id_and_signature() -> None:
    rig = Rig()
    assert await rig.ask("UpdateFirmware", PLAIN) == {}
    assert firmware(rig).begun == [UpdateRequest("ftp://files.example/fw", AT)]


async def test_a_plain_update_that_is_refused_is_a_callerror() -> None:
    """Section 6.62: UpdateFirmware.conf has no status."""
    rig = Rig()
    firmware(rig).outcome, firmware(rig).reason = UpdateOutcome.REJECTED, "no transfer over gopher"
    with pytest.raises(RpcError, match="gopher") as refused:
        await rig.ask("UpdateFirmware", PLAIN)
    assert refused.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert firmware(rig).begun == []


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("UpdateFirmware", {**PLAIN, "retrieveDate": "0000-01-01T00:00:00Z"}),
        ("SignedUpdateFirmware", {**SIGNED, "firmware": {**FIRMWARE, "installDateTime": "0000-01-01T00:00:00Z"}}),
        ("GetDiagnostics", {"location": "ftp://h/", "startTime": "0000-01-01T00:00:00Z"}),
    ],
)
async def test_a_time_that_no_clock_shows_is_refused(action: str, request_: dict[str, object]) -> None:
    rig = Rig()
    with pytest.raises(RpcError, match="no clock"):
        await rig.ask(action, request_)
    assert firmware(rig).asked == []
    assert rig.station.files.logs.asked == []


def test_without_an_installer_neither_update_has_a_handler() -> None:
    """So that both are answered NotSupported."""
    rig = Rig(firmware=False)
    assert {"UpdateFirmware", "SignedUpdateFirmware"}.isdisjoint(rig.adapter.handlers)
    assert {"UpdateFirmware", "SignedUpdateFirmware"} <= rig.adapter.known_actions()


async def test_the_feature_profile_is_told_only_with_an_installer() -> None:
    for has_installer in (True, False):
        answered = await Rig(firmware=has_installer).ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
        assert ("FirmwareManagement" in answered["configurationKey"][0]["value"]) == has_installer


async def test_diagnostics_are_asked_for_and_the_file_is_named() -> None:
    rig = Rig()
    request = {"location": "ftp://h/in/", "startTime": "2026-05-01T12:00:00Z", "retries": 0, "retryInterval": 5}
    assert await rig.ask("GetDiagnostics", request) == {"fileName": "log.zip"}
    assert rig.station.files.logs.begun == [LogRequest("ftp://h/in/", oldest=AT, attempts=Attempts(0, 5.0))]


async def test_a_log_is_asked_for_and_the_file_is_named() -> None:
    rig = Rig()
    asked = {"log": {**LOG["log"], "latestTimestamp": "2026-05-01T12:00:00Z"}}  # type: ignore[dict-item]  # a table
    assert await rig.ask("GetLog", {**LOG, **asked}) == {"status": "Accepted", "filename": "log.zip"}
    assert rig.station.files.logs.begun == [
        LogRequest("sftp://files.example/in/", LogType.SECURITY, 8, latest=AT, attempts=Attempts())
    ]


async def test_what_is_refused_of_logs_begins_nothing() -> None:
    rig = Rig()
    rig.station.files.logs.outcome = LogOutcome.REJECTED
    rig.station.files.logs.reason = "no such log"
    assert await rig.ask("GetLog", LOG) == {"status": "Rejected"}
    with pytest.raises(RpcError, match="no such log"):
        await rig.ask("GetDiagnostics", {"location": "ftp://h/in/"})
    assert rig.station.files.logs.begun == []


async def test_a_log_that_takes_the_place_of_another_is_told_so() -> None:
    rig = Rig()
    rig.station.files.logs.outcome = LogOutcome.ACCEPTED_CANCELED
    assert (await rig.ask("GetLog", LOG))["status"] == "AcceptedCanceled"


@pytest.mark.parametrize("status", list(FirmwareStatus))
def test_every_step_of_an_update_has_its_official_word_or_none(status: FirmwareStatus) -> None:
    for outgoing in (
        *file_messages.firmware_status(status, None),
        *file_messages.firmware_status(status, 7),
        file_messages.present_firmware_status(status),
    ):
        word = check_sent(outgoing)["status"]
        assert word in {each.value for each in enums.FirmwareStatus}


@pytest.mark.parametrize("status", list(UploadStatus))
def test_every_step_of_an_upload_has_its_official_word_or_none(status: UploadStatus) -> None:
    for outgoing in (*file_messages.upload_status(status, None), *file_messages.upload_status(status, 8)):
        word = check_sent(outgoing)["status"]
        known = enums.UploadLogStatus if outgoing.action.startswith("Log") else enums.DiagnosticsStatus
        assert word in {each.value for each in known}


def test_what_plain_1_6_has_no_word_for_is_not_told() -> None:
    untold = {status for status in FirmwareStatus if not file_messages.firmware_status(status, None)}
    assert {status.value for status in untold} == {
        *("DownloadScheduled", "DownloadPaused", "SignatureVerified", "InstallScheduled", "InstallRebooting")
    }
    assert file_messages.upload_status(UploadStatus.ACCEPTED_CANCELED, None) == []

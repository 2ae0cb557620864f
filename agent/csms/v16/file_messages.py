"""Steps of firmware updates and uploads as OCPP 1.6 and its security extension tell them.

A request with an id came by the security extension, and is told by its messages; one without came by OCPP 1.6 itself,
which has fewer words: what it has none for is not told.
Source: OCPP 1.6 sections 4.3, 4.5, 7.24 and 7.25; security white paper, SignedFirmwareStatusNotification.req and
LogStatusNotification.req.
"""

from agent.csms.adapter import Outgoing, Payload
from agent.domain.vocabulary import FirmwareStatus, UploadStatus

_F, _U = FirmwareStatus, UploadStatus
TOLD_FIRMWARE: dict[FirmwareStatus, str | None] = {
    _F.IDLE: "Idle",
    _F.DOWNLOAD_SCHEDULED: None,
    _F.DOWNLOADING: "Downloading",
    _F.DOWNLOAD_PAUSED: None,
    _F.DOWNLOAD_FAILED: "DownloadFailed",
    _F.DOWNLOADED: "Downloaded",
    _F.SIGNATURE_VERIFIED: None,
    _F.INVALID_SIGNATURE: "InstallationFailed",
    _F.INSTALL_SCHEDULED: None,
    _F.INSTALLING: "Installing",
    _F.INSTALL_REBOOTING: None,
    _F.INSTALL_VERIFICATION_FAILED: "InstallationFailed",
    _F.INSTALLATION_FAILED: "InstallationFailed",
    _F.INSTALLED: "Installed",
}
"""FirmwareStatus as it happens; None: not told."""
PRESENT_FIRMWARE: dict[FirmwareStatus, str] = {
    **{status: word for status, word in TOLD_FIRMWARE.items() if word is not None},
    _F.DOWNLOAD_SCHEDULED: "Idle",
    _F.DOWNLOAD_PAUSED: "Downloading",
    _F.SIGNATURE_VERIFIED: "Downloaded",
    _F.INSTALL_SCHEDULED: "Downloaded",
    _F.INSTALL_REBOOTING: "Installing",
}
"""FirmwareStatus when it is asked for: the nearest word."""
DIAGNOSTICS: dict[UploadStatus, str | None] = {
    _U.IDLE: "Idle",
    _U.UPLOADING: "Uploading",
    _U.UPLOADED: "Uploaded",
    _U.UPLOAD_FAILURE: "UploadFailed",
    _U.BAD_MESSAGE: "UploadFailed",
    _U.NOT_SUPPORTED_OPERATION: "UploadFailed",
    _U.PERMISSION_DENIED: "UploadFailed",
    _U.ACCEPTED_CANCELED: None,
}
"""DiagnosticsStatus; a request that another one replaced is not told: there is no id to tell them apart."""
UPLOADS: dict[UploadStatus, str] = {
    **{status: status.value for status in UploadStatus},
    _U.ACCEPTED_CANCELED: "UploadFailure",
}
"""UploadLogStatusEnumType of the security extension."""


def firmware_status(status: FirmwareStatus, request_id: int | None) -> list[Outgoing]:
    """Tell a step of an update."""
    if request_id is not None:
        return [signed_firmware_status(status, request_id)]
    word = TOLD_FIRMWARE[status]
    return [] if word is None else [Outgoing("FirmwareStatusNotification", {"status": word})]


def signed_firmware_status(status: FirmwareStatus, request_id: int | None) -> Outgoing:
    """SignedFirmwareStatusNotification; Idle goes without the id."""
    return Outgoing("SignedFirmwareStatusNotification", _with_id(status.value, request_id))


def present_firmware_status(status: FirmwareStatus) -> Outgoing:
    """FirmwareStatusNotification that was asked for."""
    return Outgoing("FirmwareStatusNotification", {"status": PRESENT_FIRMWARE[status]})


def upload_status(status: UploadStatus, request_id: int | None) -> list[Outgoing]:
    """Tell a step of an upload."""
    if request_id is not None:
        return [log_status(status, request_id)]
    word = DIAGNOSTICS[status]
    return [] if word is None else [Outgoing("DiagnosticsStatusNotification", {"status": word})]


def log_status(status: UploadStatus, request_id: int | None) -> Outgoing:
    """LogStatusNotification; Idle goes without the id."""
    return Outgoing("LogStatusNotification", _with_id(UPLOADS[status], request_id))


def _with_id(status: str, request_id: int | None) -> Payload:
    return {"status": status} if request_id is None else {"status": status, "requestId": request_id}

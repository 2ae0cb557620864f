"""UpdateFirmware and SignedUpdateFirmware. Source: OCPP 1.6 section 5.19; security white paper, L01.

UpdateFirmware.conf has no status: what cannot be done is a CALLERROR. Without an installer neither exists here, so that
both are answered NotSupported.
"""

from datetime import datetime

from agent.csms.adapter import Handler, Payload, Reply, RpcError, RpcErrorCode
from agent.csms.v16.wire_values import read_timestamp
from agent.domain.firmware_events import UpdateRequest
from agent.domain.transfer_attempts import Attempts
from agent.station.file_commands import FileCommands, FirmwareCommands, UpdateOutcome

_REFUSED = {
    UpdateOutcome.REJECTED: RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    UpdateOutcome.INVALID_CERTIFICATE: RpcErrorCode.SECURITY_ERROR,
    UpdateOutcome.REVOKED_CERTIFICATE: RpcErrorCode.SECURITY_ERROR,
}


class FirmwareHandlers:
    """What a back-end may do with firmware."""

    def __init__(self, files: FileCommands) -> None:
        self._firmware = files.firmware

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        firmware = self._firmware
        if firmware is None:
            return {}
        return {
            "UpdateFirmware": lambda payload: _update(firmware, payload),
            "SignedUpdateFirmware": lambda payload: _signed_update(firmware, payload),
        }


async def _update(firmware: FirmwareCommands, payload: Payload) -> Reply:
    request = UpdateRequest(payload["location"], _time(payload["retrieveDate"]), attempts=_attempts(payload))
    reply = await firmware.request(request)
    if reply.outcome in _REFUSED:
        raise RpcError(_REFUSED[reply.outcome], reply.reason)
    return Reply({}, reply.begin)


async def _signed_update(firmware: FirmwareCommands, payload: Payload) -> Reply:
    asked = payload["firmware"]
    install_at = asked.get("installDateTime")
    request = UpdateRequest(
        asked["location"],
        _time(asked["retrieveDateTime"]),
        None if install_at is None else _time(install_at),
        payload["requestId"],
        asked["signingCertificate"],
        asked["signature"],
        _attempts(payload),
    )
    reply = await firmware.request(request)
    return Reply({"status": reply.outcome.value}, reply.begin)


def _attempts(payload: Payload) -> Attempts:
    return Attempts.of(payload.get("retries"), payload.get("retryInterval"))


def _time(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError:
        raise RpcError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no clock shows this time") from None

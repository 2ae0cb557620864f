"""GetDiagnostics and GetLog. Source: OCPP 1.6 section 5.9; security white paper, N01.

GetDiagnostics.conf has no status: what cannot be done is a CALLERROR.
"""

from datetime import datetime

from agent.csms.adapter import Handler, Payload, Reply, RpcError, RpcErrorCode
from agent.csms.v16.wire_values import read_timestamp
from agent.domain.log_upload import LogRequest
from agent.domain.transfer_attempts import Attempts
from agent.domain.vocabulary import LogType
from agent.station.file_commands import LogCommands, LogOutcome


class LogHandlers:
    """What a back-end may do with logs."""

    def __init__(self, logs: LogCommands) -> None:
        self._logs = logs

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"GetDiagnostics": self._get_diagnostics, "GetLog": self._get_log}

    async def _get_diagnostics(self, payload: Payload) -> Reply:
        request = LogRequest(
            payload["location"],
            oldest=_time(payload.get("startTime")),
            latest=_time(payload.get("stopTime")),
            attempts=_attempts(payload),
        )
        reply = await self._logs.request(request)
        if reply.outcome is LogOutcome.REJECTED:
            raise RpcError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, reply.reason)
        return Reply({"fileName": reply.file_name}, reply.begin)

    async def _get_log(self, payload: Payload) -> Reply:
        asked = payload["log"]
        request = LogRequest(
            asked["remoteLocation"],
            LogType(payload["logType"]),
            payload["requestId"],
            _time(asked.get("oldestTimestamp")),
            _time(asked.get("latestTimestamp")),
            _attempts(payload),
        )
        reply = await self._logs.request(request)
        answer = {"status": reply.outcome.value}
        if reply.file_name is not None:
            answer["filename"] = reply.file_name
        return Reply(answer, reply.begin)


def _attempts(payload: Payload) -> Attempts:
    return Attempts.of(payload.get("retries"), payload.get("retryInterval"))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return read_timestamp(text)
    except ValueError:
        raise RpcError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no clock shows this time") from None

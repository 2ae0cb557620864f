"""Rule: what a well-meaning CSMS answers to each request of a station, in either version."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hil.csms.behaviour import Answer, Behaviour
from hil.csms.tokens import TokenTable
from hil.csms.wire import WireError

Json = dict[str, Any]


@dataclass(slots=True)
class BootPlan:
    """How BootNotification and Heartbeat are answered."""

    status: str | None = "Accepted"
    """None: BootNotification is never answered."""
    interval_s: int = 300
    current_time: str | None = None
    """A fixed currentTime, valid or not; None: the clock."""
    clock_offset_s: float = 0.0


@dataclass(slots=True)
class AnswerBook:
    """Default answers, and what a behaviour makes of them."""

    tokens: TokenTable = field(default_factory=TokenTable)
    boot: BootPlan = field(default_factory=BootPlan)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def answer(
        self, version: str, action: str, request: Json, behaviour: Behaviour, transaction_id: int | None
    ) -> Json:
        """Give the payload. Raises: WireError when the answer is a CALLERROR."""
        if behaviour.answer is Answer.ERROR:
            raise WireError(behaviour.error_code, behaviour.error_description)
        if behaviour.payload is not None:
            return dict(behaviour.payload)
        payload = self._default(version, action, request, transaction_id)
        status = _REFUSALS.get(action) if behaviour.answer is Answer.REJECT else behaviour.status
        if status is not None:
            _set_status(version, action, payload, status)
        elif behaviour.answer is Answer.REJECT:
            raise WireError("InternalError", f"{action} is rejected by the bench")
        if behaviour.merge is not None:
            payload.update(behaviour.merge)
        return payload

    def _default(self, version: str, action: str, request: Json, transaction_id: int | None) -> Json:
        match action:
            case "BootNotification":
                time = self._current_time()
                return {"status": self.boot.status, "currentTime": time, "interval": self.boot.interval_s}
            case "Heartbeat":
                return {"currentTime": self._current_time()}
            case "TransactionEvent" if version != "1.6":
                id_token = request.get("idToken")
                return {"idTokenInfo": self.tokens.id_token_info(id_token.get("idToken", ""))} if id_token else {}
            case "Authorize" if version != "1.6":
                return {"idTokenInfo": self.tokens.id_token_info(request.get("idToken", {}).get("idToken", ""))}
            case "Authorize" | "StartTransaction" | "StopTransaction" if version == "1.6":
                info = {"idTagInfo": self.tokens.id_tag_info(request["idTag"])} if "idTag" in request else {}
                return info if transaction_id is None else {"transactionId": transaction_id, **info}
        fixed = _FIXED[version].get(action)
        if fixed is None:
            raise WireError("NotImplemented", f"the bench CSMS does not take {action}")
        return dict(fixed)

    def _current_time(self) -> str:
        if self.boot.current_time is not None:
            return self.boot.current_time
        now = self.clock() + timedelta(seconds=self.boot.clock_offset_s)
        return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _set_status(version: str, action: str, payload: Json, status: str) -> None:
    if action in _TOKEN_ACTIONS:
        name = "idTagInfo" if version == "1.6" else "idTokenInfo"
        payload[name] = {**payload.get(name, {}), "status": status}
    else:
        payload["status"] = status


_TOKEN_ACTIONS = frozenset({"Authorize", "StartTransaction", "StopTransaction", "TransactionEvent"})

_REFUSALS = {
    "BootNotification": "Rejected",
    "DataTransfer": "Rejected",
    "SignCertificate": "Rejected",
    "NotifyEVChargingNeeds": "Rejected",
    "NotifyEVChargingSchedule": "Rejected",
    "Get15118EVCertificate": "Failed",
    "GetCertificateStatus": "Failed",
    **dict.fromkeys(_TOKEN_ACTIONS, "Invalid"),
}

_TAKEN_16 = (
    "StatusNotification",
    "MeterValues",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
)

_TAKEN_201 = (
    "ClearedChargingLimit",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "MeterValues",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyEvent",
    "NotifyMonitoringReport",
    "NotifyReport",
    "PublishFirmwareStatusNotification",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
    "SecurityEventNotification",
    "StatusNotification",
)

_FIXED: dict[str, dict[str, Json]] = {
    "1.6": {
        "DataTransfer": {"status": "Accepted"},
        "SignCertificate": {"status": "Accepted"},
        **{action: {} for action in _TAKEN_16},
    },
    "2.0.1": {
        "DataTransfer": {"status": "Accepted"},
        "SignCertificate": {"status": "Accepted"},
        "NotifyEVChargingNeeds": {"status": "Accepted"},
        "NotifyEVChargingSchedule": {"status": "Accepted"},
        "Get15118EVCertificate": {"status": "Accepted", "exiResponse": ""},
        "GetCertificateStatus": {"status": "Failed"},
        **{action: {} for action in _TAKEN_201},
    },
}

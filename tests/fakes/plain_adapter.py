"""A small but real 1.6 adapter, so that the link is tested without either version's mapping."""

from datetime import UTC, datetime, timedelta

from agent.clock import Instant
from agent.csms.adapter import (
    BootAnswer,
    BootStatus,
    FactAnswer,
    Handler,
    Outgoing,
    Payload,
    Reply,
    RpcErrorCode,
)
from agent.domain.delivery import TransactionAtCsms
from agent.domain.facts import Fact, Sample, SecurityEventRaised, TransactionEnded, TransactionStarted
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken

SPELLED = {
    RpcErrorCode.FORMAT_VIOLATION: "FormationViolation",
    RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
}


class PlainAdapter:
    """Handlers are put into `handlers` by the test."""

    def __init__(self, subprotocol: str = "ocpp1.6") -> None:
        self.subprotocol = subprotocol
        self.handlers: dict[str, Handler] = {"GetConfiguration": lambda _payload: Reply({"configurationKey": []})}
        self.used = 0
        self.interval_s = 300
        self.attempts = 3
        self.retry_interval_s = 60

    def known_actions(self) -> frozenset[str]:
        return frozenset({"GetConfiguration", "GetDiagnostics", "Reset"})

    def error_code(self, code: RpcErrorCode) -> str:
        return SPELLED.get(code, code.value)

    def use(self) -> None:
        self.used += 1

    def boot_request(self, *, triggered: bool = False) -> Outgoing:
        del triggered
        return Outgoing("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})

    def read_boot_answer(self, payload: Payload) -> BootAnswer:
        return BootAnswer(
            BootStatus(payload["status"]), payload["interval"], datetime.fromisoformat(payload["currentTime"])
        )

    def boot_accepted(self, answer: BootAnswer) -> None:
        if answer.interval_s:
            self.interval_s = answer.interval_s

    def heartbeat_interval_s(self) -> int:
        return self.interval_s

    def heartbeat_request(self) -> Outgoing:
        return Outgoing("Heartbeat", {})

    def read_heartbeat_answer(self, payload: Payload) -> datetime:
        return datetime.fromisoformat(payload["currentTime"])

    def authorize_request(self, id_token: IdToken) -> Outgoing:
        return Outgoing("Authorize", {"idTag": id_token.value})

    def read_authorize_answer(self, payload: Payload) -> Authorization:
        return Authorization(AuthorizationStatus(payload["idTagInfo"]["status"]))

    def status_requests(self, status: EvseStatus) -> list[Outgoing]:
        return [
            Outgoing(
                "StatusNotification",
                {
                    "connectorId": status.evse_id,
                    "errorCode": "NoError" if status.fault is None else "OtherError",
                    "vendorErrorCode": "" if status.fault is None else status.fault.value,
                    "status": {"Occupied": "Charging"}.get(
                        status.connector_status.value, status.connector_status.value
                    ),
                    "timestamp": status.at.isoformat(),
                },
            )
        ]

    @property
    def tells_faults_by_status(self) -> bool:
        return True

    def list_conflict_requests(self, conflict: ListConflict) -> list[Outgoing]:
        return [Outgoing("Conflict", {"told": conflict.told.status.value})]

    def station_status_requests(self) -> list[Outgoing]:
        return []

    def sample_requests(self, evse_id: int, sample: Sample) -> list[Outgoing]:
        value = {"timestamp": sample.reading.at.isoformat(), "sampledValue": []}
        return [Outgoing("MeterValues", {"connectorId": evse_id, "meterValue": [value]})]

    def fact_requests(self, fact: Fact, at_csms: TransactionAtCsms) -> list[Outgoing]:
        match fact:
            case TransactionStarted():
                payload = {"connectorId": fact.evse_id, "idTag": "T", "meterStart": 0, "timestamp": fact.at.isoformat()}
                return [Outgoing("StartTransaction", payload)]
            case TransactionEnded():
                csms_id = at_csms.csms_transaction_id or -1
                payload = {"transactionId": csms_id, "meterStop": 1, "timestamp": fact.at.isoformat()}
                return [Outgoing("StopTransaction", payload)]
            case SecurityEventRaised():
                event = {"type": fact.type.value, "timestamp": fact.at.isoformat()}
                return [Outgoing("SecurityEventNotification", event)]
            case _:
                data = {"vendorId": "v", "messageId": "row", "data": str(getattr(fact, "seq_no", ""))}
                return [Outgoing("DataTransfer", data)]

    def read_fact_answer(self, fact: Fact, action: str, payload: Payload) -> FactAnswer:
        del fact
        if action != "StartTransaction":
            return FactAnswer()
        status = AuthorizationStatus(payload["idTagInfo"]["status"])
        return FactAnswer(payload["transactionId"], Authorization(status))

    def message_attempts(self) -> int:
        return self.attempts

    def message_retry_interval_s(self) -> int:
        return self.retry_interval_s


class LearningClock:
    """Counts what it was taught; stands at a fixed UTC otherwise."""

    def __init__(self) -> None:
        self.learnt: list[datetime] = []

    def now(self) -> Instant:
        return Instant(0.0, datetime(2030, 1, 1, tzinfo=UTC))

    def learn_utc(self, utc: datetime) -> timedelta:
        self.learnt.append(utc)
        return timedelta(0)

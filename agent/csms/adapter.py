"""The interface between the link and one OCPP version.

An adapter is a pure mapping plus handlers for what the back-end asks; the link owns the socket, the outbox the order.
Payloads are dicts only between the schema check and the adapter; nothing behind it sees them.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, TypeVar, runtime_checkable

from agent.domain.delivery import TransactionAtCsms as TransactionAtCsms  # noqa: PLC0414 - part of this interface
from agent.domain.facts import Fact, Sample
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, IdToken
from agent.station.back_end import BackEndUnreachableError
from hal.value import dataclass

Payload = dict[str, Any]  # Any: JSON, validated against the official schema at the edge

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One CALL to the back-end."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one CALL of the back-end, and what to do once it is on the wire."""

    payload: Payload
    follow_up: Callable[[], Awaitable[None]] | None = None


class RpcErrorCode(Enum):
    """CALLERROR codes in the domain's names; each version spells them its own way (1.6: FormationViolation, …)."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMAT_VIOLATION = "FormatViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class RpcError(Exception):
    """A request is answered with a CALLERROR, or our own was."""

    def __init__(self, code: RpcErrorCode, description: str = "") -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class CallTimeoutError(BackEndUnreachableError):
    """Our CALL was sent and not answered in time; its answer may still come."""


class LinkLostError(BackEndUnreachableError):
    """Our CALL was not sent, or the link went before its answer came; nothing is known of it."""


class BootStatus(Enum):
    """RegistrationStatusEnumType."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """What the back-end said to BootNotification."""

    status: BootStatus
    interval_s: int
    """Accepted: heartbeat interval; else the wait before the next BootNotification. 0: our own choice."""
    current_time: datetime


@dataclass(frozen=True, slots=True)
class FactAnswer:
    """What the answer to a fact's message says that the station must act on."""

    csms_transaction_id: int | None = None
    """1.6 only: the id that the back-end gave to this transaction."""
    authorization: Authorization | None = None


Send = Callable[[Outgoing], Awaitable[Payload]]
"""Sends a CALL of a handler's follow-up and returns its schema-checked answer; only while accepted or pending.

Raises: RpcError, CallTimeoutError, LinkLostError; left uncaught in a follow-up they are logged and end it.
"""

Handler = Callable[[Payload], Reply | Awaitable[Reply]]
"""A handler that needs no waiting returns its Reply at once and is answered within the receive loop."""


class Adapter(Protocol):
    """One OCPP version. May raise RpcError from handlers; never anything else for bad input."""

    @property
    def subprotocol(self) -> str:
        """Websocket subprotocol, `ocpp1.6` or `ocpp2.0.1`."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Action name to handler; an action that is missing here is answered NotImplemented."""

    def known_actions(self) -> frozenset[str]:
        """All actions of this version, built or not (NotSupported/NotImplemented is answered accordingly)."""

    def error_code(self, code: RpcErrorCode) -> str:
        """Spell a CALLERROR code as this version does."""

    def use(self) -> None:
        """Take effect on the station (transaction start points …): called once this version is negotiated."""

    def boot_request(self, *, triggered: bool = False) -> Outgoing:
        """BootNotification."""

    def read_boot_answer(self, payload: Payload) -> BootAnswer:
        """Read the (schema-checked) answer to BootNotification."""

    def boot_accepted(self, answer: BootAnswer) -> None:
        """Keep the heartbeat interval that the back-end set."""

    def heartbeat_interval_s(self) -> int:
        """Seconds between heartbeats; 0: none."""

    def heartbeat_request(self) -> Outgoing:
        """Heartbeat."""

    def read_heartbeat_answer(self, payload: Payload) -> datetime:
        """Return the back-end's UTC."""

    def authorize_request(self, id_token: IdToken) -> Outgoing:
        """Authorize."""

    def read_authorize_answer(self, payload: Payload) -> Authorization:
        """Read the answer to Authorize."""

    def status_requests(self, status: EvseStatus) -> list[Outgoing]:
        """StatusNotification of one EVSE."""

    @property
    def tells_faults_by_status(self) -> bool:
        """True (1.6): a status names a fault, so that it is news whenever the standing faults change."""

    def station_status_requests(self) -> list[Outgoing]:
        """1.6: StatusNotification of connector 0; 2.0.1: none."""

    def list_conflict_requests(self, conflict: ListConflict) -> list[Outgoing]:
        """1.6: StatusNotification of connector 0; 2.0.1 has no word for it."""

    def sample_requests(self, evse_id: int, sample: Sample) -> list[Outgoing]:
        """MeterValues outside any transaction."""

    def fact_requests(self, fact: Fact, at_csms: TransactionAtCsms) -> list[Outgoing]:
        """Messages that tell this fact, in order; empty if this version has nothing to say of it.

        Asked anew before each message and each attempt, with what the back-end said until then. Their number and order
        follow from the fact alone, so that the n-th message is the n-th again after an interruption.
        """

    def read_fact_answer(self, fact: Fact, action: str, payload: Payload) -> FactAnswer:
        """Read the answer to one of a fact's messages."""

    def message_attempts(self) -> int:
        """How often a transaction message is tried that the back-end answers with an error or not at all."""

    def message_retry_interval_s(self) -> int:
        """Seconds before the next try; multiplied by the number of tries so far."""


class Dated(Protocol):
    """Dates back every moment in a value that was stamped before the time was known."""

    def __call__(self, value: _T, /) -> _T:
        """Return the value, the same one if there is nothing to change."""


def as_stamped(value: _T, /) -> _T:
    """Return the value: the clock was always right."""
    return value


@runtime_checkable
class SignsCertificates(Protocol):
    """A version over which a back-end can be asked for a certificate of this station."""

    def sign_certificate_request(self, csr: str) -> Outgoing:
        """SignCertificate with this signing request, PEM."""

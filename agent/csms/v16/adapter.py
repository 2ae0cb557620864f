"""OCPP 1.6J: what the link, the outbox and the back-end see of this version.

The `ocpp` package's 1.6 classes are not imported here: its package pulls in a whole charge point with jsonschema
(85 ms before the first message) and converts every name at 100 µs a message. Its schema files check each payload,
and the tests hold every name written here against its enumerations and message classes.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from agent.clock import Clock
from agent.csms.adapter import (
    BootAnswer,
    BootStatus,
    FactAnswer,
    Handler,
    Outgoing,
    Payload,
    RpcErrorCode,
    Send,
)
from agent.csms.security.commands import SecurityCommands
from agent.csms.v16 import messages, statuses
from agent.csms.v16.configuration_keys import VARIABLES, ConfigurationKeys
from agent.csms.v16.handlers_certificates import CertificateHandlers
from agent.csms.v16.handlers_configuration import ConfigurationHandlers
from agent.csms.v16.handlers_firmware import FirmwareHandlers
from agent.csms.v16.handlers_local_list import LocalListHandlers
from agent.csms.v16.handlers_logs import LogHandlers
from agent.csms.v16.handlers_reservation import ReservationHandlers
from agent.csms.v16.handlers_smart_charging import SmartChargingHandlers
from agent.csms.v16.handlers_station import StationHandlers
from agent.csms.v16.handlers_transactions import TransactionHandlers
from agent.csms.v16.handlers_trigger import TriggerHandlers
from agent.csms.v16.messages import ChargePointIdentity
from agent.csms.v16.phase_rotation import rotation_key
from agent.csms.v16.security_keys import security_keys
from agent.csms.v16.transaction_ids import GivenNumbers, TransactionIds
from agent.csms.v16.wire_values import read_id_tag_info, read_timestamp
from agent.domain.delivery import TransactionAtCsms
from agent.domain.facts import Fact, Sample, SecurityEventRaised, StationFact
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, IdToken, TxPoint
from agent.station.commands import StationCommands

SUBPROTOCOL = "ocpp1.6"
START_POINTS = frozenset({TxPoint.POWER_PATH_CLOSED})
"""A 1.6 transaction begins when a car is plugged in and its driver authorised: OCPP 1.6 section 4.8."""
STOP_POINTS = frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED})
_ERROR_CODES = {
    RpcErrorCode.FORMAT_VIOLATION: "FormationViolation",
    RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",  # sic, OCPP-J 1.6 section 4.2.3
}


class V16Adapter:
    """Implements `Adapter`; `sender` carries what the back-end asks for and takes a boot answer as after connecting."""

    def __init__(
        self,
        commands: StationCommands,
        *,
        clock: Clock,
        identity: ChargePointIdentity,
        sender: Send,
        journal: TransactionIds,
        security: SecurityCommands | None = None,
    ) -> None:
        """`security`: absent, what needs it is not supported."""
        self._commands = commands
        self._model = commands.device_model
        self._clock = clock
        self._identity = identity
        self._told: tuple[Fact, list[Outgoing]] | None = None
        self._numbers = GivenNumbers(journal)
        self._handlers: dict[str, Handler] = {
            **TransactionHandlers(commands, self._numbers).handlers(),
            **ConfigurationHandlers(self._keys(security)).handlers(),
            **StationHandlers(commands).handlers(),
            **SmartChargingHandlers(commands, self._numbers).handlers(),
            **LocalListHandlers(commands).handlers(),
            **ReservationHandlers(commands).handlers(),
            **FirmwareHandlers(commands.files).handlers(),
            **LogHandlers(commands.files.logs).handlers(),
            **({} if security is None else CertificateHandlers(security).handlers()),
            **self._triggers(journal, sender, security).handlers(),
        }

    # ------------------------------------------------------------------ the version

    @property
    def subprotocol(self) -> str:
        """Websocket subprotocol."""
        return SUBPROTOCOL

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Action name to handler."""
        return self._handlers

    def known_actions(self) -> frozenset[str]:
        """All requests of 1.6 and its security extension, by the schemas that come with the `ocpp` package."""
        return _actions_with_schema()

    def error_code(self, code: RpcErrorCode) -> str:
        """Spell a CALLERROR code as 1.6 does."""
        return _ERROR_CODES.get(code, code.value)

    def use(self) -> None:
        """Let transactions begin and end where 1.6 has them, from now on."""
        self._commands.use_tx_points(START_POINTS, STOP_POINTS)

    # ------------------------------------------------------------------ boot and heartbeat

    def boot_request(self, *, triggered: bool = False) -> Outgoing:
        """BootNotification; 1.6 does not say why."""
        del triggered
        return messages.boot_notification(self._identity)

    def read_boot_answer(self, payload: Payload) -> BootAnswer:
        """Read the answer to BootNotification. Raises: ValueError for a time that no clock shows."""
        return BootAnswer(
            BootStatus(payload["status"]), max(0, payload["interval"]), read_timestamp(payload["currentTime"])
        )

    def boot_accepted(self, answer: BootAnswer) -> None:
        """Take over the heartbeat interval; 0 leaves the choice to us."""
        if answer.interval_s == 0 or answer.interval_s == self.heartbeat_interval_s():
            return
        longest = self._model.definition(VARIABLES["HeartbeatInterval"]).maximum
        interval_s = answer.interval_s if longest is None else min(answer.interval_s, int(longest))
        self._model.set(VARIABLES["HeartbeatInterval"], str(interval_s))

    def heartbeat_interval_s(self) -> int:
        """Seconds between heartbeats."""
        return self._integer("HeartbeatInterval")

    def heartbeat_request(self) -> Outgoing:
        """Heartbeat."""
        return messages.heartbeat()

    def read_heartbeat_answer(self, payload: Payload) -> datetime:
        """Return the back-end's UTC. Raises: ValueError for a time that no clock shows."""
        return read_timestamp(payload["currentTime"])

    # ------------------------------------------------------------------ what the station tells

    def authorize_request(self, id_token: IdToken) -> Outgoing:
        """Authorize. Raises: RpcError if 1.6 cannot carry this token."""
        return messages.authorize(id_token)

    def read_authorize_answer(self, payload: Payload) -> Authorization:
        """Read the answer to Authorize."""
        return read_id_tag_info(payload["idTagInfo"])

    def status_requests(self, status: EvseStatus) -> list[Outgoing]:
        """StatusNotification of one EVSE."""
        return statuses.evse_status(status)

    @property
    def tells_faults_by_status(self) -> bool:
        """Return True: StatusNotification carries errorCode and vendorErrorCode."""
        return True

    def station_status_requests(self) -> list[Outgoing]:
        """StatusNotification of connector 0."""
        evses = [self._commands.evse_status(evse_id) for evse_id in self._commands.evse_ids]
        return [statuses.station_status(evses, self._commands.station_fault(), self._clock.now().utc)]

    def list_conflict_requests(self, conflict: ListConflict) -> list[Outgoing]:
        """StatusNotification of connector 0 with the conflict, then without, since it does not stand."""
        (present,) = self.station_status_requests()
        return [statuses.list_conflict(conflict, present), present]

    def sample_requests(self, evse_id: int, sample: Sample) -> list[Outgoing]:
        """MeterValues outside any transaction."""
        return messages.meter_values(evse_id, (sample,), self._model)

    def fact_requests(self, fact: Fact, at_csms: TransactionAtCsms) -> list[Outgoing]:
        """Messages that tell this fact; the same at the next attempt, even if measurands were set in between.

        What follows a StartTransaction gets its id as soon as the answer has told it.
        """
        if self._told is None or self._told[0] != fact:
            told_of = None if isinstance(fact, SecurityEventRaised) else fact.evse_id
            present = None if told_of is None else self._commands.evse_status(told_of)
            self._told = (fact, messages.fact_messages(fact, at_csms, self._model, present))
            self._numbers.awaited = any(outgoing.action == "StartTransaction" for outgoing in self._told[1])
        return [messages.addressed(outgoing, at_csms.csms_transaction_id) for outgoing in self._told[1]]

    def read_fact_answer(self, fact: Fact, action: str, payload: Payload) -> FactAnswer:
        """Read the transaction's id and what is said of the token."""
        info = payload.get("idTagInfo")
        number = payload["transactionId"] if action == "StartTransaction" else None
        if number is not None and not isinstance(fact, StationFact):
            self._numbers.note(number, fact.transaction_id)
        return FactAnswer(
            csms_transaction_id=number,
            authorization=None if info is None else read_id_tag_info(info),
        )

    def sign_certificate_request(self, csr: str) -> Outgoing:
        """SignCertificate."""
        return messages.sign_certificate(csr)

    def message_attempts(self) -> int:
        """Return TransactionMessageAttempts."""
        return self._integer("TransactionMessageAttempts")

    def message_retry_interval_s(self) -> int:
        """Return TransactionMessageRetryInterval."""
        return self._integer("TransactionMessageRetryInterval")

    # ------------------------------------------------------------------ private

    def _keys(self, security: SecurityCommands | None) -> ConfigurationKeys:
        return ConfigurationKeys(
            self._model,
            len(self._commands.evse_ids),
            rotation_key(self._model, self._commands.evse_ids) | ({} if security is None else security_keys(security)),
            updates_firmware=self._commands.files.firmware is not None,
        )

    def _triggers(self, journal: TransactionIds, sender: Send, security: SecurityCommands | None) -> TriggerHandlers:
        sign = None if security is None else security.request_certificate
        return TriggerHandlers(self._commands, journal, sender, self.boot_request, self.station_status_requests, sign)

    def _integer(self, key: str) -> int:
        return int(self._model.get(VARIABLES[key]).value)


def _actions_with_schema() -> frozenset[str]:
    spec = find_spec("ocpp")
    folders = () if spec is None else spec.submodule_search_locations or ()
    names = {path.stem for folder in folders for path in Path(folder, "v16/schemas").glob("*.json")}
    return frozenset(name for name in names if not name.endswith("Response"))

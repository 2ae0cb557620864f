"""OCPP 2.0.1: what the link, the outbox and the back-end see of this version.

The `ocpp` package's 2.0.1 classes are not imported here: its package pulls in a whole charge point with jsonschema
(130 ms before the first message) and converts every name at 200 µs a message. Its schema files check each payload,
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
from agent.csms.v201 import messages
from agent.csms.v201.handlers_station import StationHandlers
from agent.csms.v201.handlers_transactions import TransactionHandlers
from agent.csms.v201.handlers_trigger import TriggerHandlers
from agent.csms.v201.handlers_variables import VariableHandlers
from agent.csms.v201.live_values import provide_live_values
from agent.csms.v201.messages import BootReason, StationIdentity
from agent.csms.v201.wire_values import read_id_token_info, read_timestamp
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import VariableKey
from agent.domain.facts import Fact, Sample
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, IdToken, TxPoint
from agent.station.commands import StationCommands

SUBPROTOCOL = "ocpp2.0.1"
HEARTBEAT_INTERVAL = VariableKey("OCPPCommCtrlr", "HeartbeatInterval")


class V201Adapter:
    """Implements `Adapter`; `sender` carries what the back-end asks for and takes a boot answer as after connecting."""

    def __init__(
        self,
        commands: StationCommands,
        *,
        clock: Clock,
        identity: StationIdentity,
        sender: Send,
        boot_reason: BootReason = BootReason.POWER_UP,
    ) -> None:
        self._commands = commands
        self._model = commands.device_model
        self._identity = identity
        self._boot_reason = boot_reason
        self._boot_accepted = False
        self._told: tuple[Fact, list[Outgoing]] | None = None
        provide_live_values(commands, clock)
        self._handlers: dict[str, Handler] = {
            **TransactionHandlers(commands).handlers(),
            **VariableHandlers(self._model, clock, sender).handlers(),
            **StationHandlers(commands).handlers(),
            **TriggerHandlers(commands, sender, self._triggered_boot).handlers(),
        }
        for name in ("TxStartPoint", "TxStopPoint"):
            self._model.watch(VariableKey("TxCtrlr", name), lambda _value: self._use_tx_points())
        self._in_use = False

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
        """All requests of 2.0.1, by the official schemas that come with the `ocpp` package."""
        return _actions_with_schema()

    def error_code(self, code: RpcErrorCode) -> str:
        """Spell a CALLERROR code: the domain uses 2.0.1's names."""
        return code.value

    def use(self) -> None:
        """Let transactions begin and end where TxStartPoint and TxStopPoint say, from now on."""
        self._in_use = True
        self._use_tx_points()

    # ------------------------------------------------------------------ boot and heartbeat

    def boot_request(self, *, triggered: bool = False) -> Outgoing:
        """BootNotification."""
        self._boot_accepted = False
        return messages.boot_notification(self._identity, BootReason.TRIGGERED if triggered else self._boot_reason)

    def read_boot_answer(self, payload: Payload) -> BootAnswer:
        """Read the answer to BootNotification."""
        return BootAnswer(
            BootStatus(payload["status"]), max(0, payload["interval"]), read_timestamp(payload["currentTime"])
        )

    def boot_accepted(self, answer: BootAnswer) -> None:
        """Take over the heartbeat interval; 0 leaves the choice to us."""
        self._boot_accepted = True
        if answer.interval_s == 0 or answer.interval_s == self.heartbeat_interval_s():
            return
        longest = self._model.definition(HEARTBEAT_INTERVAL).maximum
        interval_s = answer.interval_s if longest is None else min(answer.interval_s, int(longest))
        self._model.set(HEARTBEAT_INTERVAL, str(interval_s))

    def heartbeat_interval_s(self) -> int:
        """Seconds between heartbeats."""
        return self._model.integer(HEARTBEAT_INTERVAL.component, HEARTBEAT_INTERVAL.variable)

    def heartbeat_request(self) -> Outgoing:
        """Heartbeat."""
        return messages.heartbeat()

    def read_heartbeat_answer(self, payload: Payload) -> datetime:
        """Return the back-end's UTC."""
        return read_timestamp(payload["currentTime"])

    # ------------------------------------------------------------------ what the station tells

    def authorize_request(self, id_token: IdToken) -> Outgoing:
        """Authorize."""
        return messages.authorize(id_token)

    def read_authorize_answer(self, payload: Payload) -> Authorization:
        """Read the answer to Authorize."""
        return read_id_token_info(payload["idTokenInfo"])

    def status_requests(self, status: EvseStatus) -> list[Outgoing]:
        """StatusNotification of one EVSE."""
        return messages.status_notifications(status)

    @property
    def tells_faults_by_status(self) -> bool:
        """Return False: faults are told by NotifyEvent."""
        return False

    def list_conflict_requests(self, conflict: ListConflict) -> list[Outgoing]:
        """Nothing: 2.0.1 has no message for it."""
        del conflict
        return []

    def station_status_requests(self) -> list[Outgoing]:
        """Return nothing: 2.0.1 tells the station's state by its EVSEs."""
        return []

    def sample_requests(self, evse_id: int, sample: Sample) -> list[Outgoing]:
        """MeterValues outside any transaction."""
        return messages.meter_values(evse_id, sample, self._model)

    def fact_requests(self, fact: Fact, at_csms: TransactionAtCsms) -> list[Outgoing]:
        """Messages that tell this fact; the same at the next attempt, even if measurands were set in between."""
        del at_csms  # 2.0.1 needs no id of the back-end
        if self._told is None or self._told[0] != fact:
            self._told = (fact, messages.fact_messages(fact, self._model))
        return self._told[1]

    def read_fact_answer(self, fact: Fact, action: str, payload: Payload) -> FactAnswer:
        """Read what a TransactionEvent's answer says of the token."""
        del fact
        info = payload.get("idTokenInfo") if action == "TransactionEvent" else None
        return FactAnswer(authorization=None if info is None else read_id_token_info(info))

    def message_attempts(self) -> int:
        """Return MessageAttempts of TransactionEvent."""
        return self._model.integer("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent")

    def message_retry_interval_s(self) -> int:
        """Return MessageAttemptInterval of TransactionEvent."""
        return self._model.integer("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent")

    # ------------------------------------------------------------------ private

    def _use_tx_points(self) -> None:
        if self._in_use:
            self._commands.use_tx_points(self._tx_points("TxStartPoint"), self._tx_points("TxStopPoint"))

    def _tx_points(self, name: str) -> frozenset[TxPoint]:
        return frozenset(TxPoint(point) for point in self._model.members("TxCtrlr", name))

    def _triggered_boot(self) -> Outgoing | None:
        return None if self._boot_accepted else self.boot_request(triggered=True)


def _actions_with_schema() -> frozenset[str]:
    spec = find_spec("ocpp")
    folders = () if spec is None else spec.submodule_search_locations or ()
    suffix = "Request.json"
    return frozenset(
        path.name.removesuffix(suffix) for folder in folders for path in Path(folder, "v201/schemas").glob(f"*{suffix}")
    )

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.csms.adapter import Adapter, BootAnswer, BootStatus, RpcError, RpcErrorCode
from agent.csms.v201.messages import BootReason
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import VariableKey
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.vocabulary import (
    Authorization,
    AuthorizationStatus,
    ChargingState,
    ConnectorStatus,
    IdToken,
    IdTokenType,
    TxPoint,
)
from tests.agent.csms.v201.official import check_sent, enums
from tests.agent.csms.v201.rig import Rig
from tests.agent.csms.v201.test_messages import STARTED
from tests.fakes.fake_station import NOW, sample

HEARTBEAT = VariableKey("OCPPCommCtrlr", "HeartbeatInterval")
BUILT = {
    "ChangeAvailability",
    "ClearCache",
    "DataTransfer",
    "GetBaseReport",
    "GetTransactionStatus",
    "GetVariables",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "Reset",
    "SetVariables",
    "TriggerMessage",
    "UnlockConnector",
}


def test_it_is_an_adapter_of_2_0_1() -> None:
    adapter: Adapter = Rig().adapter
    assert adapter.subprotocol == "ocpp2.0.1"
    assert adapter.station_status_requests() == []
    assert adapter.error_code(RpcErrorCode.FORMAT_VIOLATION) == "FormatViolation"


def test_only_what_is_built_has_a_handler_and_every_action_is_known() -> None:
    adapter = Rig().adapter
    assert set(adapter.handlers) == BUILT
    assert adapter.known_actions() == {action.value for action in enums.Action}


def test_transactions_begin_and_end_where_the_variables_say_once_the_version_is_in_use() -> None:
    rig = Rig()
    rig.station.device_model.set(VariableKey("TxCtrlr", "TxStartPoint"), "EVConnected")
    seen = [rig.station.tx_points]
    rig.adapter.use()
    seen.append(rig.station.tx_points)
    rig.station.device_model.set(VariableKey("TxCtrlr", "TxStopPoint"), "PowerPathClosed")
    seen.append(rig.station.tx_points)
    start = frozenset({TxPoint.EV_CONNECTED})
    assert seen == [
        None,
        (start, frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED})),
        (start, frozenset({TxPoint.POWER_PATH_CLOSED})),
    ]


def test_boot_tells_its_reason() -> None:
    adapter = Rig().adapter
    assert check_sent(adapter.boot_request())["reason"] == BootReason.POWER_UP.value
    assert check_sent(adapter.boot_request(triggered=True))["reason"] == BootReason.TRIGGERED.value


def test_the_answer_to_boot_is_read() -> None:
    answer = {"status": "Pending", "interval": 60, "currentTime": "2026-01-01T02:00:00.123456789+02:00"}
    expected = BootAnswer(BootStatus.PENDING, 60, datetime(2026, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC))
    assert Rig().adapter.read_boot_answer(answer) == expected


@pytest.mark.parametrize(("interval_s", "kept_s"), [(60, 60), (0, 300), (10**9, 604_800)])
def test_the_back_end_sets_the_heartbeat_unless_it_leaves_it_to_us(interval_s: int, kept_s: int) -> None:
    adapter = Rig().adapter
    adapter.boot_accepted(BootAnswer(BootStatus.ACCEPTED, interval_s, NOW))
    assert adapter.heartbeat_interval_s() == kept_s


def test_a_heartbeat_interval_that_stays_is_not_written_again() -> None:
    rig = Rig()
    written: list[str] = []
    rig.station.device_model.on_written(lambda _key, value: written.append(value))
    for _ in range(2):
        rig.adapter.boot_accepted(BootAnswer(BootStatus.ACCEPTED, 60, NOW))
    assert written == ["60"]


def test_the_time_in_a_heartbeat_answer_is_read_as_utc() -> None:
    adapter = Rig().adapter
    assert check_sent(adapter.heartbeat_request()) == {}
    assert adapter.read_heartbeat_answer({"currentTime": "2026-01-01t00:00:00z"}) == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(RpcError):
        adapter.read_heartbeat_answer({"currentTime": "2016-12-31T23:59:60Z"})


def test_an_authorization_is_asked_and_read_with_group_and_expiry() -> None:
    adapter = Rig().adapter
    check_sent(adapter.authorize_request(IdToken("04A1B2C3")))
    info = {
        "status": "Accepted",
        "cacheExpiryDateTime": "2026-01-01T00:00:00Z",
        "groupIdToken": {"idToken": "FLEET", "type": "Central"},
    }
    assert adapter.read_authorize_answer({"idTokenInfo": info}) == Authorization(
        AuthorizationStatus.ACCEPTED, IdToken("FLEET", IdTokenType.CENTRAL), datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize("status", ["NotAllowedTypeEVSE", "NotAtThisLocation", "NotAtThisTime"])
def test_a_refusal_that_the_domain_does_not_know_is_a_refusal(status: str) -> None:
    authorization = Rig().adapter.read_authorize_answer({"idTokenInfo": {"status": status}})
    assert authorization.status is AuthorizationStatus.INVALID


def test_a_fact_becomes_one_message_and_its_answer_may_refuse_the_token() -> None:
    adapter = Rig().adapter
    [outgoing] = adapter.fact_requests(STARTED, TransactionAtCsms())
    check_sent(outgoing)
    refused = adapter.read_fact_answer(STARTED, outgoing.action, {"idTokenInfo": {"status": "Blocked"}})
    assert refused.authorization == Authorization(AuthorizationStatus.BLOCKED)
    assert adapter.read_fact_answer(STARTED, outgoing.action, {}).authorization is None


def test_a_fact_is_told_with_the_same_content_again_even_if_measurands_were_set_in_between() -> None:
    rig = Rig()
    first = rig.adapter.fact_requests(STARTED, TransactionAtCsms())
    rig.station.device_model.set(VariableKey("SampledDataCtrlr", "TxStartedMeasurands"), "Voltage")
    assert rig.adapter.fact_requests(replace(STARTED), TransactionAtCsms()) == first
    [other] = rig.adapter.fact_requests(replace(STARTED, transaction_id="tx-2"), TransactionAtCsms())
    assert other.payload["meterValue"][0]["sampledValue"][0]["measurand"] == "Voltage"


def test_status_and_samples_are_told() -> None:
    adapter = Rig().adapter
    status = EvseStatus(1, ConnectorStatus.AVAILABLE, SessionState.AVAILABLE, ChargingState.IDLE, NOW)
    [told] = adapter.status_requests(status)
    assert check_sent(told)["connectorStatus"] == "Available"
    [values] = adapter.sample_requests(1, sample())
    assert check_sent(values)["evseId"] == 1


def test_retries_follow_the_variables() -> None:
    rig = Rig()
    assert (rig.adapter.message_attempts(), rig.adapter.message_retry_interval_s()) == (5, 10)
    rig.station.device_model.set(VariableKey("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"), "2")
    assert rig.adapter.message_attempts() == 2


def test_the_adapter_is_ready_without_importing_the_ocpp_package() -> None:
    """Its 2.0.1 classes cost 130 ms that the first message cannot wait for."""
    code = "import sys; import agent.csms.v201.adapter; sys.exit('ocpp' in sys.modules or 'jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

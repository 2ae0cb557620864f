import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.csms.adapter import Adapter, BootAnswer, BootStatus, FactAnswer, RpcError, RpcErrorCode
from agent.csms.v16.messages import ChargePointIdentity
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import VariableKey
from agent.domain.facts import UnauthorisedEnergyFound
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType, TxPoint
from tests.agent.csms.transaction_facts import ENDED, LONG_TOKEN, STARTED, TOKEN, UPDATED
from tests.agent.csms.v16.official import check_sent, enums
from tests.agent.csms.v16.rig import Rig
from tests.fakes.fake_station import NOW, sample

MEASURANDS = VariableKey("SampledDataCtrlr", "TxUpdatedMeasurands")
NEW = TransactionAtCsms()
KNOWN = TransactionAtCsms(start_acknowledged=True, csms_transaction_id=7)
BUILT = {
    "ChangeAvailability",
    "ChangeConfiguration",
    "CancelReservation",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetLocalListVersion",
    "GetLog",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
}


def test_it_is_an_adapter_of_1_6() -> None:
    adapter: Adapter = Rig().adapter
    assert adapter.subprotocol == "ocpp1.6"


def test_only_what_is_built_has_a_handler_and_every_action_is_known() -> None:
    adapter = Rig().adapter
    assert set(adapter.handlers) == BUILT
    assert adapter.known_actions() == {action.value for action in enums.Action}


@pytest.mark.parametrize(
    ("code", "spelling"),
    [
        (RpcErrorCode.FORMAT_VIOLATION, "FormationViolation"),
        (RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "OccurenceConstraintViolation"),
        (RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "PropertyConstraintViolation"),
        (RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "TypeConstraintViolation"),
        (RpcErrorCode.NOT_IMPLEMENTED, "NotImplemented"),
        (RpcErrorCode.NOT_SUPPORTED, "NotSupported"),
        (RpcErrorCode.INTERNAL_ERROR, "InternalError"),
        (RpcErrorCode.PROTOCOL_ERROR, "ProtocolError"),
        (RpcErrorCode.SECURITY_ERROR, "SecurityError"),
        (RpcErrorCode.GENERIC_ERROR, "GenericError"),
    ],
)
def test_errors_are_spelled_as_in_1_6(code: RpcErrorCode, spelling: str) -> None:
    assert Rig().adapter.error_code(code) == spelling


def test_a_transaction_begins_once_a_car_is_plugged_in_and_its_driver_authorised() -> None:
    rig = Rig()
    assert rig.station.tx_points is None
    rig.adapter.use()
    assert rig.station.tx_points == (
        frozenset({TxPoint.POWER_PATH_CLOSED}),
        frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED}),
    )


def test_boot_tells_who_the_station_is() -> None:
    adapter = Rig().adapter
    assert check_sent(adapter.boot_request()) == {
        "chargePointVendor": "Pilotline",
        "chargePointModel": "Bench",
        "chargePointSerialNumber": "SN-1",
        "firmwareVersion": "0.1.0",
    }
    assert adapter.boot_request(triggered=True) == adapter.boot_request()


@pytest.mark.parametrize("name", ["vendor", "model", "serial_number", "firmware_version"])
def test_a_name_that_does_not_fit_the_boot_message_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is longer than"):
        ChargePointIdentity(
            **{"vendor": "v", "model": "m", "serial_number": "", "firmware_version": "", name: "x" * 51}
        )


def test_the_answer_to_boot_is_read() -> None:
    answer = {"status": "Pending", "interval": -5, "currentTime": "2026-01-01T02:00:00.123456789+02:00"}
    expected = BootAnswer(BootStatus.PENDING, 0, datetime(2026, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC))
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


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-01t00:00:00z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_any_time_that_a_back_end_writes_is_read_as_utc(text: str, utc: datetime) -> None:
    adapter = Rig().adapter
    assert check_sent(adapter.heartbeat_request()) == {}
    assert adapter.read_heartbeat_answer({"currentTime": text}) == utc


def test_an_authorization_is_asked_and_read_with_parent_and_expiry() -> None:
    adapter = Rig().adapter
    assert check_sent(adapter.authorize_request(TOKEN)) == {"idTag": TOKEN.value}
    info = {"status": "Accepted", "expiryDate": "2026-01-01T00:00:00Z", "parentIdTag": "FLEET"}
    assert adapter.read_authorize_answer({"idTagInfo": info}) == Authorization(
        AuthorizationStatus.ACCEPTED, IdToken("FLEET", IdTokenType.CENTRAL), datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize("status", enums.AuthorizationStatus)
def test_every_authorization_status_of_1_6_is_one_of_the_domain(status: str) -> None:
    authorization = Rig().adapter.read_authorize_answer({"idTagInfo": {"status": status}})
    assert authorization.status.value == status


def test_a_token_that_1_6_cannot_carry_is_refused_by_name_and_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RpcError, match="longer than 20 characters") as refused:
        Rig().adapter.authorize_request(LONG_TOKEN)
    assert refused.value.code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert "longer than 20" in caplog.text
    assert LONG_TOKEN.value not in caplog.text


def test_a_start_is_told_then_its_samples_under_the_id_that_its_answer_gave() -> None:
    adapter = Rig().adapter
    start, _ = adapter.fact_requests(STARTED, NEW)
    assert check_sent(start)["idTag"] == TOKEN.value
    info = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}
    answer = adapter.read_fact_answer(STARTED, start.action, info)
    assert answer == FactAnswer(7, Authorization(AuthorizationStatus.BLOCKED))
    again, values = adapter.fact_requests(STARTED, KNOWN)
    assert again == start
    assert check_sent(values)["transactionId"] == 7


def test_an_answer_with_an_expiry_that_no_clock_shows_still_counts_and_is_valid_at_no_time() -> None:
    """Else the start would be sent a second time."""
    info = {"status": "Accepted", "expiryDate": "0000-01-01T00:00:00Z"}
    answer = Rig().adapter.read_fact_answer(STARTED, "StartTransaction", {"transactionId": 7, "idTagInfo": info})
    assert answer.csms_transaction_id == 7
    assert answer.authorization == Authorization(AuthorizationStatus.ACCEPTED, None, datetime.min.replace(tzinfo=UTC))


def test_the_answer_to_a_stop_may_refuse_its_token_and_those_without_a_word_say_nothing() -> None:
    adapter = Rig().adapter
    refused = adapter.read_fact_answer(ENDED, "StopTransaction", {"idTagInfo": {"status": "Expired"}})
    assert refused == FactAnswer(None, Authorization(AuthorizationStatus.EXPIRED))
    assert adapter.read_fact_answer(ENDED, "StopTransaction", {}) == FactAnswer()
    assert adapter.read_fact_answer(UPDATED, "MeterValues", {}) == FactAnswer()


def test_a_start_that_was_held_back_stays_a_start_while_it_is_told() -> None:
    adapter = Rig().adapter
    assert adapter.fact_requests(replace(STARTED, id_token=None), NEW) == []
    named = replace(UPDATED, id_token=TOKEN)
    held = TransactionAtCsms(start_acknowledged=True)
    assert [outgoing.action for outgoing in adapter.fact_requests(named, held)] == ["StartTransaction", "MeterValues"]
    start, values = adapter.fact_requests(named, KNOWN)
    assert start.action == "StartTransaction"
    assert check_sent(values)["transactionId"] == 7


def test_a_fact_is_told_with_the_same_content_again_even_if_measurands_were_set_in_between() -> None:
    rig = Rig()
    first = rig.adapter.fact_requests(UPDATED, KNOWN)
    rig.station.device_model.set(MEASURANDS, "Voltage")
    assert rig.adapter.fact_requests(replace(UPDATED), KNOWN) == first
    [other] = rig.adapter.fact_requests(replace(UPDATED, seq_no=9), KNOWN)
    assert other.payload["meterValue"][0]["sampledValue"][0]["measurand"] == "Voltage"


def test_energy_found_is_told_with_the_status_of_its_connector_now() -> None:
    rig = Rig()
    rig.station.occupy(1)
    fact = UnauthorisedEnergyFound(1, NOW, Decimal(12), Decimal(100), Decimal(112))
    found, now, event = rig.adapter.fact_requests(fact, NEW)
    assert check_sent(found)["errorCode"] == "OtherError"
    assert check_sent(now) == {**now.payload, "status": "Preparing", "errorCode": "NoError"}
    assert check_sent(event)["type"] == "UnauthorisedEnergyFound"


def test_status_and_samples_are_told() -> None:
    rig = Rig()
    status = rig.station.evse_status(1)
    assert status is not None
    [told] = rig.adapter.status_requests(status)
    assert check_sent(told)["status"] == "Available"
    [values] = rig.adapter.sample_requests(1, sample())
    assert "transactionId" not in check_sent(values)


def test_connector_0_tells_the_station() -> None:
    rig = Rig()
    [free] = rig.adapter.station_status_requests()
    assert check_sent(free) == {
        "connectorId": 0,
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": "2026-03-14T15:09:26.535Z",
    }
    rig.station.broken = "journal_not_writable"
    [broken] = rig.adapter.station_status_requests()
    assert check_sent(broken)["status"] == "Faulted"
    assert broken.payload["vendorErrorCode"] == "journal_not_writable"


async def test_connector_0_is_unavailable_once_all_are() -> None:
    rig = Rig()
    for evse_id, status in ((1, "Available"), (2, "Unavailable")):
        await rig.station.change_availability(evse_id, operative=False)
        assert rig.adapter.station_status_requests()[0].payload["status"] == status


def test_retries_follow_the_variables() -> None:
    rig = Rig()
    assert (rig.adapter.message_attempts(), rig.adapter.message_retry_interval_s()) == (5, 10)
    rig.station.device_model.set(VariableKey("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"), "2")
    assert rig.adapter.message_attempts() == 2


@pytest.mark.parametrize("module", ["adapter", "configuration_keys"])
def test_it_is_ready_without_importing_the_ocpp_package(module: str) -> None:
    """Its 1.6 classes cost 85 ms that the first message cannot wait for."""
    code = f"import sys; import agent.csms.v16.{module}; sys.exit('ocpp' in sys.modules or 'jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

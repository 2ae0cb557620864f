from dataclasses import replace
from decimal import Decimal

import pytest

from agent.csms.v16 import statuses
from agent.csms.v16.statuses import ERROR_CODES, STATUSES
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import UnauthorisedEnergyFound
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.vocabulary import ChargingState, ConnectorStatus
from hal.api import Fault
from tests.agent.csms.v16.official import check_sent, enums
from tests.fakes.fake_station import NOW

FOUND = UnauthorisedEnergyFound(1, NOW, Decimal("12.5"), Decimal(100), Decimal("112.5"))


def status(state: SessionState, fault: Fault | None = None, detail: str = "") -> EvseStatus:
    return EvseStatus(1, ConnectorStatus.OCCUPIED, state, ChargingState.IDLE, NOW, fault, detail)


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.UNKNOWN])
def test_every_state_is_a_status_of_1_6(state: SessionState) -> None:
    [outgoing] = statuses.evse_status(status(state))
    assert check_sent(outgoing)["status"] in set(enums.ChargePointStatus)


def test_nothing_is_told_of_an_evse_that_nobody_knows_yet() -> None:
    assert statuses.evse_status(status(SessionState.UNKNOWN)) == []


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (SessionState.AVAILABLE, "Available"),
        (SessionState.AWAITING_AUTHORIZATION, "Preparing"),
        (SessionState.AWAITING_EV, "Preparing"),
        (SessionState.CHARGING, "Charging"),
        (SessionState.SUSPENDED_EV, "SuspendedEV"),
        (SessionState.SUSPENDED_EVSE, "SuspendedEVSE"),
        (SessionState.STOPPING, "SuspendedEVSE"),
        (SessionState.READING_METER, "Finishing"),
        (SessionState.FINISHING, "Finishing"),
        (SessionState.UNAVAILABLE, "Unavailable"),
        (SessionState.FAULTED, "Faulted"),
    ],
)
def test_a_state_is_told_in_the_words_of_1_6(state: SessionState, told: str) -> None:
    assert STATUSES[state] == told


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_is_an_error_code_of_1_6_and_keeps_its_own_name(fault: Fault) -> None:
    [outgoing] = statuses.evse_status(status(SessionState.FAULTED, fault))
    payload = check_sent(outgoing)
    assert payload["errorCode"] in set(enums.ChargePointErrorCode) - {"NoError"}
    assert payload["vendorErrorCode"] == fault.value
    assert payload["info"] == CATALOGUE[fault].meaning[:50]


def test_the_names_of_the_faults_that_an_operator_acts_on() -> None:
    assert ERROR_CODES[Fault.GROUND_FAULT_TRIPPED] == "GroundFailure"
    assert ERROR_CODES[Fault.CONTACTOR_WELDED] == "PowerSwitchFailure"
    assert ERROR_CODES[Fault.METER_SILENT] == "PowerMeterFailure"


def test_a_fault_that_blocks_nothing_leaves_the_status_as_it_is() -> None:
    [outgoing] = statuses.evse_status(status(SessionState.CHARGING, Fault.METER_SILENT))
    assert (outgoing.payload["status"], outgoing.payload["errorCode"]) == ("Charging", "PowerMeterFailure")


def test_a_detail_longer_than_50_characters_is_clipped() -> None:
    [outgoing] = statuses.evse_status(status(SessionState.FAULTED, Fault.DIODE, "x" * 80))
    assert check_sent(outgoing)["info"] == "x" * 50


def test_no_error_comes_without_details_and_a_faulted_evse_never_without_error() -> None:
    [fine] = statuses.evse_status(status(SessionState.AVAILABLE))
    assert fine.payload == {
        "connectorId": 1,
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": "2026-03-14T15:09:26.535Z",
    }
    [faulted] = statuses.evse_status(status(SessionState.FAULTED))
    assert check_sent(faulted)["errorCode"] == "OtherError"


def test_energy_found_without_a_transaction_is_an_error_that_does_not_stand() -> None:
    found, now = statuses.unauthorised_energy(FOUND, status(SessionState.FINISHING))
    assert check_sent(found) == {
        "connectorId": 1,
        "errorCode": "OtherError",
        "status": "Finishing",
        "timestamp": "2026-03-14T15:09:26.535Z",
        "vendorErrorCode": "unauthorised_energy",
        "info": "12.5 Wh without a transaction",
    }
    assert (now.payload["errorCode"], now.payload["status"]) == ("NoError", "Finishing")


def test_energy_found_by_a_register_with_many_digits_is_told_whole() -> None:
    energy_wh = Decimal("98.24936371296644210815429688")
    [found] = statuses.unauthorised_energy(replace(FOUND, energy_wh=energy_wh), None)
    assert check_sent(found)["info"] == "98.249 Wh without a transaction"


@pytest.mark.parametrize("present", [None, status(SessionState.UNKNOWN)])
def test_energy_found_where_nothing_is_known_yet_is_told_alone(present: EvseStatus | None) -> None:
    [found] = statuses.unauthorised_energy(FOUND, present)
    assert check_sent(found)["status"] == "Available"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (SessionState.AVAILABLE, "Reserved"),
        (SessionState.AWAITING_AUTHORIZATION, "Reserved"),
        (SessionState.AWAITING_EV, "Preparing"),
        (SessionState.FAULTED, "Faulted"),
        (SessionState.UNAVAILABLE, "Unavailable"),
    ],
)
def test_a_reserved_connector_is_reserved_until_its_driver_is_authorised(state: SessionState, told: str) -> None:
    """Sections 4.9 and 5.13."""
    [outgoing] = statuses.evse_status(replace(status(state), reserved=True))
    assert check_sent(outgoing)["status"] == told

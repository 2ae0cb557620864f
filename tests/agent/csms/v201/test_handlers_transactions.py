import pytest

from agent.csms.adapter import Payload
from agent.domain.vocabulary import IdToken, IdTokenType
from agent.station.commands import RemoteStart
from hal.api import Fault
from tests.agent.csms.v201.rig import Rig

TOKEN: Payload = {"idToken": "04A1B2C3", "type": "ISO14443"}
PROFILE: Payload = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
    ],
}


async def test_a_remote_start_passes_on_token_group_evse_and_its_id() -> None:
    rig = Rig()
    group: Payload = {"idToken": "FLEET", "type": "Central"}
    request: Payload = {"idToken": TOKEN, "remoteStartId": 42, "evseId": 2, "groupIdToken": group}
    assert await rig.ask("RequestStartTransaction", request) == {"status": "Accepted"}
    assert rig.station.asked == [
        ("remote_start", RemoteStart(IdToken("04A1B2C3"), 2, 42, IdToken("FLEET", IdTokenType.CENTRAL)))
    ]


async def test_without_an_evse_the_station_chooses() -> None:
    rig = Rig()
    assert (await rig.ask("RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 1}))["status"] == "Accepted"
    assert rig.station.asked == [("remote_start", RemoteStart(IdToken("04A1B2C3"), None, 1))]


async def test_a_transaction_that_runs_already_is_named_in_the_answer() -> None:
    """F01.FR.13."""
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    answered = await rig.ask("RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 1, "evseId": 1})
    assert answered == {"status": "Accepted", "transactionId": "tx-1"}


async def test_a_charging_profile_with_the_start_is_refused_by_name_and_nothing_starts() -> None:
    rig = Rig()
    request = {"idToken": TOKEN, "remoteStartId": 1, "evseId": 1, "chargingProfile": PROFILE}
    answered = await rig.ask("RequestStartTransaction", request)
    assert answered["status"] == "Rejected"
    assert answered["statusInfo"]["additionalInfo"] == "charging profiles are not supported"
    assert rig.station.asked == []


async def test_an_evse_that_does_not_exist_cannot_start() -> None:
    rig = Rig()
    answered = await rig.ask("RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 1, "evseId": 9})
    assert answered == {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    assert rig.station.asked == []


async def test_a_faulted_or_taken_evse_cannot_start() -> None:
    """F01.FR.23, F01.FR.24."""
    rig = Rig()
    rig.station.fault(1, Fault.GROUND_FAULT_TRIPPED)
    rig.station.occupy(2, "tx-2", IdToken("OTHER"))
    for evse_id in (1, 2):
        answered = await rig.ask("RequestStartTransaction", {"idToken": TOKEN, "remoteStartId": 1, "evseId": evse_id})
        assert answered["status"] == "Rejected"
        assert answered["statusInfo"]["additionalInfo"]


async def test_a_remote_stop_ends_that_transaction_and_no_other() -> None:
    """F03.FR.07, F03.FR.08."""
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.station.occupy(2, "tx-2")
    assert await rig.ask("RequestStopTransaction", {"transactionId": "tx-2"}) == {"status": "Accepted"}
    answered = await rig.ask("RequestStopTransaction", {"transactionId": "tx-2"})
    assert answered == {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    assert list(rig.station.transactions) == ["tx-1"]


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        ({"transactionId": "open"}, {"ongoingIndicator": True, "messagesInQueue": False}),
        ({"transactionId": "open-queued"}, {"ongoingIndicator": True, "messagesInQueue": True}),
        ({"transactionId": "over-queued"}, {"ongoingIndicator": False, "messagesInQueue": True}),
        ({"transactionId": "unknown"}, {"ongoingIndicator": False, "messagesInQueue": False}),
        ({}, {"messagesInQueue": True}),
    ],
)
async def test_the_status_of_a_transaction_is_told_as_it_is(request_: Payload, answered: Payload) -> None:
    """E14.FR.01 to .08."""
    rig = Rig()
    rig.station.occupy(1, "open")
    rig.station.occupy(2, "open-queued")
    rig.station.queued = {"open-queued", "over-queued"}
    assert await rig.ask("GetTransactionStatus", request_) == answered


async def test_an_empty_queue_is_told_without_a_word_about_transactions() -> None:
    """E14.FR.06, E14.FR.08."""
    assert await Rig().ask("GetTransactionStatus", {}) == {"messagesInQueue": False}

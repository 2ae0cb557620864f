import asyncio

import pytest

from agent.csms.adapter import Payload
from agent.csms.v16.charging_profiles import read_profile
from agent.domain.delivery import TransactionAtCsms
from agent.domain.vocabulary import IdToken, IdTokenType
from agent.station.commands import RemoteStart
from hal.api import Fault
from tests.agent.csms.link_house import started
from tests.agent.csms.v16.rig import Rig

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
DRIVER = IdToken("04A1B2C3", IdTokenType.CENTRAL)
PROFILE: Payload = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
}


@pytest.mark.parametrize("connector_id", [None, 2])
async def test_a_remote_start_names_a_connector_or_lets_the_station_choose(connector_id: int | None) -> None:
    rig = Rig()
    where = {} if connector_id is None else {"connectorId": connector_id}
    assert await rig.ask("RemoteStartTransaction", {"idTag": "04A1B2C3", **where}) == ACCEPTED
    assert rig.station.asked == [("remote_start", RemoteStart(DRIVER, connector_id))]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"connectorId": 9}, "no connector 9"),
        ({"connectorId": 0}, "no connector 0"),
        ({"connectorId": 1, "chargingProfile": {**PROFILE, "transactionId": 4}}, "cannot name a transaction"),
        ({"chargingProfile": {**PROFILE, "validTo": "0000-01-01T00:00:00Z"}}, "year 0 is out of range"),
    ],
)
async def test_a_remote_start_that_cannot_be_done_as_asked_starts_nothing_and_the_log_says_why(
    more: Payload, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig = Rig()
    assert await rig.ask("RemoteStartTransaction", {"idTag": "T", **more}) == REJECTED
    assert rig.station.asked == []
    assert reason in caplog.text


async def test_a_remote_start_hands_on_the_profile_that_it_brings() -> None:
    rig = Rig()
    assert await rig.ask("RemoteStartTransaction", {"idTag": "04A1B2C3", "chargingProfile": PROFILE}) == ACCEPTED
    assert rig.station.asked == [("remote_start", RemoteStart(DRIVER, charging_profile=read_profile(PROFILE, 0)))]


async def test_a_faulted_or_taken_connector_cannot_start() -> None:
    rig = Rig()
    rig.station.fault(1, Fault.GROUND_FAULT_TRIPPED)
    rig.station.occupy(2, "tx-2", IdToken("OTHER"))
    for connector_id in (1, 2):
        assert await rig.ask("RemoteStartTransaction", {"idTag": "T", "connectorId": connector_id}) == REJECTED


async def test_a_remote_stop_ends_the_transaction_of_that_number_once_and_no_other() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.station.occupy(2, "tx-2")
    rig.known.by_csms_id = {41: "tx-1", 42: "tx-2"}
    assert await rig.ask("RemoteStopTransaction", {"transactionId": 42}) == ACCEPTED
    assert await rig.ask("RemoteStopTransaction", {"transactionId": 42}) == REJECTED
    assert list(rig.station.transactions) == ["tx-1"]


async def test_a_number_that_no_transaction_has_stops_nothing() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    assert await rig.ask("RemoteStopTransaction", {"transactionId": -1}) == REJECTED
    assert rig.station.asked == []


async def test_a_number_counts_from_the_answer_that_gave_it_even_if_that_is_still_being_taken_in() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    assert await rig.ask("RemoteStopTransaction", {"transactionId": 7}) == REJECTED
    rig.adapter.fact_requests(started("tx-1"), TransactionAtCsms())
    stopping = asyncio.create_task(rig.ask("RemoteStopTransaction", {"transactionId": 7}))
    await asyncio.sleep(0)
    rig.adapter.read_fact_answer(started("tx-1"), "StartTransaction", {"transactionId": 7})
    assert await stopping == ACCEPTED

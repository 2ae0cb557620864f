"""SendLocalList and GetLocalListVersion. OCPP 1.6 sections 3.5.2, 5.10, 5.15."""

from datetime import UTC, datetime

import pytest

from agent.csms.adapter import Payload
from agent.domain.local_list import ListConflict, ListEntry, ListUpdate, UpdateKind, UpdateOutcome
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType
from tests.agent.csms.v16.rig import Rig

ENTRIES: list[Payload] = [
    {"idTag": "A1", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET", "expiryDate": "2027-01-01T00:00:00Z"}},
    {"idTag": "B2", "idTagInfo": {"status": "ConcurrentTx"}},
    {"idTag": "C3", "idTagInfo": {"status": "Invalid"}},
    {"idTag": "D4"},
]
ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)


def central(text: str) -> IdToken:
    return IdToken(text, IdTokenType.CENTRAL)


async def test_an_update_is_passed_on_with_all_that_it_says() -> None:
    rig = Rig()
    request = {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": ENTRIES}
    assert await rig.ask("SendLocalList", request) == {"status": "Accepted"}
    told = Authorization(AuthorizationStatus.ACCEPTED, central("FLEET"), datetime(2027, 1, 1, tzinfo=UTC))
    assert rig.station.asked == [
        (
            "update_local_list",
            ListUpdate(
                UpdateKind.DIFFERENTIAL,
                3,
                (
                    ListEntry(central("A1"), told),
                    ListEntry(central("B2"), ACCEPTED),  # section 3.5.2: ConcurrentTx marks a valid one
                    ListEntry(central("C3"), Authorization(AuthorizationStatus.INVALID)),
                    ListEntry(central("D4"), None),
                ),
            ),
        )
    ]
    assert await rig.ask("GetLocalListVersion", {}) == {"listVersion": 3}


async def test_a_full_update_without_a_list_is_an_empty_one() -> None:
    rig = Rig()
    assert await rig.ask("SendLocalList", {"listVersion": 0, "updateType": "Full"}) == {"status": "Accepted"}
    assert rig.station.asked == [("update_local_list", ListUpdate(UpdateKind.FULL, 0))]


@pytest.mark.parametrize("outcome", list(UpdateOutcome))
async def test_the_outcome_is_told_in_the_words_of_1_6(outcome: UpdateOutcome) -> None:
    rig = Rig()
    rig.station.list_outcome = outcome
    answered = await rig.ask("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []})
    assert answered == {"status": outcome.value}


async def test_a_list_that_is_switched_off_is_as_none() -> None:
    """Sections 5.10 (-1) and UpdateStatus NotSupported."""
    rig = Rig()
    rig.station.list_version = None
    assert await rig.ask("GetLocalListVersion", {}) == {"listVersion": -1}
    assert await rig.ask("SendLocalList", {"listVersion": 1, "updateType": "Full"}) == {"status": "NotSupported"}
    assert rig.station.asked == []


async def test_a_conflict_is_told_on_connector_0_and_does_not_stand() -> None:
    """Section 3.5.2: connectorId 0 and errorCode LocalListConflict."""
    conflict = ListConflict(IdToken("04A1"), ACCEPTED, Authorization(AuthorizationStatus.BLOCKED))
    told = [request.payload for request in Rig().adapter.list_conflict_requests(conflict)]
    assert [(each["connectorId"], each["status"], each["errorCode"]) for each in told] == [
        (0, "Available", "LocalListConflict"),
        (0, "Available", "NoError"),
    ]
    assert told[0]["info"] == "list: Accepted, told: Blocked"
    assert "04A1" not in str(told)

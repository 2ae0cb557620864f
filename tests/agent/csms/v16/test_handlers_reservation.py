"""ReserveNow and CancelReservation. OCPP 1.6 sections 5.1 and 5.13."""

from datetime import UTC, datetime

import pytest

from agent.domain.reservation import Reservation, ReserveOutcome
from agent.domain.vocabulary import IdToken, IdTokenType
from tests.agent.csms.v16.rig import Rig

REQUEST = {"connectorId": 2, "expiryDate": "2026-05-01T12:00:00Z", "idTag": "A1", "reservationId": 7}
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def central(text: str) -> IdToken:
    return IdToken(text, IdTokenType.CENTRAL)


@pytest.mark.parametrize(("connector_id", "evse_id"), [(2, 2), (0, None)])
async def test_a_reservation_is_passed_on_connector_0_for_any(connector_id: int, evse_id: int | None) -> None:
    rig = Rig()
    request = {**REQUEST, "connectorId": connector_id, "parentIdTag": "FLEET"}
    assert await rig.ask("ReserveNow", request) == {"status": "Accepted"}
    assert rig.station.asked == [("reserve", Reservation(7, evse_id, central("A1"), AT, central("FLEET")))]


@pytest.mark.parametrize("outcome", list(ReserveOutcome))
async def test_the_outcome_is_told_in_the_words_of_1_6(outcome: ReserveOutcome) -> None:
    rig = Rig()
    rig.station.reserved = outcome
    assert await rig.ask("ReserveNow", REQUEST) == {"status": outcome.value}


@pytest.mark.parametrize("wrong", [{"connectorId": 3}, {"connectorId": -1}, {"expiryDate": "0000-01-01T00:00:00Z"}])
async def test_a_reservation_of_no_connector_or_to_no_time_is_rejected(wrong: dict[str, object]) -> None:
    rig = Rig()
    assert await rig.ask("ReserveNow", {**REQUEST, **wrong}) == {"status": "Rejected"}
    assert rig.station.asked == []


@pytest.mark.parametrize(
    ("outcome", "status"), [(ReserveOutcome.ACCEPTED, "Accepted"), (ReserveOutcome.REJECTED, "Rejected")]
)
async def test_only_a_reservation_that_there_is_can_be_cancelled(outcome: ReserveOutcome, status: str) -> None:
    rig = Rig()
    rig.station.reserved = outcome
    assert await rig.ask("CancelReservation", {"reservationId": 7}) == {"status": status}
    assert rig.station.asked == [("cancel_reservation", 7)]

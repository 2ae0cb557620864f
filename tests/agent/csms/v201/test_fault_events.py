"""Faults as NotifyEvent, against the official schema."""

from datetime import UTC, datetime

import pytest

from agent.csms.v201.messages import fact_messages
from agent.domain.device_model import DeviceModel
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import FaultChanged
from hal.api import Fault
from tests.agent.csms.v201.official import check_sent
from tests.fakes.fake_station import device_model

AT = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
MODEL: DeviceModel = device_model()


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stands", [True, False])
def test_every_fault_is_an_event_of_its_own_that_the_schema_takes(fault: Fault, stands: bool) -> None:
    fact = FaultChanged(2, AT, fault, stands, 41, "x" * 600, variable_stands=stands, transaction_id="t" * 36)
    (outgoing,) = fact_messages(fact, MODEL)
    assert outgoing.action == "NotifyEvent"
    check_sent(outgoing)
    (event,) = outgoing.payload["eventData"]
    entry = CATALOGUE[fault]
    assert (event["component"]["name"], event["variable"]["name"]) == (entry.component, entry.variable)
    assert event["component"]["evse"]["id"] == 2
    assert (event["eventId"], event["techCode"], event["trigger"]) == (41, fault.value, "Alerting")
    assert event["actualValue"] == ("true" if stands else "false")
    assert event.get("cleared", False) is not stands


def test_the_text_of_a_fault_is_its_detail_or_its_meaning() -> None:
    texts = [
        fact_messages(FaultChanged(1, AT, Fault.DIODE, True, 1, detail), MODEL)[0].payload["eventData"][0]["techInfo"]
        for detail in ("board state 05", "")
    ]
    assert texts == ["board state 05", CATALOGUE[Fault.DIODE].meaning]

import pytest

from agent.csms.adapter import Payload, RpcError, RpcErrorCode
from agent.domain.device_model import ReportBase
from agent.domain.variables.controllers import ITEMS_PER_MESSAGE
from hal.api import Fault
from tests.agent.csms.v201.rig import Rig

HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def variable(component: str, name: str, **more: object) -> Payload:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


async def get(rig: Rig, *items: Payload) -> list[Payload]:
    results: list[Payload] = (await rig.ask("GetVariables", {"getVariableData": list(items)}))["getVariableResult"]
    return results


async def set_(rig: Rig, *items: Payload) -> list[Payload]:
    results: list[Payload] = (await rig.ask("SetVariables", {"setVariableData": list(items)}))["setVariableResult"]
    return results


async def test_each_variable_is_answered_in_order_as_it_was_asked_for() -> None:
    """B06.FR.01 to .03, B06.FR.06 to .08, B06.FR.11."""
    instance = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "MessageTimeout", "instance": "Default"}}
    evse = {"component": {"name": "EVSE", "evse": {"id": 2}}, "variable": {"name": "SupplyPhases"}}
    results = await get(
        Rig(),
        HEARTBEAT,
        instance,
        evse,
        variable("Nobody", "X"),
        variable("TxCtrlr", "X"),
        variable("TxCtrlr", "TxStartPoint", attributeType="Target"),
    )
    assert results[0] == {
        "attributeStatus": "Accepted",
        "attributeType": "Actual",
        "attributeValue": "300",
        **HEARTBEAT,
    }
    assert [(r["attributeStatus"], r.get("attributeValue")) for r in results[1:]] == [
        ("Accepted", "35"),
        ("Accepted", "3"),
        ("UnknownComponent", None),
        ("UnknownVariable", None),
        ("NotSupportedAttributeType", None),
    ]
    assert results[5]["attributeType"] == "Target"
    assert results[2]["component"] == evse["component"]


async def test_a_set_of_several_takes_what_fits_and_names_what_does_not() -> None:
    """B05.FR.01 to .10, B05.FR.12."""
    rig = Rig()
    results = await set_(
        rig,
        {**HEARTBEAT, "attributeValue": "60"},
        variable("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="Voltage,SoC"),
        variable("ChargingStation", "Model", attributeValue="Other"),
        variable("Nobody", "X", attributeValue="1"),
        variable("TxCtrlr", "X", attributeValue="1"),
        {**HEARTBEAT, "attributeValue": "60", "attributeType": "MaxSet"},
    )
    assert [r["attributeStatus"] for r in results] == [
        "Accepted",
        "Rejected",
        "Rejected",
        "UnknownComponent",
        "UnknownVariable",
        "NotSupportedAttributeType",
    ]
    assert results[0] == {"attributeStatus": "Accepted", "attributeType": "Actual", **HEARTBEAT}
    assert "'SoC' is not supported" in results[1]["attributeStatusInfo"]["additionalInfo"]
    assert results[2]["attributeStatusInfo"]["reasonCode"] == "ReadOnly"
    assert rig.station.device_model.integer("OCPPCommCtrlr", "HeartbeatInterval") == 60
    assert "Voltage" not in rig.station.device_model.members("SampledDataCtrlr", "TxUpdatedMeasurands")


async def test_more_variables_than_allowed_are_refused_and_none_is_set() -> None:
    """B06.FR.16."""
    rig = Rig()
    item = {**HEARTBEAT, "attributeValue": "60"}
    with pytest.raises(RpcError) as refused:
        await set_(rig, *[item] * (ITEMS_PER_MESSAGE + 1))
    assert refused.value.code is RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    with pytest.raises(RpcError):
        await get(rig, *[HEARTBEAT] * (ITEMS_PER_MESSAGE + 1))
    assert rig.station.device_model.integer("OCPPCommCtrlr", "HeartbeatInterval") == 300


async def test_more_bytes_than_allowed_are_refused_and_nothing_is_set() -> None:
    """B06.FR.17."""
    rig = Rig()
    long = variable("Nobody", "X", attributeValue="x" * 1000)
    with pytest.raises(RpcError) as refused:
        await set_(rig, {**HEARTBEAT, "attributeValue": "60"}, *[long] * 80)
    assert refused.value.code is RpcErrorCode.FORMAT_VIOLATION
    assert rig.station.device_model.integer("OCPPCommCtrlr", "HeartbeatInterval") == 300


@pytest.mark.parametrize("base", ReportBase)
async def test_a_report_comes_after_its_answer_in_pages_that_add_up(base: ReportBase) -> None:
    """B07.FR.01, B07.FR.03."""
    rig = Rig()
    expected = rig.station.device_model.report(base)
    answered = await rig.ask("GetBaseReport", {"requestId": 7, "reportBase": base.value})
    assert answered == {"status": "Accepted"}
    pages = [outgoing.payload for outgoing in rig.sent]
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert [page["tbc"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert {page["requestId"] for page in pages} == {7}
    data = [entry for page in pages for entry in page["reportData"]]
    assert [entry["variable"]["name"] for entry in data] == [entry.definition.key.variable for entry in expected]


async def test_the_full_report_takes_several_pages_and_tells_limits_and_supported_values() -> None:
    rig = Rig()
    await rig.ask("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert len(rig.sent) > 1
    data = {(e["component"]["name"], e["variable"]["name"]): e for page in rig.sent for e in page.payload["reportData"]}
    interval = data["OCPPCommCtrlr", "HeartbeatInterval"]
    assert interval["variableCharacteristics"] == {
        "dataType": "integer",
        "supportsMonitoring": False,
        "unit": "s",
        "minLimit": 1,
        "maxLimit": 604_800,
    }
    assert interval["variableAttribute"] == [
        {"type": "Actual", "mutability": "ReadWrite", "persistent": True, "constant": False, "value": "300"}
    ]
    assert data["TxCtrlr", "TxStartPoint"]["variableCharacteristics"]["valuesList"].split(",")[0] == "EVConnected"
    assert data["EVSE", "Power"]["variableCharacteristics"]["maxLimit"] == 22_080
    assert data["ChargingStation", "Model"]["variableAttribute"][0]["constant"] is True


async def test_the_summary_tells_the_state_as_it_is_now() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.station.fault(2, Fault.DIODE)
    await rig.ask("GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"})
    told = {
        (e["component"]["name"], e["component"].get("evse", {}).get("id"), e["variable"]["name"]): e[
            "variableAttribute"
        ][0]["value"]
        for page in rig.sent
        for e in page.payload["reportData"]
    }
    assert told == {
        ("ChargingStation", None, "AvailabilityState"): "Occupied",
        ("EVSE", 1, "AvailabilityState"): "Occupied",
        ("Connector", 1, "AvailabilityState"): "Occupied",
        ("EVSE", 2, "AvailabilityState"): "Faulted",
        ("EVSE", 2, "Problem"): "true",
        ("Connector", 2, "AvailabilityState"): "Faulted",
    }


async def test_a_broken_station_says_so_and_an_unknown_evse_is_unavailable() -> None:
    rig = Rig()
    rig.station.forget(1)
    rig.station.broken = "supply"
    results = await get(
        rig,
        variable("ChargingStation", "AvailabilityState"),
        variable("ChargingStation", "Problem"),
        {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}},
        variable("ClockCtrlr", "DateTime"),
    )
    assert [r["attributeValue"] for r in results] == ["Faulted", "true", "Unavailable", "2026-03-14T15:09:26.535Z"]

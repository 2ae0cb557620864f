import logging
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.device_model import (
    AttributeType,
    DataType,
    DeviceModel,
    GetStatus,
    Mutability,
    ReportBase,
    SetStatus,
    VariableDefinition,
    VariableKey,
    parse_variable_name,
)
from agent.domain.variables import EvseDescription, StationDescription, station_definitions
from agent.domain.vocabulary import TxPoint

HEARTBEAT = VariableKey("OCPPCommCtrlr", "HeartbeatInterval")
MEASURANDS = VariableKey("SampledDataCtrlr", "TxUpdatedMeasurands")
STATION = StationDescription(
    "Pilotline", "Bench", "SN-1", "0.1.0", "station-1", 2, (EvseDescription(1), EvseDescription(2, phases=1))
)


@pytest.fixture
def model() -> DeviceModel:
    return DeviceModel(station_definitions(STATION))


def everything(model: DeviceModel) -> dict[str, str | None]:
    return {str(entry.definition.key): entry.value for entry in model.report(ReportBase.FULL_INVENTORY)}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("OCPPCommCtrlr.HeartbeatInterval", HEARTBEAT),
        ("OCPPCommCtrlr.MessageTimeout[Default]", VariableKey("OCPPCommCtrlr", "MessageTimeout", "Default")),
        ("EVSE#1.Available", VariableKey("EVSE", "Available", evse_id=1)),
        ("Connector#2.1.SupplyPhases", VariableKey("Connector", "SupplyPhases", evse_id=2, connector_id=1)),
        ("Meter[main]#2.Power[L1]", VariableKey("Meter", "Power", "L1", "main", 2)),
    ],
)
def test_a_variable_name_reads_and_writes_the_same(text: str, key: VariableKey) -> None:
    assert parse_variable_name(text) == key
    assert str(key) == text


def test_the_attribute_actual_may_be_named() -> None:
    assert parse_variable_name("OCPPCommCtrlr.HeartbeatInterval:Actual") == HEARTBEAT


@pytest.mark.parametrize(
    "text", ["", "HeartbeatInterval", "A.B.C", "A#x.B", "A.B[", "A[].B", "A.B[c]d", "OCPPCommCtrlr.X:Target"]
)
def test_what_is_no_variable_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"variable name|attribute"):
        parse_variable_name(text)


def test_names_are_found_whatever_their_case(model: DeviceModel) -> None:
    assert model.get(VariableKey("ocppcommctrlr", "HEARTBEATINTERVAL")).value == "300"
    assert model.get(VariableKey("OCPPCommCtrlr", "MessageTimeout", "default")).value == "35"


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (VariableKey("SmartChargingCtrlr", "Enabled"), GetStatus.UNKNOWN_COMPONENT),
        (VariableKey("EVSE", "Available", evse_id=3), GetStatus.UNKNOWN_COMPONENT),
        (VariableKey("Connector", "Available", evse_id=1), GetStatus.UNKNOWN_COMPONENT),
        (VariableKey("OCPPCommCtrlr", "Nonsense"), GetStatus.UNKNOWN_VARIABLE),
        (VariableKey("OCPPCommCtrlr", "MessageTimeout"), GetStatus.UNKNOWN_VARIABLE),
    ],
)
def test_what_does_not_exist_is_refused_by_component_or_variable(
    model: DeviceModel, key: VariableKey, status: GetStatus
) -> None:
    """B05.FR.04, B05.FR.05, B06.FR.06, B06.FR.07."""
    assert model.get(key).status is status
    assert model.set(key, "1").status.value == status.value
    with pytest.raises(KeyError):
        model.definition(key)


def test_only_the_attribute_actual_is_supported(model: DeviceModel) -> None:
    """B05.FR.06, B06.FR.08."""
    assert model.get(HEARTBEAT, AttributeType.TARGET).status is GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
    assert model.set(HEARTBEAT, "60", AttributeType.MAX_SET).status is SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OCPPCommCtrlr.HeartbeatInterval", "soon", "no integer"),
        ("OCPPCommCtrlr.HeartbeatInterval", "", "no integer"),
        ("OCPPCommCtrlr.HeartbeatInterval", "1e3", "no integer"),
        ("OCPPCommCtrlr.HeartbeatInterval", "0", "below 1"),
        ("OCPPCommCtrlr.HeartbeatInterval", "99999999999", "above"),
        ("TxCtrlr.StopTxOnInvalidId", "yes", "neither true nor false"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,Hz", "'Hz' is not supported"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,Voltage", "given twice"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Voltage,,Frequency", "'' is not supported"),
        ("TxCtrlr.TxStartPoint", "", "below 1"),
        ("TxCtrlr.TxStartPoint", "ParkingBayOccupancy", "not supported"),
        ("ChargingStation.Model", "Other", "read-only"),
        ("TxCtrlr.StopTxOnEVSideDisconnect", "false", "read-only"),
        ("ClockCtrlr.DateTime", "2026-01-01T00:00:00Z", "read-only"),
    ],
)
def test_a_refused_value_is_named_and_changes_nothing(model: DeviceModel, name: str, value: str, reason: str) -> None:
    """B05.FR.07, B05.FR.08; an unknown measurand is rejected by its own name."""
    written: list[str] = []
    model.on_written(lambda key, _value: written.append(str(key)))
    before = everything(model)
    result = model.set(parse_variable_name(name), value)
    assert result.status is SetStatus.REJECTED
    assert reason in result.reason
    assert everything(model) == before
    assert written == []


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("OCPPCommCtrlr.HeartbeatInterval", " 0060 ", "60"),
        ("TxCtrlr.StopTxOnInvalidId", "FALSE", "false"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "voltage, Frequency", "Voltage,Frequency"),
        ("SampledDataCtrlr.TxEndedMeasurands", "", ""),
        ("TxCtrlr.TxStopPoint", "Authorized", "Authorized"),
    ],
)
def test_an_accepted_value_is_kept_in_one_spelling(model: DeviceModel, name: str, value: str, kept: str) -> None:
    """B05.FR.10."""
    key = parse_variable_name(name)
    assert model.set(key, value).status is SetStatus.ACCEPTED
    assert model.get(key).value == kept


def test_a_written_value_is_told_for_storing_and_a_change_to_those_who_watch(model: DeviceModel) -> None:
    written: list[tuple[str, str]] = []
    seen: list[str] = []
    model.on_written(lambda key, value: written.append((str(key), value)))
    model.watch(HEARTBEAT, seen.append)
    model.set(VariableKey("ocppcommctrlr", "heartbeatinterval"), "60")
    model.set(HEARTBEAT, "60")
    assert written == [("OCPPCommCtrlr.HeartbeatInterval", "60")] * 2
    assert seen == ["60"]


def test_what_the_back_end_wrote_wins_over_a_preset_in_either_order(model: DeviceModel) -> None:
    model.set(HEARTBEAT, "60")
    assert model.preset(HEARTBEAT, "900").accepted
    assert model.integer("OCPPCommCtrlr", "HeartbeatInterval") == 60
    other = DeviceModel(station_definitions(STATION))
    other.preset(HEARTBEAT, "900")
    other.load([("OCPPCommCtrlr.HeartbeatInterval", "60")])
    assert other.integer("OCPPCommCtrlr", "HeartbeatInterval") == 60


def test_a_preset_may_set_what_is_read_only_but_not_what_is_fixed(model: DeviceModel) -> None:
    timeout = VariableKey("OCPPCommCtrlr", "MessageTimeout", "Default")
    assert model.preset(timeout, "50").accepted
    assert model.integer("OCPPCommCtrlr", "MessageTimeout", "Default") == 50
    assert model.set(timeout, "60").status is SetStatus.REJECTED
    for name in ("AuthCacheCtrlr.Available", "ClockCtrlr.DateTime", "TxCtrlr.TxBeforeAcceptedEnabled"):
        assert model.preset(parse_variable_name(name), "false").status is SetStatus.REJECTED


def test_a_preset_that_does_not_fit_says_why(model: DeviceModel) -> None:
    assert (
        "OCPPCommCtrlr.Nonsense is not a variable" in model.preset(VariableKey("OCPPCommCtrlr", "Nonsense"), "1").reason
    )
    assert "below 1" in model.preset(HEARTBEAT, "0").reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SmartChargingCtrlr.Enabled", "true"),
        ("no name at all", "1"),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "SoC"),
        ("AuthCacheCtrlr.Available", "false"),
    ],
)
def test_a_stored_value_that_no_longer_fits_is_ignored_with_a_warning(
    model: DeviceModel, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    before = everything(model)
    with caplog.at_level(logging.WARNING):
        model.load([(name, value), ("OCPPCommCtrlr.OfflineThreshold", "7")])
    assert f"stored variable ignored name={name}" in caplog.text
    assert everything(model) == before | {"OCPPCommCtrlr.OfflineThreshold": "7"}


def test_a_provided_value_is_read_each_time(model: DeviceModel) -> None:
    times = iter(["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z"])
    key = VariableKey("ClockCtrlr", "DateTime")
    model.provide(key, lambda: next(times))
    assert model.is_provided(key)
    assert [model.get(key).value, model.text("ClockCtrlr", "DateTime")] == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:01.000Z",
    ]


def test_a_value_that_nobody_knows_now_is_empty(model: DeviceModel) -> None:
    result = model.get(VariableKey("EVSE", "Power", evse_id=1))
    assert (result.status, result.value) == (GetStatus.ACCEPTED, "")


def test_a_write_only_secret_is_neither_read_nor_reported_nor_quoted() -> None:
    key = VariableKey("SecurityCtrlr", "BasicAuthPassword")
    definition = VariableDefinition(
        key, DataType.STRING, Mutability.WRITE_ONLY, minimum=16, maximum=40, secret=True, reboot_required=True
    )
    model = DeviceModel([definition])
    refused = model.set(key, "hunter2")
    assert (refused.status, "hunter2" in refused.reason) == (SetStatus.REJECTED, False)
    assert model.set(key, "correct horse battery").status is SetStatus.REBOOT_REQUIRED
    assert model.get(key).status is GetStatus.REJECTED
    assert [entry.value for entry in model.report(ReportBase.FULL_INVENTORY)] == [None]


def test_a_value_that_needs_a_reboot_is_stored_and_not_yet_in_force() -> None:
    """B05.FR.09."""
    key = VariableKey("SecurityCtrlr", "Identity")
    model = DeviceModel([VariableDefinition(key, DataType.STRING, Mutability.READ_WRITE, "a", reboot_required=True)])
    written: list[str] = []
    model.on_written(lambda _key, value: written.append(value))
    assert model.set(key, "b").status is SetStatus.REBOOT_REQUIRED
    assert (model.get(key).value, written) == ("a", ["b"])


@pytest.mark.parametrize(
    ("data_type", "good", "bad"),
    [
        (DataType.DECIMAL, "1.50", ["NaN", "Infinity", "x", "-1", "11"]),
        (DataType.DATE_TIME, "2026-01-01T00:00:00Z", ["2026-01-01T00:00:00", "noon"]),
        (DataType.OPTION_LIST, "one", ["one,two", "three"]),
        (DataType.SEQUENCE_LIST, "two,one", ["one,one"]),
        (DataType.STRING, "text", ["x" * 11]),
    ],
)
def test_every_data_type_takes_what_fits_and_nothing_else(data_type: DataType, good: str, bad: list[str]) -> None:
    definition = VariableDefinition(
        VariableKey("A", "B"), data_type, minimum=Decimal(0), maximum=Decimal(10), values=("one", "two")
    )
    assert definition.canonical(good) == good
    for value in bad:
        with pytest.raises(ValueError, match=r"."):
            definition.canonical(value)


def test_reports_tell_what_their_base_says(model: DeviceModel) -> None:
    """B07: configuration is what can be set; the summary is availability and what stands wrong."""
    configuration = {str(entry.definition.key) for entry in model.report(ReportBase.CONFIGURATION_INVENTORY)}
    assert "OCPPCommCtrlr.HeartbeatInterval" in configuration
    assert "ChargingStation.Model" not in configuration
    model.provide(VariableKey("EVSE", "Problem", evse_id=2), lambda: "true")
    summary = [str(entry.definition.key) for entry in model.report(ReportBase.SUMMARY_INVENTORY)]
    assert summary == [
        "ChargingStation.AvailabilityState",
        "EVSE#1.AvailabilityState",
        "Connector#1.1.AvailabilityState",
        "EVSE#2.AvailabilityState",
        "EVSE#2.Problem",
        "Connector#2.1.AvailabilityState",
    ]


def test_transactions_start_and_stop_where_the_station_can_tell(model: DeviceModel) -> None:
    assert model.members("TxCtrlr", "TxStartPoint") == ("PowerPathClosed",)
    assert model.members("TxCtrlr", "TxStopPoint") == ("EVConnected", "Authorized")
    assert model.definition(VariableKey("TxCtrlr", "TxStartPoint")).values == tuple(point.value for point in TxPoint)
    assert model.boolean("TxCtrlr", "TxBeforeAcceptedEnabled")


def test_a_meter_without_a_measurand_does_not_offer_it() -> None:
    station = StationDescription(
        "v", "m", "s", "1", "id", 1, (EvseDescription(1),), measurands=("Power.Active.Import",)
    )
    model = DeviceModel(station_definitions(station))
    assert model.members("SampledDataCtrlr", "TxStartedMeasurands") == ()
    assert model.members("SampledDataCtrlr", "TxUpdatedMeasurands") == ("Power.Active.Import",)
    assert model.set(MEASURANDS, "Voltage").status is SetStatus.REJECTED


NAMES = sorted(everything(DeviceModel(station_definitions(STATION))))
VALUES = st.text(max_size=40) | st.integers().map(str) | st.sampled_from(["true", "Voltage", "Authorized", "", "Other"])


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "A.B"]), VALUES), max_size=20))
def test_after_any_sets_every_value_still_fits_and_survives_a_restart(sets: list[tuple[str, str]]) -> None:
    model = DeviceModel(station_definitions(STATION))
    stored: dict[str, str] = {}
    model.on_written(lambda key, value: stored.update({str(key): value}))
    for name, value in sets:
        before = everything(model)
        if not model.set(parse_variable_name(name), value).accepted:
            assert everything(model) == before
    for entry in model.report(ReportBase.FULL_INVENTORY):
        if entry.value:
            assert entry.definition.canonical(entry.value) == entry.value
    restarted = DeviceModel(station_definitions(STATION))
    restarted.load(stored.items())
    assert everything(restarted) == everything(model)


STOP_POINT = VariableKey("TxCtrlr", "TxStopPoint")


@pytest.mark.parametrize("value", ["EVConnected", "EnergyTransfer", "EVConnected,EnergyTransfer"])
def test_where_a_meter_signs_a_transaction_cannot_outlive_its_authorisation(model: DeviceModel, value: str) -> None:
    signing = DeviceModel(station_definitions(replace(STATION, signs=True)))
    refused = signing.set(STOP_POINT, value)
    assert refused.status is SetStatus.REJECTED
    assert "Authorized, PowerPathClosed" in refused.reason
    assert signing.members("TxCtrlr", "TxStopPoint") == ("EVConnected", "Authorized")
    assert signing.set(STOP_POINT, "EVConnected,PowerPathClosed").accepted
    assert model.set(STOP_POINT, value).accepted, "where no meter signs"

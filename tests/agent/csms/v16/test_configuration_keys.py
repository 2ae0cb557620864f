import pytest

from agent.csms.v16.configuration_keys import VARIABLES, ConfigurationKeys, variable_of_key
from agent.domain.device_model import DeviceModel, VariableKey
from agent.domain.variable import DataType, Mutability, VariableDefinition
from tests.agent.csms.v16.official import enums
from tests.fakes.fake_station import device_model


@pytest.mark.parametrize("name", VARIABLES)
def test_every_key_is_one_of_1_6_and_has_its_variable(name: str) -> None:
    assert name in set(enums.ConfigurationKey)
    assert device_model().definition(VARIABLES[name]).key == VARIABLES[name]


def test_a_key_is_found_in_any_case_with_the_value_of_its_variable() -> None:
    key = VariableKey("TxCtrlr", "EVConnectionTimeOut")
    assert variable_of_key("connectiontimeout", " 90 ") == (key, "90")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "HeartbeatIntervall",
            "'HeartbeatIntervall' is not an OCPP 1.6 key of this station; did you mean HeartbeatInterval?",
        ),
        ("Qqq", "'Qqq' is not an OCPP 1.6 key of this station"),
        ("NumberOfConnectors", "NumberOfConnectors is a property of the station and cannot be set"),
    ],
)
def test_a_key_that_cannot_be_set_is_refused_by_name(name: str, reason: str) -> None:
    assert variable_of_key(name, "1") == (None, reason)


def test_a_variable_that_takes_effect_at_the_next_start_says_so() -> None:
    model = device_model()
    reboot = VariableDefinition(
        VARIABLES["HeartbeatInterval"], DataType.INTEGER, Mutability.READ_WRITE, "300", reboot_required=True
    )
    lists = [model.definition(key) for name, key in VARIABLES.items() if name.endswith("Data")]
    keys = ConfigurationKeys(DeviceModel([reboot, *lists]), 1)
    assert keys.change("HeartbeatInterval", "60").value == "RebootRequired"

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.csms.adapter import RpcError, RpcErrorCode
from agent.csms.protocol_rules import RULES
from agent.csms.schemas import Schemas

V16, V201 = Schemas(RULES["ocpp1.6"]), Schemas(RULES["ocpp2.0.1"])


def profile(limit: float) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def refusal(action: str, payload: dict[str, Any]) -> RpcError | None:
    try:
        V16.check_request(action, payload)
    except RpcError as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("action", "payload", "code", "where"),
    [
        ("Reset", {}, RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "payload"),
        ("Reset", {"type": "Hard", "x": 1}, RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "payload"),
        ("Reset", {"type": "Odd"}, RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "type"),
        ("Reset", {"type": 1}, RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "type"),
        ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "key"),
        ("GetConfiguration", {"key": ["a", 1]}, RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, "key[1]"),
        ("GetDiagnostics", {"location": "not a uri"}, RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "location"),
        ("NoSuchAction", {}, RpcErrorCode.NOT_IMPLEMENTED, ""),
        ("../../secrets", {}, RpcErrorCode.NOT_IMPLEMENTED, ""),
    ],
)
def test_each_violation_has_its_code_and_path(
    action: str, payload: dict[str, Any], code: RpcErrorCode, where: str
) -> None:
    with pytest.raises(RpcError) as caught:
        V16.check_request(action, payload)
    assert caught.value.code is code
    assert caught.value.description.startswith(where)


def test_values_stay_out_of_descriptions() -> None:
    with pytest.raises(RpcError) as caught:
        V16.check_request("ChangeConfiguration", {"key": "AuthorizationKey", "value": "hunter2" * 100})
    assert "hunter2" not in caught.value.description


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2030-01-01T00:00:00Z", True),
        ("2030-01-01T00:00:00.123+02:00", True),
        ("2030-01-01T00:00:00", False),
        ("2030-01-01 00:00:00Z", False),
        ("2030-02-30T00:00:00Z", False),
        ("2030-01-01T25:00:00Z", False),
        ("yesterday", False),
    ],
)
def test_date_times_are_really_checked(text: str, *, good: bool) -> None:  # facts: the ocpp package lets garbage pass
    for schemas in (V16, V201):
        if good:
            schemas.check_received_answer("Heartbeat", {"currentTime": text})
        else:
            with pytest.raises(RpcError):
                schemas.check_received_answer("Heartbeat", {"currentTime": text})


@given(st.integers(0, 10_000))
def test_every_tenth_is_a_multiple_of_a_tenth(tenths: int) -> None:
    assert refusal("SetChargingProfile", profile(tenths / 10)) is None


def test_finer_than_a_tenth_is_refused() -> None:
    refused = refusal("SetChargingProfile", profile(16.05))
    assert refused is not None
    assert "limit" in refused.description


def test_an_unknown_property_is_let_pass_in_an_answer_received_and_never_in_one_sent() -> None:
    V16.check_received_answer("StopTransaction", {"vendor": 1})
    with pytest.raises(RpcError):
        V16.check_answer("StopTransaction", {"vendor": 1})
    with pytest.raises(RpcError):
        V16.check_received_answer("StartTransaction", {"vendor": 1})


@pytest.mark.parametrize("tag", [{}, {"idTagInfo": None}])
def test_the_word_on_the_token_may_be_missing_where_the_transaction_is_known_all_the_same(tag: dict[str, None]) -> None:
    """OCPP 1.6 sections 4.1, 4.8 and 4.10: idTagInfo is required in the first two."""
    V16.check_received_answer("StartTransaction", {"transactionId": 7, **tag})
    V16.check_received_answer("StopTransaction", {**tag})
    for action, payload in (("Authorize", {**tag}), ("StartTransaction", {**tag})):
        with pytest.raises(RpcError):
            V16.check_received_answer(action, payload)
    with pytest.raises(RpcError):
        V16.check_received_answer("StartTransaction", {"transactionId": 7, "idTagInfo": {}})
    with pytest.raises(RpcError):
        V16.check_answer("StartTransaction", {"transactionId": 7, **tag})


def test_what_is_prepared_is_not_built_again_and_what_is_unknown_is_refused() -> None:
    schemas = Schemas(RULES["ocpp1.6"])
    schemas.prepare("Reset")
    built = dict(schemas._validators)
    schemas.check_request("Reset", {"type": "Hard"})
    schemas.check_answer("Reset", {"status": "Accepted"})
    assert schemas._validators == built
    with pytest.raises(RpcError) as caught:
        schemas.prepare("NoSuchAction")
    assert caught.value.code is RpcErrorCode.NOT_IMPLEMENTED

from hil.csms.dialect import Dialect, Json


def status_16(**fields: object) -> Json:
    payload = {"connectorId": 1, "status": "Faulted", "errorCode": "PowerSwitchFailure", **fields}
    return {"action": "StatusNotification", "payload": payload}


def event_201(**fields: object) -> Json:
    component = {"name": "PowerContactor", "evse": {"id": 1}}
    event = {"techCode": "contactor_welded", "component": component, **fields}
    return {"action": "NotifyEvent", "payload": {"eventData": [event]}}


def test_a_fault_is_told_by_its_own_name_in_both_versions() -> None:
    assert Dialect("1.6").raises(status_16(vendorErrorCode="contactor_welded"), "contactor_welded", 1)
    assert Dialect("2.0.1").raises(event_201(), "contactor_welded", 1)


def test_another_fault_or_another_evse_is_not_meant() -> None:
    assert not Dialect("1.6").raises(status_16(vendorErrorCode="diode"), "contactor_welded", 1)
    assert not Dialect("1.6").raises(status_16(vendorErrorCode="contactor_welded"), "contactor_welded", 2)
    assert not Dialect("1.6").raises(status_16(), "contactor_welded", 1)
    assert not Dialect("2.0.1").raises(event_201(), "diode", 1)
    assert not Dialect("2.0.1").raises(event_201(), "contactor_welded", 2)


def test_a_cleared_fault_is_not_raised() -> None:
    assert not Dialect("2.0.1").raises(event_201(cleared=True), "contactor_welded", 1)

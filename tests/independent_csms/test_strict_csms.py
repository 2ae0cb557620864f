"""Whole sessions and every request, at a back-end that other people wrote and that forgives nothing.

`ocpp-rpc` holds each frame against its own copy of the OCPP 1.6 schemas, the security extension's included, both ways;
one violation fails the test. `make test-independent` installs it and runs this.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.rows import secured_rig
from tests.fakes.real_station import RealStation, real_station
from tests.independent_csms.strict_csms import StrictCsms, strict_csms

pytestmark = [pytest.mark.slow, pytest.mark.independent]
CARD, OTHER_CARD = "04AABBCC", "04112233"
LIMIT_S = 80.0
UNBUILT = frozenset({"NotSupported", "NotImplemented"})
TOML = "[csms]\nreconnect_min_s = 0.3\nreconnect_max_s = 1.0\n[ocpp16_keys]\nMeterValueSampleInterval = 1\n"
PERIOD = {"startPeriod": 0, "limit": 10.0}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-01-01T00:00:00Z",
        "chargingSchedulePeriod": [PERIOD],
    },
}
LATER = "2090-01-01T00:00:00Z"
HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "00", "issuerKeyHash": "00", "serialNumber": "00"}
LOG = {"remoteLocation": "ftp://127.0.0.1:1/", "oldestTimestamp": LATER}
FIRMWARE = {"location": "http://127.0.0.1:1/f", "retrieveDateTime": LATER, "signingCertificate": "x", "signature": "x"}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("GetConfiguration", {}),
    ("GetConfiguration", {"key": ["HeartbeatInterval", "NoSuchKey"]}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "120"}),
    ("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"}),
    ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "9"}),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]}),
    ("GetLocalListVersion", {}),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "nobody"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"}),
    ("ClearChargingProfile", {"id": 1}),
    ("ReserveNow", {"connectorId": 1, "expiryDate": LATER, "idTag": "A", "reservationId": 4}),
    ("CancelReservation", {"reservationId": 4}),
    ("CancelReservation", {"reservationId": 5}),
    ("UnlockConnector", {"connectorId": 1}),
    ("RemoteStopTransaction", {"transactionId": 4711}),
    *[
        ("TriggerMessage", {"requestedMessage": message})
        for message in (
            "BootNotification",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "MeterValues",
            "StatusNotification",
        )
    ],
    ("GetDiagnostics", {"location": "ftp://127.0.0.1:1/"}),
    ("UpdateFirmware", {"location": "http://127.0.0.1:1/f", "retrieveDate": LATER}),
    ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    ("DeleteCertificate", {"certificateHashData": HASH}),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "no PEM"}),
    ("CertificateSigned", {"certificateChain": "no PEM"}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": LOG}),
    ("SignedUpdateFirmware", {"requestId": 1, "firmware": FIRMWARE}),
]


@asynccontextmanager
async def at_strict_csms(directory: Path) -> AsyncIterator[tuple[RealStation, StrictCsms]]:
    """A real station whose network leads to the strict back-end."""
    async with asyncio.timeout(LIMIT_S), strict_csms() as csms, real_station(directory, version="1.6", toml=TOML) as s:
        s.network.reach(csms.url)
        await s.start_agent()
        await csms.requested("BootNotification")
        await csms.requested("StatusNotification", lambda payload: payload["connectorId"] == 1)
        yield s, csms
        assert await s.stop_agent() == 0
        assert csms.violations == []


async def charge(s: RealStation, csms: StrictCsms, card: str, number: int) -> None:
    await s.bench.ask("plug_in", evse=1)
    await csms.requested("StatusNotification", lambda payload: payload["status"] == "Preparing", times=number)
    await s.bench.ask("swipe", token=card)
    await csms.requested("StartTransaction", times=number)
    await csms.requested("StatusNotification", lambda payload: payload["status"] == "Charging", times=number)


async def test_whole_sessions_break_no_rule(tmp_path: Path) -> None:
    """OCPP 1.6, 4.1 to 4.10: every message that a station initiates in a session."""
    async with at_strict_csms(tmp_path) as (s, csms):
        await charge(s, csms, CARD, 1)
        await csms.requested("MeterValues", lambda payload: payload.get("transactionId") == 1, times=2)
        await s.bench.ask("plug_out", evse=1)
        assert (await csms.requested("StopTransaction"))["reason"] == "EVDisconnected"
        assert await csms.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": "REMOTE"}) == {"status": "Accepted"}
        await s.bench.ask("plug_in", evse=1)
        assert (await csms.requested("StartTransaction", times=2))["idTag"] == "REMOTE"
        await csms.requested("StatusNotification", lambda payload: payload["status"] == "Charging", times=2)
        assert await csms.ask("RemoteStopTransaction", {"transactionId": 2}) == {"status": "Accepted"}
        assert (await csms.requested("StopTransaction", times=2))["reason"] == "Remote"
        await s.bench.ask("plug_out", evse=1)
        s.network.cut()
        s.network.restore()
        await csms.requested("Heartbeat")
        await charge(s, csms, OTHER_CARD, 3)
        await s.bench.ask("fault", evse=1, kind="ground")
        await csms.requested("StatusNotification", lambda payload: payload["errorCode"] == "GroundFailure")
        await s.bench.ask("plug_out", evse=1)
        await csms.requested("StopTransaction", times=3)
        assert {"BootNotification", "Authorize", "StartTransaction", "MeterValues", "StopTransaction"} <= set(
            csms.actions()
        )


async def test_every_request_is_answered_by_the_book(tmp_path: Path) -> None:
    """OCPP 1.6, 5; security white paper, 4 and 5: built ones by their result, others by NotSupported."""
    built = secured_rig().adapter.handlers
    assert {action for action, _ in QUESTIONS} >= set(built) - {"Reset", "RemoteStartTransaction"}
    async with at_strict_csms(tmp_path) as (s, csms):
        for action, payload in QUESTIONS:
            answer = await csms.ask(action, payload)
            assert ("error" not in answer) == (action in built), (action, answer)
            assert "error" not in answer or answer["error"] in UNBUILT, (action, answer)
        await csms.requested("BootNotification", times=2)
        await csms.requested("MeterValues")
        for number, kind in enumerate(("Soft", "Hard"), start=1):
            boots = csms.actions().count("BootNotification")
            assert await csms.ask("Reset", {"type": kind}) == {"status": "Accepted"}, number
            await csms.requested("BootNotification", times=boots + 1)
            statuses = csms.actions().count("StatusNotification")
            await csms.requested("StatusNotification", times=statuses + 1)
        assert s.agent.running

from typing import Any

import pytest

from hil.demo import wording
from hil.demo.observed import Frame, Observed
from tests.hil.demo.frames import at, call, connected, event, sample

REGISTER = [{"timestamp": at(1), "sampledValue": [{"value": 4711.0, "measurand": "Energy.Active.Import.Register"}]}]


def frame(message: dict[str, Any]) -> Frame:
    seen = Observed("2.0.1")
    seen.take_csms(message)
    return seen.frames[-1]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (connected(1), "⇄ websocket connected OCPP 1.6"),
        (event(1, "-", "disconnected", payload="no close frame received or sent"), "⇄ websocket disconnected "),
        (call(1, "BootNotification", reason="PowerUp"), "→ BootNotification PowerUp"),
        (
            event(1, "out", "result", "BootNotification", {"status": "Accepted", "interval": 300}),
            "← BootNotification answered Accepted · interval 300",
        ),
        (event(1, "out", "error", "Heartbeat", {"code": "InternalError"}), "← Heartbeat REFUSED "),
        (event(1, "out", "call", "Reset", {"type": "Soft"}), "← Reset "),
        (
            call(1, "StatusNotification", connectorId=1, status="Available", errorCode="NoError"),
            "→ StatusNotification Available",
        ),
        (
            call(1, "TransactionEvent", eventType="Updated", triggerReason="Trigger", seqNo=3, meterValue=REGISTER),
            "→ TransactionEvent #3 · Updated · Trigger · 4711 Wh",
        ),
        (call(1, "StartTransaction", meterStart=12, timestamp=at(1)), "→ StartTransaction 12 Wh"),
        (
            event(1, "out", "result", "StartTransaction", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}),
            "← StartTransaction answered transaction 5 · Accepted",
        ),
        (sample(1, 6), "→ MeterValues 5.0 s late · transaction 7 · 100 Wh"),
    ],
)
def test_a_frame_is_said_in_one_short_line(message: dict[str, Any], said: str) -> None:
    told = frame(message)
    assert f"{wording.arrow(told)} {wording.subject(told)} {wording.details(told)}" == said


def test_tokens_are_never_shown() -> None:
    told = frame(call(1, "Authorize", idToken={"idToken": "04A1B2C3", "type": "ISO14443"}, idTag="04A1B2C3"))
    assert "04A1B2C3" not in wording.details(told)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        ({"event": "pilot_state", "state": "B"}, "pilot B: car connected"),
        ({"event": "contactor", "closed": True}, "contactor closed"),
        ({"event": "contactor", "closed": False}, "contactor open"),
        ({"event": "vehicle", "plugged": False}, "car unplugged"),
        ({"event": "swipe"}, "card held to the reader"),
        ({"event": "indication", "text": "Charging"}, "display shows: Charging"),
        ({"event": "indication", "text": ""}, None),
        ({"event": "energy", "energy_wh": "1"}, None),
    ],
)
def test_a_spectator_is_told_what_the_bench_sees(happened: dict[str, Any], said: str | None) -> None:
    assert wording.bench_line(happened) == said

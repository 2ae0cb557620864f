"""What a station says of itself for diagnostics: no secret among it."""

import json
from pathlib import Path

from agent.diagnostics import MASKED, documents, masked
from agent.station.charging_station import ChargingStation
from tests.agent.station.station_rig import charge, play, station_of
from tests.fakes.virtual_station import VirtualStation


def test_secrets_of_a_configuration_are_masked_wherever_they_stand() -> None:
    written = {
        "csms": {"password": "hunter2", "password_file": "/etc/x", "url": "wss://h", "ping_interval_s": 30},
        "authorization": {"free_vend_token": "T1", "free_vend": True},
        "variables": {"SecurityCtrlr.BasicAuthPassword": "p"},
        "ocpp16_keys": {"AuthorizationKey": "k"},
        "evse": [{"id": 1}],
    }
    assert masked(written) == {
        "csms": {"password": MASKED, "password_file": "/etc/x", "url": "wss://h", "ping_interval_s": 30},
        "authorization": {"free_vend_token": MASKED, "free_vend": True},
        "variables": {"SecurityCtrlr.BasicAuthPassword": MASKED},
        "ocpp16_keys": {"AuthorizationKey": MASKED},
        "evse": [{"id": 1}],
    }


def test_the_documents_tell_how_everything_stands(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        station = station_of(rig)
        assert isinstance(station, ChargingStation)
        assert rig.agent is not None
        found = documents(rig.agent._config, station, rig.agent.journal, rig.clock)
        status = json.loads(found["status.json"])
        assert status["online"]
        assert status["open_transactions"] == [station.open_transactions()[0].transaction_id]
        assert status["firmware_update"] is None
        assert json.loads(found["variables.json"])["OCPPCommCtrlr.HeartbeatInterval"] == "300"
        assert json.loads(found["configuration.json"])["station"]["serial_number"] == "BENCH-0001"

    play(tmp_path, story)

"""ConnectorPhaseRotation as one list of what each connector is wired like. OCPP 1.6 section 9.1."""

import pytest

from agent.csms.adapter import Payload
from tests.agent.csms.v16.rig import Rig

KEY = "ConnectorPhaseRotation"


async def value(rig: Rig) -> str:
    answered: Payload = await rig.ask("GetConfiguration", {"key": [KEY.lower()]})
    [told] = answered["configurationKey"]
    assert (told["key"], told["readonly"]) == (KEY, False)
    return str(told["value"])


async def change(rig: Rig, text: str) -> str:
    return str((await rig.ask("ChangeConfiguration", {"key": KEY, "value": text}))["status"])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1.RST, 2.STR", "1.RST,2.STR"),
        ("2.tsr", "1.Unknown,2.TSR"),
        ("1.NotApplicable,2.Unknown", "1.NotApplicable,2.Unknown"),
        ("", "1.Unknown,2.Unknown"),
    ],
)
async def test_the_whole_list_is_set_at_once_and_who_is_not_named_is_unknown(text: str, kept: str) -> None:
    rig = Rig()
    assert await value(rig) == "1.Unknown,2.Unknown"
    assert await change(rig, "1.TRS,2.TRS") == "Accepted"
    assert await change(rig, text) == "Accepted"
    assert await value(rig) == kept


@pytest.mark.parametrize(
    "text", ["RST", "1.RRT", "1.RST,1.RST", "3.RST", "0.RST,1.RST", "1.RST,,2.RST", "1:RST", "-1.RST"]
)
async def test_a_list_that_says_what_cannot_be_is_refused_whole(text: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    assert await change(rig, "1.RTS,2.SRT") == "Accepted"
    assert await change(rig, text) == "Rejected"
    assert await value(rig) == "1.RTS,2.SRT"
    assert f"configuration refused key={KEY}" in caplog.text

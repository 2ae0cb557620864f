"""Where a transaction begins and ends on 2.0.1, and a night's charging. OCPP 2.0.1 part 2, section 2.6.4, E01, E06."""

from decimal import Decimal

from tests.stories.sessions import CARD, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

POINTS = """
[variables]
"TxCtrlr.TxStartPoint" = "{case}"
"TxCtrlr.TxStopPoint" = "{case}"
"""
TRIGGERS = {
    "EVConnected": "CablePluggedIn",
    "Authorized": "Authorized",
    "PowerPathClosed": "CablePluggedIn",
    "EnergyTransfer": "ChargingStateChanged",
}


@story(versions=("2.0.1",), toml=POINTS, cases=tuple(TRIGGERS))
async def test_a_transaction_lasts_as_long_as_its_point_holds(s: Story) -> None:
    await s.pass_time(3)  # the meter has answered once
    if s.case == "EVConnected":
        await s.plug_in()
    else:
        await s.swipe(CARD)
        await s.expect("Authorize")
        if s.case == "Authorized":
            await s.until_open()
        else:
            await s.pass_time(3)
            assert not await s.transactions()
        await s.plug_in()
    await s.until_open()
    first = s.requests("TransactionEvent")[0]["payload"]
    assert first["triggerReason"] == TRIGGERS[s.case]
    if s.case == "EVConnected":
        assert "idToken" not in first
        await s.swipe(CARD)
    await s.until_charging()
    await s.pass_time(10)
    await s.swipe(CARD)
    await s.until_evse(contactor_closed=False)
    if s.case == "EVConnected":
        await s.pass_time(5)
        assert (await s.until_open())["id_token"] == CARD
    else:
        await s.until_ended()
    await leave(s)
    assert (await s.until_ended())["id_token"] == CARD


@story(versions=("2.0.1",), toml=POINTS, cases=("EnergyTransfer",))
async def test_a_transaction_of_energy_alone_ends_when_the_car_pauses(s: Story) -> None:
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_charging()
    await s.until_open()
    await s.ev("B")
    await s.until_ended()
    await s.ev("C")
    await s.until_charging()
    await leave(s)
    await s.until_ended(2)
    assert len(await s.transactions()) == 2


@story(hours=True, link_toml="", toml='[variables]\n"SampledDataCtrlr.TxUpdatedInterval" = 900\n')
async def test_ten_hours_of_charging_end_with_the_right_energy(s: Story) -> None:
    await s.plug_in(current_a=16)
    await s.pass_time(30)
    await s.swipe(CARD)
    await s.until_charging()
    started_at_s = s.stage.now_s()
    await s.pass_time(36_000)
    hours = Decimal((s.stage.now_s() - started_at_s) / 3600)
    await s.plug_out()
    ended = await s.until_ended(within_s=300)
    expected_wh = 16 * 230 * 3 * hours
    assert abs(Decimal(ended["energy_wh"]) - expected_wh) < 40
    assert ended["meter_values"] >= 39

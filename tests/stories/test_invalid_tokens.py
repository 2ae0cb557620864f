"""A token that turns out to be invalid while its car charges. OCPP 1.6 sections 4.8 and 9.1; OCPP 2.0.1 part 2, E05."""

from decimal import Decimal

from tests.stories.sessions import CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

ALLOWED_WH = 300
GOES_ON = f"""
[authorization]
stop_on_invalid_id = false
[variables]
"TxCtrlr.MaxEnergyOnInvalidId" = {ALLOWED_WH}
"""


async def flowed_when_over(s: Story, before_wh: Decimal) -> Decimal:
    ended = await s.until_ended(within_s=300)
    assert ended["stop_reason"] == "DeAuthorized"
    assert not (await s.state())["contactor_closed"]
    await leave(s)
    return await s.register_wh() - before_wh


@story(toml=GOES_ON)
async def test_an_invalid_token_gets_the_configured_energy_and_no_more(s: Story) -> None:
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    before_wh = await s.register_wh()
    await begin_session(s)
    await s.pass_time(30, scaled=False)
    assert (await s.state())["contactor_closed"]
    assert ALLOWED_WH * Decimal("0.8") < await flowed_when_over(s, before_wh) <= ALLOWED_WH


@story(toml=GOES_ON)
async def test_what_it_may_still_take_does_not_begin_anew_with_a_restart(s: Story) -> None:
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    before_wh = await s.register_wh()
    await begin_session(s)
    await s.stage.csms("quirk", name=None)
    await s.pass_time(30, scaled=False)
    await s.kill_agent()
    await s.start_agent()
    assert await flowed_when_over(s, before_wh) <= ALLOWED_WH


@story(toml=GOES_ON)
async def test_a_meter_that_falls_silent_meanwhile_ends_it(s: Story) -> None:
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    await begin_session(s)
    await s.pass_time(10, scaled=False)
    await s.fault("meter_silent")
    assert (await s.until_ended(within_s=40))["stop_reason"] == "DeAuthorized"
    await s.clear("meter_silent")
    await leave(s)


@story(toml=GOES_ON)
async def test_a_valid_token_is_not_limited(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(240)
    assert (await s.state())["contactor_closed"]
    await leave(s)
    await s.until_ended()


@story(toml=f'[variables]\n"TxCtrlr.MaxEnergyOnInvalidId" = {ALLOWED_WH}\n')
async def test_where_an_invalid_token_is_to_be_stopped_it_is_stopped_at_once(s: Story) -> None:
    await s.stage.csms("quirk", name="calls_the_tag_invalid")
    before_wh = await s.register_wh()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(CARD)
    assert await flowed_when_over(s, before_wh) < ALLOWED_WH / 4

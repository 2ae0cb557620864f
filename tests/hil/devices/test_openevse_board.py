"""The simulated board reproduces the facts: each time and quirk of facts rapi_openevse, in virtual time."""

import asyncio

import pytest

from hil.current_ramp import CurrentRamp
from hil.devices.openevse_board_values import BoardModel, Eeprom
from hil.devices.rapi_framing import encode_frame
from hil.world import PilotLoad, Wiring
from tests.hil.devices.openevse_rig import Rig, load, virtual


def test_boot_says_what_the_real_board_said_2_6_s_after_power_up() -> None:
    async def story() -> None:
        rig = Rig()
        start_s = rig.loop.time()
        rig.board.power_on()
        assert rig.sent == b"\nrelayCloseMs: 100\r\n"
        await asyncio.sleep(2.65)
        frames = rig.sent.removeprefix(b"\nrelayCloseMs: 100\r\n")
        assert frames == encode_frame("AT 00 00 0 0200") + encode_frame("AB 00 8.2.3.EU")
        assert rig.events[-1][0] - start_s == pytest.approx(2.6)

    virtual(story)


def test_version_reply_matches_the_recorded_bytes() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        rig.sent = b""
        rig.board.receive(b"$GV :1A\r")
        await asyncio.sleep(0.1)
        assert rig.sent == b"$OK 8.2.3.EU 5.2.1 :1A^7B\r"

    virtual(story)


@pytest.mark.parametrize(
    ("before", "after", "message", "seconds"),
    [
        (PilotLoad.C, PilotLoad.B, "02", 0.307),
        (PilotLoad.C, PilotLoad.A, "01", 0.355),
        (PilotLoad.C, PilotLoad.D, "04", 0.320),
    ],
)
def test_relay_opens_after_the_measured_time(before: PilotLoad, after: PilotLoad, message: str, seconds: float) -> None:
    async def story() -> None:
        rig = await Rig().boot(before)
        assert rig.world.contactor_closed
        took_s = await rig.reaction_s(load(rig, after), "contactor", closed=False)
        assert took_s == pytest.approx(seconds, abs=1e-6)
        assert rig.told(f"AT {message}")

    virtual(story)


def test_b_to_c_closes_the_relay_after_self_test_at_1_33_s_and_prints_text() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.B)
        rig.sent = b""
        took_s = await rig.reaction_s(load(rig, PilotLoad.C), "contactor", closed=True)
        assert took_s == pytest.approx(1.33, abs=1e-6)
        assert b"\nrelayCloseMs: 100\r\n" in rig.sent

    virtual(story)


@pytest.mark.parametrize(
    ("wiring", "seconds", "state"),
    [
        (Wiring.PILOT_SHORTED, 0.312, "05"),
        (Wiring.DIODE_SHORTED, 0.312, "05"),
        (Wiring.GROUND_MISSING, 0.026, "07"),
        (Wiring.RESIDUAL_CURRENT, 0.0, "06"),
    ],
)
def test_faults_in_c_open_the_relay_after_the_measured_time(wiring: Wiring, seconds: float, state: str) -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        took_s = await rig.reaction_s(lambda: rig.world.set_wiring(wiring, present=True), "contactor", closed=False)
        assert took_s == pytest.approx(seconds, abs=1e-6)
        assert rig.told(f"AT {state}")

    virtual(story)


def test_pilot_shorted_in_a_is_reported_as_vent() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        rig.world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        await asyncio.sleep(1)
        assert (await rig.ask("GS")).startswith("OK 04")
        rig.world.set_wiring(Wiring.PILOT_SHORTED, present=False)
        await asyncio.sleep(1)
        assert (await rig.ask("GS")).startswith("OK 01")

    virtual(story)


def test_sleep_opens_under_load_after_3_08_s_and_when_the_car_leaves_c() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        assert await rig.reaction_s(lambda: rig.board.receive(b"$FS\r"), "contactor", closed=False) == pytest.approx(
            3.081, abs=1e-6
        )
        rig.board.receive(b"$FE\r")
        await asyncio.sleep(5)
        assert rig.world.contactor_closed
        rig.board.receive(b"$FS\r")
        await asyncio.sleep(1)
        took_s = await rig.reaction_s(load(rig, PilotLoad.B), "contactor", closed=False)
        assert took_s == pytest.approx(0.026, abs=1e-6)
        assert (await rig.ask("GS")).startswith("OK fe")

    virtual(story)


def test_disable_opens_at_once_and_enable_goes_b_then_c_by_itself() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        took_s = await rig.reaction_s(lambda: rig.board.receive(b"$FD\r"), "contactor", closed=False)
        assert took_s == pytest.approx(0.0012, abs=1e-6)
        assert rig.world.pilot_state == "F"
        assert await rig.ask("G0") == "OK 2"
        took_s = await rig.reaction_s(lambda: rig.board.receive(b"$FE\r"), "contactor", closed=True)
        assert took_s == pytest.approx(1.331, abs=1e-6)
        assert [text[:5] for text in rig.told("AT")][-2:] == ["AT 02", "AT 03"]

    virtual(story)


def test_over_current_withdraws_the_offer_at_11_57_s_opens_a_second_later_and_latches_until_unplug() -> None:
    async def story() -> None:
        rig = await Rig(eeprom=Eeprom(capacity_a=10)).boot(PilotLoad.C)
        draw = CurrentRamp(rig.loop.time(), 0.0, 20.0)
        took_s = await rig.reaction_s(lambda: rig.world.change(draw=draw), "duty", output="steady_12v")
        assert took_s == pytest.approx(11.57, abs=1e-6)
        opened_s = next(t for t, event, f in reversed(rig.events) if event == "contactor")
        assert opened_s - draw.start_s == pytest.approx(12.57, abs=1e-6)
        await rig.ask("FS")
        await rig.ask("FE")
        assert (await rig.ask("GS")).startswith("OK 0b")
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1)
        assert (await rig.ask("GS")).startswith("OK 01")

    virtual(story)


def test_ground_and_gfi_are_tried_again_every_five_minutes_six_times() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        rig.world.set_wiring(Wiring.RESIDUAL_CURRENT, present=True)
        await asyncio.sleep(3600)
        assert await rig.ask("GF") == "OK 7 0 0"
        assert (await rig.ask("GS")).endswith("0182")

    virtual(story)


def test_welded_relay_is_noticed_after_a_second_and_only_a_power_cycle_clears_it() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        rig.world.set_wiring(Wiring.WELDED, present=True)
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1.4)
        assert (await rig.ask("GS")).startswith("OK 08")
        rig.board.power_off()
        rig.board.power_on()
        await asyncio.sleep(5)
        assert rig.told("AB 08")
        rig.board.receive(b"$GS\r")
        before = rig.sent
        await asyncio.sleep(5)
        assert rig.sent == before, "a failed power-on test answers nothing"
        rig.world.set_wiring(Wiring.WELDED, present=False)
        rig.board.power_off()
        await rig.boot()
        assert (await rig.ask("GS")).startswith("OK 01")

    virtual(story)


def test_contactor_that_stays_open_is_no_ground_or_relay_closure() -> None:
    async def story() -> None:
        for flags, state in ((0x21, "07"), (0x1021, "0e")):
            rig = Rig(eeprom=Eeprom(flags=flags))
            rig.world.set_wiring(Wiring.FAILS_TO_CLOSE, present=True)
            await rig.boot(PilotLoad.C)
            assert rig.told(f"AT {state}")

    virtual(story)


def test_current_setting_clamps_answers_nk_and_sets_all_the_same() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        assert await rig.ask("SC 16 V") == "OK 16"
        assert await rig.ask("SC 3 V") == "NK 6"
        assert await rig.ask("SC 40 V") == "NK 32"
        assert await rig.ask("GC") == "OK 6 32 32 32"

    virtual(story)


def test_at_comes_before_the_reply_or_after_it_as_configured() -> None:
    async def story() -> None:
        for after in (False, True):
            rig = await Rig(BoardModel(messages_after_reply=after)).boot()
            before = len(rig.events)
            await rig.ask("SC 16 V")
            await asyncio.sleep(0.01)
            order = [event for _, event, _ in rig.events[before:] if event in {"message", "reply"}]
            assert order == (["reply", "message"] if after else ["message", "reply"])

    virtual(story)


def test_volatile_current_is_lost_in_the_dark_and_eeprom_writes_are_counted() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        await rig.ask("SC 10 V")
        assert rig.board.eeprom.writes == 0
        rig.board.reset()
        await asyncio.sleep(5)
        assert (await rig.ask("GE")).startswith("OK 32 ")
        await rig.ask("SC 10")
        assert rig.board.eeprom.writes == 1
        rig.board.reset()
        await asyncio.sleep(5)
        assert (await rig.ask("GE")).startswith("OK 10 ")

    virtual(story)


def test_heartbeat_miss_lowers_the_current_but_keeps_the_relay_until_acknowledged() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        assert await rig.ask("SY 3 0") == "OK 3 0 0"
        await asyncio.sleep(3.1)
        assert await rig.ask("GY") == "OK 3 0 2"
        assert (await rig.ask("GE")).startswith("OK 6 ")
        assert rig.world.contactor_closed
        assert (await rig.ask("SY")).startswith("NK")
        assert await rig.ask("SC 20 V") == "OK 20"
        assert (await rig.ask("SY 165")).startswith("OK")
        assert (await rig.ask("SY")).startswith("OK 3 0 1")

    virtual(story)


def test_heartbeat_interval_above_65_s_wraps_at_16_bits() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        await rig.ask("SY 66 6")
        await asyncio.sleep(0.47)
        assert (await rig.ask("GY")).endswith(" 2")

    virtual(story)


def test_session_energy_restarts_at_the_plug_in_and_joins_the_total_when_it_ends() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        rig.world.change(draw=CurrentRamp(rig.loop.time(), 10.0, 10.0), phases=1)
        await asyncio.sleep(3600)
        assert await rig.ask("GU") == "OK 8280002 0"
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1)
        rig.world.change(load=PilotLoad.B)
        await asyncio.sleep(1)
        assert await rig.ask("GU") == "OK 0 2300"

    virtual(story)


def test_relay_time_of_the_last_plug_in_is_shown_until_the_relay_closes_again() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        await asyncio.sleep(60)
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1)
        rig.world.change(load=PilotLoad.B)
        await asyncio.sleep(1)
        before = (await rig.ask("GS")).split()
        rig.world.change(load=PilotLoad.C)
        await asyncio.sleep(5)
        after = (await rig.ask("GS")).split()
        assert (int(before[2]) >= 60, before[4]) == (True, "0300")
        assert (int(after[2]) < 5, after[4]) == (True, "0140")

    virtual(story)


def test_limits_put_the_board_to_sleep_and_only_hold_while_plugged_in() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        assert await rig.ask("S3 1") == "NK"
        rig.world.change(load=PilotLoad.C)
        await asyncio.sleep(5)
        assert await rig.ask("S3 1") == "OK"
        charged_s = int((await rig.ask("GS")).split()[2])
        took_s = await rig.reaction_s(lambda: None, "message", wait_s=1000, text="AT fe 03 32 0144")
        assert took_s + charged_s == pytest.approx(900, abs=1.0), "counted from the beginning of the plug-in"
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1)
        assert (await rig.ask("GS")).startswith("OK 01")

    virtual(story)


def test_relay_change_alone_raises_no_message() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        await rig.ask("FS")
        before = len(rig.told("AT"))
        await asyncio.sleep(5)
        assert not rig.world.contactor_closed
        assert len(rig.told("AT")) == before

    virtual(story)


def test_commands_wait_while_the_self_test_runs_and_keep_their_order() -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.B)
        rig.world.change(load=PilotLoad.C)
        await asyncio.sleep(0.4)
        start_s = rig.loop.time()
        rig.board.receive(b"$GV :01\r$GS :02\r")
        await asyncio.sleep(2)
        replies = [(t, f["text"]) for t, event, f in rig.events if event == "reply"]
        assert [text[:5] for _, text in replies] == ["OK 8.", "OK 03"]
        assert replies[0][0] - start_s == pytest.approx(0.93, abs=0.01)

    virtual(story)


def test_over_long_and_unstarted_commands_get_no_answer_and_a_second_dollar_restarts() -> None:
    async def story() -> None:
        rig = await Rig().boot()
        rig.sent = b""
        rig.board.receive(b"GV\r$" + b"A" * 40 + b"\r")
        await asyncio.sleep(1)
        assert rig.sent == b""
        rig.board.receive(b"$GX$GE\r$GE^00\r$XX\r")
        await asyncio.sleep(1)
        assert rig.sent == encode_frame("OK 32 0021") + b"$NK^21\r$NK^21\r"

    virtual(story)

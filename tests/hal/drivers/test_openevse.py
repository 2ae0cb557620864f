"""The driver against the behaving board of the bench. Traps and link facts: facts rapi_openevse."""

import asyncio
from typing import Any

import pytest

from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardLost,
    BoardReset,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    OfferConfirmed,
    PilotChanged,
    PilotState,
    PlugInCounted,
    PowerOff,
    PowerOn,
    StopButtonPressed,
)
from hal.drivers.openevse import OpenEvseBoard
from hal.transports.memory_port import memory_pipe
from hil.devices.openevse_board_values import BoardModel, Eeprom
from hil.devices.rapi_framing import encode_frame
from hil.devices.vehicle import VehicleModel
from hil.world import PilotLoad, Wiring
from tests.hal.drivers.openevse_bench import Bench, bench, now, virtual

DIODE_OFF = 0x0002
TIME_LIMIT_S = 900


async def _charging(made: Bench, current_a: float = 16.0) -> int:
    """Let a car charge; returns how many events came until then."""
    await made.connected()
    await made.charge(current_a)
    await made.expect(PowerOn)
    await made.expect(OfferConfirmed, lambda event: event.offered_current_a == current_a)
    return len(made.events)


# ------------------------------------------------------------------ connection


@virtual
async def test_connection_identifies_and_configures_before_it_tells_and_switches_nothing() -> None:
    async with bench() as made:
        connected = await made.connected()
        before = made.commands()
        assert connected.status.firmware_version == "8.2.3.EU"
        assert connected.status.pilot is PilotState.A
        assert connected.status.contactor_closed is False
        assert before[:6] == ["$GV", "$GE", "$GC", "$GY", "$GS", "$GU"]
        assert {text.split()[0] for text in before}.isdisjoint({"$FE", "$FS", "$FD"})


@virtual
async def test_every_command_carries_a_sequence_id_and_a_checksum() -> None:
    async with bench() as made:
        await _charging(made)
        assert all(" :" in heard["text"] and "^" in heard["text"] for heard in made.heard)


@virtual
async def test_idle_board_sleeps_so_that_plugging_in_is_seen() -> None:
    async with bench() as made:
        await made.connected()
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0)
        made.car.plug_in(VehicleModel())
        await made.expect(PilotChanged, lambda event: event.state is PilotState.B)
        await asyncio.sleep(10)
        assert not made.world.contactor_closed
        made.car.plug_out()
        await made.expect(PilotChanged, lambda event: event.state is PilotState.A)


@virtual
async def test_board_without_heartbeat_settings_of_ours_counts_as_restarted_and_a_sleeping_one_of_ours_does_not() -> (
    None
):
    eeprom = Eeprom()
    async with bench(eeprom) as made:
        assert (await made.connected()).status.restarted
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0)
        made.line.cut()
        await made.expect(BoardLost)
        made.line.mend()
        again = await made.expect(BoardConnected, since=len(made.events))
        assert not again.status.restarted


# ------------------------------------------------------------------ permission


@virtual
async def test_power_needs_offer_and_permission() -> None:
    async with bench() as made:
        await made.connected()
        made.car.plug_in(VehicleModel())
        made.driver.offer_current(16)
        await asyncio.sleep(10)
        assert "$FE" not in made.commands()
        made.driver.offer_current(0)
        made.driver.permit_power(now() + 100)
        await asyncio.sleep(10)
        assert "$FE" not in made.commands()
        made.driver.offer_current(16)
        await made.expect(PowerOn)
        assert made.world.contactor_closed


@virtual
async def test_expired_permission_is_never_forwarded() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(16)
        made.driver.permit_power(now() - 1)
        await asyncio.sleep(10)
        assert "$FE" not in made.commands()


@virtual
async def test_lease_that_is_not_renewed_opens_the_contactor() -> None:
    async with bench() as made:
        await made.connected()
        await made.charge(until_s=20)
        end_s = now() + 20
        await made.expect(PowerOn)
        off = await made.expect(PowerOff, since=len(made.events))
        assert end_s <= off.at_s <= end_s + 0.5
        assert "$FD" in made.commands()


@virtual
async def test_renewed_lease_keeps_the_power_on() -> None:
    async with bench() as made:
        start = await _charging(made)
        for _ in range(60):
            made.driver.permit_power(now() + 3)
            await asyncio.sleep(1)
        assert made.world.contactor_closed
        assert not [event for event in made.events[start:] if isinstance(event, PowerOff)]


@virtual
async def test_forbid_is_on_the_wire_when_the_call_returns_and_behind_one_outstanding_command() -> None:
    near, far = memory_pipe()
    await far.open()
    driver = OpenEvseBoard(near)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(driver.run(lambda _event: None))
        assert (await far.read()).startswith(b"$GV :01^")
        driver.forbid_power(ForbidReason.FAULT)
        assert (await far.read()).startswith(b"$FD :02^")
        task.cancel()


@virtual
async def test_pilot_change_reaches_forbid_on_the_wire_without_time_passing() -> None:
    async with bench() as made:
        start = await _charging(made)
        sent: list[tuple[float, int]] = []

        def react(event: BoardEvent) -> None:
            if isinstance(event, PilotChanged) and event.state is PilotState.A:
                made.driver.forbid_power(ForbidReason.EV_UNPLUGGED)
                sent.append((event.at_s, made.driver._link._sequence))

        made.react = react
        made.car.plug_out()
        await made.expect(PowerOff, since=start)
        await asyncio.sleep(0.1)
        assert len(sent) == 1
        at_s, sequence = sent[0]
        assert f"$FD :{sequence:02X}" in [heard["text"].split("^")[0] for heard in made.heard]
        assert at_s <= now()


@virtual
async def test_forbid_holds_f_for_300_ms_after_open_and_then_sleeps() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.driver.forbid_power(ForbidReason.STOPPED)
        off = await made.expect(PowerOff, since=start)
        count = len(made.heard)
        await made.heard_command("$FS", count)
        assert now() - off.at_s >= 0.3
        await asyncio.sleep(2)
        assert made.board.describe()["state_name"] == "SLEEPING"
        made.car.plug_out()
        await made.expect(PilotChanged, lambda event: event.state is PilotState.A, since=start)


@virtual
async def test_nothing_is_enabled_after_forbid_until_permitted_again() -> None:
    async with bench() as made:
        await _charging(made)
        made.driver.forbid_power(ForbidReason.STOPPED)
        count = len(made.heard)
        made.driver.offer_current(10)
        await asyncio.sleep(30)
        assert "$FE" not in made.commands(count)
        made.driver.permit_power(now() + 100)
        await made.expect(PowerOn, since=len(made.events))


@virtual
async def test_offer_zero_pauses_by_sleep_within_the_declared_time() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.car.model = VehicleModel(stubborn=True)
        asked_s = now()
        made.driver.offer_current(0)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0, since=start)
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= made.driver.capabilities.stop_opening_time_s
        assert "$FD" not in made.commands()


# ------------------------------------------------------------------ the EV stops and comes back


@virtual
async def test_ev_that_leaves_c_needs_no_command_and_comes_back_when_permitted() -> None:
    async with bench() as made:
        start, count = await _charging(made), len(made.heard)

        def react(event: BoardEvent) -> None:
            if isinstance(event, PilotChanged) and event.state is PilotState.B:
                made.driver.forbid_power(ForbidReason.EV_STOPPED)
            if isinstance(event, PilotChanged) and event.state is PilotState.C:
                made.driver.permit_power(now() + 100)

        made.react = react
        made.car.demand(PilotLoad.B)
        await made.expect(PowerOff, since=start)
        await asyncio.sleep(30)
        start = len(made.events)
        made.car.demand(PilotLoad.C)
        await made.expect(PowerOn, since=start)
        await asyncio.sleep(5)
        assert made.world.contactor_closed
        assert {"$FD", "$FS"}.isdisjoint(made.commands(count))


@virtual
async def test_ev_that_comes_back_without_permission_loses_power_in_the_next_turn_of_the_board() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.car.demand(PilotLoad.B)
        await made.expect(PilotChanged, lambda event: event.state is PilotState.B, since=start)
        made.driver.forbid_power(ForbidReason.EV_STOPPED)
        await made.expect(PowerOff, since=start)
        start = len(made.events)
        made.car.demand(PilotLoad.C)
        await asyncio.sleep(10)
        assert not made.world.contactor_closed
        switched_s = [event.at_s for event in made.events[start:] if isinstance(event, PowerOn | PowerOff)]
        assert not switched_s or switched_s[-1] - switched_s[0] < 0.02


@virtual
async def test_ev_stopped_with_a_contactor_that_stays_closed_is_opened_by_command() -> None:
    async with bench() as made:
        start = await _charging(made)
        asked_s = now()
        made.driver.forbid_power(ForbidReason.EV_STOPPED)
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= made.driver.capabilities.opening_time_s + 0.2
        assert "$FD" in made.commands()


# ------------------------------------------------------------------ traps


@virtual
async def test_trap_1_current_is_always_set_volatile() -> None:
    eeprom = Eeprom()
    async with bench(eeprom) as made:
        await _charging(made)
        writes = eeprom.writes
        for current_a in (10, 20, 6, 13):
            made.driver.offer_current(current_a)
            await asyncio.sleep(2)
        currents = [text for text in made.commands() if text.startswith("$SC")]
        assert len(currents) > 4
        assert all(text.endswith(" V") for text in currents)
        assert eeprom.writes == writes


@virtual
async def test_trap_2_offer_below_6_a_sleeps_instead_of_setting_6_a() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.driver.offer_current(5.9)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0, since=start)
        assert "$FS" in made.commands()
        assert not [text for text in made.commands() if text.startswith("$SC 5")]


@virtual
async def test_trap_2_refusal_that_set_the_maximum_is_confirmed_as_it_is() -> None:
    eeprom = Eeprom(max_capacity_a=20, capacity_a=20)
    async with bench(eeprom) as made:
        await made.connected()
        await made.charge(32)
        confirmed = await made.expect(OfferConfirmed, lambda event: event.offered_current_a > 6)
        assert confirmed.offered_current_a == 20
        await made.expect(PowerOn)


@virtual
async def test_trap_2_board_that_sets_more_than_asked_is_withdrawn() -> None:
    async with bench() as made:
        start = await _charging(made, 10)
        made.board.control.set_capacity = lambda _amps, *, volatile: _more(made, volatile=volatile)  # type: ignore[assignment, method-assign]  # a board that misbehaves
        made.driver.offer_current(8)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0, since=start)
        await asyncio.sleep(5)
        assert not made.world.contactor_closed


def _more(made: Bench, *, volatile: bool) -> bool:
    assert volatile
    made.board.control.capacity_a = 24
    return False


@virtual
async def test_trap_3_board_is_enabled_only_with_permission_because_it_closes_by_itself() -> None:
    async with bench() as made:
        await made.connected()
        made.car.plug_in(VehicleModel(simplified=True))
        await made.expect(PilotChanged, lambda event: event.state is PilotState.C)
        await asyncio.sleep(10)
        assert not made.world.contactor_closed
        made.driver.offer_current(16)
        made.driver.permit_power(now() + 100)
        await made.expect(PowerOn)


@virtual
async def test_trap_4_missed_heartbeat_is_acknowledged_and_the_offer_restored() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.board.control.heartbeat.trigger = type(made.board.control.heartbeat.trigger).MISSED
        made.board.control._heartbeat_missed(6)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 6, since=start)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 16, since=start)
        commands = made.commands()
        acknowledged = commands.index("$SY 165")
        assert "$GY" in commands[acknowledged - 2 : acknowledged]
        assert commands[acknowledged + 1 :].index("$SC 16 V") <= 1


@virtual
async def test_trap_4_fed_heartbeat_never_trips() -> None:
    async with bench(heartbeat_interval_s=3) as made:
        await _charging(made)
        await asyncio.sleep(120)
        assert made.board.describe()["heartbeat"] == "3 6 0"
        assert made.world.contactor_closed


def test_trap_5_heartbeat_interval_that_would_wrap_is_refused() -> None:
    near, _far = memory_pipe()
    with pytest.raises(ValueError, match="heartbeat_interval_s"):
        OpenEvseBoard(near, heartbeat_interval_s=66)


@virtual
async def test_trap_6_heartbeat_is_asked_before_the_current_is_raised() -> None:
    async with bench() as made:
        await _charging(made, 10)
        await asyncio.sleep(5)
        count = len(made.heard)
        made.driver.offer_current(16)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 16)
        commands = made.commands(count)
        assert commands.index("$GY") < commands.index("$SC 16 V")


@virtual
async def test_trap_7_short_of_pilot_in_a_is_a_pilot_fault_and_clears() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(16)
        made.driver.permit_power(now() + 1000)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 16)
        made.world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        raised = await made.expect(FaultRaised)
        assert raised.fault is Fault.PILOT
        await made.expect(PilotChanged, lambda event: event.state is PilotState.E)
        made.world.set_wiring(Wiring.PILOT_SHORTED, present=False)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.PILOT)
        await made.expect(PilotChanged, lambda event: event.state is PilotState.A)


@virtual
async def test_trap_7_short_of_pilot_in_c_is_reported_as_diode_fault() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        raised = await made.expect(FaultRaised, since=start)
        assert raised.fault is Fault.DIODE
        await made.expect(PowerOff, since=start)


@pytest.mark.parametrize(
    ("wiring", "fault"),
    [
        (Wiring.RESIDUAL_CURRENT, Fault.GROUND_FAULT_TRIPPED),
        (Wiring.GROUND_MISSING, Fault.GROUND_MISSING),
        (Wiring.HOT, Fault.OVER_TEMPERATURE),
    ],
)
@virtual
async def test_trap_8_fault_of_the_board_opens_and_is_told_and_clears_after_unplugging(
    wiring: Wiring, fault: Fault
) -> None:
    async with bench() as made:
        start = await _charging(made)
        made.react = lambda event: (
            made.driver.forbid_power(ForbidReason.FAULT) if isinstance(event, FaultRaised) else None
        )
        made.world.set_wiring(wiring, present=True)
        raised = await made.expect(FaultRaised, since=start)
        assert raised.fault is fault
        await made.expect(PowerOff, since=start)
        made.world.set_wiring(wiring, present=False)
        made.car.plug_out()
        await made.expect(FaultCleared, lambda event: event.fault is fault, since=start)
        assert not made.world.contactor_closed


@virtual
async def test_welded_contactor_is_raised_and_never_told_open() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.world.set_wiring(Wiring.WELDED, present=True)
        made.driver.forbid_power(ForbidReason.STOPPED)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.CONTACTOR_WELDED, since=start)


@virtual
async def test_state_d_is_told_with_the_ventilation_fault() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.car.demand(PilotLoad.D)
        await made.expect(PilotChanged, lambda event: event.state is PilotState.D, since=start)
        raised = await made.expect(FaultRaised, since=start)
        assert raised.fault is Fault.VENTILATION_REQUIRED
        await made.expect(PowerOff, since=start)


@virtual
async def test_switched_off_protection_is_refused_by_name_and_never_enabled() -> None:
    async with bench(Eeprom(flags=Eeprom().flags | DIODE_OFF)) as made:
        await made.connected()
        raised = await made.expect(FaultRaised)
        assert (raised.fault, raised.detail) == (Fault.PROTECTION_OFF, "diode")
        await made.charge()
        await asyncio.sleep(20)
        assert "$FE" not in made.commands()
        assert not made.world.contactor_closed


@virtual
async def test_switched_off_protection_allowed_by_name_is_used_and_not_declared_enforced() -> None:
    allowed = frozenset({"diode"})
    async with bench(Eeprom(flags=Eeprom().flags | DIODE_OFF), allow_protection_off=allowed) as made:
        await _charging(made)
        assert "diode" not in made.driver.capabilities.enforces


@virtual
async def test_relay_change_without_at_is_found_by_polling_within_200_ms() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.driver.forbid_power(ForbidReason.STOPPED)
        asked_s = now()
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= 0.2


# ------------------------------------------------------------------ line and restart


@virtual
async def test_pulled_cable_is_told_once_and_mended_by_itself_with_the_charge_going_on() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.line.cut()
        await made.expect(FaultRaised, lambda event: event.fault is Fault.BOARD_SILENT, since=start)
        await made.expect(BoardLost, since=start)
        await asyncio.sleep(4)
        assert len([event for event in made.events[start:] if isinstance(event, FaultRaised)]) == 1
        made.line.mend()
        connected = await made.expect(BoardConnected, since=start)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.BOARD_SILENT, since=start)
        assert connected.status.contactor_closed
        assert not connected.status.restarted
        assert made.world.contactor_closed


@virtual
async def test_mute_board_is_lost_after_a_few_seconds_and_found_again() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.board.muted = True
        muted_s = now()
        lost = await made.expect(BoardLost, since=start)
        assert 1.0 <= lost.at_s - muted_s <= 7.0
        made.board.muted = False
        await made.expect(BoardConnected, since=start)


@virtual
async def test_forbid_during_an_outage_is_the_first_command_afterwards() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.line.cut()
        await made.expect(BoardLost, since=start)
        made.driver.forbid_power(ForbidReason.FAULT)
        count = len(made.heard)
        made.line.mend()
        await made.expect(BoardConnected, since=start)
        assert "$FD" in made.commands(count)[:2]


@virtual
async def test_board_that_restarts_is_reset_unknown_and_gives_no_power_without_new_permission() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.board.reset()
        await made.expect(BoardReset, since=start)
        connected = await made.expect(BoardConnected, since=start)
        assert connected.status.restarted
        start = len(made.events)
        await asyncio.sleep(20)
        assert not made.world.contactor_closed
        assert not [event for event in made.events[start:] if isinstance(event, PowerOn)]


@virtual
async def test_new_agent_finds_the_charge_running_and_adopts_it_without_chatter() -> None:
    async with bench() as made:
        await _charging(made)
        await asyncio.sleep(3)
        successor = await _succeed(made)
        connected = await made.connected()
        assert connected.status.enabled
        assert connected.status.contactor_closed
        assert not connected.status.restarted
        assert connected.status.plug_in is not None
        assert connected.status.plug_in.session_energy_wh > 0
        successor.offer_current(16)
        successor.permit_power(now() + 1000)
        count = len(made.heard)
        await asyncio.sleep(20)
        assert made.world.contactor_closed
        assert {"$FD", "$FS", "$FE"}.isdisjoint(made.commands(count))


@virtual
async def test_charge_that_nobody_adopts_ends_after_the_grace() -> None:
    async with bench() as made:
        await _charging(made)
        await asyncio.sleep(3)
        await _succeed(made)
        connected = await made.connected()
        await asyncio.sleep(4.5)
        assert made.world.contactor_closed
        off = await made.expect(PowerOff)
        assert 5.0 <= off.at_s - connected.at_s <= 5.6


async def _succeed(made: Bench) -> OpenEvseBoard:
    """Kill the driver's task and start a new driver on the same line."""
    made.kill_driver()
    await asyncio.sleep(1)
    made.events.clear()
    made.start_driver(OpenEvseBoard(made.line))
    return made.driver


@virtual
async def test_time_limit_of_the_board_is_renewed_as_a_coarse_lease() -> None:
    async with bench() as made:
        await made.connected()
        await made.charge(until_s=100_000)
        await made.expect(PowerOn)
        await asyncio.sleep(2 * TIME_LIMIT_S)
        assert made.world.contactor_closed
        assert made.commands().count("$S3 1") >= 5
        made.kill_driver()
        await asyncio.sleep(TIME_LIMIT_S + 10)
        assert not made.world.contactor_closed


@virtual
async def test_plug_in_counter_is_told_while_a_car_is_connected() -> None:
    async with bench() as made:
        start = await _charging(made)
        first = await made.expect(PlugInCounted, since=start)
        await asyncio.sleep(20)
        last = [event for event in made.events if isinstance(event, PlugInCounted)][-1]
        assert last.counter.session_energy_wh > first.counter.session_energy_wh
        assert last.counter.continues(first.counter)


@pytest.mark.parametrize("after_reply", [False, True])
@virtual
async def test_message_before_or_after_the_reply_junk_and_boot_text_disturb_nothing(after_reply: bool) -> None:
    async with bench(model=BoardModel(messages_after_reply=after_reply)) as made:
        start = await _charging(made)
        made.far.write(b"\x00\xff\nrelayCloseMs: 100\r\n$GI \x80$$\r")
        await asyncio.sleep(5)
        assert not [event for event in made.events[start:] if isinstance(event, BoardLost | PowerOff)]


@virtual
async def test_late_reply_is_matched_to_no_other_command() -> None:
    async with bench() as made:
        start = await _charging(made)
        made.far.write(encode_frame("OK fe 0 01 0000", "01"))
        await asyncio.sleep(1)
        assert made.driver._link.late_replies == 1
        assert not [event for event in made.events[start:] if isinstance(event, PilotChanged | PowerOff)]


@virtual
async def test_button_of_the_board_is_told() -> None:
    async with bench() as made:
        await made.connected()
        made.far.write(encode_frame("AN 0"))
        await made.expect(StopButtonPressed)


def test_capabilities_say_what_the_board_does_when_linux_is_dead() -> None:
    capabilities = OpenEvseBoard(memory_pipe()[0], max_current_a=20, phases=3).capabilities
    assert capabilities.host_loss_action is HostLossAction.DERATE
    assert capabilities.unauthorised_after_host_loss
    assert capabilities.pause_is_timed_by_board
    assert (capabilities.min_current_a, capabilities.max_current_a, capabilities.phases) == (6, 20, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_current_a": 5},
        {"heartbeat_fallback_a": 5},
        {"time_limit_min": 20},
        {"allow_protection_off": frozenset({"everything"})},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_setting_that_does_not_fit_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        OpenEvseBoard(memory_pipe()[0], **settings)

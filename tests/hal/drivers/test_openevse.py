"""The driver against the behaving board of the bench. Traps and link facts: facts rapi_openevse."""

import asyncio

from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardLost,
    ForbidReason,
    OfferConfirmed,
    PilotChanged,
    PilotState,
    PowerOff,
    PowerOn,
)
from hal.drivers.openevse import OpenEvseBoard
from hal.transports.memory_port import memory_pipe
from hil.devices.openevse_board_values import Eeprom
from hil.devices.vehicle import VehicleModel
from hil.world import PilotLoad
from tests.hal.drivers.openevse_bench import bench, charging, now, virtual

DIODE_OFF = 0x0002
TIME_LIMIT_S = 900


@virtual
async def test_connection_identifies_and_configures_before_it_tells_and_switches_nothing() -> None:
    async with bench() as made:
        connected = await made.connected()
        before = made.commands()
        assert connected.status.firmware_version == "8.2.3.EU"
        assert connected.status.pilot is PilotState.A
        assert connected.status.contactor_closed is False
        assert before[:7] == ["$GS", "$GV", "$GE", "$GC", "$GY", "$GS", "$GU"]
        assert {text.split()[0] for text in before}.isdisjoint({"$FE", "$FS", "$FD"})


@virtual
async def test_every_command_carries_a_sequence_id_and_a_checksum() -> None:
    async with bench() as made:
        await charging(made)
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
async def test_an_order_to_enable_does_not_wait_for_the_order_to_sleep_before_it() -> None:
    async with bench() as made:
        await made.connected()
        made.car.plug_in(VehicleModel())
        await made.expect(PilotChanged, lambda event: event.state is PilotState.B)
        confirmed_s = []
        for offered_current_a in (16, 0, 16):
            made.driver.offer_current(offered_current_a)
            made.driver.permit_power(now() + 60)
            await made.expect(OfferConfirmed, since=len(made.events))
            confirmed_s.append(now())
        assert confirmed_s[2] - confirmed_s[1] < 0.2


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
        start = await charging(made)
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
        assert (await far.read()).startswith(b"$GS :")
        driver.forbid_power(ForbidReason.FAULT)
        assert (await far.read()).startswith(b"$FD :")
        task.cancel()


@virtual
async def test_pilot_change_reaches_forbid_on_the_wire_without_time_passing() -> None:
    async with bench() as made:
        start = await charging(made)
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
        start = await charging(made)
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
        await charging(made)
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
        start = await charging(made)
        made.car.model = VehicleModel(stubborn=True)
        asked_s = now()
        made.driver.offer_current(0)
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 0, since=start)
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= made.driver.capabilities.stop_opening_time_s
        assert "$FD" not in made.commands()


@virtual
async def test_ev_that_leaves_c_needs_no_command_and_comes_back_when_permitted() -> None:
    async with bench() as made:
        start, count = await charging(made), len(made.heard)

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
        start = await charging(made)
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
        start = await charging(made)
        asked_s = now()
        made.driver.forbid_power(ForbidReason.EV_STOPPED)
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= made.driver.capabilities.opening_time_s + 0.2
        assert "$FD" in made.commands()


@virtual
async def test_the_driver_beats_while_its_board_is_silent_and_while_the_line_is_gone() -> None:
    async with bench() as made:
        await made.connected()
        made.line.cut()
        await made.expect(BoardLost)
        for _ in range(6):
            await asyncio.sleep(10)
            assert now() - made.driver.last_beat_s < 10

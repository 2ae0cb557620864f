"""Every trap against the behaving board of the bench. Traps and link facts: facts rapi_openevse."""

import asyncio

import pytest

from hal.api import (
    BoardConnected,
    Fault,
    FaultCleared,
    FaultRaised,
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
from hil.world import PilotLoad, Wiring
from tests.hal.drivers.openevse_bench import Bench, bench, charging, now, virtual

DIODE_OFF = 0x0002
TIME_LIMIT_S = 900


@virtual
async def test_trap_1_current_is_set_volatile_and_stored_once_in_the_life_of_a_board() -> None:
    eeprom = Eeprom()
    async with bench(eeprom) as made:
        await charging(made)
        writes = eeprom.writes
        assert eeprom.capacity_a == 6
        for current_a in (10, 20, 6, 13):
            made.driver.offer_current(current_a)
            await asyncio.sleep(2)
        currents = [text for text in made.commands() if text.startswith("$SC")]
        assert len(currents) > 4
        assert [text for text in currents if not text.endswith(" V")] == ["$SC 6"]
        assert eeprom.writes == writes
    async with bench(eeprom) as again:
        await charging(again)
        assert all(text.endswith(" V") for text in again.commands() if text.startswith("$SC"))


@virtual
async def test_trap_2_offer_below_6_a_sleeps_instead_of_setting_6_a() -> None:
    async with bench() as made:
        start = await charging(made)
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
        confirmed = await made.expect(OfferConfirmed, lambda event: event.offered_current_a > 7)
        assert confirmed.offered_current_a == 20
        await made.expect(PowerOn)


@virtual
async def test_trap_2_board_that_sets_more_than_asked_is_withdrawn() -> None:
    async with bench() as made:
        start = await charging(made, 10)
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
        start = await charging(made)
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
        await charging(made)
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
        await charging(made, 10)
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
        start = await charging(made)
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
        start = await charging(made)
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
async def test_welded_contactor_is_raised_when_the_board_has_found_it_and_stands() -> None:
    """Its relay flag is the drive: an opening told before the board looked behind the contacts is taken back."""
    async with bench() as made:
        start = await charging(made)
        made.world.set_wiring(Wiring.WELDED, present=True)
        made.driver.forbid_power(ForbidReason.STOPPED)
        await asyncio.sleep(60)
        faults = [event for event in made.events[start:] if isinstance(event, FaultRaised | FaultCleared)]
        assert [(type(event), event.fault) for event in faults] == [(FaultRaised, Fault.CONTACTOR_WELDED)]
        power = [event for event in made.events[start:] if isinstance(event, PowerOn | PowerOff)]
        assert [type(event) for event in power][-2:] == [PowerOff, PowerOn]
        assert power[-1].at_s - power[-2].at_s <= 1.5, "RL-01"


@virtual
async def test_a_board_found_welded_is_not_told_as_open() -> None:
    async with bench() as made:
        await charging(made)
        made.world.set_wiring(Wiring.WELDED, present=True)
        made.driver.forbid_power(ForbidReason.STOPPED)
        await made.expect(FaultRaised, lambda event: event.fault is Fault.CONTACTOR_WELDED)
        start = len(made.events)
        made.far.cut()
        await asyncio.sleep(10)
        made.far.mend()
        connected = await made.expect(BoardConnected, since=start)
        assert connected.status.contactor_closed is True


@virtual
async def test_state_d_is_told_with_the_ventilation_fault() -> None:
    async with bench() as made:
        start = await charging(made)
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
        await charging(made)
        assert "diode" not in made.driver.capabilities.enforces


@virtual
async def test_relay_change_without_at_is_found_by_polling_within_200_ms() -> None:
    async with bench() as made:
        start = await charging(made)
        made.driver.forbid_power(ForbidReason.STOPPED)
        asked_s = now()
        off = await made.expect(PowerOff, since=start)
        assert off.at_s - asked_s <= 0.2

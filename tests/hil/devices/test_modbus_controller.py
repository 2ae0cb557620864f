"""Simulated charge controllers, asked byte by byte: their answers are written here by hand from the facts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hil.devices.modbus_controller import ModbusController
from hil.devices.modbus_controller_values import Kind, ModbusControllerModel
from hil.devices.modbus_meter import Request, frame
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.virtual_time import run_virtual
from hil.world import EvseWorld, PilotKind, Wiring


class Rig:
    def __init__(self, kind: Kind, **model: Any) -> None:
        self.model = ModbusControllerModel(kind=kind, **model)
        self.world = EvseWorld(asyncio.get_running_loop())
        self.board = ModbusController(self.world, lambda _event, _fields: None, self.model)
        self.car = Vehicle(self.world)
        self.sent: list[bytes] = []
        self.board.output = self.sent.append
        self.board.power_on()

    async def ask(self, pdu: str, unit: int = 1) -> str | None:
        """Send a PDU, return the PDU of the answer; None if none comes."""
        self.sent.clear()
        self.board.receive(frame(Request(unit, bytes.fromhex(pdu), 7), self.model.framing))
        await asyncio.sleep(0.01)
        if not self.sent:
            return None
        return (self.sent[0][7:] if self.model.framing == "tcp" else self.sent[0][1:-2]).hex()


def virtual(kind: Kind, story: Callable[[Rig], Any], **model: Any) -> None:  # Any: a coroutine, the model's keywords
    async def run() -> None:
        rig = Rig(kind, **model)
        await asyncio.sleep(1)
        await story(rig)

    run_virtual(run())


def test_evse_wb_shows_and_takes_what_the_facts_say() -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("03 03e8 0003") == "0306" + "0010" + "0000" + "0001"
        assert await rig.ask("10 03e8 0001 02 000a") == "1003e80001"
        rig.car.plug_in(VehicleModel())
        await asyncio.sleep(3)
        assert await rig.ask("03 03e8 0003") == "0306" + "000a" + "000a" + "0003"
        assert rig.world.contactor_closed
        assert rig.world.output.duty_percent == pytest.approx(16.67, abs=0.01)
        assert await rig.ask("03 03ed 0001") == "03020012"
        assert await rig.ask("03 07d0 0001") == "03020010"

    virtual("evse_wb", story)


def test_evse_wb_does_not_hear_a_write_within_200_ms_of_another() -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("10 03e8 0001 02 000a") is not None
        assert await rig.ask("10 03e8 0001 02 0000") is None
        await asyncio.sleep(0.2)
        assert await rig.ask("10 03e8 0001 02 0000") is not None

    virtual("evse_wb", story)


def test_evse_wb_begins_with_its_stored_current_after_the_dark() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask("10 07d0 0001 02 0000")
        saved = rig.board.save()
        rig.board.reset()
        await asyncio.sleep(1)
        assert saved == {"boot_a": 0}
        assert await rig.ask("03 03e8 0001") == "03020000"

    virtual("evse_wb", story)


def test_phoenix_ev_cc_shows_and_takes_what_the_facts_say() -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("04 5dc0 0001") == "04024100"
        rig.car.plug_in(VehicleModel())
        await asyncio.sleep(1)
        assert await rig.ask("04 5dc0 0001") == "04024200"
        assert await rig.ask("06 55f0 000d") == "0655f0000d"
        assert rig.world.output.kind is PilotKind.STEADY
        assert await rig.ask("05 4e20 ff00") == "054e20ff00"
        await asyncio.sleep(3)
        assert await rig.ask("01 4e20 0001") == "010101"
        assert await rig.ask("04 5dc0 0001") == "04024300"
        assert rig.world.contactor_closed

    virtual("phoenix_ev_cc", story)


def test_heidelberg_shows_and_takes_what_the_facts_say() -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("04 0005 0005") == "040a" + "0002" + "0000" * 3 + "0136"
        assert await rig.ask("10 0105 0001 02 0064") == "1001050001"
        rig.car.plug_in(VehicleModel(current_a=10, phases=3))
        await asyncio.sleep(5)
        assert await rig.ask("04 0005 0004") == "0408" + "0007" + "0064" * 3

    virtual("heidelberg", story)


def test_heidelberg_takes_its_fail_safe_current_when_its_watchdog_is_not_fed() -> None:
    async def story(rig: Rig) -> None:
        await rig.ask("10 0101 0001 02 07d0")
        await rig.ask("10 0106 0001 02 0000")
        await rig.ask("10 0105 0001 02 0064")
        rig.car.plug_in(VehicleModel())
        for _ in range(6):
            await asyncio.sleep(0.9)
            await rig.ask("04 0005 0001")
        assert rig.world.contactor_closed
        await asyncio.sleep(1.9)
        assert rig.board.control.offer_a == 10
        await asyncio.sleep(0.2)
        assert rig.board.control.offer_a == 0
        await asyncio.sleep(2)
        assert not rig.world.contactor_closed

    virtual("heidelberg", story)


def test_charx_shows_and_takes_what_the_facts_say_at_each_point() -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("03 08fb 0001") == "03024131"  # 2 * 1000 + 299
        await rig.ask("06 08fd 0010")
        await rig.ask("06 08fc 0001")
        rig.car.plug_in(VehicleModel(current_a=16, phases=3))
        await asyncio.sleep(5)
        assert await rig.ask("03 08fb 0001") == "03024332"
        assert await rig.ask("03 08be 0006") == "030c" + "00003e80" * 3  # 2 * 1000 + 238: 16 000 mA
        assert await rig.ask("03 006e 0004") == "0308" + b"1.5.1".ljust(8, b"\0").hex()

    virtual("phoenix_charx", story, charging_point=2)


@pytest.mark.parametrize("kind", ["evse_wb", "phoenix_ev_cc", "heidelberg", "phoenix_charx"])
def test_what_nobody_documents_is_refused_and_another_unit_is_left_alone(kind: Kind) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("03 7000 0001") == "8302"
        assert await rig.ask("2b 0e 01 00") in {"ab01", None}
        assert await rig.ask("03 03e8 0001", unit=2) is None

    virtual(kind, story)


def test_the_contactor_opens_within_100_ms_of_unplugging_and_six_seconds_after_the_end_of_the_pwm() -> None:
    async def story(rig: Rig) -> None:
        closed: list[bool] = []

        async def look_after(delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            closed.append(rig.world.contactor_closed)

        await rig.ask("10 0105 0001 02 0064")
        rig.car.plug_in(VehicleModel(stubborn=True))
        await look_after(3)
        await rig.ask("10 0105 0001 02 0000")
        await look_after(5.9)
        await look_after(0.2)
        await rig.ask("10 0105 0001 02 0064")
        await look_after(3)
        rig.car.plug_out()
        await look_after(0.1)
        assert closed == [True, True, False, True, False]

    virtual("heidelberg", story)


@pytest.mark.parametrize("wiring", [Wiring.DIODE_SHORTED, Wiring.RESIDUAL_CURRENT, Wiring.WELDED])
def test_trouble_opens_and_is_shown_as_an_error(wiring: Wiring) -> None:
    async def story(rig: Rig) -> None:
        await rig.ask("10 0105 0001 02 0064")
        rig.car.plug_in(VehicleModel())
        await asyncio.sleep(3)
        rig.world.set_wiring(wiring, present=True)
        if wiring is Wiring.WELDED:
            rig.car.plug_out()
        await asyncio.sleep(2)
        assert await rig.ask("04 0005 0001") == "0402000b"
        assert not rig.world.relay_driven
        rig.board.power_off()
        assert rig.board.describe()["powered"] is False

    virtual("heidelberg", story)

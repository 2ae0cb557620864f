"""One EVSE on the bench: its electrical world, car, board, meter and indicator, and the lines they hang on.

Each line is a `DeviceLine`. A pulled cable and a dark bench live here, because they are no business of the device.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hil.boards import AnyBoardModel, board_model, make_board
from hil.device_line import DeviceLine
from hil.devices.indicator import IndicatorSimulator
from hil.devices.meter_registers import MeterValues
from hil.devices.modbus_io import IoCardSimulator
from hil.devices.modbus_meter import Framing, SimulatedMeter
from hil.devices.timers import Timers
from hil.devices.vehicle import Vehicle
from hil.world import MAX_PHASES, Emit, EvseWorld


@dataclass(frozen=True, slots=True)
class MeterModel:
    """Which meter measures the EVSE."""

    map_name: str = "eastron_sdm630"
    unit: int = 1
    framing: Framing = "rtu"
    serial_number: str = "PL000001"


def serial_number(evse: int) -> str:
    """Serial number of an EVSE's meter."""
    return f"PL{evse:06}"


class EvseBench:
    """One EVSE of the bench."""

    def __init__(
        self,
        emit: Emit,
        board: AnyBoardModel | None = None,
        meter_model: MeterModel | None = None,
        *,
        has_card: bool = False,
    ) -> None:
        meter_model = meter_model if meter_model is not None else MeterModel()
        loop = asyncio.get_running_loop()
        self.world = EvseWorld(loop, emit)
        self.board_model = board if board is not None else board_model("rapi")
        self.board = make_board(self.world, emit, self.board_model)
        self.vehicle = Vehicle(self.world)
        self.meter = SimulatedMeter(
            meter_model.map_name, meter_model.unit, meter_model.framing, serial_number=meter_model.serial_number
        )
        self.meter.set_source(self._meter_values)
        self.indicator = IndicatorSimulator(emit)
        self.board_line = DeviceLine(self.board)
        self.meter_line = DeviceLine(self.meter)
        self.indicator_line = DeviceLine(self.indicator)
        self.card = IoCardSimulator(self.world, emit) if has_card else None
        self.card_line = DeviceLine(self.card) if self.card is not None else None
        self.cable_pulled = False
        self.standing: dict[str, float | None] = {}
        """Faults that were brought in and not taken out, with their values."""
        self.fault_ends = Timers(loop)
        """Timers of the faults that end by themselves."""
        self.reset_on_plug_in = False
        self.frequency_hz = 50.0
        self._register_offset_wh = Decimal(0)

    @property
    def register_wh(self) -> Decimal:
        """Import register of the meter, Wh."""
        return self._register_offset_wh + self.world.energy_wh

    @register_wh.setter
    def register_wh(self, energy_wh: Decimal) -> None:
        self._register_offset_wh = energy_wh - self.world.energy_wh

    def supply(self, *, on: bool) -> None:
        """Give supply to everything here, or take it."""
        for line in (self.meter_line, self.indicator_line):
            line.powered = on
        if self.card_line is not None:
            self.card_line.powered = on
        if on:
            self.world.change(supplied=self.card is None or not self.card.breaker_tripped)
            self.board.power_on()
        else:
            self.board.power_off()
            if self.card is not None:
                self.card.power_off()
            if self.meter.signing is not None:
                self.meter.signing.power_off()
            self.world.change(supplied=False)

    def describe(self) -> dict[str, Any]:
        """Everything the `state` operation shows."""
        world = self.world
        high_v, low_v = world.pilot_voltage_v
        delivered_wh = world.energy_wh
        return {
            "pilot_high_v": high_v,
            "pilot_low_v": low_v,
            "pilot_state": world.pilot_state,
            "duty_percent": round(world.output.duty_percent, 3) if world.output.duty_percent else None,
            "pilot_output": world.output.kind.value,
            "contactor_closed": world.contactor_closed,
            "current_a": round(world.current_a, 3),
            "phases_supplied": world.phases_supplied,
            "power_w": round(world.power_w, 1),
            "voltage_v": world.voltage_v,
            "delivered_wh": str(delivered_wh),
            "meter": {"energy_wh": str(self._register_offset_wh + delivered_wh), "mode": self.meter.mode.value},
            "vehicle": {
                "plugged": self.vehicle.plugged,
                "asleep": self.vehicle.asleep,
                "state": world.load.name,
                "session_wh": round(self.vehicle.session_energy_wh, 3),
            },
            "board": self.board.describe(),
            "indicator": self.indicator.shown,
            **({"io": self.card.describe()} if self.card is not None else {}),
            "faults": sorted(self.standing),
            "supplied": world.supplied,
        }

    def _meter_values(self) -> MeterValues:
        world = self.world
        phases = world.phases_supplied
        current = tuple(world.current_a if phase < phases else 0.0 for phase in range(MAX_PHASES))
        phases_alive = MAX_PHASES - world.lost_phases if world.supplied else 0
        voltage = tuple(world.voltage_v if phase < phases_alive else 0.0 for phase in range(MAX_PHASES))
        return MeterValues(
            energy_import_wh=self.register_wh,
            voltage_v=voltage,
            current_a=current,
            frequency_hz=self.frequency_hz,
        )

"""An energy meter on a Modbus line, of any model that has a register map.

Rules kept here:
* Every sample is read afresh and carries the time at which its energy register arrived; nothing is remembered for it.
* Energy that is absent, backwards or impossibly fast never leaves the driver: the reading says NO_ENERGY.
* One log line per change of state, repeated at most every ten minutes while it lasts.
Source: facts lessons 52, 53, 55, 57.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from hal.api import BadFrameError, HalError, LinkErrors, MeterReading, Quality
from hal.codecs.register_continuity import DEFAULT_MAX_POWER_W, Refusal, RegisterContinuity, RegisterSample
from hal.drivers.modbus_bus import ModbusBus, ModbusRefusedError
from hal.drivers.register_reading import phases, plan_reads, quantity
from hal.drivers.sunspec import find_sunspec_model
from hal.meters.register_map import RegisterMap

logger = logging.getLogger(__name__)

REPEAT_LOG_S = 600.0


class ModbusMeter:
    """One unit on a bus; implements `EnergyMeter`."""

    def __init__(
        self,
        bus: ModbusBus,
        unit: int,
        register_map: RegisterMap,
        *,
        clock: Callable[[], datetime],
        max_power_w: float = DEFAULT_MAX_POWER_W,
    ) -> None:
        self._bus = bus
        self._unit = unit
        self._map = register_map
        self._clock = clock
        self._blocks = plan_reads(register_map)
        self._base: int | None = None if register_map.sunspec_models else 0
        self._import = RegisterContinuity(max_power_w)
        self._export = RegisterContinuity(max_power_w)
        self._implausible = 0
        self._trouble: str | None = None
        self._logged_at_s = 0.0

    @property
    def bills(self) -> bool:
        """True if the register may be billed from."""
        return self._map.bills

    @property
    def errors(self) -> LinkErrors:
        """Errors of this device so far."""
        return replace(self._bus.errors(self._unit), implausible=self._implausible)

    def restore_total(self, energy_import_wh: Decimal) -> None:
        """Tell the last total known before a restart, so that an accumulator that wraps goes on above it."""
        self._import.restore(energy_import_wh)

    async def read(self) -> MeterReading:
        """Take one fresh sample. Raises: HalError."""
        try:
            words = await self._read_words()
        except HalError as error:
            self._note(type(error).__name__, str(error))
            raise
        return self._reading(words, asyncio.get_running_loop().time())

    async def _read_words(self) -> dict[int, int]:
        if self._base is None:
            self._base = await find_sunspec_model(self._read_absolute, self._map.sunspec_models)
        words: dict[int, int] = {}
        try:
            for block in self._blocks:
                found = await self._read_absolute(self._base + block.address, block.count)
                words.update(enumerate(found, start=block.address))
        except ModbusRefusedError:
            self._forget_model()
            raise
        if self._map.sunspec_models and words[0] not in self._map.sunspec_models:
            self._forget_model()
            raise BadFrameError(f"unit {self._unit}: its SunSpec models have moved, model {words[0]} is there now")
        return words

    async def _read_absolute(self, address: int, count: int) -> tuple[int, ...]:
        return await self._bus.read_registers(self._unit, self._map.function, address, count)

    def _forget_model(self) -> None:
        if self._map.sunspec_models:
            self._base = None

    def _reading(self, words: dict[int, int], at_s: float) -> MeterReading:
        energy_import_wh = self._believed("energy_import", self._import, words, at_s)
        energy_export_wh = self._believed("energy_export", self._export, words, at_s)
        power = quantity(self._map, "power_total", words)
        reading = MeterReading(
            at=self._clock(),
            at_s=at_s,
            quality=Quality.GOOD if isinstance(energy_import_wh, Decimal) else Quality.NO_ENERGY,
            energy_import_wh=energy_import_wh if isinstance(energy_import_wh, Decimal) else None,
            energy_export_wh=energy_export_wh if isinstance(energy_export_wh, Decimal) else None,
            power_w=power.value,
            power_l_w=phases(self._map, "power", words),
            voltage_v=phases(self._map, "voltage", words),
            current_a=phases(self._map, "current", words),
            frequency_hz=quantity(self._map, "frequency", words).value,
        )
        self._report(energy_import_wh, words)
        return reading

    def _believed(
        self, name: str, continuity: RegisterContinuity, words: dict[int, int], at_s: float
    ) -> Decimal | Refusal:
        found = quantity(self._map, name, words)
        return continuity.judge(RegisterSample(found.value, at_s, found.step, found.modulus))

    def _report(self, energy_import_wh: Decimal | Refusal, words: dict[int, int]) -> None:
        """Count and log what became of the import register; a model without one has nothing to report."""
        if isinstance(energy_import_wh, Decimal) or "energy_import" not in self._map.points:
            self._note(None, "")
            return
        self._implausible += 1
        register_wh = quantity(self._map, "energy_import", words).value
        detail = f"register_wh={register_wh} believed_wh={self._import.total_wh}"
        self._note(f"energy_{energy_import_wh.value}", detail)

    def _note(self, trouble: str | None, detail: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if trouble == self._trouble and (trouble is None or now_s < self._logged_at_s + REPEAT_LOG_S):
            return
        self._trouble, self._logged_at_s = trouble, now_s
        name = self._map.name
        if trouble is None:
            logger.info("meter reads well again meter=%s unit=%d errors=%s", name, self._unit, self.errors)
        else:
            logger.warning(
                "meter in trouble meter=%s unit=%d trouble=%s detail=%s errors=%s",
                *(name, self._unit, trouble, detail, self.errors),
            )

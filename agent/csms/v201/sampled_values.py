"""Samples as MeterValueType: which measurands a message carries, and how each is written.

Energy is the lifetime register, whole Wh, rounded down; a register of doubtful quality is not sent.
Which measurands: OCPP 2.0.1 part 2, J01 and J02, SampledDataCtrlr and AlignedDataCtrlr.
"""

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from agent.csms.adapter import Payload
from agent.csms.v201.wire_values import timestamp
from agent.domain.facts import Sample
from agent.domain.vocabulary import ReadingContext
from hal.api import MeterReading, Quality

REGISTER = "Energy.Active.Import.Register"
_LINES = ("L1", "L2", "L3")
_LINES_TO_NEUTRAL = ("L1-N", "L2-N", "L3-N")

Values = Iterable[tuple[int | float, str | None]]
"""Value and phase."""


def meter_value(sample: Sample, measurands: tuple[str, ...]) -> Payload | None:
    """MeterValueType with those of `measurands` that this sample knows; None if it knows none."""
    context = sample.context.value
    sampled = [
        _sampled_value(value, measurand, unit, context, phase)
        for measurand in measurands
        if measurand in _MEASURANDS
        for unit, read in (_MEASURANDS[measurand],)
        for value, phase in read(sample)
    ]
    return {"timestamp": timestamp(sample.reading.at), "sampledValue": sampled} if sampled else None


def register_value(register_wh: Decimal, context: ReadingContext, at: datetime) -> Payload:
    """MeterValueType of the register alone, where no sample came with it."""
    value = _sampled_value(math.floor(register_wh), REGISTER, "Wh", context.value, None)
    return {"timestamp": timestamp(at), "sampledValue": [value]}


def has_register(sample: Sample) -> bool:
    """Tell whether the energy register of this sample may be billed from."""
    return sample.reading.quality is Quality.GOOD and sample.reading.energy_import_wh is not None


def _sampled_value(value: float, measurand: str, unit: str, context: str, phase: str | None) -> Payload:
    sampled: Payload = {
        "value": value,
        "context": context,
        "measurand": measurand,
        "location": "Outlet",
        "unitOfMeasure": {"unit": unit},
    }
    if phase is not None:
        sampled["phase"] = phase
    return sampled


def _energy(energy_wh: Decimal | None, quality: Quality) -> Values:
    if energy_wh is not None and quality is Quality.GOOD:
        yield math.floor(energy_wh), None


def _phases(values: tuple[Decimal | None, ...], names: tuple[str, ...]) -> Values:
    return ((float(value), name) for value, name in zip(values, names, strict=False) if value is not None)


def _total(value: Decimal | None) -> Values:
    return () if value is None else ((float(value), None),)


def _power(reading: MeterReading) -> Values:
    yield from _total(reading.power_w)
    yield from _phases(reading.power_l_w, _LINES)


_MEASURANDS: dict[str, tuple[str, Callable[[Sample], Values]]] = {
    REGISTER: ("Wh", lambda s: _energy(s.reading.energy_import_wh, s.reading.quality)),
    "Energy.Active.Export.Register": ("Wh", lambda s: _energy(s.reading.energy_export_wh, s.reading.quality)),
    "Power.Active.Import": ("W", lambda s: _power(s.reading)),
    "Current.Import": ("A", lambda s: _phases(s.reading.current_a, _LINES)),
    "Current.Offered": ("A", lambda s: ((s.offered_current_a, None),)),
    "Voltage": ("V", lambda s: _phases(s.reading.voltage_v, _LINES_TO_NEUTRAL)),
    "Frequency": ("Hz", lambda s: _total(s.reading.frequency_hz)),
}

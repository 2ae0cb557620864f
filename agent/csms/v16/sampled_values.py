"""Samples as MeterValue: which measurands a message carries, and how each is written.

Energy is the lifetime register, whole Wh, rounded down; a register of doubtful quality is not sent.
Source: OCPP 1.6 sections 7.33 (MeterValue), 7.43 (SampledValue), 7.45 (UnitOfMeasure, which has no unit of frequency).
"""

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

from agent.csms.adapter import Payload
from agent.csms.ended_samples import ended_measurands, fitting
from agent.csms.v16.wire_values import timestamp
from agent.domain.device_model import DeviceModel
from agent.domain.facts import Sample
from agent.domain.vocabulary import ReadingContext
from hal.api import MeterReading, Quality

_LINES = ("L1", "L2", "L3")
_LINES_TO_NEUTRAL = ("L1-N", "L2-N", "L3-N")

Values = Iterable[tuple[str, str | None]]
"""Value and phase."""


def due_measurands(context: ReadingContext, model: DeviceModel) -> tuple[str, ...]:
    """Return what MeterValuesAlignedData or MeterValuesSampledData asks of such a sample in MeterValues."""
    if context is ReadingContext.SAMPLE_CLOCK:
        return model.members("AlignedDataCtrlr", "Measurands")
    return model.members("SampledDataCtrlr", "TxUpdatedMeasurands")  # also what a TriggerMessage asks for: section 5.17


def meter_values_of(samples: Iterable[Sample], model: DeviceModel) -> list[Payload]:
    """Return a MeterValue of each sample that knows a configured measurand."""
    return [value for sample in samples if (value := _meter_value(sample, due_measurands(sample.context, model)))]


def transaction_data(samples: Iterable[Sample], model: DeviceModel) -> list[Payload]:
    """Return what StopTransaction carries: StopTxnAlignedData of clock-aligned samples, else StopTxnSampledData.

    Source: sections 4.10 and 9.1; how much at most: `agent.csms.ended_samples`.
    """
    written = ((sample, _meter_value(sample, ended_measurands(sample.context, model))) for sample in samples)
    return fitting((sample, value) for sample, value in written if value is not None)


def _meter_value(sample: Sample, measurands: tuple[str, ...]) -> Payload | None:
    sampled = [
        _sampled_value(value, measurand, unit, sample.context.value, phase)
        for measurand in measurands
        if measurand in MEASURANDS
        for unit, read in (MEASURANDS[measurand],)
        for value, phase in read(sample)
    ]
    return {"timestamp": timestamp(sample.reading.at), "sampledValue": sampled} if sampled else None


def _sampled_value(value: str, measurand: str, unit: str | None, context: str, phase: str | None) -> Payload:
    sampled: Payload = {"value": value, "context": context, "measurand": measurand, "location": "Outlet"}
    if unit is not None:
        sampled["unit"] = unit
    if phase is not None:
        sampled["phase"] = phase
    return sampled


def _energy(energy_wh: Decimal | None, quality: Quality) -> Values:
    if energy_wh is not None and quality is Quality.GOOD:
        yield str(math.floor(energy_wh)), None


def _phases(values: tuple[Decimal | None, ...], names: tuple[str, ...]) -> Values:
    return ((f"{value:f}", name) for value, name in zip(values, names, strict=False) if value is not None)


def _total(value: Decimal | None) -> Values:
    return () if value is None else ((f"{value:f}", None),)


def _power(reading: MeterReading) -> Values:
    yield from _total(reading.power_w)
    yield from _phases(reading.power_l_w, _LINES)


MEASURANDS: dict[str, tuple[str | None, Callable[[Sample], Values]]] = {
    "Energy.Active.Import.Register": ("Wh", lambda s: _energy(s.reading.energy_import_wh, s.reading.quality)),
    "Energy.Active.Export.Register": ("Wh", lambda s: _energy(s.reading.energy_export_wh, s.reading.quality)),
    "Power.Active.Import": ("W", lambda s: _power(s.reading)),
    "Current.Import": ("A", lambda s: _phases(s.reading.current_a, _LINES)),
    "Current.Offered": ("A", lambda s: ((f"{s.offered_current_a:.1f}", None),)),
    "Voltage": ("V", lambda s: _phases(s.reading.voltage_v, _LINES_TO_NEUTRAL)),
    "Frequency": (None, lambda s: _total(s.reading.frequency_hz)),
}
"""Measurand to its unit and its reader."""

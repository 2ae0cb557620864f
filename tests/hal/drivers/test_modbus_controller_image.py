"""Registers to a report, by plain words: errors by code and bit, evidence of the contactor, cable and lock."""

from decimal import Decimal

import pytest

from hal.api import BadFrameError, CableDetected, Fault, LockChanged, PilotState, TemperatureMeasured
from hal.codecs.modbus_frame import ReadRequest
from hal.controllers.profile import load_profile, parse_profile
from hal.drivers.modbus_controller_image import ControllerImage, Report
from hal.drivers.modbus_controller_sensors import ControllerSensors
from tests.hal.controllers.test_profile import GOOD


def image_of(more: str, **words: int) -> ControllerImage:
    """Fill an image of the example; words by table letter and address: i100=3."""
    image = ControllerImage(parse_profile("example", GOOD + more), 1)
    functions = {"c": 1, "d": 2, "h": 3, "i": 4}
    for name, word in ({"i100": 1, "h200": 0} | words).items():
        image.take(ReadRequest(1, functions[name[0]], int(name[1:]), 1), (word,))
    return image


def report_of(more: str = "", **words: int) -> Report:
    return image_of(more, **words).report()


def test_a_listed_state_is_told_and_any_other_is_a_fault() -> None:
    assert report_of(i100=2).pilot is PilotState.B
    shown = report_of(i100=9)
    assert (shown.pilot, dict(shown.faults)) == (None, {Fault.BOARD_INTERNAL: "controller shows state '9'"})


def test_the_offer_is_the_setting_in_its_unit_and_zero_is_off() -> None:
    assert (report_of(h200=160).offered_a, report_of(h200=160).enabled) == (Decimal(16), True)
    assert (report_of(h200=0).offered_a, report_of(h200=0).enabled) == (Decimal(0), False)


def test_a_setting_without_its_enable_offers_nothing() -> None:
    more = '\n[enable]\ntable = "coil"\naddress = 5\n'
    assert not report_of(more, h200=160, c5=0).enabled
    assert report_of(more, h200=160, c5=0).offered_a == 0
    assert report_of(more, h200=160, c5=1).enabled


ERRORS = '\n[errors]\ntable = "input"\naddress = 107\n'


@pytest.mark.parametrize(
    ("table", "word", "faults"),
    [
        ('codes = { 13 = "diode", 15 = "residual_dc" }', 0, set()),
        ('codes = { 13 = "diode", 15 = "residual_dc" }', 13, {Fault.DIODE}),
        ('codes = { 13 = "diode", 15 = "residual_dc" }', 99, {Fault.BOARD_INTERNAL}),
        ('bits = { 1 = "diode", 4 = "residual_dc" }', 5, {Fault.DIODE, Fault.RESIDUAL_DC}),
        ('bits = { 1 = "diode", 4 = "residual_dc" }', 2, set()),
    ],
)
def test_errors_are_told_by_code_or_by_bit(table: str, word: int, faults: set[Fault]) -> None:
    assert report_of(ERRORS + table, i107=word).faults.keys() == faults


def test_a_contactor_register_is_believed_before_the_state() -> None:
    more = '\n[contactor]\ntable = "holding"\naddress = 140\nvalues = [1, 5]\n'
    assert report_of(more, i100=3, h140=0).evidence is False
    assert report_of(more, i100=1, h140=5).evidence is True


def test_current_proves_a_closed_contactor_and_its_absence_proves_nothing() -> None:
    image = ControllerImage(load_profile("heidelberg"), 1)
    image.take(ReadRequest(1, 3, 261, 1), (0,))
    image.take(ReadRequest(1, 4, 5, 4), (2, 0, 11, 0))
    assert image.report().evidence is True
    image.take(ReadRequest(1, 4, 5, 4), (7, 9, 10, 0))
    assert image.report().evidence is None


def test_registers_that_touch_are_asked_for_together_and_no_other_is() -> None:
    asked = {
        (read.function, read.address, read.count) for read in ControllerImage(load_profile("evse_wb"), 1).fast_reads
    }
    assert asked == {(3, 1000, 3)}
    reads = ControllerImage(load_profile("phoenix_charx"), 1, 3).fast_reads
    assert {(read.function, read.address, read.count) for read in reads} == {(3, 3238, 6), (3, 3299, 3)}


def test_what_was_never_read_is_not_made_up() -> None:
    with pytest.raises(BadFrameError, match="input 100 was not read"):
        ControllerImage(parse_profile("example", GOOD), 1).report()


def test_temperature_cable_and_lock_are_told_when_they_change() -> None:
    more = """
    [temperatures.plug]
    table = "input"
    address = 300
    type = "int16"
    scale = 0.1
    [proximity]
    table = "input"
    address = 301
    ampacity_a = { 2 = 20, 3 = 32 }
    [lock]
    table = "discrete"
    address = 302
    values = [1]
    """
    image = image_of(more, i300=0xFFCE, i301=3, d302=1)
    sensors = ControllerSensors(parse_profile("example", GOOD + more), image)
    first = [TemperatureMeasured("plug", Decimal("-5.0"), 1.0), CableDetected(32.0, 1.0), LockChanged(True, 1.0)]
    assert sensors.events(1.0) == first
    assert sensors.events(2.0) == []
    image.take(ReadRequest(1, 4, 301, 1), (7,))
    image.take(ReadRequest(1, 2, 302, 1), (0,))
    assert sensors.events(3.0) == [CableDetected(None, 3.0), LockChanged(False, 3.0)]

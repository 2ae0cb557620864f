"""Golden vectors, made by hand from the layout of the identifier. Source: facts boards_protocols, CAN, Infypower."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.infypower import (
    ALL_MODULES,
    CONTROLLER,
    GROUP,
    Address,
    Answer,
    Available,
    Capabilities,
    Command,
    ModuleState,
    Output,
    Setpoint,
    Status,
    count_data,
    count_of,
    switch_data,
    switches_on,
)

IDENTIFIERS = [
    (0x028300F0, Address(Command.READ_OUTPUT, 0x00, CONTROLLER)),
    (0x0283F000, Address(Command.READ_OUTPUT, CONTROLLER, 0x00)),
    (0x028402F0, Address(Command.READ_STATUS, 0x02, CONTROLLER)),
    (0x028A3FF0, Address(Command.READ_CAPABILITIES, ALL_MODULES, CONTROLLER)),
    (0x029C05F0, Address(Command.SET_OUTPUT, 0x05, CONTROLLER)),
    (0x02DA01F0, Address(Command.SWITCH, 0x01, CONTROLLER, GROUP)),
    (0x0E9CF003, Address(Command.SET_OUTPUT, CONTROLLER, 0x03, answer=Answer.DATA_INVALID)),
    (0x1E9AF003, Address(Command.SWITCH, CONTROLLER, 0x03, answer=Answer.STARTING)),
]


@pytest.mark.parametrize(("identifier", "address"), IDENTIFIERS)
def test_the_identifier_holds_error_device_command_destination_and_source(identifier: int, address: Address) -> None:
    assert address.arbitration_id() == identifier
    assert Address.from_id(identifier) == address


@pytest.mark.parametrize("identifier", [0x02BF00F0, 0x068300F0])
def test_an_unknown_command_or_error_is_no_address(identifier: int) -> None:
    assert Address.from_id(identifier) is None


def test_voltage_and_current_are_two_singles() -> None:
    data = bytes.fromhex("43FA0000 42480000")
    assert Output.from_data(data) == Output(500.0, 50.0)
    assert Output(500.0, 50.0).to_data() == data


def test_a_setpoint_is_millivolts_and_milliamperes() -> None:
    data = bytes.fromhex("00061A80 00002904")
    assert Setpoint(400.0, 10.5).to_data() == data
    assert Setpoint.from_data(data) == Setpoint(400.0, 10.5)


def test_capabilities_come_in_volts_tenths_of_an_ampere_and_tens_of_watts() -> None:
    data = bytes.fromhex("03E8 0032 03E8 0BB8")
    assert Capabilities.from_data(data) == Capabilities(1000.0, 50.0, 100.0, 30_000.0)
    assert Capabilities(1000.0, 50.0, 100.0, 30_000.0).to_data() == data


def test_capabilities_of_nothing_are_no_capabilities() -> None:
    assert Capabilities.from_data(bytes(8)) is None


def test_the_available_current_comes_in_tenths() -> None:
    data = bytes.fromhex("0F3C 02EE 00000000")
    assert Available.from_data(data) == Available(390.0, 75.0)
    assert Available(390.0, 75.0).to_data() == data


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("00000000 28 000100", Status(ModuleState.OFF, 40)),
        ("00000000 F6 000100", Status(ModuleState.OFF, -10)),
        ("00000000 19 000200", Status(ModuleState.FAULT, 25)),
        ("00000000 19 001000", Status(ModuleState.OVER_TEMPERATURE, 25)),
        ("00000000 19 080000", Status(ModuleState.INPUT_PHASE_LOST, 25)),
        ("00000000 19 008101", Status(ModuleState.HOST_SILENT | ModuleState.OFF | ModuleState.OUTPUT_SHORT, 25)),
    ],
)
def test_the_state_stands_in_the_last_three_bytes(data: str, status: Status) -> None:
    assert Status.from_data(bytes.fromhex(data)) == status
    assert status.to_data() == bytes.fromhex(data)


def test_zero_switches_on_and_one_off() -> None:
    assert switch_data(on=True) == bytes(8)
    assert switch_data(on=False) == bytes.fromhex("01") + bytes(7)
    assert switches_on(bytes(8)) is True
    assert switches_on(bytes.fromhex("01") + bytes(7)) is False
    assert switches_on(bytes.fromhex("02") + bytes(7)) is None


def test_the_number_of_modules_stands_in_the_third_byte() -> None:
    assert count_data(4) == bytes.fromhex("0000040000000000")
    assert count_of(bytes.fromhex("0000040000000000")) == 4


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_measurement_that_is_no_number_is_no_measurement(number: float) -> None:
    assert Output.from_data(struct.pack(">ff", number, 1.0)) is None
    assert Output.from_data(struct.pack(">ff", 1.0, number)) is None


@given(st.integers(0, 0x1FFF_FFFF))
def test_every_identifier_is_taken_apart_or_refused(identifier: int) -> None:
    address = Address.from_id(identifier)
    assert address is None or address.arbitration_id() == identifier


@given(st.binary(max_size=8))
def test_no_data_raises(data: bytes) -> None:
    for parse in (Output, Setpoint, Capabilities, Available, Status):
        parsed = parse.from_data(data)
        assert parsed is None or len(data) == 8
    assert switches_on(data) is None or len(data) == 8
    assert count_of(data) is None or len(data) == 8

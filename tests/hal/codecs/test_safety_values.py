"""Values of the safety controller, with bytes put together by hand from facts boards_protocols, chargebyte."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.safety_values import (
    ChargeControl,
    ChargeState,
    Com,
    ContactorState,
    EmergencyStop,
    ErrorMessage,
    FirmwareVersion,
    Inquiry,
    PilotState,
    ProximityCode,
    RcmState,
    SafeState,
    SafeStateReason,
    Temperature,
    Temperatures,
)

EIGHT_BYTES = st.binary(min_size=8, max_size=8)
OPEN, CLOSED, UNUSED = ContactorState.OPEN, ContactorState.CLOSED, ContactorState.UNUSED
FREE, TRIPPED = EmergencyStop.NOT_TRIPPED, EmergencyStop.TRIPPED


@pytest.mark.parametrize(
    ("control", "data"),
    [
        # 63: 80 in byte 0. 533 = 0x215: bits 57, 56 are 02 in byte 0, the rest 15 in byte 1.
        # 40, 41, 42: 01, 02, 04 in byte 2.
        (ChargeControl(True, 533, (True, True, False)), "8215030000000000"),
        (ChargeControl(True, 1000, (False, False, False)), "83e8000000000000"),
        (ChargeControl(True, 0), "8000000000000000"),
        (ChargeControl(False, 0), "0000000000000000"),
        (ChargeControl(True, 100, (False, False, True)), "8064040000000000"),
    ],
)
def test_charge_control_stands_at_its_bits(control: ChargeControl, data: str) -> None:
    assert control.to_data() == bytes.fromhex(data)
    assert ChargeControl.from_data(bytes.fromhex(data)) == control
    assert control.frame().com == 0x06


@pytest.mark.parametrize("duty", [-1, 1024])
def test_duty_that_does_not_fit_is_refused(duty: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        ChargeControl(True, duty)


@pytest.mark.parametrize(
    ("state", "data"),
    [
        # pilot C = 3 in byte 2; 32 A = 3 in byte 3; HV ready 40, contactors 3 unused 30, 2 closed 08, 1 closed 02;
        # RCM monitoring 40, stops 3 and 2 unused 3C, 1 free 00.
        (
            ChargeState(
                pwm_enabled=True,
                duty_permille=266,
                pilot=PilotState.C,
                proximity=ProximityCode.CABLE_32_A,
                hv_ready=True,
                contactors=(CLOSED, CLOSED, UNUSED),
                rcm=RcmState.MONITORING,
                emergency_stops=(FREE, EmergencyStop.UNUSED, EmergencyStop.UNUSED),
            ),
            "810a03037a7c0000",
        ),
        # safe state 1 = 04 in byte 0; diode 10, pilot F = 6; reason 14 in byte 6.
        (
            ChargeState(
                safe_state=SafeState.SAFE,
                diode_fault=True,
                pilot=PilotState.F,
                contactors=(OPEN, OPEN, UNUSED),
                rcm=RcmState.ERROR,
                emergency_stops=(TRIPPED, FREE, FREE),
                safe_state_reason=SafeStateReason.DIODE,
            ),
            "0400160035c10e00",
        ),
        (
            ChargeState(
                safe_state=SafeState.NOT_AVAILABLE,
                pilot_short=True,
                pilot=PilotState.E,
                proximity=ProximityCode.INVALID,
                emergency_stops=(FREE, FREE, TRIPPED),
                safe_state_reason=SafeStateReason.RCM_SELF_TEST,
            ),
            "0c000d0700101500",
        ),
    ],
)
def test_charge_state_stands_at_its_bits(state: ChargeState, data: str) -> None:
    assert state.to_data().hex() == data
    assert ChargeState.from_data(bytes.fromhex(data)) == state
    assert state.frame().com == 0x07


@pytest.mark.parametrize(("code", "pilot"), [(0, None), (1, PilotState.A), (6, PilotState.F), (7, None)])
def test_unknown_and_invalid_pilot_codes_are_no_state(code: int, pilot: PilotState | None) -> None:
    assert ChargeState.from_data(bytes([0, 0, code, 0, 0, 0, 0, 0])).pilot is pilot


@pytest.mark.parametrize("code", [19, 22, 255])
def test_reason_without_a_name_is_unknown_and_never_none(code: int) -> None:
    state = ChargeState.from_data(bytes([4, 0, 0, 0, 0, 0, code, 0]))
    assert state.safe_state_reason is SafeStateReason.UNKNOWN
    assert state.safe_state is SafeState.SAFE
    assert ChargeState.from_data(state.to_data()).safe_state_reason is SafeStateReason.INTERNAL_ERROR


@given(EIGHT_BYTES)
def test_any_eight_bytes_can_be_read_as_any_message(data: bytes) -> None:
    for message in (ChargeControl, ChargeState, Temperatures, FirmwareVersion, Inquiry, ErrorMessage):
        value = message.from_data(data)
        assert message.from_data(value.to_data()) == value or message is ChargeState


def test_temperatures_are_signed_tenths_with_two_flags() -> None:
    # 25.0 C = 250: 250 << 2 = 03E8. -12.3 C = 0x4000 - 123 = 0x3F85: << 2 = FE14, self-test failed 02.
    # 0x1FFF << 2 = 7FFC.
    # 85.1 C = 851: << 2 = 0D4C, charging stopped 01.
    data = bytes.fromhex("03e8fe167ffc0d4d")
    values = Temperatures(
        (
            Temperature(Decimal("25.0")),
            Temperature(Decimal("-12.3"), self_test_failed=True),
            Temperature(),
            Temperature(Decimal("85.1"), charging_stopped=True),
        )
    )
    assert Temperatures.from_data(data) == values
    assert values.to_data() == data
    assert values.frame().com == 0x08


@pytest.mark.parametrize(("outside_c", "word"), [(Decimal(5000), 0x1FFE), (Decimal(-5000), 0x2000)])
def test_temperature_outside_the_range_is_never_sent_as_unused(outside_c: Decimal, word: int) -> None:
    assert Temperature(outside_c).to_word() == word << 2


def test_firmware_version_names_program_board_and_parameters() -> None:
    data = bytes.fromhex("0003018103000700")
    version = FirmwareVersion(0, 3, 1, platform=0x81, application=3, parameter_version=7)
    assert FirmwareVersion.from_data(data) == version
    assert version.to_data() == data
    assert version.text == "0.3.1"
    assert version.frame().com == 0x0A


def test_inquiry_names_the_wanted_message_first() -> None:
    assert Inquiry(Com.FIRMWARE_VERSION).frame().com == 0xFF
    assert Inquiry(Com.FIRMWARE_VERSION).to_data() == bytes.fromhex("0a00000000000000")


def test_error_message_stays_as_it_came() -> None:
    data = bytes.fromhex("8003000100020003")
    assert ErrorMessage.from_data(data).to_data() == data
    assert ErrorMessage(data).frame().com == 0x0E

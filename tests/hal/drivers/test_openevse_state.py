"""States and faults of the board: facts rapi_openevse, States and traps 7 and 8."""

import pytest

from hal.api import Fault, PilotChanged, PilotState, PowerOff, PowerOn
from hal.codecs.rapi_values import EvseState, VFlags
from hal.drivers.openevse_state import OpenEvseState

CONNECTED = VFlags.EV_CONNECTED
CLOSED = VFlags.EV_CONNECTED | VFlags.RELAY_CLOSED
NONE = VFlags(0)


@pytest.mark.parametrize(
    ("evse", "pilot", "vflags", "seen"),
    [
        (EvseState.A, EvseState.A, NONE, PilotState.A),
        (EvseState.B, EvseState.B, CONNECTED, PilotState.B),
        (EvseState.C, EvseState.C, CLOSED, PilotState.C),
        (EvseState.VENTILATION_REQUIRED, EvseState.VENTILATION_REQUIRED, CONNECTED, PilotState.D),
        (EvseState.SLEEPING, EvseState.A, NONE, PilotState.A),
        (EvseState.SLEEPING, EvseState.A, CONNECTED, PilotState.B),
        (EvseState.SLEEPING, EvseState.B, CONNECTED, PilotState.B),
        (EvseState.SLEEPING, EvseState.C, CONNECTED, PilotState.C),
        (EvseState.SLEEPING, EvseState.C, NONE, PilotState.A),
        (EvseState.DIODE_CHECK_FAILED, EvseState.C, CONNECTED, PilotState.C),
        (EvseState.GROUND_FAULT, EvseState.A, NONE, PilotState.A),
        (EvseState.DISABLED, EvseState.UNKNOWN, CONNECTED, None),
        (EvseState.UNKNOWN, EvseState.UNKNOWN, NONE, None),
    ],
)
def test_pilot_state_is_told_from_state_pilot_field_and_flags(
    evse: EvseState, pilot: EvseState, vflags: VFlags, seen: PilotState | None
) -> None:
    board = OpenEvseState()
    board.observe(evse, pilot, vflags, 1.0)
    assert board.pilot is seen


@pytest.mark.parametrize(
    ("evse", "fault"),
    [
        (EvseState.DIODE_CHECK_FAILED, Fault.DIODE),
        (EvseState.GROUND_FAULT, Fault.GROUND_FAULT_TRIPPED),
        (EvseState.NO_GROUND, Fault.GROUND_MISSING),
        (EvseState.STUCK_RELAY, Fault.CONTACTOR_WELDED),
        (EvseState.GROUND_FAULT_SELF_TEST_FAILED, Fault.RESIDUAL_CURRENT_SELF_TEST),
        (EvseState.OVER_TEMPERATURE, Fault.OVER_TEMPERATURE),
        (EvseState.OVER_CURRENT, Fault.OVER_CURRENT),
        (EvseState.RELAY_CLOSURE_FAILED, Fault.CONTACTOR_FAILED_TO_CLOSE),
        (EvseState.RESERVED_0C, Fault.BOARD_UNSUITABLE),
    ],
)
def test_every_fault_state_is_a_fault_and_clears_in_a_healthy_state(evse: EvseState, fault: Fault) -> None:
    board = OpenEvseState()
    seen = []
    for state in (evse, EvseState.B):
        board.observe(state, EvseState.B, CONNECTED, 1.0)
        seen.append(board.fault)
    assert seen == [fault, None]


def test_trap_7_code_04_is_a_short_in_a_and_ventilation_with_a_car() -> None:
    board = OpenEvseState()
    board.observe(EvseState.A, EvseState.A, NONE, 1.0)
    board.observe(EvseState.VENTILATION_REQUIRED, EvseState.UNKNOWN, CONNECTED, 2.0)
    assert (board.fault, board.pilot) == (Fault.PILOT, PilotState.E)
    board.observe(EvseState.VENTILATION_REQUIRED, EvseState.UNKNOWN, CONNECTED, 3.0)
    assert board.fault is Fault.PILOT
    board.observe(EvseState.B, EvseState.B, CONNECTED, 4.0)
    board.observe(EvseState.VENTILATION_REQUIRED, EvseState.VENTILATION_REQUIRED, CONNECTED, 5.0)
    assert (board.fault, board.pilot) == (Fault.VENTILATION_REQUIRED, PilotState.D)


def test_trap_7_asleep_the_pilot_field_alone_shows_the_short() -> None:
    board = OpenEvseState()
    seen: list[tuple[Fault | None, PilotState | None]] = []
    for at_s, (pilot, flags) in enumerate(
        [
            (EvseState.A, NONE),
            (EvseState.VENTILATION_REQUIRED, NONE),
            (EvseState.VENTILATION_REQUIRED, NONE),
            (EvseState.A, NONE),
            (EvseState.B, CONNECTED),
            (EvseState.VENTILATION_REQUIRED, CONNECTED),
        ]
    ):
        board.observe(EvseState.SLEEPING, pilot, flags, float(at_s))
        seen.append((board.fault, board.pilot))
    well, short = (None, PilotState.A), (Fault.PILOT, PilotState.E)
    assert seen == [well, short, short, well, (None, PilotState.B), (None, PilotState.D)]


def test_trap_8_fault_stands_while_asleep_until_unplugged_but_a_weld_until_power_cycle() -> None:
    board = OpenEvseState()
    board.observe(EvseState.DIODE_CHECK_FAILED, EvseState.C, CONNECTED, 1.0)
    board.observe(EvseState.DISABLED, EvseState.UNKNOWN, CONNECTED, 2.0)
    seen = []
    for pilot, vflags in ((EvseState.B, CONNECTED), (EvseState.A, NONE)):
        board.observe(EvseState.SLEEPING, pilot, vflags, 3.0)
        seen.append(board.fault)
    assert seen == [Fault.DIODE, None]
    board.observe(EvseState.STUCK_RELAY, EvseState.B, CLOSED, 5.0)
    board.observe(EvseState.SLEEPING, EvseState.A, NONE, 6.0)
    assert board.fault is Fault.CONTACTOR_WELDED


def test_contactor_is_told_from_the_relay_flag_once_per_change() -> None:
    board = OpenEvseState()
    assert PowerOff(1.0) in board.observe(EvseState.B, EvseState.B, CONNECTED, 1.0)
    assert board.observe(EvseState.C, EvseState.C, CLOSED, 2.0) == [PilotChanged(PilotState.C, 2.0), PowerOn(2.0)]
    assert board.observe(EvseState.C, EvseState.C, CLOSED, 3.0) == []
    board.forget()
    assert PowerOn(4.0) in board.observe(EvseState.C, EvseState.C, CLOSED, 4.0)


def test_a_welded_contactor_counts_as_closed_until_the_board_finds_it_well() -> None:
    """An opening is believed from feedback; here that is the mains sensed behind the relay, not its drive."""
    board = OpenEvseState()
    board.observe(EvseState.C, EvseState.C, CLOSED, 1.0)
    assert PowerOff(2.0) in board.observe(EvseState.C, EvseState.C, CONNECTED, 2.0)
    assert PowerOn(3.0) in board.observe(EvseState.STUCK_RELAY, EvseState.C, CONNECTED, 3.0)
    assert not board.has_opened_by_itself
    for state, vflags in ((EvseState.SLEEPING, CONNECTED), (EvseState.DISABLED, NONE)):
        board.observe(state, EvseState.B, vflags, 4.0)
        assert board.contactor_closed is True
        assert not board.is_off_and_open
    board.forget()
    assert PowerOff(5.0) in board.observe(EvseState.A, EvseState.A, NONE, 5.0)


def test_a_weld_is_forgotten_when_the_board_has_restarted_asleep_and_not_when_it_shows_it_again() -> None:
    for state, welded in ((EvseState.DISABLED, False), (EvseState.STUCK_RELAY, True)):
        board = OpenEvseState()
        board.observe(EvseState.STUCK_RELAY, EvseState.B, CONNECTED, 1.0)
        board.forget()
        board.observe(state, EvseState.UNKNOWN, NONE, 2.0)
        board.restarted()
        assert (board.fault is Fault.CONTACTOR_WELDED, board.contactor_closed) == (welded, welded)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (0, None),
        (7, Fault.GROUND_MISSING),
        (8, Fault.CONTACTOR_WELDED),
        (9, Fault.RESIDUAL_CURRENT_SELF_TEST),
        (1, None),
    ],
)
def test_failed_power_on_self_test_is_a_fault(code: int, fault: Fault | None) -> None:
    board = OpenEvseState()
    board.observe_boot(code)
    assert board.fault is fault

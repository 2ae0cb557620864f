"""Profiles: each one pinned to the facts, and every impossible one refused with file and key."""

from decimal import Decimal

import pytest

from hal.api import Fault, PilotState
from hal.controllers.points import Span
from hal.controllers.profile import PROFILE_DIRECTORY, load_profile, parse_profile, profile_names
from hal.controllers.toml_fields import ProfileError

GOOD = """
model = "Example"
source = ["test"]
[line]
framing = "rtu"
write_function = "FC16"
[state]
table = "input"
address = 100
format = "number"
pilot = { 1 = "A", 2 = "B", 3 = "C" }
charging = ["3"]
other_fault = "board_internal"
[current]
table = "holding"
address = 200
scale = 0.1
zero_is_off = true
[timing]
opening_time_s = 0.1
stop_opening_time_s = 6.5
"""


def test_the_profiles_that_are_promised_are_there() -> None:
    assert set(profile_names()) >= {"evse_wb", "heidelberg", "phoenix_charx", "phoenix_ev_cc"}


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_loads_and_names_its_sources_and_what_none_tells(name: str) -> None:
    profile = load_profile(name)
    assert profile.source
    assert any("timing" in sentence for sentence in profile.unsourced)
    assert profile.state.charging


def test_evse_wb_is_as_the_facts_say() -> None:
    profile = load_profile("evse_wb")
    assert profile.state.span == Span("holding", 1002)
    assert profile.current.quantity.span == Span("holding", 1000)
    assert profile.actual_current == Span("holding", 1001)
    assert (profile.line.baudrate, profile.line.parity, profile.line.unit) == (9600, "N", 1)
    assert (profile.line.write_function, profile.line.write_gap_s) == (16, 0.2)
    fine = profile.current.fine
    assert fine is not None
    assert (fine.span, fine.bit, fine.firmware_min, fine.scale) == (Span("holding", 2005), 7, 17, Decimal("0.01"))
    assert profile.watchdog is None


def test_phoenix_ev_cc_is_as_the_facts_say() -> None:
    profile = load_profile("phoenix_ev_cc")
    assert profile.enable is not None
    assert profile.enable.span == Span("coil", 20000)
    assert profile.current.quantity.span == Span("holding", 22000)
    assert (profile.state.span, profile.state.format) == (Span("input", 24000), "ascii_high")


def test_heidelberg_is_as_the_facts_say() -> None:
    profile = load_profile("heidelberg")
    assert (profile.line.baudrate, profile.line.parity) == (19200, "E")
    assert profile.state.span == Span("input", 5)
    shown = {int(key): state.value for key, state in profile.state.pilot.items()}
    assert shown == {2: "A", 3: "A", 4: "B", 5: "B", 6: "C", 7: "C", 8: "C", 9: "E"}
    watchdog = profile.watchdog
    assert watchdog is not None
    assert (watchdog.timeout, watchdog.fail_safe) == (Span("holding", 257), Span("holding", 262))
    assert profile.current.quantity == load_profile("heidelberg").current.quantity
    assert (profile.current.quantity.span, profile.current.quantity.scale) == (Span("holding", 261), Decimal("0.1"))
    assert {setup.span.address: setup.value for setup in profile.setup} == {258: 4, 259: 1}


def test_phoenix_charx_is_as_the_facts_say() -> None:
    profile = load_profile("phoenix_charx")
    assert (profile.line.framing, profile.line.registers_per_point) == ("tcp", 1000)
    assert (profile.state.span.address, profile.current.quantity.span.address) == (299, 301)
    assert profile.enable is not None
    assert profile.enable.span.address == 300
    assert profile.flow is not None
    assert (profile.flow.quantity.span.address, profile.flow.quantity.scale) == (238, Decimal("0.001"))


def test_a_profile_may_name_errors_by_code_or_by_bit_a_cable_and_a_lock() -> None:
    profile = parse_profile(
        "example",
        GOOD
        + """
        [errors]
        table = "input"
        address = 107
        bits = { 0x1 = "diode", 0x2 = "residual_dc" }
        [proximity]
        table = "input"
        address = 108
        ampacity_a = { 13 = 13, 32 = 32 }
        [lock]
        table = "discrete"
        address = 3
        values = [1]
        """,
    )
    assert profile.errors is not None
    assert dict(profile.errors.bits) == {1: Fault.DIODE, 2: Fault.RESIDUAL_DC}
    assert profile.proximity is not None
    assert profile.proximity.ampacity_a[32] == 32
    assert profile.state.pilot["3"] is PilotState.C


ERRORS = '\n[errors]\ntable = "input"\naddress = 7\n'
REFUSED = [
    ("[state]", "[statt]", "state is missing"),
    ("address = 100\n", "", "state.address is missing"),
    ("zero_is_off = true", "", "there is no way to switch off"),
    ("zero_is_off = true", '[enable]\ntable = "coil"\naddress = 1\non = 0', "enable.off is the same as on"),
    ("zero_is_off = true", '[enable]\ntable = "input"\naddress = 1', "enable.table is input, which cannot be written"),
    ('table = "holding"', 'table = "input"', "current.table is input, which cannot be written"),
    ('table = "input"', 'table = "coil"', "state.table must be input or holding"),
    ('charging = ["3"]', 'charging = ["2"]', "state.charging names '2'"),
    ('3 = "C"', '3 = "B"', "state.pilot must tell at least state A and state C or D"),
    ('3 = "C"', '3 = "X"', "state.pilot.3 is 'X'; known are A, B"),
    ('other_fault = "board_internal"', 'other_fault = "oops"', "state.other_fault is 'oops'"),
    ('other_fault = "board_internal"', 'other_fault = "diode"\nfaults = { 3 = "diode" }', "state.faults names '3'"),
    ("scale = 0.1", "scale = 0", "current.scale is 0"),
    ("address = 200", "address = 70000", "current.address is 70000"),
    ("[timing]", f'{ERRORS}bits = {{ 3 = "diode", 1 = "pilot" }}\n[timing]', "errors.bits has 0x1, which overlaps"),
    ("[timing]", f'{ERRORS}codes = {{ 3 = "dioden" }}\n[timing]', "errors.codes.3 is 'dioden'; known are diode"),
    ("[timing]", f'{ERRORS}codes = {{ x = "diode" }}\n[timing]', "errors.codes.x is no number"),
    ("[timing]", f"{ERRORS}[timing]", "errors.codes or bits is needed"),
    (
        "[timing]",
        "[watchdog]\ntimeout_address = 1\ntimeout_ms = 100\nfail_safe_address = 2\n[timing]",
        "timeout_ms is 1",
    ),
    (
        "[timing]",
        "[watchdog]\ntimeout_address = 1\ntimeout_ms = 900\nfail_safe_address = 1\n[timing]",
        "is the same as",
    ),
    ("[current]", "[current.fine]\nbit = 7\n[current]", "current.fine.firmware_min needs a table firmware"),
    ("scale = 0.1", "scale = 0.1\nscall = 1", "current.scall is not known; known here: address"),
    ('model = "Example"', "", "model is missing"),
    ('write_function = "FC16"', 'write_function = "FC15"', "line.write_function is 'FC15'; known are FC06, FC16"),
    ("[line]", "[line", "is no TOML"),
    ("[timing]", "timing = 3\n[timong]", "current.timing is not known"),
]


@pytest.mark.parametrize(("old", "new", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_an_impossible_profile_is_refused_with_file_and_key(old: str, new: str, words: str) -> None:
    assert parse_profile("example", GOOD).name == "example"
    with pytest.raises(ProfileError, match=r"^profile example\.toml") as raised:
        parse_profile("example", GOOD.replace(old, new, 1))
    assert words in str(raised.value)


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProfileError, match="did you mean 'heidelberg'"):
        load_profile("heidelburg")


def test_every_profile_is_packaged_as_data() -> None:
    assert {file.suffix for file in PROFILE_DIRECTORY.iterdir() if file.is_file()} == {".toml", ".py"}

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.agent_toml import StationPlan, agent_toml
from hil.device_line import DeviceLine, LineFault
from hil.devices.indicator import IndicatorSimulator
from hil.devices.openevse_board_pilot import duty_percent
from hil.devices.rfid_reader import ReaderFormat, RfidReaderSimulator
from hil.devices.vehicle import offered_current_a
from hil.world import EvseWorld, PilotKind, PilotLoad, PilotOutput, Wiring


@pytest.mark.parametrize(
    ("line_format", "expected"),
    [
        (ReaderFormat(), b"04A1B2C3\r\n"),
        (ReaderFormat(lower_case=True, suffix="\n"), b"04a1b2c3\n"),
        (ReaderFormat(reversed_bytes=True, prefix="\x02", suffix="\x03"), b"\x02C3B2A104\x03"),
    ],
)
def test_reader_writes_a_uid_as_it_is_configured(line_format: ReaderFormat, expected: bytes) -> None:
    sent: list[bytes] = []
    reader = RfidReaderSimulator(line_format)
    reader.output = sent.append
    reader.present("04a1B2c3")
    assert sent == [expected]


@pytest.mark.parametrize("token", ["", "0", "xy", "04 A1 B"])
def test_reader_refuses_what_is_no_uid(token: str) -> None:
    with pytest.raises(ValueError, match=r"hex|byte"):
        RfidReaderSimulator().present(token)


def test_indicator_shows_the_last_whole_line() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    indicator = IndicatorSimulator(lambda event, fields: events.append((event, fields)))
    indicator.receive(b'{"light": "green", "blinking": false, "buz')
    assert not events
    indicator.receive(b'zer": "none", "text": "Ready"}\nnonsense\n')
    assert indicator.shown == {"light": "green", "blinking": False, "buzzer": "none", "text": "Ready"}
    assert events == [("indication", indicator.shown)]
    assert indicator.bad_lines == 1


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_break_the_indicator(chunks: list[bytes]) -> None:
    indicator = IndicatorSimulator(lambda _event, _fields: None)
    for chunk in chunks:
        indicator.receive(chunk)
    indicator.receive(b'\n{"text": "ok"}\n')
    assert indicator.shown is not None
    assert indicator.shown["text"] == "ok"


@pytest.mark.parametrize(
    ("duty", "current_a"),
    [(5, None), (7.5, None), (8, 6), (9.98, 6), (26.667, 16), (53.333, 32), (89.2, 63), (96, 80), (98, None)],
)
def test_car_reads_the_duty_cycle_as_the_standard_says(duty: float, current_a: float | None) -> None:
    seen = offered_current_a(PilotOutput(PilotKind.PWM, duty))
    assert seen == (None if current_a is None else pytest.approx(current_a, abs=0.01))


@pytest.mark.parametrize(
    ("current_a", "duty"), [(6, 9.98), (10, 16.63), (13, 21.61), (16, 26.60), (20, 33.25), (25, 41.56), (32, 53.20)]
)
def test_board_gives_the_duty_that_was_measured(current_a: int, duty: float) -> None:
    assert duty_percent(current_a) == pytest.approx(duty, abs=0.006)


async def test_pilot_levels_are_those_of_the_table() -> None:
    world = EvseWorld(asyncio.get_running_loop(), output=PilotOutput(PilotKind.PWM, 26.6), load=PilotLoad.C)
    assert (world.pilot_voltage_v, world.pilot_state) == ((6.0, -12.0), "C")
    world.set_wiring(Wiring.DIODE_SHORTED, present=True)
    assert world.pilot_voltage_v == (6.0, -6.0)
    world.set_wiring(Wiring.PILOT_SHORTED, present=True)
    assert (world.pilot_voltage_v, world.pilot_state) == ((0.0, 0.0), "E")


def test_noise_disturbs_some_chunks_and_silence_is_total_without_supply() -> None:
    reader = RfidReaderSimulator()
    line = DeviceLine(reader, seed=1)
    sent: list[bytes] = []
    line.output = sent.append
    line.faults.add(LineFault.NOISE)
    for _ in range(40):
        reader.present("04A1B2C3")
    assert len(set(sent)) > 1
    assert b"04A1B2C3\r\n" in sent
    line.powered = False
    reader.present("04A1B2C3")
    assert len(sent) == 40


def test_tcp_meters_are_written_with_host_and_port(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = StationPlan(tmp_path_factory.mktemp("bench"), 1, "eastron_sdm630", "ws://x/", ("1.6",), tcp_ports=(1502,))
    text = agent_toml(plan)
    assert 'host = "127.0.0.1"\ntcp_port = 1502\n' in text
    assert "security_profile = 0" in text

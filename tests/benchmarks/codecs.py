"""Frames in a second through the codecs of the hardware layer, beside the bare libraries where there is one.

RAPI, safety frames and Infypower are computed alone. What slcan costs is measured as the agent has it: over a
pseudo-terminal, sending and receiving in turn, beside python-can's own bus.
"""

import asyncio
import os
import select
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadInputRegistersRequest, ReadInputRegistersResponse

from hal.codecs import rapi
from hal.codecs.infypower import CONTROLLER, Address, Command, Output
from hal.codecs.modbus_frame import Exchange, ReadRequest, Registers
from hal.codecs.safety_frame import SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import ChargeControl, ChargeState, PilotState
from hal.drivers.register_reading import SAMPLED, plan_reads, quantity
from hal.meters.register_map import load_register_map
from hil.devices.meter_registers import MeterValues, load_simulated_registers
from hil.devices.modbus_meter import SimulatedMeter
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options

if TYPE_CHECKING:
    from can import BusABC

Act = Callable[[], None]
BATCH: Final = 64
MAP: Final = "eastron_sdm630"
UNIT: Final = 1
SLCAN_BITRATE: Final = 125_000
SLCAN_READ_SIZE: Final = 65_536
ARBITRATION_ID: Final = Address(Command.READ_OUTPUT, destination=0, source=CONTROLLER).arbitration_id()
OUTPUT: Final = Output(voltage_v=400.0, current_a=50.0)
SLCAN_LINE: Final = b"T%08X8%s\r" % (ARBITRATION_ID, OUTPUT.to_data().hex().upper().encode())


async def measure(_version: str, options: Options) -> list[Figure]:
    """Measure all; in a thread, since python-can's own bus sleeps."""
    return await asyncio.to_thread(lambda: list(_figures(options)))


def _figures(options: Options) -> Iterator[Figure]:
    yield _figure("RAPI frames encoded", _rates(_rapi_encode, options))
    yield _figure("RAPI frames decoded", _rates(_rapi_decode(), options), note="a report of the board, values and all")
    yield _figure("safety frames encoded", _rates(_safety_encode, options), note="control frames, from values")
    yield _figure("safety frames decoded", _rates(_safety_decode(), options), note="charge states, to values")
    block = max(plan_reads(load_register_map(MAP)), key=lambda each: each.count)
    request = ReadRequest(UNIT, load_register_map(MAP).function, block.address, block.count)
    reply = _reply(request)
    yield _figure(
        "Modbus requests encoded and replies decoded",
        _rates(_modbus(request, reply), options),
        baseline=_rates(_bare_modbus(request, reply), options),
        note=f"{block.count} registers over RTU; bare: framer and decoder of pymodbus, which check no reply's request",
    )
    yield _figure("meter readings decoded from registers", _rates(_reading(), options), note=f"all of {MAP}")
    yield _figure("Infypower frames encoded and decoded", _rates(_infypower, options), note="identifier and values")
    yield from _slcan(options)


def _figure(name: str, rates: list[float], *, baseline: list[float] | None = None, note: str = "") -> Figure:
    base = median(baseline) if baseline is not None else None
    samples = tuple(round(rate) for rate in rates)
    return Figure(name, median(rates), "/s", more_is_better=True, baseline=base, note=note, samples=samples)


def _rates(act: Act, options: Options) -> list[float]:
    """Frames in a second, of several spells; `act` takes `BATCH` frames."""
    spell_s = 0.001 if options.tiny else 0.1 if options.quick else 0.5
    act()
    return [_rate(act, spell_s) for _ in range(options.size(5, 3, 1))]


def _rate(act: Act, spell_s: float) -> float:
    done, began_s = 0, time.perf_counter()
    while (lasted_s := time.perf_counter() - began_s) < spell_s or not done:
        act()
        done += BATCH
    return done / lasted_s if lasted_s >= spell_s else done / (time.perf_counter() - began_s)


def _check(found: int) -> None:
    """Raises: ValueError if frames were lost."""
    if found != BATCH:
        raise ValueError(f"{found} of {BATCH} frames came out")


# ------------------------------------------------------------------ RAPI, safety frames, Infypower


def _rapi_encode() -> None:
    for sequence in range(1, BATCH + 1):
        rapi.encode_command("SC", "16", "V", sequence=sequence)


def _rapi_decode() -> Act:
    body = b"$AT 03 03 32 0140"
    data = (body + b"^%02X\r" % rapi.xor_checksum(body)) * BATCH
    decoder = rapi.RapiDecoder()
    return lambda: _check(len(decoder.feed(data)))


def _safety_encode() -> None:
    for duty in range(BATCH):
        encode_frame(ChargeControl(pwm_enabled=True, duty_permille=100 + duty, contactors=(True, True, False)).frame())


def _safety_decode() -> Act:
    data = encode_frame(ChargeState(pwm_enabled=True, duty_permille=266, pilot=PilotState.C).frame()) * BATCH
    decoder = SafetyFrameDecoder()
    return lambda: _check(len([ChargeState.from_data(frame.data) for frame in decoder.feed(data)]))


def _infypower() -> None:
    for module in range(BATCH):
        identifier = Address(Command.READ_OUTPUT, CONTROLLER, module).arbitration_id()
        data = OUTPUT.to_data()
        Address.from_id(identifier)
        Output.from_data(data)


# ------------------------------------------------------------------ Modbus meters


def _reply(request: ReadRequest) -> bytes:
    """What the simulated meter answers."""
    said: list[bytes] = []
    meter = SimulatedMeter(MAP, UNIT)
    meter.output = said.append
    meter.receive(Exchange("rtu", request, 0).frame)
    return said[0]


def _modbus(request: ReadRequest, reply: bytes) -> Act:
    def act() -> None:
        replies = [Exchange("rtu", request, 0).feed(reply) for _ in range(BATCH)]
        _check(sum(isinstance(each, Registers) for each in replies))

    return act


def _bare_modbus(request: ReadRequest, reply: bytes) -> Act:
    decoder = DecodePDU(is_server=False)
    framer = FramerRTU(decoder)

    def act() -> None:
        found = 0
        for _ in range(BATCH):
            framer.buildFrame(
                ReadInputRegistersRequest(address=request.address, count=request.count, dev_id=request.unit)
            )
            _, pdu = framer.handleFrame(reply, 0, 0)
            found += isinstance(pdu, ReadInputRegistersResponse) and len(pdu.registers) == request.count
        _check(found)

    return act


def _reading() -> Act:
    register_map = load_register_map(MAP)
    words = load_simulated_registers(MAP).image(MeterValues(energy_import_wh=Decimal("1234567.8")))

    def act() -> None:
        for _ in range(BATCH):
            for name in SAMPLED:
                quantity(register_map, name, words)

    return act


# ------------------------------------------------------------------ slcan


def _slcan(options: Options) -> Iterator[Figure]:
    from can.interfaces.slcan import slcanBus  # noqa: PLC0415 - takes a good part of a second

    from hal.transports.slcan_bus import NonBlockingSlcanBus  # noqa: PLC0415

    with ExitStack() as stack:
        near, far = os.openpty()
        stack.callback(os.close, near)
        stack.callback(os.close, far)
        tty.setraw(far)
        os.set_blocking(near, False)
        ours = NonBlockingSlcanBus(os.ttyname(far), SLCAN_BITRATE)
        sent, received = _rates(_send(ours, near), options), _rates(_receive(ours, near), options)
        ours.shutdown()
        bare = slcanBus(os.ttyname(far), bitrate=SLCAN_BITRATE, sleep_after_open=0.0)
        bare_sent, bare_received = _rates(_send(bare, near), options), _rates(_receive(bare, near), options)
        bare.shutdown()
    note = "extended frames of 8 bytes; bare: python-can's own slcan bus"
    yield _figure("CAN frames sent over slcan", sent, baseline=bare_sent, note=note)
    yield _figure("CAN frames received over slcan", received, baseline=bare_received, note=note)


def _send(bus: "BusABC", far: int) -> Act:
    from can import Message  # noqa: PLC0415 - loaded by now

    size = BATCH * len(SLCAN_LINE)
    message = Message(arbitration_id=ARBITRATION_ID, data=OUTPUT.to_data(), is_extended_id=True)
    _drain(far)

    def act() -> None:
        for _ in range(BATCH):
            bus.send(message, timeout=0)
        data = b""
        while len(data) < size:
            data += os.read(far, SLCAN_READ_SIZE)
        _check(data.count(SLCAN_LINE))

    return act


def _receive(bus: "BusABC", far: int) -> Act:
    data = BATCH * SLCAN_LINE

    def act() -> None:
        os.write(far, data)
        found = 0
        while found < BATCH:
            message = bus.recv(0)
            found += message is not None and bytes(message.data) == OUTPUT.to_data()

    return act


def _drain(fd: int) -> None:
    """Drop what was sent on opening."""
    while select.select([fd], [], [], 0)[0]:
        os.read(fd, SLCAN_READ_SIZE)

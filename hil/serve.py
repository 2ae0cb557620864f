"""`pilotline-bench serve`: the bench on pseudo-terminals, until SIGTERM (runner).

A bench that starts again continues: registers, EEPROM and plugged cars come from DIR/bench_state.json; the board was
dark meanwhile. The state is saved after every change and each second while energy flows, so a kill loses little.
"""

import asyncio
import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.agent_toml import StationPlan, agent_toml
from hil.bench import Bench
from hil.bench_state import load_state, save_state
from hil.boards import agent_fields, board_model, has_socket, is_on_tcp, is_ventilated
from hil.control import Control
from hil.control_socket import ControlSocket
from hil.device_line import DeviceLine
from hil.devices.modbus_meter import Framing
from hil.evse_bench import MeterModel
from hil.lines.pty_line import PtyLine
from hil.lines.tap import Tap, no_tap
from hil.lines.tcp_line import TcpLine
from hil.power_modules import PowerModules
from hil.recorder import Recorder, line_header

STATE_FILE = "bench_state.json"
SAVE_DELAY_S = 0.05
SAVE_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line asks for."""

    directory: Path
    evses: int
    meter_map: str
    control: Path
    csms_url: str
    ocpp_versions: tuple[str, ...]
    meter_framing: Framing = "rtu"
    board: str = "rapi"
    board_profile: str | None = None
    reader: str = "line"
    io: bool = False
    power_modules: int = 0
    overwrite: bool = False
    record: Path | None = None
    """Where every byte on every wire is recorded."""


async def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM, SIGINT or `shutdown`. Raises: OSError, ValueError, BenchStateError."""
    options.directory.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    board = board_model(options.board, options.board_profile)
    meter = MeterModel(options.meter_map, framing=options.meter_framing)
    bench = Bench(options.evses, board, meter, reader=options.reader, io=options.io)
    served = _ServedBench(bench, options)
    control = ControlSocket(bench, Control(bench, stop.set), options.control)
    try:
        await served.open()
        await control.open()
        print(json.dumps(served.ready()), flush=True)
        await stop.wait()
    finally:
        await control.close()
        await served.close()


class _ServedBench:
    """The lines of one bench and its state file."""

    def __init__(self, bench: Bench, options: ServeOptions) -> None:
        self._bench = bench
        self._options = options
        self._state_path = options.directory / STATE_FILE
        self._ptys: dict[str, PtyLine] = {}
        self._tcp: dict[str, TcpLine] = {}
        self._power_modules = PowerModules(options.directory / "can1", options.power_modules)
        self._recorder = Recorder(options.record) if options.record is not None else None
        self._save_timer: asyncio.TimerHandle | None = None
        self._ever_opened = False

    async def open(self) -> None:
        """Open every line, put the state back, give supply, write the configuration."""
        state = load_state(self._state_path)
        self._bench.restore(state.get("evses", {}))
        ports = state.get("tcp_ports", {})
        for number, evse in self._bench.evses.items():
            self._attach(f"evse{number}/indicator", evse.indicator_line)
            if evse.card_line is not None:
                self._attach(f"evse{number}/io", evse.card_line)
            for device, line, on_tcp in (
                ("board", evse.board_line, is_on_tcp(evse.board_model)),
                ("meter", evse.meter_line, self._options.meter_framing == "tcp"),
            ):
                name = f"evse{number}/{device}"
                if on_tcp:
                    self._tcp[name] = TcpLine(line, self._tap(name))
                    await self._tcp[name].open(ports.get(name, 0))
                else:
                    self._attach(name, line)
        self._attach("reader1", self._bench.reader_line)
        self._power_modules.open(lambda _event, _fields: None, self._tap("can1"))
        self._record()
        self._bench.cable_changed = self._cable_changed
        for number, evse in self._bench.evses.items():
            if evse.cable_pulled:
                self._cable_changed(number)
        self._bench.subscribers.append(self._save_soon)
        self._ever_opened = True
        self._bench.power_on()
        self._write_configuration()
        self._save()

    def ready(self) -> dict[str, Any]:
        """Render the line that says where everything is."""
        directory = self._options.directory
        return {
            "ready": True,
            "dir": str(directory),
            "control": str(self._options.control),
            "config": str(directory / "agent.toml"),
            "reader1": str(directory / "reader1"),
            **self._power_modules.ready,
            "evses": {
                str(number): {
                    name: str(directory / f"evse{number}" / name)
                    for name in ("board", "meter", "indicator", "io")
                    if f"evse{number}/{name}" in self._ptys
                }
                | {
                    f"{device}_tcp_port": self._tcp[f"evse{number}/{device}"].port
                    for device in ("board", "meter")
                    if f"evse{number}/{device}" in self._tcp
                }
                for number in self._bench.evses
            },
        }

    async def close(self) -> None:
        """Save and take every line away."""
        if self._ever_opened:
            self._save()
        self._power_modules.close()
        for pty in self._ptys.values():
            pty.close()
        for tcp in self._tcp.values():
            await tcp.close()
        if self._recorder is not None:
            self._recorder.close()

    def _tap(self, line: str) -> Tap:
        return no_tap if self._recorder is None else self._recorder.tap(line)

    def _record(self) -> None:
        if self._recorder is not None:
            ports = {name: line.port for name, line in self._tcp.items()}
            lines = [*self._ptys, *ports, *self._power_modules.ready]
            board = board_model(self._options.board, self._options.board_profile)
            self._recorder.open({name: line_header(name, board, self._options.reader, ports) for name in lines})
            self._bench.subscribers.append(self._recorder.note_event)

    def _attach(self, name: str, line: DeviceLine) -> None:
        pty = PtyLine(self._options.directory / name, line.receive, self._tap(name))
        line.output = self._saving_first(pty)
        pty.open()
        self._ptys[name] = pty

    def _saving_first(self, pty: PtyLine) -> Callable[[bytes], None]:
        """Never tell a register or counter that a kill could take back."""

        def write(data: bytes) -> None:
            if self._flowing():
                self._save()
            pty.write(data)

        return write

    def _flowing(self) -> bool:
        return any(evse.world.current_a > 0 for evse in self._bench.evses.values())

    def _cable_changed(self, evse: int) -> None:
        pty = self._ptys.get(f"evse{evse}/board")
        if pty is None:
            # A network cable: nothing is hung up, and nothing gets through.
            self._bench.evses[evse].board_line.powered = not self._bench.evses[evse].cable_pulled
        elif self._bench.evses[evse].cable_pulled:
            pty.close()
        else:
            pty.open()

    def _write_configuration(self) -> None:
        path = self._options.directory / "agent.toml"
        if path.exists() and not self._options.overwrite:
            return
        board = board_model(self._options.board, self._options.board_profile)
        plan = StationPlan(
            directory=self._options.directory,
            evses=self._options.evses,
            meter_map=self._options.meter_map,
            csms_url=self._options.csms_url,
            ocpp_versions=self._options.ocpp_versions,
            board=agent_fields(board),
            board_tcp_ports=self._ports("board"),
            has_socket=has_socket(board),
            reader_driver=self._options.reader,
            has_io=self._options.io,
            is_ventilated=is_ventilated(board),
            tcp_ports=self._ports("meter"),
        )
        path.write_text(agent_toml(plan), "utf-8")

    def _ports(self, device: str) -> tuple[int, ...]:
        return tuple(line.port for name, line in self._tcp.items() if name.endswith(device))

    def _save_soon(self, _event: dict[str, Any]) -> None:
        delay_s = SAVE_DELAY_S
        if self._save_timer is None or self._save_timer.when() > asyncio.get_running_loop().time() + delay_s:
            self._plan_save(delay_s)

    def _plan_save(self, delay_s: float) -> None:
        if self._save_timer is not None:
            self._save_timer.cancel()
        self._save_timer = asyncio.get_running_loop().call_later(delay_s, self._save)

    def _save(self) -> None:
        if self._save_timer is not None:
            self._save_timer.cancel()
            self._save_timer = None
        ports = {name: line.port for name, line in self._tcp.items()}
        save_state(self._state_path, {"evses": self._bench.to_json(), "tcp_ports": ports})
        if self._flowing():
            self._plan_save(SAVE_INTERVAL_S)

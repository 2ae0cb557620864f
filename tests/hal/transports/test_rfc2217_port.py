import asyncio

import pytest

from hal.api import PortError
from hal.transports.rfc2217_port import Rfc2217Port
from hal.transports.telnet import BINARY, COM_PORT, DO, DONT, IAC, OPENING, WILL, WONT, line_settings

AGREED = bytes([IAC, DO, BINARY, IAC, WILL, BINARY, IAC, DO, COM_PORT])
SETTINGS = line_settings(9600, "N", 1)


class DeviceServer:
    """A device server that greets with `greeting` once it has heard what a client says first."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self.settings = b""
        self.connected = asyncio.Event()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        if await reader.readexactly(len(OPENING)) == OPENING:
            writer.write(self._greeting)
        self.connected.set()

    async def stop(self) -> None:
        self.writer.close()
        self._server.close()
        await self._server.wait_closed()


async def test_a_line_is_set_and_then_bytes_pass_both_ways_whatever_their_value() -> None:
    server = DeviceServer(b"welcome" + AGREED)
    port = Rfc2217Port("127.0.0.1", await server.start(), baudrate=9600)
    async with asyncio.timeout(5):
        await port.open()
        assert await server.reader.readexactly(len(SETTINGS)) == SETTINGS
        port.write(b"\x01\xff\r\n")
        assert await server.reader.readexactly(5) == b"\x01\xff\xff\r\n"
        server.writer.write(bytes([IAC, DO, 99]) + b"\x02\xff\xff\r\n")
        received = await port.read()
        while len(received) < 4:
            received += await port.read()
        assert received == b"\x02\xff\r\n"
        await server.stop()
        with pytest.raises(PortError):
            await port.read()
    port.close()
    with pytest.raises(PortError):
        port.write(b"x")


async def test_a_server_that_gives_no_control_of_the_line_is_refused_by_name() -> None:
    server = DeviceServer(bytes([IAC, DONT, COM_PORT]))
    port = Rfc2217Port("127.0.0.1", await server.start(), baudrate=9600)
    async with asyncio.timeout(5):
        with pytest.raises(PortError, match="refuses control of the line"):
            await port.open()
        with pytest.raises(PortError):
            port.write(b"x")
    await server.stop()


async def test_a_peer_that_says_nothing_of_telnet_is_not_taken_for_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hal.transports.rfc2217_port._AGREEMENT_TIMEOUT_S", 0.05)
    server = DeviceServer(b"$OK^20\r")
    port = Rfc2217Port("127.0.0.1", await server.start(), baudrate=9600)
    async with asyncio.timeout(5):
        with pytest.raises(PortError, match="does not speak RFC 2217"):
            await port.open()
    await server.stop()


async def test_discarded_input_does_not_tear_a_command_apart() -> None:
    server = DeviceServer(AGREED)
    port = Rfc2217Port("127.0.0.1", await server.start(), baudrate=9600)
    async with asyncio.timeout(5):
        port.discard_input()
        await port.open()
        await server.reader.readexactly(len(SETTINGS))
        server.writer.write(b"old" + bytes([IAC, DO, 98]) + b"old" + bytes([IAC]))
        answered = asyncio.ensure_future(server.reader.readexactly(3))
        while not answered.done():
            port.discard_input()
            await asyncio.sleep(0)
        server.writer.write(bytes([DO, 99]) + b"new")
        assert await port.read() == b"new"
        assert await server.reader.readexactly(3) == bytes([IAC, WONT, 99])
    port.close()
    await server.stop()

"""A Modbus relay card of a real bench: coils that switch, inputs that sense (runner)."""

from typing import Any

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from hil.bench_file import Role
from hil.errors import StationError

REPLY_LIMIT_S, RETRIES = 0.5, 3


class RelayCard:
    """One card on a serial line or behind Modbus TCP; several roles may share it, each with its own unit number."""

    def __init__(self, role: Role) -> None:
        self._line = role.line
        self._client: AsyncModbusSerialClient | AsyncModbusTcpClient
        limits: dict[str, Any] = {"timeout": REPLY_LIMIT_S, "retries": RETRIES}
        if role.host:
            self._client = AsyncModbusTcpClient(role.host, port=role.tcp_port, **limits)
        else:
            self._client = AsyncModbusSerialClient(role.port, baudrate=role.baudrate, **limits)

    async def open(self) -> None:
        """Connect. Raises: StationError."""
        if not await self._client.connect():
            raise StationError(f"the relay card at {self._line} cannot be opened; check the bench file and the wiring")

    async def switch(self, unit: int, coil: int, *, closed: bool) -> None:
        """Switch one relay. Raises: StationError."""
        try:
            self._check(await self._client.write_coil(coil, closed, device_id=unit), f"coil {coil}")
        except ModbusException as error:
            raise self._silent(unit) from error

    async def read(self, unit: int, inputs: range) -> list[bool]:
        """Read neighbouring inputs. Raises: StationError."""
        try:
            answer = await self._client.read_discrete_inputs(inputs.start, count=len(inputs), device_id=unit)
        except ModbusException as error:
            raise self._silent(unit) from error
        self._check(answer, f"inputs {inputs.start} to {inputs.stop - 1}")
        return list(answer.bits[: len(inputs)])

    def close(self) -> None:
        """Hang up; the relays stay as they are."""
        self._client.close()

    def _check(self, answer: ModbusPDU, what: str) -> None:
        if answer.isError():
            raise StationError(f"the relay card at {self._line} refused {what}; check the numbers in the bench file")

    def _silent(self, unit: int) -> StationError:
        return StationError(
            f"the relay card at {self._line}, unit {unit}, does not answer; check power, unit and wiring"
        )

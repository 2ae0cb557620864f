"""Where a SunSpec device keeps its meter model: a walk over its list of models.

Source: facts meters.yaml (bases, mark, model IDs); SunSpec information model: ID and length head each model, 0xFFFF
ends the list.
"""

from collections.abc import Awaitable, Callable, Collection

from hal.api import HardwareFault
from hal.drivers.modbus_bus import ILLEGAL_DATA_ADDRESS, ModbusRefusedError

BASES = (40000, 50000, 0)
MARK = (0x5375, 0x6E53)
"""'SunS'."""
END_OF_MODELS = 0xFFFF
MOST_MODELS = 64
"""A list that is longer runs in circles."""
LAST_HEADER = 0xFFFE

ReadRegisters = Callable[[int, int], Awaitable[tuple[int, ...]]]
"""Takes address and count."""


async def find_sunspec_model(read: ReadRegisters, models: Collection[int]) -> int:
    """Address of the ID register of the first of these models. Raises: HardwareFault if there is none; HalError."""
    for base in BASES:
        if await _is_marked(read, base):
            return await _walk(read, base + len(MARK), models)
    raise HardwareFault(f"no SunSpec mark at {', '.join(map(str, BASES))}")


async def _is_marked(read: ReadRegisters, base: int) -> bool:
    try:
        return await read(base, len(MARK)) == MARK
    except ModbusRefusedError as error:
        if error.code != ILLEGAL_DATA_ADDRESS:
            raise
        return False


async def _walk(read: ReadRegisters, address: int, models: Collection[int]) -> int:
    seen = []
    for _ in range(MOST_MODELS):
        model, length = await read(address, 2)
        if model in models:
            return address
        if model == END_OF_MODELS:
            break
        seen.append(model)
        address += 2 + length
        if address > LAST_HEADER:
            break
    raise HardwareFault(
        f"no SunSpec model {' or '.join(map(str, models))}; found {', '.join(map(str, seen)) or 'none'}"
    )

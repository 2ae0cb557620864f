"""labgrid, which lends the equipment of remote benches, through its command-line client (runner and rule).

The client runs in an environment of its own: labgrid brings a fork of pyserial that would overwrite ours. Its words
and what `show` prints are all that is relied on.
Source: labgrid 26.0, labgrid-client(1) and the configuration of its resources.
"""

import ast
import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from hil.errors import StationError

CLIENT_LIMIT_S: Final = 30.0
EXPORT_LIMIT_S: Final = 10.0
"""The exporter has started its server of a serial line by then."""
SERIAL_CLASS: Final = "NetworkSerialPort"
COIL_CLASS: Final = "ModbusTCPCoil"
MODBUS_PORT: Final = 502
LOOK_INTERVAL_S: Final = 0.2
_RESOURCE: Final = re.compile(
    r"^Acquired resource '(?P<name>[^']*)' \([^\n]*\):\n(?P<value>(?:  [^\n]*\n?)+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    tcp_port: int


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of an acquired place."""

    name: str
    cls: str
    params: Mapping[str, Any]

    @property
    def serial_server(self) -> Address | None:
        """Where its serial line is served, by RFC 2217; None as long as it is not yet. Raises: StationError."""
        self._must_be(SERIAL_CLASS)
        port = self.params.get("port")
        return None if port is None else Address(str(self.params["host"]), int(port))

    @property
    def coil(self) -> tuple[Address, int]:
        """Relay card and number of its coil. Raises: StationError."""
        self._must_be(COIL_CLASS)
        if self.params.get("invert") or self.params.get("write_multiple_coils"):
            raise StationError(f"labgrid's resource {self.name!r} is inverted or written in blocks, which is not built")
        card = urlsplit(f"//{self.params['host']}")
        return Address(card.hostname or "", card.port or MODBUS_PORT), int(self.params["coil"])

    def _must_be(self, cls: str) -> None:
        if self.cls != cls:
            raise StationError(f"labgrid's resource {self.name!r} is a {self.cls}, and a {cls} is needed here")
        if self.params.get("extra", {}).get("proxy_required"):
            raise StationError(
                f"labgrid's resource {self.name!r} is reached through SSH only (isolated exporter), which is not built"
            )


def acquired_resources(told: str) -> dict[str, Resource]:
    """Read what `labgrid-client show` prints of an acquired place, by name. Raises: StationError."""
    found = {}
    for match in _RESOURCE.finditer(told):
        try:
            value = ast.literal_eval(match["value"].strip())
            found[match["name"]] = Resource(match["name"], value["cls"], value["params"])
        except (ValueError, SyntaxError, KeyError, TypeError):
            raise StationError(f"labgrid-client describes {match['name']!r} in a way that is not understood") from None
    return found


class LabgridClient:
    """One place at one coordinator; everything raises StationError with what labgrid says."""

    def __init__(self, program: str, coordinator: str, place: str) -> None:
        self.place = place
        self._words = (program, "-x", coordinator, "-p", place)

    async def acquire(self) -> None:
        """Take the place, which starts its exports."""
        await self._ask("acquire")

    async def release(self) -> None:
        """Give the place back."""
        await self._ask("release")

    async def resources(self) -> dict[str, Resource]:
        """Everything of the place, once it is acquired."""
        return acquired_resources(await self._ask("show"))

    async def resource(self, name: str) -> Resource:
        """Give one resource."""
        resources = await self.resources()
        if name not in resources:
            known = ", ".join(sorted(resources)) or "none"
            raise StationError(f"labgrid's place {self.place!r} has no resource {name!r}; it has: {known}")
        return resources[name]

    async def serial_server(self, name: str) -> Address:
        """Wait until this serial line is served; gives where."""
        try:
            async with asyncio.timeout(EXPORT_LIMIT_S):
                while (address := (await self.resource(name)).serial_server) is None:  # noqa: ASYNC110 - only asking tells
                    await asyncio.sleep(LOOK_INTERVAL_S)
        except TimeoutError:
            raise StationError(f"labgrid's exporter does not serve {name!r}; look at its log (ser2net?)") from None
        return address

    def power_words(self, name: str, *, on: bool) -> tuple[str, ...]:
        """Command that switches a power port."""
        return (*self._words, "power", "on" if on else "off", "--name", name)

    async def switch_power(self, name: str, *, on: bool) -> None:
        """Switch a power port."""
        await _run(self.power_words(name, on=on))

    async def switch_coil(self, name: str, *, closed: bool) -> None:
        """Switch a digital output, such as a coil of a relay card; takes about a second."""
        await self._ask("io", "high" if closed else "low", name)

    async def _ask(self, *words: str) -> str:
        return await _run((*self._words, *words))


async def _run(command: tuple[str, ...]) -> str:
    program, verb = command[0], command[5]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise StationError(
            f"{program} cannot be started ({error.strerror}); make labgrid-venv installs it, [labgrid] client names it"
        ) from None
    try:
        async with asyncio.timeout(CLIENT_LIMIT_S):
            told, complained = await process.communicate()
    except TimeoutError:
        raise StationError(f"labgrid-client {verb} has not ended within {CLIENT_LIMIT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = complained.decode(errors="replace").strip().rpartition("\n")[2]
        raise StationError(f"labgrid-client {verb} failed: {last or f'exit code {process.returncode}'}")
    return told.decode()

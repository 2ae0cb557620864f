"""DC power modules on a CAN bus behind one adapter, as `pilotline-bench serve` offers them (runner).

They charge one battery that is always connected. The agent does not use them; a driver reaches them by slcan.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hal.codecs.infypower import BITRATE
from hil.can_bus import CanBus
from hil.devices.infypower import Battery, InfypowerModule, ModuleModel
from hil.lines.slcan_line import SlcanLine
from hil.lines.tap import Tap, no_tap

MAX_MODULES = 60
"""As many as the manufacturer allows on one bus; the last address is 59."""


class PowerModules:
    """So many modules with the addresses 0, 1, ... in group 1, and their adapter at `path`."""

    def __init__(self, path: Path, modules: int) -> None:
        if not 0 <= modules <= MAX_MODULES:
            raise ValueError(f"power modules: 0 to {MAX_MODULES}, not {modules}")
        self._path = path
        self._count = modules
        self._line: SlcanLine | None = None
        self.modules: list[InfypowerModule] = []

    def open(self, emit: Callable[[str, dict[str, Any]], None], tap: Tap = no_tap) -> None:
        """Give them supply and plug the adapter in; none, no adapter. Raises: OSError."""
        if not self._count:
            return
        bus, battery = CanBus(asyncio.get_running_loop(), BITRATE), Battery()
        models = (ModuleModel(address=address, modules=self._count) for address in range(self._count))
        self.modules = [InfypowerModule(bus, battery, emit, model) for model in models]
        self._line = SlcanLine(self._path, bus, tap)
        self._line.open()

    @property
    def ready(self) -> dict[str, str]:
        """Where the adapter is, for the line that says where everything is."""
        return {self._path.name: str(self._path)} if self._line is not None else {}

    def close(self) -> None:
        """Take the adapter away and stop the modules."""
        if self._line is not None:
            self._line.close()
        for module in self.modules:
            module.close()

"""Runner: an installer for the bench. Any file is an image, and what runs does not change. Implements `Installer`.

It keeps the rules of a real one: a restart decides, and a file that is empty is no image.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.station.firmware_parts import InstallError, Proof

STEPS: Final = 10
STEP_S: Final = 0.2


class SimulatedInstaller:
    """Remembers in a file of the state directory what it has "installed"."""

    def __init__(self, folder: Path) -> None:
        self._note = folder / "simulated-firmware.json"
        self._installed_here = False

    async def install(self, image: Path, progress: Callable[[int], None]) -> bool:
        """Take two seconds for it. Raises: InstallError."""
        digest = await asyncio.to_thread(_digest, image)
        for step in range(STEPS):
            progress(100 * step // STEPS)
            await asyncio.sleep(STEP_S)
        await asyncio.to_thread(self._note.write_text, json.dumps({"sha256": digest}), "utf-8")
        progress(100)
        self._installed_here = True
        return True

    async def proof(self) -> Proof:
        """The next process is the next boot."""
        if self._installed_here:
            return Proof.SAME_BOOT
        return Proof.CONFIRMED if await asyncio.to_thread(self._note.exists) else Proof.FELL_BACK


def _digest(image: Path) -> str:
    try:
        if image.stat().st_size == 0:
            raise InstallError("the image is empty", not_verified=True)
        with image.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InstallError(f"the image cannot be read: {error.strerror}") from error

"""The manufacturer's roots: who may sign firmware for this station."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

MAX_FILE_BYTES = 256 * 1024


class ManufacturerRoots(Protocol):
    """Gives what is trusted now; asked anew each time, from a thread."""

    def roots(self) -> list[bytes]:
        """PEM, each with one certificate or several."""

    def revocation_lists(self) -> list[bytes]:
        """PEM or DER, each one list."""


class RootsInFiles:
    """Files of a directory (`.pem`, `.crt`: roots; `.crl`: revocation lists), and roots that were installed."""

    def __init__(self, folder: Path | None, installed: Callable[[], Iterable[Path]] = tuple) -> None:
        """`folder`: None: there is none; `installed`: by InstallCertificate, or whoever else may."""
        self._folder = folder
        self._installed = installed

    def roots(self) -> list[bytes]:
        """Every file of certificates. Raises: OSError."""
        return [*self._files(".pem", ".crt"), *(file.read_bytes() for file in self._installed())]

    def revocation_lists(self) -> list[bytes]:
        """Every revocation list. Raises: OSError."""
        return self._files(".crl")

    def _files(self, *suffixes: str) -> list[bytes]:
        if self._folder is None:
            return []
        return [
            file.read_bytes()
            for file in sorted(self._folder.iterdir())
            if file.suffix in suffixes and file.stat().st_size <= MAX_FILE_BYTES
        ]

"""The manufacturer's roots: who may sign firmware for this station."""

from pathlib import Path
from typing import Protocol

MAX_FILE_BYTES = 256 * 1024


class ManufacturerRoots(Protocol):
    """Gives what is trusted now; asked anew each time, from a thread."""

    def roots(self) -> list[bytes]:
        """PEM, each with one certificate or several."""

    def revocation_lists(self) -> list[bytes]:
        """PEM or DER, each one list."""


class RootsInDirectory:
    """Files of a directory: `.pem` and `.crt` are roots, `.crl` are revocation lists."""

    def __init__(self, folder: Path | None) -> None:
        """None: nobody is trusted."""
        self._folder = folder

    def roots(self) -> list[bytes]:
        """Every file of certificates. Raises: OSError."""
        return self._files(".pem", ".crt")

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

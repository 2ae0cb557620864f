"""Files for nobody else's eyes: mode 0600 in directories of 0700, replaced whole or not at all.

Blocks: for a thread.
"""

import os
from contextlib import suppress
from pathlib import Path

_FILE_MODE, _DIRECTORY_MODE = 0o600, 0o700


def make_private_directory(path: Path) -> None:
    """Make it, or take everybody else's rights on it away. Raises: OSError."""
    path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    path.chmod(_DIRECTORY_MODE)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file; after a power loss it holds either the old content or the new. Raises: OSError."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def remove_all_but(directory: Path, kept: frozenset[str]) -> None:
    """Delete files that nothing refers to: what an interrupted change left behind. Raises: OSError."""
    for path in directory.iterdir():
        if path.is_file() and path.name not in kept:
            path.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The certificate directory: files of mode 0600, and an index that names them and is replaced as a whole (runner).

Rule kept here: a file is written before the index names it and removed after the index has forgotten it, so that a
power loss at any moment leaves the state before or after the change. Blocks: for a thread, beside `open`.
"""

import logging
from dataclasses import replace
from pathlib import Path

from agent.csms.security.certificate_index import CertificateIndex
from agent.store.private_files import make_private_directory, remove_all_but, write_private

logger = logging.getLogger(__name__)

INDEX = "index.json"


class CertificateFiles:
    """One directory; made when the first file is written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.index = CertificateIndex()

    def open(self) -> None:
        """Read the index and remove what an interrupted change left behind; an unreadable index is set aside."""
        path = self._directory / INDEX
        try:
            self.index = CertificateIndex.from_json(path.read_text("utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            logger.error("certificates cannot be read, none is used file=%s error=%s", path, error)  # noqa: TRY400 - no surprise in the stack
            path.replace(path.with_suffix(".damaged"))
            return
        remove_all_but(self._directory, self.index.file_names() | {INDEX})

    def path(self, name: str) -> Path:
        """Where a named file lies."""
        return self._directory / name

    def read(self, name: str) -> str:
        """Read a PEM file. Raises: OSError."""
        return self.path(name).read_text("utf-8")

    def change(self, files: dict[str, bytes], **changes: object) -> None:
        """Write files, then the index with these fields changed, then forget what it names no more. Raises: OSError."""
        make_private_directory(self._directory)
        changed: CertificateIndex = replace(self.index, **changes)  # type: ignore[arg-type]  # names are the index's own
        for name, content in files.items():
            write_private(self.path(name), content)
        write_private(self._directory / INDEX, changed.to_json().encode())
        self.index = changed
        remove_all_but(self._directory, changed.file_names() | {INDEX})

"""What is wrong with a configuration, and where: file, line, key, and what was expected."""

from pathlib import Path

from hal.value import dataclass

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written; `line` counts from 1."""

    file: Path
    line: int | None


class ConfigError(Exception):
    """One thing in the configuration that must be put right; never quotes a value, which may be a secret."""

    def __init__(self, file: Path, line: int | None, key: str, expected: str) -> None:
        """`key` is empty when the file as a whole is meant."""
        super().__init__(file, line, key, expected)
        self.file = file
        self.line = line
        self.key = key
        self.expected = expected

    def __str__(self) -> str:
        return describe_error(self)


def describe_error(error: ConfigError) -> str:
    """One sentence for a person: file, line, key, and what was expected."""
    place = str(error.file) if error.line is None else f"{error.file}, line {error.line}"
    key = f" {error.key}:" if error.key else ""
    return f"{place}:{key} expected {error.expected}."


def key_text(path: KeyPath) -> str:
    """Write a path as an installer would: `evse[1].meter.unit`, tables of a list counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text

"""Reads TOML files and lays drop-ins over each other, remembering where each value was written.

Rules: tables are merged key by key; `[[evse]]` entries are merged by `id`; any other list is replaced as a whole.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeGuard

from agent.config_errors import ConfigError, KeyPath, Origin

Tree = dict[str, Any]  # as tomllib returns it; config.py checks every value

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=(.*)")
_SPLIT = re.compile(_PART)
_TOML_LINE = re.compile(r"line (\d+)")
_MERGED_BY_ID = "evse"


class ConfigTree:
    """Several files laid over each other."""

    def __init__(self, main_file: Path) -> None:
        """`main_file` is where a key that is missing altogether should be added."""
        self.main_file = main_file
        self.values: Tree = {}
        self._origins: dict[KeyPath, Origin] = {}

    def add(self, file: Path) -> Tree:
        """Lay `file` over what is there and return what it alone says. Raises: ConfigError."""
        text = _read_text(file)
        values = _parse(file, text)
        _Overlay(file, locate_keys(text), self._origins).merge(self.values, values, (), ())
        return values

    def origin(self, path: KeyPath) -> Origin:
        """Where `path`, or the nearest table around it, was written."""
        while path:
            if path in self._origins:
                return self._origins[path]
            path = path[:-1]
        return Origin(self.main_file, None)

    def error(self, path: KeyPath, key: str, expected: str) -> ConfigError:
        """Build the refusal of what stands at `path`."""
        where = self.origin(path)
        return ConfigError(where.file, where.line, key, expected)


def drop_ins(directory: Path) -> list[Path]:
    """All `*.toml` files of a conf.d directory, in order of their names; none if there is no such directory."""
    return sorted(directory.glob("*.toml"))


def locate_keys(text: str) -> dict[KeyPath, int]:
    """Find the line of each table and key; lists of tables are counted from 0.

    tomllib reports no positions. Keys inside inline tables are found at the line of their table.
    """
    lines: dict[KeyPath, int] = {}
    prefix: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            quote = "" if quote in line else quote
        elif header := _HEADER.match(line):
            prefix = _table_path(_parts(header[2]), counts, opens_entry=header[1] == "[[")
            lines.setdefault(prefix, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault(prefix + _parts(assignment[1]), number)
            quote = next((q for q in ('"""', "'''") if assignment[2].count(q) == 1), "")
    return lines


def _parts(dotted: str) -> KeyPath:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _SPLIT.findall(dotted))


def _table_path(names: KeyPath, counts: dict[KeyPath, int], *, opens_entry: bool) -> KeyPath:
    path: KeyPath = ()
    for depth, name in enumerate(names, start=1):
        path += (name,)
        if opens_entry and depth == len(names):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path += (counts[path] - 1,)
    return path


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(file, None, "", f"a readable file ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(file, None, "", "a text file in UTF-8") from error


def _parse(file: Path, text: str) -> Tree:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and int() itself for a number of thousands of digits
        reason, _, place = str(error).partition(" (at ")
        found = _TOML_LINE.match(place)
        line = int(found[1]) if found else len(text.splitlines())
        raise ConfigError(file, line, "", f"valid TOML ({reason})") from error
    except RecursionError as error:
        raise ConfigError(file, None, "", "tables and lists nested less deeply") from error


class _Overlay:
    """One file on its way over the others; paths in the file and in the result differ inside lists."""

    def __init__(self, file: Path, lines: dict[KeyPath, int], origins: dict[KeyPath, Origin]) -> None:
        self._file = file
        self._lines = lines
        self._origins = origins

    def merge(self, into: Tree, values: Tree, path: KeyPath, source: KeyPath) -> None:
        """Lay `values`, written at `source` of this file, over `into`, which stands at `path` of the result."""
        for key, value in values.items():
            here, there = (*path, key), (*source, key)
            old = into.get(key)
            if isinstance(value, dict) and isinstance(old, dict):
                self.merge(old, value, here, there)
            elif not path and key == _MERGED_BY_ID and _is_tables(old) and _is_tables(value):
                self._merge_by_id(old, value)
            else:
                self._forget(here)
                into[key] = value
                self._note(value, here, there)

    def _merge_by_id(self, old: list[Tree], new: list[Tree]) -> None:
        for index, entry in enumerate(new):
            same = (i for i, known in enumerate(old) if known.get("id") == entry.get("id"))
            position = next(same, len(old))
            if position == len(old):
                old.append({})
                self._note_line((_MERGED_BY_ID, position), (_MERGED_BY_ID, index))
            self.merge(old[position], entry, (_MERGED_BY_ID, position), (_MERGED_BY_ID, index))

    def _note(self, value: object, path: KeyPath, source: KeyPath) -> None:
        self._note_line(path, source)
        children: list[tuple[str | int, object]] = []
        if isinstance(value, dict):
            children = list(value.items())
        elif _is_tables(value):
            children = list(enumerate(value))
        for key, child in children:
            self._note(child, (*path, key), (*source, key))

    def _note_line(self, path: KeyPath, source: KeyPath) -> None:
        where = source
        while where and where not in self._lines:
            where = where[:-1]
        self._origins[path] = Origin(self._file, self._lines.get(where))

    def _forget(self, path: KeyPath) -> None:
        stale = [known for known in self._origins if known[: len(path)] == path]
        for known in stale:
            del self._origins[known]


def _is_tables(value: object) -> TypeGuard[list[Tree]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)

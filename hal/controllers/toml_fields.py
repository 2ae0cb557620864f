"""One table of a profile's file, read key by key (rule): every refusal names the file and the key.

What was not asked for by the end is an unknown key, and refused as well.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

_V = TypeVar("_V")
_REQUIRED: Any = object()  # a default that no value can be


class ProfileError(ValueError):
    """A profile that cannot be used; one sentence with file, key and remedy."""


class Fields:
    """The keys of one TOML table."""

    def __init__(self, file: str, path: str, data: object) -> None:
        self.file = file
        self.path = path
        if not isinstance(data, dict):
            self.refuse("", "must be a table")
        self._data: dict[str, Any] = data  # Any: parsed TOML, checked key by key
        self._asked: set[str] = set()

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Refuse this key of the file. Raises: ProfileError."""
        raise ProfileError(f"profile {self.file}: {self._name(key)} {problem}")

    def table(self, key: str) -> "Fields":
        """A table that has to be there."""
        return Fields(self.file, self._name(key), self._take(key, _REQUIRED))

    def optional_table(self, key: str) -> "Fields | None":
        """A table that may be absent."""
        return self.table(key) if key in self._data else None

    def tables(self, key: str) -> Iterator[tuple[str, "Fields"]]:
        """The tables in a table of tables, by name; none if it is absent."""
        found = self.optional_table(key)
        if found is not None:
            for name in found.names:
                yield name, found.table(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All keys, in order."""
        return tuple(self._data)

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """Take a text."""
        value = self._take(key, default)
        return value if isinstance(value, str) else self.refuse(key, f"must be a text, not {value!r}")

    def texts(self, key: str, default: tuple[str, ...] = _REQUIRED) -> tuple[str, ...]:
        """Take a list of texts."""
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            self.refuse(key, "must be a list of texts")
        return tuple(value)

    def choice(self, key: str, choices: Mapping[str, _V], default: str = _REQUIRED) -> _V:
        """Take one of the named values."""
        name = self.text(key, default)
        return choices[name] if name in choices else self.refuse(key, f"is {name!r}; known are {', '.join(choices)}")

    def integer(self, key: str, low: int, high: int, default: int = _REQUIRED) -> int:
        """Take a whole number of this range."""
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(key, f"is {value!r}; a whole number from {low} to {high} is needed")
        return value

    def integers(self, key: str, low: int, high: int) -> frozenset[int]:
        """Take a list of different whole numbers of this range, at least one."""
        values = self._take(key, _REQUIRED)
        if not isinstance(values, list) or not values or len(set(values)) != len(values):
            self.refuse(key, "must be a list of different numbers, at least one")
        if not all(isinstance(value, int) and low <= value <= high for value in values):
            self.refuse(key, f"has a value that is not from {low} to {high}")
        return frozenset(values)

    def number(self, key: str, default: Decimal = _REQUIRED) -> Decimal:
        """Take a number above 0."""
        value = self._take(key, default)
        if not isinstance(value, int | Decimal) or isinstance(value, bool) or value <= 0:
            self.refuse(key, f"is {value!r}; a number above 0 is needed")
        return Decimal(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Take true or false."""
        value = self._take(key, default)
        return value if isinstance(value, bool) else self.refuse(key, f"is {value!r}; true or false is needed")

    def done(self) -> None:
        """Refuse whatever was not asked for. Raises: ProfileError."""
        for key in self._data:
            if key not in self._asked:
                self.refuse(key, "is not known; known here: " + ", ".join(sorted(self._asked)))

    def _take(self, key: str, default: Any) -> Any:  # noqa: ANN401 - parsed TOML
        self._asked.add(key)
        value = self._data.get(key, default)
        return self.refuse(key, "is missing") if value is _REQUIRED else value

    def _name(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part) or "the file"

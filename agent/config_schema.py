"""Declares configuration keys: what a value may be, in code, in words and as JSON Schema.

Rule: each key is declared once; reading, refusing and the published schema all come from that declaration.
"""

import math
from collections.abc import Sequence
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from hal.serial_server import SerialServer
from hal.value import dataclass

Schema = dict[str, object]
T = TypeVar("T")


class NotBuiltError(ValueError):
    """The value has a meaning that this version does not implement."""


class Kind:
    """What one value may be; `expected` ends the sentence 'expected …'."""

    def __init__(self, expected: str, schema: Schema) -> None:
        """`schema` is the JSON Schema of the same set of values."""
        self.expected = expected
        self.schema = schema

    def read(self, raw: object) -> object:
        """Return the value. Raises: ValueError that says what was expected."""
        if not self.accepts(raw):
            raise ValueError(self.expected)
        return raw

    def accepts(self, raw: object) -> bool:
        """Tell whether `raw` is such a value."""
        raise NotImplementedError

    def located(self, value: object, directory: Path) -> object:  # noqa: ARG002 - for the kinds that are places
        """Return the value as seen from the directory of the main configuration file."""
        return value


class Text(Kind):
    """A string of limited length without control characters."""

    def __init__(self, max_length: int, expected: str = "text", forbidden: str = "") -> None:
        """`forbidden`: characters that may not occur."""
        without = f" without {' '.join(forbidden)!r}" if forbidden else ""
        super().__init__(
            f"{expected} of 1 to {max_length} characters{without}",
            {"type": "string", "minLength": 1, "maxLength": max_length},
        )
        self._max_length = max_length
        self._forbidden = frozenset(forbidden)

    def accepts(self, raw: object) -> bool:
        """Printable, not too long."""
        return (
            isinstance(raw, str)
            and 1 <= len(raw) <= self._max_length
            and raw.isprintable()
            and self._forbidden.isdisjoint(raw)
        )


class Number(Kind):
    """A finite number in a range, in a unit; whole numbers only if `whole`."""

    def __init__(self, low: float, high: float, unit: str = "", *, whole: bool = False) -> None:
        """Both bounds belong to the range."""
        noun = "a whole number" if whole else "a number"
        super().__init__(
            f"{noun} from {low:g} to {high:g}{unit and ' ' + unit}",
            {"type": "integer" if whole else "number", "minimum": low, "maximum": high},
        )
        self._types = (int,) if whole else (int, float)
        self._low, self._high = low, high

    def accepts(self, raw: object) -> bool:
        """TOML's true is no number, and neither are nan and inf."""
        if isinstance(raw, bool) or not isinstance(raw, self._types):
            return False
        return math.isfinite(raw) and self._low <= raw <= self._high


class Flag(Kind):
    """True or false."""

    def __init__(self) -> None:
        super().__init__("true or false", {"type": "boolean"})

    def accepts(self, raw: object) -> bool:
        """Only TOML's own booleans."""
        return isinstance(raw, bool)


class Choice(Kind):
    """One of a few values; `not_built` are known values that this version refuses by name."""

    def __init__(self, *values: str | int, not_built: Sequence[str] = ()) -> None:
        """All values are of one type."""
        super().__init__("one of " + ", ".join(map(repr, values)), {"enum": list(values)})
        self._values = values
        self._not_built = not_built

    def read(self, raw: object) -> object:
        """As `Kind.read`; a known value that is not built is named. Raises: NotBuiltError."""
        if isinstance(raw, str) and raw in self._not_built:
            raise NotBuiltError(f"{self.expected}; {raw!r} is not built")
        return super().read(raw)

    def accepts(self, raw: object) -> bool:
        """Compare type as well: true is not 1."""
        return any(type(raw) is type(value) and raw == value for value in self._values)


class Listing(Kind):
    """A list without repetitions, read as a tuple."""

    def __init__(self, item: Kind, min_items: int = 0) -> None:
        """`item` is what each element may be."""
        super().__init__(
            f"a list{' of at least one' if min_items else ''}, without repetitions, in which each is {item.expected}",
            {"type": "array", "items": item.schema, "minItems": min_items, "uniqueItems": True},
        )
        self._item = item
        self._min_items = min_items

    def read(self, raw: object) -> object:
        """Return the elements as a tuple."""
        if not isinstance(raw, list) or len(raw) < self._min_items:
            raise ValueError(self.expected)
        try:
            values = tuple(self._item.read(element) for element in raw)
        except NotBuiltError:
            raise
        except ValueError:
            raise ValueError(self.expected) from None
        if len(set(values)) != len(values):
            raise ValueError(self.expected)
        return values


class Scalar(Kind):
    """A string, number or boolean, whatever its key means."""

    def __init__(self) -> None:
        super().__init__(
            "a string, number or boolean (a name with a dot stands in quotes)",
            {"type": ["string", "number", "boolean"]},
        )

    def accepts(self, raw: object) -> bool:
        """No lists, tables, dates, nan or inf."""
        return isinstance(raw, (str, bool)) or (isinstance(raw, (int, float)) and math.isfinite(raw))


class FilePath(Text):
    """A path; a relative one is taken from the directory of the main configuration file."""

    def __init__(self) -> None:
        super().__init__(4096, "a path")

    def located(self, value: object, directory: Path) -> object:
        """Return it as a path."""
        return directory / str(value)


class SerialDevice(Text):
    """A path as `FilePath`, or the address of a serial device server."""

    def __init__(self) -> None:
        super().__init__(4096, "a path, rfc2217://HOST:PORT or tcp://HOST:PORT")

    def accepts(self, raw: object) -> bool:
        """An address must be whole."""
        return super().accepts(raw) and ("://" not in str(raw) or self._is_address(str(raw)))

    def located(self, value: object, directory: Path) -> Path | SerialServer:
        """Return a path or an address."""
        text = str(value)
        return SerialServer.from_url(text) if "://" in text else directory / text

    def _is_address(self, text: str) -> bool:
        try:
            SerialServer.from_url(text)
        except ValueError:
            return False
        return True


def setting(kind: Kind, doc: str, *, default: Any = MISSING, secret: bool = False) -> Any:  # noqa: ANN401 - typed by `settings`
    """Declare one key; without `default` it is required; a secret stays out of the repr."""
    return field(default=default, repr=not secret, metadata={"kind": kind, "doc": doc})


def table(cls: type, doc: str, *, default: Any = MISSING) -> Any:  # noqa: ANN401 - typed by `settings`
    """Declare a sub-table; with the default `()` it is a list of tables."""
    return field(default=default, metadata={"table": cls, "doc": doc})


def free_table(doc: str) -> Any:  # noqa: ANN401 - typed by `settings`
    """Declare a table without fixed keys, from names to scalars."""
    return field(default_factory=dict, metadata={"free": Scalar(), "doc": doc})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting, table, free_table, field))
def settings(cls: type[T]) -> type[T]:
    """Make a frozen value of a class whose attributes are declared with `setting`, `table` and `free_table`."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def required(item: Field[Any]) -> bool:
    """Tell whether a key must be given."""
    return item.default is MISSING and item.default_factory is MISSING


def declared(cls: type) -> dict[str, Field[Any]]:
    """All keys of one table, in order."""
    return {item.name: item for item in fields(cls) if item.metadata}


def json_schema_of(cls: type) -> Schema:
    """JSON Schema of one table."""
    keys = declared(cls)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(item) for name, item in keys.items()},
        "required": [name for name, item in keys.items() if required(item)],
    }


def _property(item: Field[Any]) -> Schema:
    schema: Schema
    if "kind" in item.metadata:
        schema = dict(item.metadata["kind"].schema)
        if isinstance(item.default, (str, int, float, tuple)):
            schema["default"] = list(item.default) if isinstance(item.default, tuple) else item.default
    elif "free" in item.metadata:
        schema = {"type": "object", "additionalProperties": item.metadata["free"].schema}
    else:
        schema = json_schema_of(item.metadata["table"])
        if item.default == ():
            schema = {"type": "array", "items": schema}
    schema["description"] = item.metadata["doc"]
    return schema

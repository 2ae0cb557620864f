"""All requests next to a schema's edges: the least, the most, each property left out, at its bounds, beyond them, of
every other type. Enumerated, not drawn: nothing of a schema is left to chance.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Path = tuple[str | int, ...]

LONG_TEXT = 70_000
OTHER_TYPES: tuple[Any, ...] = (None, True, 1, -1.5, "x", [], {}, [[]], "\x00")
NUMBERS = (0, -1, 1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1)
TEXTS = ("", "x", "'; DROP TABLE transactions; --", "../../../etc/passwd", "%s%n", "\u202e\U0001f50c", "0")


@dataclass(frozen=True)
class Case:
    """One request payload, and why it is there."""

    why: str
    payload: Json


def cases(schema: Json) -> Iterator[Case]:
    """Every case of a request schema; what is valid and what is not is for the schema to say."""
    build = _Builder(schema.get("definitions", {}))
    least, most = build.object(schema, full=False), build.object(schema, full=True)
    yield Case("only what is required", least)
    yield Case("everything", most)
    yield Case("an unknown property", {**least, "unknownProperty": 1})
    for path, sub in build.places(schema):
        yield from _around(most, path, build.resolved(sub))


def _around(most: Json, path: Path, schema: Json) -> Iterator[Case]:
    name = ".".join(map(str, path))
    yield Case(f"without {name}", _without(most, path))
    for value in OTHER_TYPES:
        yield Case(f"{name} = {value!r}", _with(most, path, value))
    for value in _edges(schema):
        yield Case(f"{name} = {value!r:.40}", _with(most, path, value))


def _edges(schema: Json) -> Iterator[Any]:
    if "enum" in schema:
        yield from schema["enum"]
        yield schema["enum"][0].lower()
        return
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            yield from (
                "1970-01-01T00:00:00Z",
                "2026-01-15T12:30:00+05:30",
                "9999-12-31T23:59:59Z",
                "2026-02-30T00:00:00Z",
            )
            yield from ("0000-01-01T00:00:00Z", "2026-01-15 12:30", "2026-12-31T23:59:60Z", "9999-12-31T23:59:59-23:59")
        case "string":
            yield from TEXTS
            longest = schema.get("maxLength", LONG_TEXT)
            yield "x" * longest
            yield "x" * (longest + 1)
        case "integer" | "number":
            yield from NUMBERS
            yield 10**400 if schema["type"] == "integer" else 1e308
            yield 0.05
        case "array":
            yield [{}] * 3
            yield ["x"] * 200


class _Builder:
    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions

    def resolved(self, schema: Json) -> Json:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        found: Json = self._definitions[reference.rpartition("/")[2]]
        return found

    def object(self, schema: Json, *, full: bool) -> Json:
        required = schema.get("required", ())
        wanted = {
            n: s for n, s in schema.get("properties", {}).items() if n != "customData" and (full or n in required)
        }
        return {name: self._value(sub, full=full) for name, sub in wanted.items()}

    def places(self, schema: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
        for name, sub in schema.get("properties", {}).items():
            if name == "customData":
                continue
            sub_schema = self.resolved(sub)
            yield (*path, name), sub
            if sub_schema.get("type") == "object":
                yield from self.places(sub_schema, (*path, name))
            elif sub_schema.get("type") == "array":
                yield from self.places(self.resolved(sub_schema["items"]), (*path, name, 0))

    def _value(self, given: Json, *, full: bool) -> Any:  # noqa: ANN401 - any JSON
        schema = self.resolved(given)
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return self.object(schema, full=full)
            case "array":
                return [self._value(schema["items"], full=full) for _ in range(max(1, schema.get("minItems", 1)))]
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case "boolean":
                return True
            case "string":
                return (
                    "2026-01-15T13:00:00Z" if schema.get("format") == "date-time" else "A"[: schema.get("maxLength", 1)]
                )
            case _:
                return "any"


def _with(payload: Json, path: Path, value: Any) -> Json:  # noqa: ANN401 - any JSON
    changed = copy.deepcopy(payload)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def _without(payload: Json, path: Path) -> Json:
    changed = copy.deepcopy(payload)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed

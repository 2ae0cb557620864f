"""Any request that fits its official schema, and what a station may make of it."""

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from agent.csms.adapter import Payload, RpcError
from tests.agent.csms.adapter_rig import AdapterRig, AdapterT
from tests.agent.csms.official_schemas import OfficialSchemas, Schema

INTEGERS = st.integers(-2, 3) | st.integers(-(2**31), 2**31 - 1)
TENTHS = st.integers(0, 800).map(lambda tenths: tenths / 10)
LONGEST_TEXT = 40
"""Characters, where the schema sets no limit."""


def any_payload(official: OfficialSchemas, action: str, words: tuple[str, ...]) -> st.SearchStrategy[Payload]:
    """Build payloads of this action, with or without each optional property; `words` mean something to a station."""
    schema = official.request_schema(action)
    return _Builder(schema.get("definitions", {}), st.sampled_from(words)).properties(schema)


def assert_answered_or_refused(rig: AdapterRig[AdapterT], action: str, payload: Payload) -> None:
    """Ask: the answer and what follows fit their schemas, or the request is refused by the one exception allowed."""
    with suppress(RpcError):
        asyncio.run(rig.ask(action, payload))


class _Builder:
    def __init__(self, definitions: Schema, words: st.SearchStrategy[str]) -> None:
        self._definitions = definitions
        self._words = words

    def properties(self, schema: Schema) -> st.SearchStrategy[Payload]:
        required = schema.get("required", ())
        built = {name: self._any(each) for name, each in schema["properties"].items() if name != "customData"}
        return st.fixed_dictionaries(
            {name: each for name, each in built.items() if name in required},
            optional={name: each for name, each in built.items() if name not in required},
        )

    def _any(self, schema: Schema) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self._any(self._definitions[schema["$ref"].rpartition("/")[2]])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        match schema.get("type"):
            case "object":
                return self.properties(schema)
            case "array":
                least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
                return st.lists(self._any(schema["items"]), min_size=least, max_size=most)
            case "integer":
                return INTEGERS.filter(lambda number: number >= schema.get("minimum", number))
            case "number":
                return TENTHS if "multipleOf" in schema else st.floats(-1e9, 1e9)
            case "boolean":
                return st.booleans()
            case "string":
                return self._text(schema)
            case _:
                return st.none() | st.text() | st.integers()

    def _text(self, schema: Schema) -> st.SearchStrategy[str]:
        if schema.get("format") == "date-time":
            return st.just("2026-01-01T00:00:00Z")
        if schema.get("format") == "uri":
            return st.sampled_from(("ftp://files.example/in/", "https://user:word@files.example/x?y=1", "urn:x"))
        longest = schema.get("maxLength", LONGEST_TEXT)
        return st.text(max_size=longest) | self._words.map(lambda word: word[:longest])

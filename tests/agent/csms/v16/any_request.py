"""Any request that fits its official schema, as a hypothesis strategy."""

import json
from typing import Any

from hypothesis import strategies as st

from agent.csms.adapter import Payload
from tests.agent.csms.v16.official import SCHEMAS

Schema = dict[str, Any]  # Any: a JSON schema
WORDS = st.sampled_from(["HeartbeatInterval", "meterValuesSampledData", "Voltage,Frequency", "true", "60", "NoSuchKey"])
INTEGERS = st.integers(-2, 3) | st.integers(-(2**31), 2**31 - 1)
PLAIN = {"integer": INTEGERS, "number": st.integers(0, 800).map(lambda tenths: tenths / 10), "boolean": st.booleans()}


def any_request(action: str) -> st.SearchStrategy[Payload]:
    """Build payloads of this action, with or without each optional property."""
    return _object(json.loads((SCHEMAS / f"{action}.json").read_text("utf-8-sig")))


def _object(schema: Schema) -> st.SearchStrategy[Payload]:
    required = schema.get("required", ())
    properties = {name: _any(each) for name, each in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: each for name, each in properties.items() if name in required},
        optional={name: each for name, each in properties.items() if name not in required},
    )


def _any(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return _object(schema)
        case "array":
            return st.lists(_any(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
        case "string" if schema.get("format") == "date-time":
            return st.just("2026-01-01T00:00:00Z")
        case "string":
            longest = schema.get("maxLength", 40)
            return st.text(max_size=longest) | WORDS.map(lambda word: word[:longest])
        case plain:
            return PLAIN[plain]

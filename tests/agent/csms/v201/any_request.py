"""Any request that fits its official schema, as a hypothesis strategy."""

import json
from typing import Any

from hypothesis import strategies as st

from agent.csms.adapter import Payload
from tests.agent.csms.v201.official import SCHEMAS

Schema = dict[str, Any]  # Any: a JSON schema
TEXTS = ("OCPPCommCtrlr", "HeartbeatInterval", "TxCtrlr", "TxStartPoint", "Authorized", "60", "tx-1")
INTEGERS = st.integers(-2, 3) | st.integers(-(2**31), 2**31 - 1)


def any_request(action: str) -> st.SearchStrategy[Payload]:
    """Build payloads of this action, with or without each optional property."""
    schema: Schema = json.loads((SCHEMAS / f"{action}Request.json").read_text("utf-8-sig"))
    return _object(schema, schema["definitions"])


def _object(schema: Schema, definitions: Schema) -> st.SearchStrategy[Payload]:
    required = schema.get("required", ())
    properties = {name: _any(each, definitions) for name, each in schema["properties"].items() if name != "customData"}
    return st.fixed_dictionaries(
        {name: each for name, each in properties.items() if name in required},
        optional={name: each for name, each in properties.items() if name not in required},
    )


def _any(schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _any(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema, definitions)
        case "array":
            items = _any(schema["items"], definitions)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=min(schema.get("maxItems", 3), 3))
        case "integer":
            return INTEGERS.filter(lambda number: number >= schema.get("minimum", number))
        case "number":
            return st.floats(-1e9, 1e9)
        case "boolean":
            return st.booleans()
        case "string" if schema.get("format") == "date-time":
            return st.just("2026-01-01T00:00:00Z")
        case "string":
            names = st.sampled_from(
                ["OCPPCommCtrlr", "HeartbeatInterval", "TxCtrlr", "TxStartPoint", "Authorized", "tx-1"]
            )
            return st.text(max_size=min(schema.get("maxLength", 40), 40)) | names
        case _:
            return st.none() | st.text() | st.integers()

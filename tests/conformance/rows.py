"""Rule: one row for everything the standard names; whether it is built is asked of the code, never of this page.

Only features have no table in the code: a feature counts as built if tests are named for it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent.csms.adapter import Reply, RpcErrorCode
from agent.csms.connection import Endpoint
from agent.csms.v16.configuration_keys import FEATURE_PROFILES, FIRMWARE_PROFILE
from agent.csms.v16.security_events import NAMES as EVENT_NAMES
from agent.csms.v16.statuses import ERROR_CODES, NO_ERROR, OTHER_ERROR
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.agent.csms.v16.rig import Rig
from tests.conformance import standard

ROOT = Path(__file__).parents[2]
CLAIMS = Path(__file__).with_name("claims.toml")
_CONFIGURATION = "tests/agent/csms/v16/test_handlers_configuration.py"
IN_GENERAL = {
    "message of the back-end": (
        "tests/properties/test_inbound_fuzz.py::test_every_request_at_every_edge_of_its_schema_gets_one_answer[1.6-{name}]",
        "tests/independent_csms/test_strict_csms.py::test_every_request_is_answered_by_the_book",
    ),
    "configuration key": (
        f"{_CONFIGURATION}::test_without_names_all_keys_are_told",
        f"{_CONFIGURATION}::test_a_change_is_accepted_and_kept_or_refused_and_nothing_changed",
    ),
}
"""Tests that hold for each row of a group by themselves, because they go over the same table of the code."""


@dataclass(frozen=True)
class Row:
    """One thing that the standard names."""

    group: str
    name: str
    section: str
    is_built: bool
    tests: tuple[str, ...]
    """That prove this row in particular."""
    general: tuple[str, ...]
    """That prove every row of its group."""
    reason: str
    """Why it is not built, or what is left out of it."""

    @property
    def claim(self) -> str:
        """Its name in `claims.toml`."""
        return f"{self.group}: {self.name}"


def rows() -> list[Row]:
    """Every row, in the order of the page."""
    claims = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    return [_row(claims, *each) for each in _named()]


def claimed_names() -> set[str]:
    """Every name that the claims speak of."""
    claims = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    return {f"{group}: {name}" for group, of_group in claims.items() for name in of_group if name != "not built"}


def _row(claims: Mapping[str, Any], group: str, name: str, section: str, built: bool | None) -> Row:
    of_group = claims.get(group, {})
    claim = of_group.get(name, {})
    tests = tuple(claim.get("tests", ()))
    is_built = bool(tests) if built is None else built
    general = tuple(each.format(name=name) for each in IN_GENERAL.get(group, ())) if is_built else ()
    reason = claim.get("why", "") or ("" if is_built else of_group.get("not built", ""))
    return Row(group, name, section, is_built, tests, general, reason)


def _named() -> Iterator[tuple[str, str, str, bool | None]]:
    rig = secured_rig()
    handlers = rig.adapter.handlers
    sent = sent_actions()
    for name, section in standard.FROM_BACK_END.items():
        yield "message of the back-end", name, section, name in handlers
    for name, section in standard.FROM_STATION.items():
        yield "message of the station", name, section, name in sent
    keys = known_keys(rig)
    for section, names in standard.KEYS.items():
        for name in names.split():
            yield "configuration key", name, section, name in keys
    for name in standard.FEATURE_PROFILES:
        yield "feature profile", name, "3.3", name in {*FEATURE_PROFILES.split(","), FIRMWARE_PROFILE}
    for name, section in standard.FEATURES.items():
        yield "feature", name, section, None
    spelled = {rig.adapter.error_code(code) for code in RpcErrorCode}
    for name in standard.CALL_ERRORS:
        yield "error of a CALL", name, "J 4.2.3", name in spelled
    told = {*ERROR_CODES.values(), NO_ERROR, OTHER_ERROR, *_constants("agent/csms/v16/statuses.py")}
    for name in standard.ERROR_CODES:
        yield "error of a connector", name, "7.6", name in told
    raised = raised_events()
    for name in standard.SECURITY_EVENTS:
        yield "security event", name, standard.PAPER, name in raised


def secured_rig() -> Rig:
    """An adapter of a station with everything that can be configured."""
    return Rig(PlainSecurity([one_back_end(Endpoint("ws://csms", "S-1"))]).station)


def known_keys(rig: Rig) -> set[str]:
    """Every configuration key that this adapter tells."""
    handler = rig.adapter.handlers["GetConfiguration"]
    reply = handler({})
    assert isinstance(reply, Reply)
    return {each["key"] for each in reply.payload["configurationKey"]}


def raised_events() -> frozenset[str]:
    """Security events, in the words of 1.6, that something in the agent names where it raises them."""
    vocabulary = {ROOT / "agent/domain/security_event.py", ROOT / "agent/csms/v16/security_events.py"}
    text = "".join(path.read_text("utf-8") for path in (ROOT / "agent").rglob("*.py") if path not in vocabulary)
    return frozenset(
        name
        for type_, name in EVENT_NAMES.items()
        if re.search(rf"SecurityEventType\.{type_.name}\b|\"{type_.value}\"", text)
    )


def sent_actions() -> frozenset[str]:
    """Actions that the 1.6 adapter sends: the first argument of every `Outgoing(…)` in its modules."""
    folder = ROOT / "agent/csms/v16"
    return frozenset(name for path in folder.glob("*.py") for name in _outgoing(ast.parse(path.read_text("utf-8"))))


def _outgoing(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Outgoing"), args=[ast.Constant(value=str(action)), *_]):
                yield action


@cache
def _constants(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )

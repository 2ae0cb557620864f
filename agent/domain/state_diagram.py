"""The session's state diagram, drawn from the one table into a page: `python -m agent.domain.state_diagram PAGE`.

Rows that lead from one state to the same other are one arrow; arrows that leave every state of a group alike leave
the group, and a set of alternatives that belong together is one target. `--check` writes nothing and fails if the
page is stale.
"""

import sys
from collections.abc import Iterable
from typing import Final

from agent.domain.generated_page import GeneratedPart
from agent.domain.session_state import SessionState
from agent.domain.session_table import ACTIVE, ENDING, IDLE, TABLE, Row

GROUPS: Final[dict[str, tuple[SessionState, ...]]] = {"IDLE": IDLE, "ACTIVE": ACTIVE, "ENDING": ENDING}
_TITLES: Final = {
    "IDLE": "a token is welcome",
    "ACTIVE": "authorised and plugged in",
    "ENDING": "the authorisation is ending",
}
RESTS: Final = (
    SessionState.FAULTED,
    SessionState.UNAVAILABLE,
    SessionState.FINISHING,
    SessionState.AWAITING_AUTHORIZATION,
    SessionState.AVAILABLE,
)
"""Where an EVSE without an authorisation may belong; one arrow leads to the choice among them."""
_REST: Final = "where_it_belongs"
_LINE: Final = "<br/>"


def diagram(table: Iterable[Row] = TABLE) -> str:
    """Return the diagram as a Mermaid block."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", f"    state {_REST} <<choice>>"]
    for group, states in GROUPS.items():
        lines += [f'    state "{group}: {_TITLES[group]}" as {group} {{']
        lines += [f"        {state.name}" for state in states]
        lines += ["    }"]
    lines += [f"    [*] --> {SessionState.UNKNOWN.name}"]
    lines += [f"    {_REST} --> {target}" for target in (*(state.name for state in RESTS), "ACTIVE")]
    lines += [
        f"    {source} --> {target}: {_LINE.join(sorted(triggers))}"
        for (source, target), triggers in sorted(_arrows(table).items())
    ]
    return "\n".join([*lines, "```"])


def _arrows(table: Iterable[Row]) -> dict[tuple[str, str], set[str]]:
    """Triggers by (source, target); what stays where it is is not drawn."""
    targets: dict[tuple[SessionState, str], set[SessionState]] = {}
    for row in table:
        for source in row.sources if row.dest is not None else ():
            targets.setdefault((source, row.trigger), set()).add(row.dest or source)
    arrows: dict[tuple[str, str], set[str]] = {}
    for (source, trigger), states in targets.items():
        for target in _targets(source, states) - {source.name}:
            arrows.setdefault((source.name, target), set()).add(trigger)
    return _from_groups(arrows)


def _targets(source: SessionState, states: set[SessionState]) -> set[str]:
    """Name a whole set of alternatives once: a group, or wherever an EVSE without an authorisation belongs."""
    names = set[str]()
    if set(RESTS) <= states:
        names, states = {_REST}, states - {*RESTS, *ACTIVE}
    for group, members in (("ACTIVE", set(ACTIVE)), ("ENDING", {SessionState.OPENING, SessionState.READING_METER})):
        if members <= states:
            states = states - members
            names |= set() if source in GROUPS[group] else {group}
            if source is SessionState.STOPPING:
                names |= {state.name for state in members}
    return names | {state.name for state in states}


def _from_groups(arrows: dict[tuple[str, str], set[str]]) -> dict[tuple[str, str], set[str]]:
    """Let a trigger that leads from every state of a group to the same place leave the group."""
    merged = {ends: set(triggers) for ends, triggers in arrows.items()}
    for group, states in GROUPS.items():
        members = {state.name for state in states}
        for target in {target for _, target in arrows} - members:
            shared = set.intersection(*(arrows.get((member, target), set()) for member in members))
            if shared:
                merged[group, target] = shared
                for member in members:
                    merged[member, target] -= shared
    return {ends: triggers for ends, triggers in merged.items() if triggers}


PART: Final = GeneratedPart("session diagram", "agent.domain.state_diagram", diagram)


if __name__ == "__main__":
    sys.exit(PART.main())

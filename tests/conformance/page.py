"""Rule: the rows as text and as one HTML page that needs nothing else."""

from collections import Counter
from html import escape
from itertools import groupby

from tests.conformance.rows import Row

TITLE = "Pilotline: conformance to OCPP 1.6 and its security white paper"
INTRODUCTION = (
    "Messages, configuration keys, profiles and errors count as built if the code's own tables say so; features and "
    "lessons of the field, if tests are named for them. Every test named here exists and is collected; the test suite "
    "says so. Sections: OCPP 1.6 edition 2; J: OCPP-J 1.6; white paper: Improved security for OCPP 1.6-J, edition 3."
)
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --built: #0a7d4f; --not: #8a6d00; }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .35rem .5rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th:nth-child(1) { width: 27%; } th:nth-child(2) { width: 10%; } th:nth-child(3) { width: 9%; }
.built { color: var(--built); font-weight: 600; } .not { color: var(--not); font-weight: 600; }
td p { margin: 0; } ul { margin: .3rem 0; padding-left: 1.1rem; } li { font-size: .86rem; } summary { cursor: pointer; }
.general { opacity: .7; } nav a { margin-right: 1rem; }
@media (max-width: 40rem) { th:nth-child(2), td:nth-child(2) { display: none; } th:nth-child(1) { width: 46%; }
  th:nth-child(3) { width: 18%; } td { font-size: .9rem; } }
@media (prefers-color-scheme: dark) { :root { --built: #4cc38a; --not: #e5b93c; } }
"""


def text_page(rows: list[Row]) -> str:
    """The page for terminals and mails."""
    lines = [TITLE, "=" * len(TITLE), "", INTRODUCTION, ""]
    for group, members in _groups(rows):
        lines += ["", _heading(group, members), ""]
        for row in members:
            state = "built" if row.is_built else "not built"
            lines.append(f"{row.name} ({row.section}): {state}{_because(row)}")
            lines += [f"    {test}" for test in row.tests]
            lines += [f"    in general: {test}" for test in row.general]
    return "\n".join(lines) + "\n"


def html_page(rows: list[Row]) -> str:
    """The page for browsers."""
    groups = _groups(rows)
    links = "".join(f'<a href="#{_anchor(group)}">{escape(_plural(group))}</a>' for group, _ in groups)
    tables = "".join(_table(group, members) for group, members in groups)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{TITLE}</h1><p>{escape(INTRODUCTION)}</p><nav>{links}</nav>{tables}</body></html>\n"
    )


def _table(group: str, members: list[Row]) -> str:
    head = "<tr><th>name</th><th>section</th><th>state</th><th>proof, or why not</th></tr>"
    body = "".join(_html_row(row) for row in members)
    heading = f'<h2 id="{_anchor(group)}">{escape(_heading(group, members))}</h2>'
    return f"{heading}<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _html_row(row: Row) -> str:
    state = '<span class="built">built</span>' if row.is_built else '<span class="not">not built</span>'
    proof = f"<p>{escape(row.reason)}</p>" if row.reason else ""
    if row.tests or row.general:
        items = "".join(f"<li>{escape(_short(test))}</li>" for test in row.tests)
        items += "".join(f'<li class="general">in general: {escape(_short(test))}</li>' for test in row.general)
        count = len(row.tests) + len(row.general)
        proof += f"<details><summary>{count} {'test' if count == 1 else 'tests'}</summary><ul>{items}</ul></details>"
    return f"<tr><td>{escape(row.name)}</td><td>{escape(row.section)}</td><td>{state}</td><td>{proof}</td></tr>"


def _groups(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    return [(group, list(members)) for group, members in groupby(rows, key=lambda row: row.group)]


def _heading(group: str, members: list[Row]) -> str:
    built = Counter(row.is_built for row in members)[True]
    return f"{_plural(group).capitalize()}: {built} of {len(members)} built"


def _plural(group: str) -> str:
    first, _, rest = group.partition(" of ")
    return f"{first}s of {rest}" if rest else f"{group}s"


def _anchor(group: str) -> str:
    return group.replace(" ", "-")


def _because(row: Row) -> str:
    return f"; {row.reason}" if row.reason else ""


def _short(test: str) -> str:
    return test.removeprefix("tests/")

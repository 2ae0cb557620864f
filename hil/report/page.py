"""The page: one HTML file with everything in it; it asks the network for nothing and runs one script of its own.

Whatever comes from a result is hostile text: the template escapes it, and the page's policy forbids every other script.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from multiprocessing import get_context

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from hil.report import wording
from hil.report.catalogue import described
from hil.report.chronicle import Chronicle, chronicle
from hil.report.plot import plot_svg
from hil.report.results import NotApplicable, Result, Unreadable
from hil.report.summary import in_order, summary
from hil.report.traces import traces_of

ALONE_UP_TO = 6
"""So few runs are drawn before another process has started."""


@dataclass(frozen=True, slots=True)
class Section:
    """One run, ready for the page."""

    anchor: str
    result: Result
    plots: tuple[Markup, ...]
    chronicle: Chronicle

    @property
    def is_bad(self) -> bool:
        """Tell whether the page should open its details at once."""
        return self.result.outcome in {"failed", "error"}


def render_page(
    results: Sequence[Result], unreadable: Sequence[Unreadable] = (), not_applicable: Sequence[NotApplicable] = ()
) -> str:
    """The whole page."""
    ordered = [described(result) for result in in_order(results)]
    script = _file("page.js")
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "seconds": wording.seconds,
        "limit": wording.limit,
        "margin": wording.margin,
        "board": wording.board,
        "counted": wording.counted,
    }
    return environment.from_string(_file("page.html.j2")).render(
        summary=summary(ordered, unreadable),
        sections=_sections(ordered),
        unreadable=unreadable,
        not_applicable=not_applicable,
        verdicts=wording.VERDICTS,
        boards=sorted({result.board for result in ordered}),
        style=Markup(_file("page.css")),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def _sections(results: Sequence[Result]) -> list[Section]:
    numbers = range(1, len(results) + 1)
    if len(results) <= ALONE_UP_TO:
        return [_section(number, result) for number, result in zip(numbers, results, strict=True)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_section, numbers, results, chunksize=4))


def _section(number: int, result: Result) -> Section:
    all_traces = traces_of(result)
    anchor = f"run-{number}"
    svgs = [plot_svg(result, traces, f"{anchor}-evse-{traces.evse}") for traces in all_traces if _has_anything(result)]
    plots = tuple(Markup(svg) for svg in svgs)  # noqa: S704 - its writer escapes all text
    return Section(anchor, result, plots, chronicle(result, all_traces))


def _has_anything(result: Result) -> bool:
    return bool(result.events or result.csms or result.wire)


def _file(name: str) -> str:
    return (files("hil.report") / name).read_text("utf-8")

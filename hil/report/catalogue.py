"""What a scenario does and expects, in words (value); the results bring the figures."""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from hil.report.results import Result


@dataclass(frozen=True, slots=True)
class Words:
    """Stimulus and expectation of a scenario; empty if nobody wrote them down."""

    stimulus: str = ""
    expectation: str = ""


@cache
def catalogue() -> dict[str, Words]:
    """Words of the listed scenarios, by their number."""
    text = (files("hil.report") / "catalogue.toml").read_text("utf-8")
    return {scenario: Words(**entry) for scenario, entry in tomllib.loads(text).items()}


def described(result: Result) -> Result:
    """The result with the catalogue's words where it brings none."""
    words = catalogue().get(result.scenario, Words())
    return replace(
        result,
        stimulus=result.stimulus or words.stimulus,
        expectation=result.expectation or words.expectation or result.limit,
    )

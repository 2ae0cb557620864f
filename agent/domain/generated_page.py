"""Text drawn from a table into a page, between two marker lines; the command line that writes or checks it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hal.value import dataclass


class NoMarkersError(ValueError):
    """The page has no place for the text."""


@dataclass(frozen=True, slots=True)
class GeneratedPart:
    """A part of a page that is written by `make diagram`."""

    name: str
    module: str
    render: Callable[[], str]

    @property
    def begin(self) -> str:
        """The line above it."""
        return f"<!-- {self.name}: begin; written by `make diagram` -->"

    @property
    def end(self) -> str:
        """The line below it."""
        return f"<!-- {self.name}: end -->"

    def drawn_into(self, page: str) -> str:
        """Return the page with the present text between its markers. Raises: NoMarkersError."""
        before, begin, rest = page.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not begin or not end:
            raise NoMarkersError(f"the page needs the lines {self.begin!r} and {self.end!r}, in this order")
        return f"{before}{self.begin}\n{self.render()}\n{self.end}{after}"

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Write the text into a page, or check it."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=f"Write the {self.name}.")
        parser.add_argument("page", type=Path, help="Markdown file with the two marker comments")
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
        chosen = parser.parse_args(arguments)
        try:
            page = chosen.page.read_text(encoding="utf-8")
            wanted = self.drawn_into(page)
        except (OSError, NoMarkersError) as error:
            sys.stderr.write(f"{chosen.page}: {error}\n")
            return 2
        if not chosen.check:
            chosen.page.write_text(wanted, encoding="utf-8")
        elif page != wanted:
            sys.stderr.write(f"{chosen.page}: the {self.name} is stale; run `make diagram`\n")
            return 1
        return 0

"""`python -m tests.conformance TEXT HTML` writes the conformance page; `make pics` calls it."""

import sys
from pathlib import Path

from tests.conformance.lessons import lesson_rows
from tests.conformance.page import html_page, text_page
from tests.conformance.rows import rows


def main(words: list[str]) -> int:
    """Write both pages and say how far they go."""
    text, html = map(Path, words)
    found = [*rows(), *lesson_rows()]
    for path, content in ((text, text_page(found)), (html, html_page(found))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    built = sum(row.is_built for row in found)
    sys.stdout.write(f"{built} of {len(found)} rows are built; {text} and {html} are written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m hil.report RESULTS_DIR report.html`: writes the page. Exit 0: written, 2: bad input."""

import argparse
import sys
from pathlib import Path

from hil.report.page import render_page
from hil.report.results import ResultsError, load_not_applicable, load_results

EXIT_DONE, EXIT_USAGE = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Write the page; what could not be read is shown on it and named on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m hil.report", description="Render results of the bench as one page."
    )
    parser.add_argument("results", type=Path, help="directory with one JSON file for each scenario run")
    parser.add_argument("page", type=Path, help="HTML file to write")
    options = parser.parse_args(arguments)
    try:
        results, unreadable = load_results(options.results)
        page = render_page(results, unreadable, load_not_applicable(options.results))
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(page, "utf-8")
    except ResultsError as error:
        print(f"hil.report: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"hil.report: {options.page} cannot be written ({error.strerror})", file=sys.stderr)
        return EXIT_USAGE
    for each in unreadable:
        print(f"hil.report: {each.name} {each.reason}", file=sys.stderr)
    return EXIT_USAGE if unreadable else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

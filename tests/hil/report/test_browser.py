"""The page as a browser shows it: plots are drawn, nothing overflows, nothing is asked of the network."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from hil.report.__main__ import main
from hil.report.plot_limits import ALLOWED, MET, MISSED
from hil.report.plot_rows import BLUE, DARK, GREEN, ORANGE, PURPLE, VERMILLION
from tests.hil.report.browser import Browser, running_browser
from tests.hil.report.recorded import Result, blank, write
from tests.hil.report.test_page import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PLOT = "#run-2 figure svg"
"""CP-04, the exception: every signal moves in it."""
TOLERANCE = 24
"""Of each channel; edges of thin lines are blended with the ground."""
OUTSIDE = """[...document.querySelectorAll("figure svg text")].filter((text) => {
  const inner = text.getBoundingClientRect(), outer = text.closest("svg").getBoundingClientRect();
  return inner.left < outer.left - 1 || inner.right > outer.right + 1
    || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
}).map((text) => text.textContent)"""
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((each) => !each.closest("svg") &&
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((each) => each.outerHTML.slice(0, 200))"""
SHOWN = 'document.querySelectorAll("article:not([hidden])").length'


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, failed: Result, exception: Result, passed: Result) -> Path:
    directory = tmp_path_factory.mktemp("page")
    skipped = blank() | {"scenario": "LK-01", "board": "safety", "outcome": "skipped", "reason": "no lock here"}
    hostile = blank() | {"scenario": "ZZ-99", "title": HOSTILE * 3, "bench": "x" * 300, "events": passed["events"]}
    results = write(directory / "results", failed, exception, passed, skipped, hostile)
    assert main([str(results), str(directory / "report.html")]) == 0
    return directory / "report.html"


def places(picture: Image.Image, color: str) -> list[tuple[float, float]]:
    """Where the colour is seen, as shares of width and height."""
    wanted = tuple(int(color[n : n + 2], 16) for n in (1, 3, 5))
    width, height = picture.size
    data = picture.tobytes()
    found = []
    for number in range(width * height):
        red, green, blue = data[3 * number : 3 * number + 3]
        if max(abs(red - wanted[0]), abs(green - wanted[1]), abs(blue - wanted[2])) <= TOLERANCE:
            found.append((number % width / width, number // width / height))
    return found


def test_every_curve_is_drawn_in_its_row_from_the_top_down(browser: Browser, page: Path) -> None:
    browser.open(page)
    picture = browser.picture(PLOT)
    drawing = picture.crop((int(picture.width * 0.13), 0, picture.width, int(picture.height * 0.9)))
    heights = {}
    for name, color in {"low": VERMILLION, "duty": GREEN, "current": PURPLE, "energy": ORANGE}.items():
        seen = [y for _, y in places(drawing, color) if y < 0.75]
        assert len(seen) > 300, f"{name} is drawn"
        heights[name] = sorted(seen)[len(seen) // 2]
    assert heights["low"] < heights["duty"] < heights["current"] < heights["energy"]
    assert len([1 for x, y in places(drawing, BLUE) if y < 0.3]) > 300, "the pilot's high level"
    assert len(places(drawing, DARK)) > 1000, "the closed contactor"


def test_the_limit_is_shaded_and_the_late_edge_is_red_and_right_of_it(browser: Browser, page: Path) -> None:
    browser.open(page)
    picture = browser.picture(PLOT)
    enlarged = picture.crop((int(picture.width * 0.6), 0, picture.width, int(picture.height * 0.5)))
    red = [x for x, _ in places(enlarged, MISSED)]
    wanted = tuple(int(ALLOWED[n : n + 2], 16) for n in (1, 3, 5))
    exact = [x for x in range(enlarged.width) if enlarged.getpixel((x, enlarged.height // 2)) == wanted]
    assert len(exact) > enlarged.width * 0.1
    assert min(red) * enlarged.width > max(exact)


def test_a_met_limit_is_green(browser: Browser, page: Path) -> None:
    browser.open(page)
    picture = browser.picture("#run-3 figure svg")
    assert len(places(picture, MET)) > 200
    assert len(places(picture, MISSED)) == 0


def test_no_text_leaves_its_plot_and_no_element_the_page(browser: Browser, page: Path) -> None:
    for width in (1200, 900):
        browser.open(page, width)
        assert browser.value(OUTSIDE) == []
        assert browser.value(TOO_WIDE) == []
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_is_asked_of_the_network_and_nothing_forbidden_is_tried(browser: Browser, page: Path) -> None:
    browser.complaints.clear()
    browser.open(page)
    assert browser.value("performance.getEntriesByType('resource').length") == 0
    assert browser.complaints == []


def test_the_filter_leaves_what_was_asked_for(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.value(SHOWN) == 5

    def choose(name: str, value: str) -> None:
        browser.value(
            f"(() => {{ const e = document.querySelector('.filter').elements[{json.dumps(name)}];"
            f"e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change', {{bubbles: true}})) }})()"
        )

    choose("outcome", "failed")
    assert browser.value(SHOWN) == 1
    assert browser.value("document.querySelector('output').textContent") == "1 of 5 runs shown"
    choose("outcome", "")
    choose("board", "safety")
    assert browser.value(SHOWN) == 1


def test_without_script_everything_is_there(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        assert len(places(browser.picture(PLOT), GREEN)) > 300
        assert browser.value("getComputedStyle(document.querySelector('.filter')).display") == "none"
        assert browser.value(SHOWN) == 5
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_in_print_the_plots_stay_and_the_filter_goes(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.value("getComputedStyle(document.querySelector('.filter')).display") == "none"
        assert len(places(browser.picture(PLOT), GREEN)) > 300
        assert len(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]) > 10_000
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")

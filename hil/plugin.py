"""pytest plug-in of the bench: `pytest -p hil.plugin hil/scenarios --bench FILE` (runner).

Each scenario runs on every bench file that it applies to. What does not apply is deselected, and the reason is kept for
the report. One JSON file per run goes to the results directory; JUnit gets scenario, board and measurements.
"""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from hil.bench_file import BenchFile, BenchFileError, load_bench_file, parse_bench_file
from hil.errors import StationError
from hil.results import write_result
from hil.rig import Rig, RigPlan
from hil.roles import CannotError
from hil.run import Run
from hil.scenario import scenario_of
from hil.selection import Entry, select

RESULTS = Path("build/hil/results")
NOT_APPLICABLE_FILE = "not_applicable.jsonl"
BENCHES = pytest.StashKey[tuple[BenchFile, ...]]()
RUN = pytest.StashKey[Run]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the bench."""
    group = parser.getgroup("pilotline bench")
    group.addoption("--bench", action="append", type=Path, metavar="FILE", help="bench file; may be given repeatedly")
    group.addoption("--bench-results", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
    group.addoption("--bench-quick", action="store_true", help="each scenario on the first bench it applies to only")


def pytest_configure(config: pytest.Config) -> None:
    """Read the bench files. Raises: pytest.UsageError."""
    config.addinivalue_line("markers", "xdist_group: runs of a bench with real devices, one after another")
    try:
        files = tuple(load_bench_file(path) for path in config.getoption("--bench") or [])
    except BenchFileError as error:
        raise pytest.UsageError(str(error)) from None
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise pytest.UsageError(f"two bench files are named {name!r}; give one of them another [bench] name")
    config.stash[BENCHES] = files or (parse_bench_file(Path("simulated.toml"), ""),)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item per bench."""
    if "rig" in metafunc.fixturenames:
        files = metafunc.config.stash[BENCHES]
        metafunc.parametrize("rig", files, ids=[file.name for file in files], indirect=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `-k CP-04` find a scenario by its id."""
    if (about := scenario_of(getattr(item, "function", None))) is not None:
        item.extra_keyword_matches.add(about.id)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what does not apply, and runs of one real bench go one after another."""
    entries = [entry for item in items if (entry := _entry(item)) is not None]
    chosen = select(entries, quick=config.getoption("--bench-quick"))
    dropped = [entry.item for entry in entries if id(entry) not in {id(each) for each in chosen.run}]
    for entry in chosen.run:
        if not entry.bench.is_simulated:
            entry.item.add_marker(pytest.mark.xdist_group(entry.bench.name))
    if dropped:
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)
    if getattr(config, "workerinput", {"workerid": "gw0"})["workerid"] == "gw0":
        _write_not_applicable(config.getoption("--bench-results"), chosen.not_applicable)


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """Give the rig of one run; nothing is started yet."""
    about = scenario_of(request.function)
    if about is None:
        raise pytest.UsageError(f"{request.node.name} takes `rig` but is not marked with @scenario")
    made = Rig(RigPlan(request.param, tmp_path, about.evses, about.toml, about.options))
    request.node.stash[RUN] = Run(about, made)
    return made


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Play; then judge what was measured."""
    try:
        played = yield
    except CannotError as error:
        pytest.skip(str(error))
    if (run := pyfuncitem.stash.get(RUN, None)) is not None:
        outcome, reason = run.verdict()
        if outcome == "failed":
            pytest.fail(reason, pytrace=False)
    return played


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the results, and tell JUnit."""
    run = item.stash.get(RUN, None)
    if run is None or call.when != "call":
        return (yield)
    outcome, reason = run.verdict() if call.excinfo is None else _failure(call.excinfo.value)
    item.user_properties += _properties(run, outcome, reason)
    report = yield
    directory: Path = item.config.getoption("--bench-results")
    write_result(directory, f"{run.scenario.id}.{item.name}", run.result(outcome, reason))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the limits that a board may miss and missed."""
    reports = terminalreporter.getreports("passed")
    excused = {dict(report.user_properties).get("exception") for report in reports if report.when == "call"} - {None}
    for sentence in sorted(str(each) for each in excused):
        terminalreporter.write_line(f"EXCEPTION {sentence}")


def _failure(error: BaseException) -> tuple[str, str]:
    if isinstance(error, pytest.skip.Exception):
        return "skipped", str(error)
    broken = isinstance(error, StationError | OSError)
    return "error" if broken else "failed", str(error) or type(error).__name__


def _properties(run: Run, outcome: str, reason: str) -> list[tuple[str, object]]:
    bench = run.rig.plan.bench_file
    about = [("scenario", run.scenario.id), ("board", bench.board), ("bench", bench.name), ("ocpp", bench.ocpp)]
    measured = [("measurement", each.sentence()) for each in run.rig.measurements]
    excused = [("exception", f"{run.scenario.id} on {bench.name}: {reason}")] if outcome == "exception" else []
    return [*about, *measured, *excused]


def _entry(item: pytest.Item) -> Entry | None:
    function = getattr(item, "function", None)
    callspec = getattr(item, "callspec", None)
    about = scenario_of(function)
    if function is None or about is None or callspec is None:
        return None
    others = ",".join(f"{name}={value!r}" for name, value in sorted(callspec.params.items()) if name != "rig")
    return Entry(item, about, callspec.params["rig"], f"{about.id} {function.__name__} {others}")


def _write_not_applicable(directory: Path, rows: list[dict[str, str]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / NOT_APPLICABLE_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

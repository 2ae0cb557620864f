"""Runs recorded once from the whole station in virtual time, for all tests of the report."""

from pathlib import Path

import pytest

from tests.hil.report.recorded import Result, contactor_fails_to_close, ev_starts, ev_stops, record


@pytest.fixture(scope="session")
def exception(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """CP-04 on OpenEVSE: 307 ms instead of 100 ms, a named exception."""
    return record(_fresh(tmp_path_factory), ev_stops)


@pytest.fixture(scope="session")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """CP-03: power within 3 s."""
    return record(_fresh(tmp_path_factory), ev_starts)


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """RL-03 as a run whose expected event never came."""
    return record(_fresh(tmp_path_factory), contactor_fails_to_close)


def _fresh(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("station")

"""Lessons 53 (a flood wears the flash) and 20 (a back-end that asks without end)."""

import io
import logging

import pytest

from agent.log_limit import LINES_PER_WINDOW, WINDOW_S, LogLimit


class Log:
    """A log with the limit, and the time that it sees."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.addFilter(LogLimit(lambda: self.now_s))
        self.logger = logging.Logger("a station", logging.DEBUG)  # noqa: LOG001 - of this test alone
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_flood_of_one_kind_is_cut_whatever_its_values(log: Log) -> None:
    for number in range(1000):
        log.logger.info("asked key=%d", number)
    assert len(log.lines) == LINES_PER_WINDOW


def test_other_kinds_and_levels_are_written_meanwhile(log: Log) -> None:
    for number in range(1000):
        log.logger.info("asked key=%d", number)
    log.logger.info("car plugged in")
    log.logger.warning("asked key=%d", 7)
    assert log.lines[LINES_PER_WINDOW:] == ["car plugged in", "asked key=7"]


def test_after_a_minute_it_is_told_how_many_were_left_out(log: Log) -> None:
    for number in range(100):
        log.logger.info("asked key=%d", number)
    log.now_s += WINDOW_S
    log.logger.info("asked key=%d", 100)
    log.logger.info("asked key=%d", 101)
    assert log.lines[-2:] == [f"asked key=100 ({100 - LINES_PER_WINDOW} more like it were left out)", "asked key=101"]


def test_what_comes_seldom_is_always_written(log: Log) -> None:
    for _ in range(100):
        log.logger.error("meter silent")
        log.now_s += 4.0
    assert log.lines == ["meter silent"] * 100


def test_a_critical_line_is_never_left_out(log: Log) -> None:
    for _ in range(100):
        log.logger.critical("the end")
    assert len(log.lines) == 100


def test_texts_without_end_cost_no_memory_without_end(log: Log) -> None:
    for number in range(5000):
        log.logger.info(f"made up {number}")  # noqa: G004 - what it is about
    limit = log.logger.handlers[0].filters[0]
    assert isinstance(limit, LogLimit)
    assert len(limit._windows) <= 1000

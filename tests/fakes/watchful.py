"""What must stay flat while something goes on for long: the agent's log, its objects and its tasks."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from agent.log_limit import LogLimit


class Lines(logging.Handler):
    """What an operator finds in the log of an agent on the running loop."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []
        self.tracebacks: list[str] = []
        self.addFilter(LogLimit(asyncio.get_running_loop().time))

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()}"
        self.texts.append(text)
        if record.exc_info is not None:
            self.tracebacks.append(f"{text}: {record.exc_info[1]!r}")


@contextmanager
def lines_of_agent() -> Iterator[Lines]:
    """Collect while the context is open."""
    lines, logger = Lines(), logging.getLogger("agent")
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(lines)
        logger.setLevel(before)


def own_objects() -> int:
    """Count the living objects of the product's own classes.

    A class of another library may compute its ``__module__``: it is then no text when asked of the class.
    """
    gc.collect()
    modules: Iterator[object] = (type(each).__module__ for each in gc.get_objects())
    return sum(isinstance(module, str) and module.startswith(("agent.", "hal.")) for module in modules)


def own_tasks() -> int:
    """Count the tasks of the loop, those of the bench's connections excepted."""
    return sum("csms" not in task.get_name() or task.get_name() == "csms link" for task in asyncio.all_tasks())

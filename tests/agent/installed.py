"""A configuration file as an installer writes it, and what is refused of it."""

from pathlib import Path

import pytest

from agent.config import AgentConfig, ConfigError, load_config
from hil.agent_toml import StationPlan, agent_toml

TEXT = agent_toml(StationPlan(Path("lines"), 2, "eastron_sdm630", "ws://127.0.0.1:9/", ("2.0.1", "1.6")))


def write(directory: Path, *more: str, text: str = TEXT) -> Path:
    """Write agent.toml, each further text as a drop-in, and return its path."""
    file = directory / "agent.toml"
    file.write_text(text)
    for number, drop_in in enumerate(more):
        (directory / "conf.d").mkdir(exist_ok=True)
        (directory / "conf.d" / f"{number}.toml").write_text(drop_in)
    return file


def installed(directory: Path, *more: str, text: str = TEXT) -> AgentConfig:
    """Load what `write` wrote."""
    return load_config(write(directory, *more, text=text), bench=True)


def assert_refused(refused: pytest.ExceptionInfo[ConfigError], file: Path, line: int, key: str, *words: str) -> None:
    """Check where the error points, and that it says all these words."""
    error = refused.value
    assert (error.file, error.line, error.key) == (file, line, key)
    for word in words:
        assert word in error.expected

"""Where the station keeps its state, as a command on the board is told."""

import argparse
from pathlib import Path

from agent.config import ConfigError, describe_error, load_config

DATABASE_NAME = "station.sqlite"


class WrongUsageError(Exception):
    """One sentence: what is wrong and what to do."""


def state_directory(arguments: argparse.Namespace) -> Path:
    """Return the directory of `--state-dir` or of `--config`. Raises: WrongUsageError."""
    directory = arguments.state_dir
    if directory is None:
        try:
            directory = load_config(arguments.config, bench=True).station.state_dir
        except ConfigError as error:
            raise WrongUsageError(describe_error(error)) from None
    if not (directory / DATABASE_NAME).is_file():
        raise WrongUsageError(
            f"{directory} holds no {DATABASE_NAME}: give the station's state directory with --state-dir, or --config"
        )
    return Path(directory)

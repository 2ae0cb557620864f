"""`pilotline-agent`: the charging station as a process."""

import argparse
import asyncio
import gc
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent.config import AgentConfig, ConfigError, describe_error, load_config
from agent.log_limit import LogLimit
from agent.version import VERSION

logger = logging.getLogger(__name__)

DONE, FAILED, BAD_CONFIGURATION = 0, 1, 2


def main() -> int:
    """Run the agent, or check its configuration."""
    arguments = _parser().parse_args()
    if arguments.check:
        from agent.config_check import check_command  # noqa: PLC0415 - only for --check

        return check_command(arguments.config, bench=arguments.bench, json_output=arguments.json, further=_build)
    _log_to_stderr(arguments.log_level)
    if arguments.record_tokens and not arguments.bench:
        sys.stderr.write("pilotline-agent: --record-tokens is for a bench: tokens are secrets; add --bench\n")
        return BAD_CONFIGURATION
    try:
        config = load_config(arguments.config, bench=arguments.bench)
    except ConfigError as error:
        sys.stderr.write(describe_error(error) + "\n")
        return BAD_CONFIGURATION
    if arguments.bench:
        logger.warning("started with --bench: settings that are unsafe in the field are allowed")
    return _run(config, arguments.record, with_tokens=arguments.record_tokens)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pilotline-agent", description="The charging station.")
    parser.add_argument("--config", type=Path, required=True, help="agent.toml; conf.d beside it is read as well")
    parser.add_argument("--check", action="store_true", help="check the configuration and exit with 0 or 2")
    parser.add_argument("--json", action="store_true", help="print the result of --check as JSON")
    parser.add_argument("--bench", action="store_true", help="allow settings that are unsafe in the field")
    parser.add_argument("--record", type=Path, metavar="FILE", help="record every byte on every line, readers masked")
    parser.add_argument("--record-tokens", action="store_true", help="record what readers say as well; with --bench")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.add_argument("--version", action="version", version=f"pilotline-agent {VERSION}")
    return parser


def _build(config: AgentConfig) -> None:
    """Build what a start would refuse by its configuration alone, and open the token, if any. Raises: ConfigError."""
    from agent.hardware import build_hardware  # noqa: PLC0415 - as a start does
    from agent.presets import build_device_model  # noqa: PLC0415

    build_device_model(config)
    build_hardware(config, lambda: datetime.now(UTC))
    if config.csms.token is not None:
        _open_token(config)


def _open_token(config: AgentConfig) -> None:
    """A token that does not open stops no start, since cars are charged without: only a check refuses it."""
    from agent.csms.configured import token_of  # noqa: PLC0415 - only where there is one

    token = token_of(config.csms)
    try:
        if token is not None:
            token.probe()
            token.link.close()
    except OSError as error:
        raise config.sources.error(("csms", "token"), "csms.token", f"a token that opens: {error}") from error


def _log_to_stderr(level: str) -> None:
    """The journal of systemd adds time and unit; libraries tell only what is wrong; no flood unless asked for."""
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    if level != "DEBUG":
        for handler in logging.getLogger().handlers:
            handler.addFilter(LogLimit())
    for library in ("transitions", "pymodbus", "websockets"):
        logging.getLogger(library).setLevel(logging.ERROR)


def _run(config: AgentConfig, record: Path | None, *, with_tokens: bool) -> int:
    gc.disable()  # a start makes much that stays; `run_agent` lets the collector begin once it is made
    from agent.running import Outcome, run_agent  # noqa: PLC0415 - --check and --help need none of it
    from agent.store.errors import StoreError  # noqa: PLC0415
    from hal.api import HalError  # noqa: PLC0415

    options = None
    if record is not None:
        from agent.recording import RecordOptions  # noqa: PLC0415 - a start without --record is spared it

        options = RecordOptions(record, with_tokens)
    try:
        outcome = asyncio.run(run_agent(config, options))
    except (ConfigError, HalError, ValueError) as error:
        sys.stderr.write(f"pilotline-agent: {error}\n")
        return BAD_CONFIGURATION
    except (OSError, StoreError) as error:
        sys.stderr.write(f"pilotline-agent: {error}\n")
        return FAILED
    if outcome is Outcome.RESTART:
        os.execv(sys.executable, [sys.executable, "-m", "agent.main", *sys.argv[1:]])  # noqa: S606 - ourselves, same words
    return DONE


if __name__ == "__main__":
    sys.exit(main())

"""`pilotline-agent --check`: says whether a configuration is good, in words or as JSON.

Run as a module it prints the JSON Schema of the configuration.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from agent.config import AgentConfig, ConfigError, config_json_schema, describe_error, load_config

GOOD = 0
BAD_CONFIGURATION = 2


def check_command(
    path: Path,
    *,
    bench: bool = False,
    json_output: bool = False,
    further: Callable[[AgentConfig], object] | None = None,
) -> int:
    """Print the verdict and return the exit code: 0 good, 2 not.

    `further`: what only the composition root can check, such as names of variables; raises ConfigError.
    """
    try:
        config = load_config(path, bench=bench)
        if further is not None:
            further(config)
    except ConfigError as error:
        return _refused(error, json_output=json_output)
    if json_output:
        _print({"ok": True, "file": str(path), "evses": len(config.evse)})
    else:
        sys.stdout.write(f"{path}: good; {len(config.evse)} EVSE(s), back-end {config.csms.endpoint}\n")
    return GOOD


def _refused(error: ConfigError, *, json_output: bool) -> int:
    if json_output:
        wrong = {"file": str(error.file), "line": error.line, "key": error.key, "expected": error.expected}
        _print({"ok": False, "error": describe_error(error), **wrong})
    else:
        sys.stderr.write(describe_error(error) + "\n")
    return BAD_CONFIGURATION


def _print(result: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(config_json_schema(), indent=2) + "\n")

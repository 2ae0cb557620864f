"""What a station says of itself for diagnostics: its configuration without secrets, and how everything stands."""

import json
import os
import platform
import resource
import shutil
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from agent.clock import Clock
from agent.config import AgentConfig
from agent.domain.device_model import ReportBase
from agent.station.charging_station import ChargingStation
from agent.station.journal import Journal
from agent.version import VERSION

MASKED: Final = "…"
_SECRET_WORDS: Final = ("password", "authorizationkey", "token")
"""Parts of names of settings that are secrets wherever they stand."""


def documents(config: AgentConfig, station: ChargingStation, journal: Journal, clock: Clock) -> dict[str, str]:
    """Names and texts of the documents that go into the archive."""
    return {
        "configuration.json": _text(masked(config.sources.values)),
        "status.json": _text(_status(config, station, journal, clock)),
        "variables.json": _text(_variables(station)),
    }


def masked(value: Any, name: str = "") -> Any:  # noqa: ANN401 - whatever TOML can say
    """Copy a configuration with every secret replaced."""
    if any(word in name.lower().replace("_", "") for word in _SECRET_WORDS) and not name.endswith("_file"):
        return MASKED if not isinstance(value, bool) else value
    if isinstance(value, Mapping):
        return {key: masked(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return value


def _status(config: AgentConfig, station: ChargingStation, journal: Journal, clock: Clock) -> dict[str, Any]:
    disk = shutil.disk_usage(config.station.state_dir)
    update = station.files.firmware and station.files.firmware.view
    return {
        "at": clock.now().utc.isoformat(),
        "software": VERSION,
        "firmware_version": config.station.firmware_version,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "process_id": os.getpid(),
        "peak_memory_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "disk_free_bytes": disk.free,
        "online": station.is_online,
        "queued_facts": journal.queued_count,
        "journal_healthy": journal.healthy,
        "evses": [_plain(station.evse_status(evse_id)) for evse_id in station.evse_ids],
        "open_transactions": [each.transaction_id for each in station.open_transactions()],
        "firmware_update": None if update is None else _plain(update),
    }


def _variables(station: ChargingStation) -> dict[str, str | None]:
    return {str(entry.definition.key): entry.value for entry in station.device_model.report(ReportBase.FULL_INVENTORY)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - values of the domain, of any shape
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)

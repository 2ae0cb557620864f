"""Reads the agent's configuration: agent.toml, its conf.d, then conf.d in the state directory, which wins.

Rules: read once; every value is checked here and trusted afterwards; an unknown key is refused with the nearest
known one; an error names file, line, key and what was expected, and never shows a value.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from agent.config_checks import check
from agent.config_errors import ConfigError, KeyPath, Origin, describe_error, key_text
from agent.config_files import ConfigTree, drop_ins
from agent.config_schema import FilePath, Kind, Schema, Text, declared, json_schema_of, required
from agent.config_tables import (
    AgentConfig,
    AuthorizationConfig,
    BoardConfig,
    ConnectionProfileConfig,
    CsmsConfig,
    EvseConfig,
    FirmwareConfig,
    IndicatorConfig,
    MeterConfig,
    ReaderConfig,
    RecoveryConfig,
    StationConfig,
    TransferConfig,
)

__all__ = [
    "AgentConfig",
    "AuthorizationConfig",
    "BoardConfig",
    "ConfigError",
    "ConnectionProfileConfig",
    "CsmsConfig",
    "EvseConfig",
    "FirmwareConfig",
    "IndicatorConfig",
    "MeterConfig",
    "Origin",
    "ReaderConfig",
    "RecoveryConfig",
    "StationConfig",
    "TransferConfig",
    "config_json_schema",
    "describe_error",
    "load_config",
]

_NOT_BUILT: dict[KeyPath, str] = {
    ("service",): "no [service]: the local service is not built",
}
_NOT_BUILT_OF_EVSE = {
    "power_module": "no power module: DC charging needs high-level communication with the EV, which is not built",
}
_STATE_DIR: KeyPath = ("station", "state_dir")
T = TypeVar("T")
AccessT = TypeVar("AccessT", CsmsConfig, ConnectionProfileConfig)


def load_config(path: Path, *, bench: bool = False) -> AgentConfig:
    """Read and check everything. Raises: ConfigError."""
    main_file = path.absolute()
    tree = ConfigTree(main_file)
    for file in (main_file, *drop_ins(main_file.parent / "conf.d")):
        tree.add(file)
    reader = _Reader(tree, main_file.parent)
    for file in drop_ins(_state_dir(reader) / "conf.d"):
        overlay = tree.add(file)
        if "state_dir" in _table_or_empty(overlay.get("station")):
            raise tree.error(_STATE_DIR, key_text(_STATE_DIR), "no state_dir in the state directory's own conf.d")
    _refuse_what_is_not_built(tree)
    _default_phases(tree)
    config = reader.table(AgentConfig, tree.values, (), bench=bench, sources=tree)
    check(config)
    profiles = tuple(
        _with_password(config, profile, ("csms", "connection_profiles", index))
        for index, profile in enumerate(config.csms.connection_profiles)
    )
    return replace(config, csms=replace(_with_password(config, config.csms, ("csms",)), connection_profiles=profiles))


def config_json_schema() -> Schema:
    """JSON Schema of one configuration file with all its drop-ins applied."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pilotline agent configuration",
        **json_schema_of(AgentConfig),
    }


class _Reader:
    """Turns tables of raw values into configuration values."""

    def __init__(self, tree: ConfigTree, directory: Path) -> None:
        self._tree = tree
        self._directory = directory

    @property
    def values(self) -> dict[str, object]:
        """What all files say together."""
        return self._tree.values

    def table(self, cls: type[T], raw: object, path: KeyPath, **extra: object) -> T:
        """Read one table with fixed keys."""
        if not isinstance(raw, dict):
            raise self._error(path, "a table")
        keys = declared(cls)
        for key in raw:
            if key not in keys:
                raise self._error((*path, key), _suggestion(key, list(keys), path))
        values: dict[str, object] = {}
        for key, item in keys.items():
            here = (*path, key)
            if key in raw:
                values[key] = self._value(item.metadata, raw[key], here, is_list=item.default == ())
            elif required(item):
                expected = item.metadata["kind"].expected if "kind" in item.metadata else "a table"
                raise self._error(here, f"{expected}, but it is missing")
        return cls(**values, **extra)

    def _value(self, metadata: Any, raw: object, path: KeyPath, *, is_list: bool) -> object:  # noqa: ANN401 - mapping of dataclasses.field
        if "kind" in metadata:
            return self.scalar(metadata["kind"], raw, path)
        if "free" in metadata:
            return self._free(metadata["free"], raw, path)
        cls: type = metadata["table"]
        if not is_list:
            return self.table(cls, raw, path)
        if not isinstance(raw, list):
            raise self._error(path, f"a list of tables, written [[{path[-1]}]]")
        return tuple(self.table(cls, entry, (*path, index)) for index, entry in enumerate(raw))

    def scalar(self, kind: Kind, raw: object, path: KeyPath) -> object:
        """Read one value; paths become absolute."""
        try:
            value = kind.read(raw)
        except ValueError as error:
            raise self._error(path, str(error)) from None
        return kind.located(value, self._directory)

    def _free(self, kind: Kind, raw: object, path: KeyPath) -> object:
        if not isinstance(raw, dict):
            raise self._error(path, "a table")
        return {name: self.scalar(kind, value, (*path, name)) for name, value in raw.items()}

    def _error(self, path: KeyPath, expected: str) -> ConfigError:
        return self._tree.error(path, key_text(path), expected)


def _suggestion(key: str, known: list[str], path: KeyPath) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a refused start pays for it

    where = f"[{key_text(path)}]" if path else "the configuration"
    nearest = get_close_matches(key, known, n=1, cutoff=0.0)
    return f"a known key of {where}; the nearest is '{nearest[0]}'"


def _table_or_empty(raw: object) -> dict[str, object]:
    return raw if isinstance(raw, dict) else {}


def _state_dir(reader: _Reader) -> Path:
    """Where the second conf.d lies; known before the rest is checked."""
    default = str(declared(StationConfig)["state_dir"].default)
    raw = _table_or_empty(reader.values.get("station")).get("state_dir", default)
    return Path(str(reader.scalar(FilePath(), raw, _STATE_DIR)))


def _refuse_what_is_not_built(tree: ConfigTree) -> None:
    for path, expected in _NOT_BUILT.items():
        place: object = tree.values
        for part in path:
            place = _table_or_empty(place).get(str(part))
        if place is not None:
            raise tree.error(path, key_text(path), expected)
    evses = tree.values.get("evse")
    for index, entry in enumerate(evses if isinstance(evses, list) else []):
        for key, expected in _NOT_BUILT_OF_EVSE.items():
            if key in _table_or_empty(entry):
                where = ("evse", index, key)
                raise tree.error(where, key_text(where), expected)


def _default_phases(tree: ConfigTree) -> None:
    """An EVSE has the phases of the supply unless it says otherwise."""
    phases = _table_or_empty(tree.values.get("station")).get("phases")
    evses = tree.values.get("evse")
    for entry in evses if phases is not None and isinstance(evses, list) else []:
        _table_or_empty(entry).setdefault("phases", phases)


def _with_password(config: AgentConfig, table: AccessT, where: KeyPath) -> AccessT:
    file = table.password_file
    if file is None:
        return table
    path = (*where, "password_file")
    try:
        password = Text(64, "a file with one line: a password").read(file.read_text(encoding="utf-8").strip("\r\n"))
    except UnicodeDecodeError:
        raise config.sources.error(path, key_text(path), "a text file in UTF-8") from None
    except OSError as error:
        raise config.sources.error(path, key_text(path), f"a readable file ({error.strerror})") from error
    except ValueError as error:
        raise config.sources.error(path, key_text(path), str(error)) from None
    return replace(table, password=str(password))

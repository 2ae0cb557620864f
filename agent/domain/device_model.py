"""The device model: every variable of this station, what it may hold, what it holds.

Rules kept here:
* A variable that has no effect does not exist; a value that is not supported is refused by name.
* A refused set leaves everything as it was.
* What a back-end wrote wins over the installer's preset, which wins over the default.
* A stored value that no longer fits (after an upgrade, say) is ignored with a warning, never an error at start-up.
"""

import logging
from collections.abc import Callable, Iterable
from enum import Enum

from agent.domain.variable import (
    AttributeType,
    DataType,
    Mutability,
    VariableDefinition,
    VariableKey,
    parse_variable_name,
)
from hal.value import dataclass

__all__ = [
    "AttributeType",
    "DataType",
    "DeviceModel",
    "GetResult",
    "GetStatus",
    "Mutability",
    "ReportBase",
    "ReportEntry",
    "SetResult",
    "SetStatus",
    "VariableDefinition",
    "VariableKey",
    "parse_variable_name",
]

logger = logging.getLogger(__name__)


class GetStatus(Enum):
    """GetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class SetStatus(Enum):
    """SetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class ReportBase(Enum):
    """ReportBaseEnumType."""

    CONFIGURATION_INVENTORY = "ConfigurationInventory"
    FULL_INVENTORY = "FullInventory"
    SUMMARY_INVENTORY = "SummaryInventory"


@dataclass(frozen=True, slots=True)
class GetResult:
    """A value, or why there is none; Accepted with an empty value: the variable exists, its value is not known now."""

    status: GetStatus
    value: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetResult:
    """What came of a set; `reason` is for the log and for statusInfo."""

    status: SetStatus
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """True if the value was taken, now or at the next start."""
        return self.status in {SetStatus.ACCEPTED, SetStatus.REBOOT_REQUIRED}


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One variable as a report tells it; None: write-only."""

    definition: VariableDefinition
    value: str | None


class DeviceModel:
    """All variables of one station, read and set synchronously."""

    def __init__(self, definitions: Iterable[VariableDefinition]) -> None:
        self._definitions = {definition.key: definition for definition in definitions}
        self._spelling = {key.folded(): key for key in self._definitions}
        self._values = {
            key: definition.canonical(definition.default)
            for key, definition in self._definitions.items()
            if definition.default is not None
        }
        self._written: set[VariableKey] = set()
        self._providers: dict[VariableKey, Callable[[], str]] = {}
        self._on_written: list[Callable[[VariableKey, str], None]] = []
        self._watchers: dict[VariableKey, list[Callable[[str], None]]] = {}

    # ------------------------------------------------------------------ wiring

    def provide(self, key: VariableKey, provider: Callable[[], str]) -> None:
        """Read this variable from `provider` each time. Raises: KeyError if there is no such variable."""
        self._providers[self.definition(key).key] = provider

    def is_provided(self, key: VariableKey) -> bool:
        """Tell whether a provider answers for this variable."""
        return key in self._providers

    def on_written(self, callback: Callable[[VariableKey, str], None]) -> None:
        """Call back after each accepted `set`, for persistence; `str(key)` is the name to store."""
        self._on_written.append(callback)

    def watch(self, key: VariableKey, callback: Callable[[str], None]) -> None:
        """Call back when this value changes. Raises: KeyError if there is no such variable."""
        self._watchers.setdefault(self.definition(key).key, []).append(callback)

    def preset(self, key: VariableKey, value: str) -> SetResult:
        """Take the installer's first value; it may set what is read-only to a back-end, but not what is fixed."""
        definition = self._find(key)
        if definition is None:
            return SetResult(SetStatus(self._unknown(key).value), f"{key} is not a variable of this station")
        if definition.fixed or definition.key in self._providers:
            return SetResult(SetStatus.REJECTED, f"{key} is a property of the station and cannot be preset")
        try:
            canonical = definition.canonical(value)
        except ValueError as error:
            return SetResult(SetStatus.REJECTED, f"{key}: {error}")
        if definition.key not in self._written:
            self._change(definition.key, canonical)
        return SetResult(SetStatus.ACCEPTED)

    def load(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take (name, value) rows that a back-end once wrote; what no longer fits is ignored with a warning."""
        for name, value in rows:
            try:
                definition = self.definition(parse_variable_name(name))
                canonical = definition.canonical(value)
            except KeyError:
                logger.warning("stored variable ignored name=%s reason=no such variable", name)
                continue
            except ValueError as error:
                logger.warning("stored variable ignored name=%s reason=%s", name, error)
                continue
            if definition.mutability is Mutability.READ_ONLY:
                logger.warning("stored variable ignored name=%s reason=it is read-only", name)
                continue
            self._written.add(definition.key)
            self._change(definition.key, canonical)

    # ------------------------------------------------------------------ what a back-end does

    def get(self, key: VariableKey, attribute: AttributeType = AttributeType.ACTUAL) -> GetResult:
        """Read one attribute as a back-end may."""
        definition = self._find(key)
        if definition is None:
            return GetResult(self._unknown(key))
        if attribute is not AttributeType.ACTUAL:
            return GetResult(GetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE)
        if definition.mutability is Mutability.WRITE_ONLY:
            return GetResult(GetStatus.REJECTED, reason="write-only")
        return GetResult(GetStatus.ACCEPTED, self._read(definition.key))

    def set(self, key: VariableKey, value: str, attribute: AttributeType = AttributeType.ACTUAL) -> SetResult:
        """Write one attribute as a back-end may; anything but Accepted and RebootRequired changes nothing."""
        definition = self._find(key)
        if definition is None:
            return SetResult(SetStatus(self._unknown(key).value))
        if attribute is not AttributeType.ACTUAL:
            return SetResult(SetStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE)
        if definition.mutability is Mutability.READ_ONLY:
            return SetResult(SetStatus.REJECTED, "read-only")
        try:
            canonical = definition.canonical(value)
        except ValueError as error:
            return SetResult(SetStatus.REJECTED, str(error))
        self._written.add(definition.key)
        if not definition.reboot_required:
            self._change(definition.key, canonical)
        for callback in self._on_written:
            callback(definition.key, canonical)
        return SetResult(SetStatus.REBOOT_REQUIRED if definition.reboot_required else SetStatus.ACCEPTED)

    def report(self, base: ReportBase) -> list[ReportEntry]:
        """Return the variables of a base report, in the order of definition. Source: OCPP 2.0.1 part 2, B07."""
        return [
            ReportEntry(definition, self._reportable(definition))
            for definition in self._definitions.values()
            if self._belongs(definition, base)
        ]

    # ------------------------------------------------------------------ typed readers for the station itself

    def text(self, component: str, variable: str, instance: str | None = None) -> str:
        """Return a value as text. Raises: KeyError if there is no such variable."""
        return self._read(self.definition(VariableKey(component, variable, instance)).key)

    def integer(self, component: str, variable: str, instance: str | None = None) -> int:
        """Return the value of an integer variable. Raises: KeyError if there is no such variable."""
        return int(self.text(component, variable, instance))

    def boolean(self, component: str, variable: str, instance: str | None = None) -> bool:
        """Return the value of a boolean variable. Raises: KeyError if there is no such variable."""
        return self.text(component, variable, instance) == "true"

    def members(self, component: str, variable: str, instance: str | None = None) -> tuple[str, ...]:
        """Return the members of a list in their order. Raises: KeyError if there is no such variable."""
        text = self.text(component, variable, instance)
        return tuple(text.split(",")) if text else ()

    def definition(self, key: VariableKey) -> VariableDefinition:
        """Return what this variable may hold. Raises: KeyError if there is no such variable."""
        definition = self._find(key)
        if definition is None:
            raise KeyError(str(key))
        return definition

    # ------------------------------------------------------------------ private

    def _find(self, key: VariableKey) -> VariableDefinition | None:
        found = self._definitions.get(key)
        if found is None and (spelling := self._spelling.get(key.folded())) is not None:
            return self._definitions[spelling]
        return found

    def _unknown(self, key: VariableKey) -> GetStatus:
        folded = key.folded()
        for known in self._spelling:
            if (known.component, known.component_instance, known.evse_id, known.connector_id) == (
                folded.component,
                folded.component_instance,
                folded.evse_id,
                folded.connector_id,
            ):
                return GetStatus.UNKNOWN_VARIABLE
        return GetStatus.UNKNOWN_COMPONENT

    def _read(self, key: VariableKey) -> str:
        provider = self._providers.get(key)
        return self._values.get(key, "") if provider is None else provider()

    def _change(self, key: VariableKey, value: str) -> None:
        if self._values.get(key) == value:
            return
        self._values[key] = value
        for callback in self._watchers.get(key, ()):
            callback(value)

    def _reportable(self, definition: VariableDefinition) -> str | None:
        if definition.secret or definition.mutability is Mutability.WRITE_ONLY:
            return None
        return self._read(definition.key)

    def _belongs(self, definition: VariableDefinition, base: ReportBase) -> bool:
        match base:
            case ReportBase.FULL_INVENTORY:
                return True
            case ReportBase.CONFIGURATION_INVENTORY:
                return definition.mutability is not Mutability.READ_ONLY
            case ReportBase.SUMMARY_INVENTORY:
                if definition.key.variable == "Problem":
                    return self._read(definition.key) == "true"
                return definition.key.variable == "AvailabilityState"

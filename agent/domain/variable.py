"""Names, definitions and value checks of OCPP 2.0.1 device-model variables.

A value is kept as the text that goes over the wire, in one canonical spelling, so that equal settings compare equal.
Source: OCPP 2.0.1 part 1 (device model) and part 2, VariableCharacteristicsType and DataEnumType.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum

from hal.value import dataclass


class AttributeType(Enum):
    """AttributeEnumType."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class Mutability(Enum):
    """MutabilityEnumType."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class DataType(Enum):
    """DataEnumType."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


@dataclass(frozen=True, slots=True)
class VariableKey:
    """Which variable of which component; `str()` and `parse_variable_name` are inverse to each other."""

    component: str
    variable: str
    instance: str | None = None
    component_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None

    def __str__(self) -> str:
        component = self.component + (f"[{self.component_instance}]" if self.component_instance is not None else "")
        if self.evse_id is not None:
            component += f"#{self.evse_id}" + (f".{self.connector_id}" if self.connector_id is not None else "")
        return f"{component}.{self.variable}" + (f"[{self.instance}]" if self.instance is not None else "")

    def folded(self) -> "VariableKey":
        """Return the key under which names that differ only in case are the same (identifierString)."""
        return VariableKey(
            self.component.casefold(),
            self.variable.casefold(),
            None if self.instance is None else self.instance.casefold(),
            None if self.component_instance is None else self.component_instance.casefold(),
            self.evse_id,
            self.connector_id,
        )


VARIABLE_NAME = re.compile(
    r"(?P<component>[^\[\]#.]+)(?:\[(?P<component_instance>[^\[\]]+)\])?"
    r"(?:#(?P<evse_id>[0-9]{1,9})(?:\.(?P<connector_id>[0-9]{1,9}))?)?"
    r"\.(?P<variable>[^\[\]#.:]+)(?:\[(?P<instance>[^\[\]]+)\])?(?::(?P<attribute>[A-Za-z]+))?"
)


def parse_variable_name(text: str) -> VariableKey:
    """Read `Component[instance]#evse.connector.Variable[instance]`, all but the names optional; `:Actual` may follow.

    Raises: ValueError; also for another attribute than Actual, since no variable here can be preset in one.
    """
    found = VARIABLE_NAME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a variable name: {text!r}; expected for instance OCPPCommCtrlr.MessageTimeout[Default]")
    if found["attribute"] not in {None, AttributeType.ACTUAL.value}:
        raise ValueError(f"{text!r}: only the attribute Actual can be set")
    return VariableKey(
        found["component"],
        found["variable"],
        found["instance"],
        found["component_instance"],
        None if found["evse_id"] is None else int(found["evse_id"]),
        None if found["connector_id"] is None else int(found["connector_id"]),
    )


@dataclass(frozen=True, slots=True)
class VariableDefinition:
    """What a variable may hold. Bounds are values of a number, characters of a string, members of a list."""

    key: VariableKey
    data_type: DataType
    mutability: Mutability = Mutability.READ_ONLY
    default: str | None = None
    unit: str | None = None
    minimum: Decimal | int | None = None
    maximum: Decimal | int | None = None
    values: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """At least one of these is in a list."""
    reboot_required: bool = False
    secret: bool = False
    """Never logged and never reported."""
    fixed: bool = False
    """A property of this software or hardware: not even the installer can preset it."""

    def canonical(self, value: str) -> str:
        """Return `value` in its one spelling. Raises: ValueError that says what is wrong, never quoting a secret."""
        try:
            return CHECKS[self.data_type](self, value)
        except ValueError as error:
            if self.secret:
                raise ValueError(f"not a valid {self.data_type.value}") from None
            raise ValueError(str(error)[:REASON_LENGTH]) from None


REASON_LENGTH = 512
"""Characters of StatusInfoType.additionalInfo."""
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def _check_bounds(definition: VariableDefinition, quantity: Decimal | int, what: str) -> None:
    if definition.minimum is not None and quantity < definition.minimum:
        raise ValueError(f"{what} is below {definition.minimum}")
    if definition.maximum is not None and quantity > definition.maximum:
        raise ValueError(f"{what} is above {definition.maximum}")


def _string(definition: VariableDefinition, value: str) -> str:
    _check_bounds(definition, len(value), "the number of characters")
    return value


def _integer(definition: VariableDefinition, value: str) -> str:
    if INTEGER.fullmatch(value.strip()) is None:
        raise ValueError(f"{value!r} is no integer")
    number = int(value)
    _check_bounds(definition, number, str(number))
    return str(number)


def _decimal(definition: VariableDefinition, value: str) -> str:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no decimal")
    _check_bounds(definition, number, value.strip())
    return value.strip()


def _date_time(_definition: VariableDefinition, value: str) -> str:
    moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.strip()


def _boolean(_definition: VariableDefinition, value: str) -> str:
    lower = value.strip().lower()
    if lower not in {"true", "false"}:
        raise ValueError(f"{value!r} is neither true nor false")
    return lower


def _option(definition: VariableDefinition, value: str) -> str:
    for option in definition.values:
        if option.casefold() == value.strip().casefold():
            return option
    raise ValueError(f"{value!r} is not supported; supported: {','.join(definition.values)}")


def _list(definition: VariableDefinition, value: str) -> str:
    names = [name.strip() for name in value.split(",")] if value.strip() else []
    members = [_option(definition, name) for name in names]
    for member in members:
        if members.count(member) > 1:
            raise ValueError(f"{member!r} is given twice")
    _check_bounds(definition, len(members), "the number of members")
    if definition.one_of and not set(definition.one_of) & set(members):
        raise ValueError(f"{value.strip()!r} has none of {', '.join(definition.one_of)}, which this station needs")
    return ",".join(members)


CHECKS: dict[DataType, Callable[[VariableDefinition, str], str]] = {
    DataType.STRING: _string,
    DataType.DECIMAL: _decimal,
    DataType.INTEGER: _integer,
    DataType.DATE_TIME: _date_time,
    DataType.BOOLEAN: _boolean,
    DataType.OPTION_LIST: _option,
    DataType.SEQUENCE_LIST: _list,
    DataType.MEMBER_LIST: _list,
}

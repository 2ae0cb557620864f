"""Short constructors for the tables of variables."""

from dataclasses import replace

from agent.domain.variable import DataType, Mutability, VariableDefinition, VariableKey

LONGEST_WAIT_S = 7 * 86_400


def integer(
    component: str, name: str, default: int, *, minimum: int = 0, maximum: int | None = None, unit: str | None = None
) -> VariableDefinition:
    """Build a read-write integer; `name` may carry an instance: `MessageTimeout[Default]`."""
    return VariableDefinition(
        _key(component, name), DataType.INTEGER, Mutability.READ_WRITE, str(default), unit, minimum, maximum
    )


def seconds(
    component: str, name: str, default: int, *, minimum: int = 0, maximum: int = LONGEST_WAIT_S
) -> VariableDefinition:
    """Build a read-write time in whole seconds."""
    return integer(component, name, default, minimum=minimum, maximum=maximum, unit="s")


def flag(component: str, name: str, *, default: bool) -> VariableDefinition:
    """Build a read-write boolean."""
    return VariableDefinition(
        _key(component, name), DataType.BOOLEAN, Mutability.READ_WRITE, "true" if default else "false"
    )


def members(
    component: str, name: str, default: str, supported: tuple[str, ...], at_least: int = 0
) -> VariableDefinition:
    """Build a read-write list of supported values."""
    return VariableDefinition(
        _key(component, name), DataType.MEMBER_LIST, Mutability.READ_WRITE, default, minimum=at_least, values=supported
    )


def options(component: str, name: str, default: str, supported: tuple[str, ...]) -> VariableDefinition:
    """Build a read-write choice of one supported value."""
    return VariableDefinition(
        _key(component, name), DataType.OPTION_LIST, Mutability.READ_WRITE, default, values=supported
    )


def text(component: str, name: str, default: str) -> VariableDefinition:
    """Build a fixed text."""
    return VariableDefinition(_key(component, name), DataType.STRING, default=default, fixed=True)


def read_only(definition: VariableDefinition) -> VariableDefinition:
    """Let the installer preset it, and nobody else."""
    return replace(definition, mutability=Mutability.READ_ONLY)


def fixed(definition: VariableDefinition) -> VariableDefinition:
    """Make it a property of the station that nobody sets."""
    return replace(definition, mutability=Mutability.READ_ONLY, fixed=True)


def _key(component: str, name: str) -> VariableKey:
    variable, bracket, instance = name.partition("[")
    return VariableKey(component, variable, instance.removesuffix("]") if bracket else None)

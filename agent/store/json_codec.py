"""Frozen dataclasses to JSON text and back, by their type hints.

Rules kept here:
* A dataclass is an object with `kind`, its class name; the outermost one also has `v`, the version of this format.
* Decimal is a string, datetime ISO 8601 in UTC with `Z`, an enum its value, a tuple or frozenset a list.
* Fields that are unknown here (written by a newer firmware) are ignored, missing ones take their defaults.
* Anything else is a StoreError: nothing is guessed.
Coders are built once per type.
"""
# ruff: noqa: ANN401 - between JSON and values there is nothing but Any; what comes in is checked, what goes out is typed

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from agent.store.errors import StoreError

FORMAT_VERSION = 1
_OWN_NAMES = ("kind", "v")

Coder = Callable[[Any], Any]  # Any: JSON on one side, a value of the coder's type on the other

_to_json = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_UTC_SUFFIX_LENGTH = len("+00:00")


def encode(value: Any) -> str:
    """Write a dataclass. Raises: StoreError."""
    try:
        type_: Any = type(value)
        plain = _encoder(type_)(value)
        return _to_json({"v": FORMAT_VERSION, **plain})
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"a {type(value).__name__} cannot be stored: {error}") from error


def decode(text: str, type_: Any) -> Any:
    """Read a value of `type_` (a dataclass or a union of them). Raises: StoreError."""
    try:
        return _decoder(type_)(json.loads(text))
    except (TypeError, ValueError, KeyError, AttributeError, InvalidOperation) as error:
        raise StoreError(f"stored text is no {getattr(type_, '__name__', type_)}: {error}") from error


@cache
def _encoder(type_: Any) -> Coder:
    if type_ in _SCALAR_ENCODERS:
        return _SCALAR_ENCODERS[type_]
    if is_dataclass(type_) and isinstance(type_, type):
        return _dataclass_encoder(type_)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return _enum_encoder(type_)
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        return _union_encoder(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[T, ...]
        item = _encoder(arguments[0])
        return lambda value: [item(each) for each in value]
    if origin is tuple:
        items = [_encoder(argument) for argument in arguments]
        return lambda value: [code(each) for code, each in zip(items, value, strict=True)]
    if origin is frozenset:
        member = _encoder(arguments[0])
        return lambda value: sorted(member(each) for each in value)
    raise StoreError(f"no way to store {type_}")


def _dataclass_encoder(type_: type) -> Coder:
    hints = get_type_hints(type_)
    name = type_.__name__
    coders = [(field.name, _encoder(hints[field.name])) for field in fields(type_)]
    if any(field.name in _OWN_NAMES for field in fields(type_)):
        raise StoreError(f"a field of {name} has a name of this format: {' or '.join(_OWN_NAMES)}")

    def encode_dataclass(value: Any) -> dict[str, Any]:
        if type(value) is not type_:
            raise TypeError(f"{type(value).__name__} where {name} belongs")
        plain = {"kind": name}
        for field_name, code in coders:
            plain[field_name] = code(getattr(value, field_name))
        return plain

    return encode_dataclass


def _enum_encoder(type_: type[Enum]) -> Coder:
    values = {member: member.value for member in type_}

    def encode_enum(value: Any) -> Any:
        if value not in values:
            raise TypeError(f"{value!r} where a {type_.__name__} belongs")
        return values[value]

    return encode_enum


def _union_encoder(arguments: tuple[Any, ...]) -> Coder:
    members = _members(arguments)
    if len(members) == 1:
        only = _encoder(members[0])
        return lambda value: None if value is None else only(value)
    by_type = {member: _encoder(member) for member in members}

    def encode_union(value: Any) -> Any:
        if value is None and NoneType in arguments:
            return None
        if type(value) not in by_type:
            raise TypeError(f"{type(value).__name__} is none of {', '.join(each.__name__ for each in by_type)}")
        return by_type[type(value)](value)

    return encode_union


def _members(arguments: tuple[Any, ...]) -> list[Any]:
    """Members of a union that can be told apart by their kind. Raises: StoreError."""
    members = [argument for argument in arguments if argument is not NoneType]
    if len(members) > 1 and not all(is_dataclass(member) for member in members):
        raise StoreError(f"a union of {members} cannot be told apart when read")
    return members


@cache
def _decoder(type_: Any) -> Coder:
    if type_ in _SCALAR_DECODERS:
        return _SCALAR_DECODERS[type_]
    if is_dataclass(type_) and isinstance(type_, type):
        return _dataclass_decoder(type_)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return type_
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        return _union_decoder(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[T, ...]
        item = _decoder(arguments[0])
        return lambda plain: tuple([item(each) for each in _checked(plain, list)])
    if origin is tuple:
        items = [_decoder(argument) for argument in arguments]
        return lambda plain: tuple([code(each) for code, each in zip(items, _checked(plain, list), strict=True)])
    if origin is frozenset:
        member = _decoder(arguments[0])
        return lambda plain: frozenset([member(each) for each in _checked(plain, list)])
    raise StoreError(f"no way to read {type_}")


def _dataclass_decoder(type_: type) -> Coder:
    hints = get_type_hints(type_)
    name = type_.__name__
    coders = [(field.name, _decoder(hints[field.name]), _is_required(field)) for field in fields(type_)]

    def decode_dataclass(plain: Any) -> Any:
        if plain.get("kind") != name:
            raise TypeError(f"{plain.get('kind')} where {name} belongs")
        values = {}
        for field_name, code, required in coders:
            if field_name in plain:
                values[field_name] = code(plain[field_name])
            elif required:
                raise KeyError(f"{name}.{field_name} is missing")
        return type_(**values)

    return decode_dataclass


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _union_decoder(arguments: tuple[Any, ...]) -> Coder:
    members = _members(arguments)
    if len(members) == 1:
        only = _decoder(members[0])
        return lambda plain: None if plain is None else only(plain)
    by_kind = {member.__name__: _decoder(member) for member in members}

    def decode_union(plain: Any) -> Any:
        if plain is None and NoneType in arguments:
            return None
        return by_kind[plain["kind"]](plain)

    return decode_union


def _checked(plain: Any, *types: type) -> Any:
    if type(plain) not in types:
        raise TypeError(f"{type(plain).__name__} where {types[0].__name__} belongs")
    return plain


def _encode_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no quantity")
    return str(value)


def _encode_datetime(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat()[:-_UTC_SUFFIX_LENGTH] + "Z"


def _decode_datetime(plain: Any) -> datetime:
    value = datetime.fromisoformat(_checked(plain, str))
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    return value.astimezone(UTC)


def _scalar(type_: type) -> Coder:
    return lambda value: _checked(value, type_)


_PLAIN: dict[Any, Coder] = {type_: _scalar(type_) for type_ in (bool, int, str)}
_SCALAR_ENCODERS: dict[Any, Coder] = {
    **_PLAIN,
    float: lambda value: _checked(value, float, int),
    Decimal: _encode_decimal,
    datetime: _encode_datetime,
}
_SCALAR_DECODERS: dict[Any, Coder] = {
    **_PLAIN,
    float: lambda plain: float(_checked(plain, float, int)),
    Decimal: lambda plain: Decimal(_checked(plain, str)),
    datetime: _decode_datetime,
}

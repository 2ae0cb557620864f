"""Frozen, slotted dataclasses at a fraction of their cost at import.

The standard decorator compiles six methods for every class while it is imported; this program has some 150 such
classes, and they were a third of the time from start to the first message (DECISIONS.md). Here the methods are shared,
and the constructor is compiled when the first instance is made. To type checkers it is `dataclasses.dataclass`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - an explicit re-export
else:
    import dataclasses
    import functools
    from typing import Any

    _set = object.__setattr__

    def dataclass(cls=None, /, **options):  # noqa: ANN001, ANN003, ANN201 - typed above
        """Decorate a class as `dataclasses.dataclass` does.

        Only `frozen=True, slots=True`, with or without `kw_only=True`, gets the cheap methods.
        """
        if cls is None:
            return lambda decorated: dataclass(decorated, **options)
        if not (options.get("frozen") and options.get("slots")) or set(options) - {"frozen", "slots", "kw_only"}:
            return dataclasses.dataclass(cls, **options)
        own = set(cls.__dict__)
        kw_only = options.get("kw_only", False)
        made = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
        for name, method in _SHARED.items():
            if name not in own or (name == "__hash__" and cls.__dict__[name] is None):
                setattr(made, name, method)
        return made

    def _compiled_init(cls: type) -> Any:  # noqa: ANN401 - a function made of text
        """Write the constructor of `cls`, as the standard decorator would for a frozen class."""
        names: dict[str, Any] = {"_set": _set, "_absent": _ABSENT}
        head, body = [], []
        for number, field in enumerate(sorted(dataclasses.fields(cls), key=lambda field: field.kw_only)):
            if not field.init:
                continue
            if field.kw_only and "*" not in head:
                head.append("*")
            if field.default is not dataclasses.MISSING:
                names[f"_default{number}"] = field.default
                head.append(f"{field.name}=_default{number}")
            elif field.default_factory is not dataclasses.MISSING:
                names[f"_make{number}"] = field.default_factory
                head.append(f"{field.name}=_absent")
                body.append(f" if {field.name} is _absent: {field.name} = _make{number}()")
            else:
                head.append(field.name)
            body.append(f" _set(self, {field.name!r}, {field.name})")
        if hasattr(cls, "__post_init__"):
            body.append(" self.__post_init__()")
        text = f"def __init__(self, {', '.join(head)}):\n" + "\n".join(body or [" pass"])
        exec(text, names)  # noqa: S102 - names of fields only, exactly as dataclasses does
        names["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return names["__init__"]

    def _first_init(self, *args, **kwargs) -> None:  # noqa: ANN001, ANN002, ANN003
        cls = next(base for base in type(self).__mro__ if base.__dict__.get("__init__") is _first_init)
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *args, **kwargs)

    def _eq(self, other: object) -> bool:  # noqa: ANN001
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _compared(self.__class__))

    def _hash(self) -> int:  # noqa: ANN001
        return hash(tuple(getattr(self, name) for name in _compared(self.__class__)))

    @functools.cache
    def _compared(cls: type) -> tuple[str, ...]:
        return tuple(field.name for field in dataclasses.fields(cls) if field.compare)

    def _repr(self) -> str:  # noqa: ANN001
        told = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
        return f"{self.__class__.__qualname__}({', '.join(told)})"

    def _frozen(_self, name: str, *_value: object) -> None:  # noqa: ANN001
        raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")

    _ABSENT = object()
    _SHARED = {
        "__init__": _first_init,
        "__eq__": _eq,
        "__hash__": _hash,
        "__repr__": _repr,
        "__setattr__": _frozen,
        "__delattr__": _frozen,
    }

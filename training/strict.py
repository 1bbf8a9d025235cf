"""Strict reading of plain JSON values into frozen dataclasses."""

import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_one_of(kinds: Any, value: object, where: str) -> Any:
    """`value` as the dataclass of a union that its entry `name` chooses; see `read_strictly`."""
    return _union(get_args(kinds), value, where)


def read_strictly(kind: type[T], value: object, where: str) -> T:
    """`value`, a mapping as JSON gives it, as the dataclass `kind`.

    Nothing is guessed: every field must be there, no other may be, and only an integer in place of
    a float is converted.

    Raises:
        ValueError: naming the setting, what was found and what was expected.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {value!r}, expected a mapping")
    assert is_dataclass(kind), kind
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise ValueError(f"{where} has unknown settings {unknown}, expected only {names}")
    missing = [name for name in names if name not in value]
    if missing:
        raise ValueError(f"{where} lacks the settings {missing}")
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in names})


def require(holds: bool, name: str, found: object, expected: str) -> None:
    """Raise a `ValueError` about a setting unless the condition holds."""
    if not holds:
        raise ValueError(f"{name} is {found!r}, expected {expected}")


def require_distinct(name: str, values: tuple[object, ...]) -> None:
    """Raise a `ValueError` about a setting that names something twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{name} names something twice: {list(values)}")


def _read(kind: Any, value: object, where: str) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        return _one_of(get_args(kind), value, where)
    if origin is tuple:
        return _items(get_args(kind), value, where)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind), value, where)
    if is_dataclass(kind):
        return read_strictly(kind, value, where)  # type: ignore[arg-type]
    return _scalar(kind, value, where)


def _one_of(choices: tuple[object, ...], value: object, where: str) -> object:
    if value not in choices:
        raise ValueError(f"{where} is {value!r}, expected one of {list(choices)}")
    return value


def _items(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{where} is {value!r}, expected a list")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{where} has {len(value)} items, expected {len(kinds)}")
    return tuple(
        _read(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True))
    )


def _union(kinds: tuple[Any, ...], value: object, where: str) -> Any:
    """One of `X | None`, or of several dataclasses, which their fields `name` tell apart."""
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    return _read(kinds[0] if len(kinds) == 1 else _named(kinds, value, where), value, where)


def _named(kinds: tuple[Any, ...], value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {value!r}, expected a mapping")
    if "name" not in value:
        raise ValueError(f"{where} lacks the settings ['name']")
    names = {name: kind for kind in kinds for name in get_args(get_type_hints(kind)["name"])}
    _one_of(tuple(names), value["name"], f"{where}.name")
    return names[value["name"]]


def _scalar(kind: type, value: object, where: str) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # exact: True is no integer here
        found = f"{value!r} ({type(value).__name__})"
        raise ValueError(f"{where} is {found}, expected {kind.__name__}")
    return value

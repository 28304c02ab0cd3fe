"""Tables of a TOML file as frozen dataclasses, strictly: every key must be a field, every value of its type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from lipsync_core.errors import ConfigError

Record = TypeVar("Record")


def record_of(kind: type[Record], values: Any, where: str = "") -> Record:
    """Make a dataclass of a table.

    Args:
        kind: The dataclass; its fields are texts, numbers, flags, literals, tuples of these or of dataclasses, and
            mappings from texts to numbers.
        values: The table as `tomllib` gives it.
        where: What the table is called in messages.

    Raises:
        ConfigError: If a key is no field, a field without default is missing, or a value is of another type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or 'The file'} must be a table, not {values!r}.")
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1) or list(known)[:1]
            raise ConfigError(f"There is no key {_path(where, key)}; did you mean {_path(where, close[0])}?")
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f"{_path(where, name)} is missing; write it.")
    types = get_type_hints(kind)
    return kind(**{key: _value_of(types[key], value, _path(where, key)) for key, value in values.items()})


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value_of(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(_value_of(inner[0], item, f"{where}[{number}]") for number, item in enumerate(value, start=1))
    if origin is Mapping and isinstance(value, Mapping):
        return {key: _value_of(inner[1], item, _path(where, key)) for key, item in value.items()}
    if origin is Literal and value in inner:
        return value
    if is_dataclass(kind) and isinstance(kind, type):
        return record_of(kind, value, where)
    if kind is float and type(value) is int:
        return float(value)
    if origin is None and type(value) is kind:
        return value
    raise ConfigError(f"{where} must be {_said(kind)}, not {value!r}.")


def _said(kind: Any) -> str:
    """Say what a value must be, as one would."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in inner)
    names = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}
    return {tuple: "a list", Mapping: "a table"}.get(origin) or names.get(kind, "a table")

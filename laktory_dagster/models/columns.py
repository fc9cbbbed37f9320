"""Declared columns: the forms in which today's schema writes them, as column to type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_NAMES = {"categorical": "string", "enum": "string", "array": "list"}
_BARE = {"categorical": "string", "enum": "string", "duration": "duration[us]"}
"""Types without their parts, which the engines do not read as they are."""
_INSIDE = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "str": "string",
    "utf8": "string",
    "bool": "boolean",
    "datetime": "timestamp",
    "timestamp[us, utc]": "timestamp",
    "timestamp[us]": "timestamp_ntz",
}
"""Names of types as SQL has them, for types inside of others."""


def plain_columns(definition: Any) -> Any:
    """Return `{columns: ...}`, or a list of columns with a `dtype`, as a mapping; others as is.

    Types in parts (`{name: List, inner: double}`) become one text, `list<double>`.

    Raises:
        PydanticCustomError: a column or a type lacks its name, or a column stands twice.
    """
    if isinstance(definition, Mapping) and set(definition) == {"columns"}:
        columns = definition["columns"]
        return _mapping(columns) if isinstance(columns, (Mapping, list, tuple)) else definition
    if isinstance(definition, (list, tuple)) and any(_is_column(item) for item in definition):
        return _mapping(definition)
    return definition


Columns = Annotated[dict[str, Any] | list[Any] | str | None, BeforeValidator(plain_columns)]
"""Column to type in any form."""


def _is_column(item: Any) -> bool:
    return isinstance(item, Mapping) and "dtype" in item


def _mapping(columns: Any) -> dict[str, Any]:
    if isinstance(columns, Mapping):
        return {name: _type(kind) for name, kind in columns.items()}
    named = [(_name(column), _type(column.get("type", column))) for column in columns]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PydanticCustomError(
            "column_twice", "the schema declares the column `{name}` twice", {"name": twice}
        )
    return dict(named)


def _name(of: Any) -> str:
    name = of.get("name") if isinstance(of, Mapping) else None
    if not isinstance(name, str):
        raise PydanticCustomError(
            "schema_column", "a column of a schema needs a `name` and a `dtype`"
        )
    return name


def _type(kind: Any) -> Any:
    """Return a type as the text or the mapping that the engines read."""
    if isinstance(kind, str):
        return _BARE.get(kind.lower(), kind)
    if not isinstance(kind, Mapping):
        return kind
    if "dtype" in kind:
        return _type(kind["dtype"])
    if "type" in kind:
        return kind
    name = _name(kind).lower()
    name = _NAMES.get(name, name)
    if name == "list":
        return f"list<{_inside(kind.get('inner', 'string'))}>"
    if name == "struct":
        fields = _mapping(kind.get("fields", ()))
        return f"struct<{', '.join(f'{field}: {_inside(of)}' for field, of in fields.items())}>"
    if name in ("datetime", "timestamp", "duration"):
        return _time(name, kind)
    return name


def _inside(kind: Any) -> str:
    text = str(_type(kind))
    return _INSIDE.get(text.lower(), text)


def _time(name: str, kind: Mapping[str, Any]) -> str:
    unit = kind.get("time_unit") or "us"
    if name == "duration":
        return f"duration[{unit}]"
    zone = kind.get("time_zone", "UTC")
    return f"timestamp[{unit}, {zone}]" if zone else f"timestamp[{unit}]"

"""Types and schemas as users, receipts and Spark write them, read as types of an engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlglot import exp

from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.schema_text import split_parts, sql_type
from laktory_dagster.expressions.suggest import hint_for

Type = TypeVar("Type")

_ALIASES = {
    **dict.fromkeys(("str", "utf8", "text", "varchar", "char"), "string"),
    **dict.fromkeys(("byte", "tinyint"), "int8"),
    **dict.fromkeys(("short", "smallint"), "int16"),
    **dict.fromkeys(("int", "integer"), "int32"),
    **dict.fromkeys(("long", "bigint"), "int64"),
    **dict.fromkeys(("float", "real"), "float32"),
    "double": "float64",
    "boolean": "bool",
    "void": "null",
}
_TIMES = {
    **dict.fromkeys(("timestamp", "datetime", "timestamp_ltz"), ("us", "UTC")),
    **dict.fromkeys(("timestamptz", "timestampltz"), ("us", "UTC")),
    **dict.fromkeys(("timestamp_ntz", "timestampntz"), ("us", None)),
}
_TIMED = re.compile(r"(timestamp|datetime|duration)\[(ms|us|ns)(?:, *([\w/+-]+))?\]", re.IGNORECASE)
_NESTED = re.compile(r"(array|list|map|struct)\s*<(.*)>", re.DOTALL | re.IGNORECASE)
_SQL = exp.DataType.Type
_DIGITS = 38
"""Digits of the longest decimals."""


@dataclass(frozen=True)
class TypeNames(Generic[Type]):
    """How an engine makes its types; `plain` are those without parts, by their portable names."""

    library: str
    plain: Mapping[str, Type]
    timestamp: Callable[[str, str | None], Type]
    duration: Callable[[str], Type]
    decimal: Callable[[int, int], Type]
    array: Callable[[Type], Type]
    struct: Callable[[dict[str, Type]], Type]
    mapping: Callable[[Type, Type], Type] | None = None

    def parse(self, text: str) -> Type:
        """Return the type that a text names: SQL's and Spark's names, nested ones, portable ones.

        Raises:
            SettingsError: it names no type, or one that the engine has not.
        """
        spelt = text.strip()
        found = self._simple(spelt)
        nested = _NESTED.fullmatch(spelt) if found is None else None
        if nested is not None:
            found = self._nested(nested.group(1).lower(), nested.group(2))
        kind = sql_type(spelt) if found is None and re.search("[<(]", spelt) else None
        if kind is not None:
            found = self._from_sql(kind)
        if found is None:
            raise self._unknown(text)
        return found

    def _simple(self, spelt: str) -> Type | None:
        name = spelt.lower()
        if name in _TIMES:
            return self.timestamp(*_TIMES[name])
        if name in ("decimal", "dec", "numeric"):
            return self.decimal(10, 0)
        if name == "duration":
            return self.duration("us")
        timed = _TIMED.fullmatch(spelt)
        if timed is None:
            return self.plain.get(_ALIASES.get(name, name))
        kind, unit, zone = timed.groups()
        return self.duration(unit) if kind.lower() == "duration" else self.timestamp(unit, zone)

    def _nested(self, kind: str, inner: str) -> Type | None:
        """Return a type of several parts in the portable spelling; None where that is not what it is.

        SQL's own parser has neither its names (`float64`) nor field names of any letters.
        """
        parts = [part.strip() for part in split_parts(inner)]
        try:
            if kind == "struct":
                pairs = [split_parts(part, ":", 1) for part in parts]
                fields = [(_plain_name(name), self.parse(kind)) for name, kind in pairs]
            else:
                found = [self.parse(part) for part in parts]
        except (SettingsError, ValueError):
            return None
        if kind == "struct":
            return self.struct(_distinct(fields))
        if kind == "map":
            return self.mapping(*found) if self.mapping and len(found) == 2 else None
        return self.array(found[0]) if len(found) == 1 else None

    def _from_sql(self, kind: exp.DataType) -> Type:
        """Return the type that SQL's own parser has found. Raises SettingsError."""
        parts = kind.expressions
        if kind.this == _SQL.ARRAY and len(parts) == 1:
            return self.array(self._from_sql(parts[0]))
        if kind.this == _SQL.MAP and len(parts) == 2 and self.mapping:
            return self.mapping(*map(self._from_sql, parts))
        if kind.this == _SQL.STRUCT:
            return self.struct(_distinct(self._fields(kind)))
        if kind.this == _SQL.DECIMAL and parts:
            return self._decimal(kind)
        name = kind.this.value if hasattr(kind.this, "value") else str(kind.this)
        found = self._simple(name)
        if found is None:
            raise self._unknown(name)
        return found

    def _fields(self, kind: exp.DataType) -> list[tuple[str, Type]]:
        pairs = [(part.this.name, part.args.get("kind")) for part in kind.expressions]
        if not pairs or not all(inner for _, inner in pairs):
            raise self._unknown(kind.sql("spark"))
        return [(name, self._from_sql(inner)) for name, inner in pairs]

    def _decimal(self, kind: exp.DataType) -> Type:
        sizes = [size.this.name for size in kind.expressions]
        precision, scale = (int(size) if size.isdecimal() else -1 for size in (*sizes, "0")[:2])
        if not 0 <= scale <= precision <= _DIGITS:
            raise self._unknown(kind.sql("spark"))
        return self.decimal(precision, scale)

    def _unknown(self, text: str) -> SettingsError:
        known = {*self.plain, *_ALIASES, *_TIMES}
        return SettingsError(
            f"`{text}` is no type of {self.library}",
            expected="a type such as string, int, long, double, boolean, date, timestamp, "
            "decimal(10,2), array<int>, struct<a: int>",
            hint=hint_for(text.strip().lower(), known),
        )

    def schema(self, definition: Any) -> dict[str, Type]:
        """Return the columns that a source or a sink declares.

        A mapping from column to type, a list of `{name, type}`, `a INT, b STRING`, or Spark's JSON
        form (`{type: struct, fields: [...]}`).

        Raises:
            SettingsError: a type is unknown, the form is, or a column is declared twice.
        """
        if isinstance(definition, str):
            return self._ddl(definition)
        if isinstance(definition, Mapping) and isinstance(definition.get("fields"), (list, tuple)):
            return self.schema(definition["fields"])
        if isinstance(definition, Mapping):
            pairs = list(definition.items())
        elif isinstance(definition, Sequence):
            pairs = [(item["name"], item.get("type", "string")) for item in definition]
        else:
            raise SettingsError("a schema is a mapping from column to type, or `a INT, b STRING`")
        return _distinct([(name, self._declared(kind)) for name, kind in pairs])

    def _declared(self, kind: Any) -> Type:
        if isinstance(kind, str):
            return self.parse(kind)
        if isinstance(kind, Mapping) and kind.get("type") == "array":
            return self.array(self._declared(kind["elementType"]))
        if isinstance(kind, Mapping) and kind.get("type") == "map" and self.mapping:
            return self.mapping(self._declared(kind["keyType"]), self._declared(kind["valueType"]))
        if isinstance(kind, Mapping):
            return self.struct(self.schema(kind))
        raise SettingsError(f"`{kind}` is no type")

    def _ddl(self, text: str) -> dict[str, Type]:
        kind = sql_type(f"STRUCT<{text}>")
        parts = [] if kind is None else kind.expressions
        if kind is None or not parts or not all(part.args.get("kind") for part in parts):
            raise SettingsError(
                f"the schema `{text[:80]}` cannot be read", expected="`a INT, b STRING`"
            )
        return _distinct(self._fields(kind))


def _distinct(pairs: Sequence[tuple[str, Type]]) -> dict[str, Type]:
    columns: dict[str, Type] = {}
    for name, kind in pairs:
        if name in columns:
            raise SettingsError(
                f"the schema declares the column `{name}` twice", hint="leave one of them out"
            )
        columns[name] = kind
    return columns


def _plain_name(name: str) -> str:
    name = name.strip()
    return name[1:-1].replace("``", "`") if name[:1] == name[-1:] == "`" else name

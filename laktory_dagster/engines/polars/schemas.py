"""Types between Polars and the portable spelling that results, receipts and YAML use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import polars as pl
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.suggest import hint_for

_NAMES: dict[str, type[pl.DataType]] = {
    "string": pl.String,
    "int8": pl.Int8,
    "int16": pl.Int16,
    "int32": pl.Int32,
    "int64": pl.Int64,
    "int128": pl.Int128,
    "uint8": pl.UInt8,
    "uint16": pl.UInt16,
    "uint32": pl.UInt32,
    "uint64": pl.UInt64,
    "float32": pl.Float32,
    "float64": pl.Float64,
    "bool": pl.Boolean,
    "date": pl.Date,
    "time": pl.Time,
    "binary": pl.Binary,
    "null": pl.Null,
}
_PORTABLE = {dtype: name for name, dtype in _NAMES.items()}
_TIMESTAMP = pl.Datetime("us", "UTC")
_DECLARED: dict[str, pl.DataType] = {
    **{name: dtype() for name, dtype in _NAMES.items()},
    "byte": pl.Int8(),
    "tinyint": pl.Int8(),
    "short": pl.Int16(),
    "smallint": pl.Int16(),
    "int": pl.Int32(),
    "integer": pl.Int32(),
    "long": pl.Int64(),
    "bigint": pl.Int64(),
    "float": pl.Float32(),
    "real": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "str": pl.String(),
    "utf8": pl.String(),
    "text": pl.String(),
    "varchar": pl.String(),
    "timestamp": _TIMESTAMP,
    "datetime": _TIMESTAMP,
    "timestamp_ntz": pl.Datetime("us"),
    "timestamp[us, utc]": _TIMESTAMP,
    "timestamp[us]": pl.Datetime("us"),
    "void": pl.Null(),
}
_TIMED = re.compile(r"(timestamp|duration)\[(ms|us|ns)(?:, *([\w/+-]+))?\]")


def portable(dtype: pl.DataType) -> str:
    """Return the portable spelling of a type: `int64`, `list<string>`, `timestamp[us, UTC]`."""
    if type(dtype) in _PORTABLE:
        return _PORTABLE[type(dtype)]
    if isinstance(dtype, pl.Datetime):
        zone = f", {dtype.time_zone}" if dtype.time_zone else ""
        return f"timestamp[{dtype.time_unit}{zone}]"
    if isinstance(dtype, pl.Duration):
        return f"duration[{dtype.time_unit}]"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision or 38},{dtype.scale})"
    if isinstance(dtype, (pl.List, pl.Array)):
        return f"list<{portable(_instance(dtype.inner))}>"
    if isinstance(dtype, pl.Struct):
        fields = (f"{field.name}: {portable(_instance(field.dtype))}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return "string"
    return str(dtype).lower()


def _instance(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return made


def column_types(schema: Mapping[str, pl.DataType]) -> tuple[ColumnType, ...]:
    """Return the columns of a schema with their portable types."""
    return tuple(ColumnType(name, portable(dtype)) for name, dtype in schema.items())


@lru_cache(maxsize=512)
def parse_type(text: str) -> pl.DataType:
    """Return the type that a text names: SQL's and Spark's names, nested ones, portable ones.

    `timestamp` has microseconds and the zone UTC, `timestamp_ntz` no zone.

    Raises:
        SettingsError: it names no type.
    """
    name = text.strip().lower()
    if name in _DECLARED:
        return _DECLARED[name]
    spelt = text.strip()
    timed = _TIMED.fullmatch(spelt)
    if timed is not None:
        unit = cast("Literal['ms', 'us', 'ns']", timed.group(2))
        is_time = timed.group(1) == "timestamp"
        return pl.Datetime(unit, timed.group(3)) if is_time else pl.Duration(unit)
    if "<" in spelt or "(" in spelt:
        try:
            tree = parse_one(f"CAST(x AS {spelt.replace('list<', 'array<')})", dialect="spark")
            kind = tree.find(exp.DataType)
        except SqlglotError:
            kind = None
        if kind is not None:
            return _from_sql(kind, text)
    raise SettingsError(
        f"`{text}` is no type",
        expected="a type such as string, int, long, double, boolean, date, timestamp, "
        "decimal(10,2), array<int>, struct<a: int>",
        hint=hint_for(name, _DECLARED),
    )


def _from_sql(kind: exp.DataType, text: str) -> pl.DataType:
    if kind.this == exp.DataType.Type.ARRAY:
        return pl.List(_from_sql(kind.expressions[0], text))
    if kind.this == exp.DataType.Type.STRUCT:
        fields = [(column.this.name, column.args.get("kind")) for column in kind.expressions]
        return pl.Struct({name: _from_sql(inner, text) for name, inner in fields if inner})
    if kind.this == exp.DataType.Type.DECIMAL:
        sizes = [int(size.this.name) for size in kind.expressions]
        precision, scale = (*sizes, 10, 0)[:2] if sizes else (10, 0)
        return pl.Decimal(precision, scale if len(sizes) > 1 else 0)
    name = kind.this.value if hasattr(kind.this, "value") else str(kind.this)
    aliases = {
        "TIMESTAMPTZ": "timestamp",
        "TIMESTAMPLTZ": "timestamp",
        "TIMESTAMPNTZ": "timestamp_ntz",
    }
    return parse_type(aliases.get(name.upper(), name))


def parse_schema(definition: Any) -> pl.Schema:
    """Return the schema that a source or a sink declares.

    A mapping from column to type, a list of `{name, type}`, `a INT, b STRING`, or Spark's JSON form
    (`{type: struct, fields: [...]}`).

    Raises:
        SettingsError: a type is unknown, or the form is.
    """
    if isinstance(definition, str):
        return _parse_ddl(definition)
    if isinstance(definition, Mapping):
        if isinstance(definition.get("fields"), Sequence):
            return parse_schema(definition["fields"])
        return pl.Schema({name: _declared(kind) for name, kind in definition.items()})
    if isinstance(definition, Sequence):
        return pl.Schema(
            {item["name"]: _declared(item.get("type", "string")) for item in definition}
        )
    raise SettingsError("a schema is a mapping from column to type, or `a INT, b STRING`")


def _declared(kind: Any) -> pl.DataType:
    if isinstance(kind, str):
        return parse_type(kind)
    if isinstance(kind, Mapping) and kind.get("type") == "array":
        return pl.List(_declared(kind["elementType"]))
    if isinstance(kind, Mapping):
        return pl.Struct(parse_schema(kind))
    raise SettingsError(f"`{kind}` is no type")


def _parse_ddl(text: str) -> pl.Schema:
    try:
        tree = parse_one(f"CAST(x AS STRUCT<{text}>)", dialect="spark")
        kind = tree.find(exp.DataType)
    except SqlglotError as error:
        raise SettingsError(
            f"the schema `{text[:80]}` cannot be read", expected="`a INT, b STRING`"
        ) from error
    struct = None if kind is None else _from_sql(kind, text)
    if not isinstance(struct, pl.Struct) or not struct.fields:
        raise SettingsError(
            f"the schema `{text[:80]}` names no column", expected="`a INT, b STRING`"
        )
    return pl.Schema({field.name: field.dtype for field in struct.fields})

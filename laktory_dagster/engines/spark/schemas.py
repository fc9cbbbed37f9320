"""Types between Spark and the portable spelling that results, receipts and YAML use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pyspark.sql import types as st
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.engines.columns import quoted
from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.suggest import hint_for

_PORTABLE: dict[type[st.DataType], str] = {
    st.StringType: "string",
    st.ByteType: "int8",
    st.ShortType: "int16",
    st.IntegerType: "int32",
    st.LongType: "int64",
    st.FloatType: "float32",
    st.DoubleType: "float64",
    st.BooleanType: "bool",
    st.DateType: "date",
    st.BinaryType: "binary",
    st.NullType: "null",
    st.TimestampType: "timestamp[us, UTC]",
    st.TimestampNTZType: "timestamp[us]",
    st.DayTimeIntervalType: "duration[us]",
}
_DECLARED: dict[str, st.DataType] = {
    **dict.fromkeys(("string", "str", "utf8", "text", "varchar"), st.StringType()),
    **dict.fromkeys(("int8", "byte", "tinyint"), st.ByteType()),
    **dict.fromkeys(("int16", "short", "smallint", "uint8"), st.ShortType()),
    **dict.fromkeys(("int32", "int", "integer", "uint16"), st.IntegerType()),
    **dict.fromkeys(("int64", "long", "bigint", "uint32"), st.LongType()),
    **dict.fromkeys(("float32", "float", "real"), st.FloatType()),
    **dict.fromkeys(("float64", "double"), st.DoubleType()),
    **dict.fromkeys(("bool", "boolean"), st.BooleanType()),
    **dict.fromkeys(("timestamp", "datetime"), st.TimestampType()),
    "timestamp_ntz": st.TimestampNTZType(),
    "date": st.DateType(),
    "binary": st.BinaryType(),
    **dict.fromkeys(("null", "void"), st.NullType()),
    # Spark has no unsigned and no wider integers: the least type that holds all their values.
    "uint64": st.DecimalType(20, 0),
    "int128": st.DecimalType(38, 0),
}
_TIMED = re.compile(r"(timestamp|duration)\[(ms|us|ns)(?:, *([\w/+-]+))?\]")
_NESTED = re.compile(r"(array|list|map|struct)\s*<(.*)>", re.DOTALL | re.IGNORECASE)
_ALIASES = {
    "TIMESTAMPTZ": "timestamp",
    "TIMESTAMPLTZ": "timestamp",
    "TIMESTAMPNTZ": "timestamp_ntz",
}


def portable(dtype: st.DataType) -> str:
    """Return the portable spelling of a type: `int64`, `list<string>`, `timestamp[us, UTC]`."""
    if type(dtype) in _PORTABLE:
        return _PORTABLE[type(dtype)]
    if isinstance(dtype, st.DecimalType):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, st.ArrayType):
        return f"list<{portable(dtype.elementType)}>"
    if isinstance(dtype, st.StructType):
        fields = (f"{field.name}: {portable(field.dataType)}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    if isinstance(dtype, st.MapType):
        return f"map<{portable(dtype.keyType)}, {portable(dtype.valueType)}>"
    if isinstance(dtype, (st.CharType, st.VarcharType)):
        return "string"
    return dtype.simpleString()


def ddl(dtype: st.DataType) -> str:
    """Return a type as Spark's SQL writes it, the form in which to cast to it.

    A type given as an object is another one over Connect: its strings get a collation, which Delta
    stores and other readers of Delta refuse.
    """
    if isinstance(dtype, st.ArrayType):
        return f"array<{ddl(dtype.elementType)}>"
    if isinstance(dtype, st.MapType):
        return f"map<{ddl(dtype.keyType)}, {ddl(dtype.valueType)}>"
    if isinstance(dtype, st.StructType):
        fields = (f"{quoted(field.name)}: {ddl(field.dataType)}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    return dtype.simpleString()


def column_types(schema: st.StructType) -> tuple[ColumnType, ...]:
    """Return the columns of a schema with their portable types."""
    return tuple(ColumnType(field.name, portable(field.dataType)) for field in schema.fields)


@lru_cache(maxsize=512)
def parse_type(text: str) -> st.DataType:
    """Return the type that a text names: SQL's and Spark's names, nested ones, portable ones.

    Raises:
        SettingsError: it names no type, or one that Spark has not.
    """
    name = text.strip().lower()
    if name in _DECLARED:
        return _DECLARED[name]
    timed = _TIMED.fullmatch(text.strip())
    if timed is not None:
        if timed.group(1) == "duration":
            return st.DayTimeIntervalType()
        return st.TimestampType() if timed.group(3) else st.TimestampNTZType()
    nested = _NESTED.fullmatch(text.strip())
    found = None if nested is None else _nested_type(nested.group(1).lower(), nested.group(2))
    if found is not None:
        return found
    if "<" in name or "(" in name:
        kind = _sql_type(text.strip().replace("list<", "array<"))
        if kind is not None:
            return _from_sql(kind)
    raise SettingsError(
        f"`{text}` is no type of Spark",
        expected="a type such as string, int, long, double, boolean, date, timestamp, "
        "decimal(10,2), array<int>, struct<a: int>",
        hint=hint_for(name, _DECLARED),
    )


def _nested_type(kind: str, inner: str) -> st.DataType | None:
    """Return a type of several parts in the portable spelling; None where that is not what it is.

    SQL's own parser has neither its names (`float64`) nor field names of any letters.
    """
    parts = [part.strip() for part in _split(inner, ",")]
    try:
        if kind == "struct":
            pairs = [_split(part, ":", 1) for part in parts]
            return st.StructType(
                [st.StructField(_plain_name(name), parse_type(kind)) for name, kind in pairs]
            )
        found = [parse_type(part) for part in parts]
        if kind == "map":
            key, value = found
            return st.MapType(key, value)
        return st.ArrayType(found[0]) if len(found) == 1 else None
    except (SettingsError, ValueError, TypeError):
        return None


def _split(text: str, mark: str, most: int = -1) -> list[str]:
    """Return the parts between marks that stand in no brackets and in no quotes."""
    parts, depth, is_quoted = [""], 0, False
    for letter in text:
        is_quoted ^= letter == "`"
        depth += 0 if is_quoted else (letter in "<([") - (letter in ">)]")
        if letter == mark and depth == 0 and not is_quoted and len(parts) != most + 1:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _plain_name(name: str) -> str:
    name = name.strip()
    return name[1:-1].replace("``", "`") if name[:1] == name[-1:] == "`" else name


def _sql_type(text: str) -> exp.DataType | None:
    try:
        return parse_one(f"CAST(x AS {text})", dialect="spark").find(exp.DataType)
    except SqlglotError:
        return None


def _from_sql(kind: exp.DataType) -> st.DataType:
    if kind.this == exp.DataType.Type.ARRAY and len(kind.expressions) == 1:
        return st.ArrayType(_from_sql(kind.expressions[0]))
    if kind.this == exp.DataType.Type.MAP and len(kind.expressions) == 2:
        key, value = (_from_sql(inner) for inner in kind.expressions)
        return st.MapType(key, value)
    if kind.this == exp.DataType.Type.STRUCT:
        fields = [(column.this.name, column.args.get("kind")) for column in kind.expressions]
        return st.StructType(
            [st.StructField(name, _from_sql(inner)) for name, inner in fields if inner]
        )
    if kind.this == exp.DataType.Type.DECIMAL:
        sizes = [int(size.this.name) for size in kind.expressions]
        return st.DecimalType(*(sizes or [10, 0]))
    name = kind.this.value if hasattr(kind.this, "value") else str(kind.this)
    return parse_type(_ALIASES.get(name.upper(), name))


def of_narwhals(dtype: Any) -> st.DataType:
    """Return the type for one of narwhals, class or instance. Raises SettingsError."""
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    if name == "Datetime":
        zoned = getattr(dtype, "time_zone", None) is not None
        return st.TimestampType() if zoned else st.TimestampNTZType()
    if name in ("List", "Array"):
        return st.ArrayType(of_narwhals(dtype.inner))
    if name == "Struct":
        return st.StructType([st.StructField(f.name, of_narwhals(f.dtype)) for f in dtype.fields])
    if name == "Duration":
        return st.DayTimeIntervalType()
    if name == "Decimal":
        return st.DecimalType(getattr(dtype, "precision", None) or 38, getattr(dtype, "scale", 0))
    if name in ("Categorical", "Enum"):
        return st.StringType()
    return parse_type(name.lower())


def parse_schema(definition: Any) -> st.StructType:
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
        pairs = list(definition.items())
    elif isinstance(definition, Sequence):
        pairs = [(item["name"], item.get("type", "string")) for item in definition]
    else:
        raise SettingsError("a schema is a mapping from column to type, or `a INT, b STRING`")
    return st.StructType([st.StructField(name, _declared(kind)) for name, kind in pairs])


def _declared(kind: Any) -> st.DataType:
    if isinstance(kind, str):
        return parse_type(kind)
    if isinstance(kind, Mapping) and kind.get("type") == "array":
        return st.ArrayType(_declared(kind["elementType"]))
    if isinstance(kind, Mapping) and kind.get("type") == "map":
        return st.MapType(_declared(kind["keyType"]), _declared(kind["valueType"]))
    if isinstance(kind, Mapping):
        return parse_schema(kind)
    raise SettingsError(f"`{kind}` is no type")


def _parse_ddl(text: str) -> st.StructType:
    kind = _sql_type(f"STRUCT<{text}>")
    struct = None if kind is None else _from_sql(kind)
    if not isinstance(struct, st.StructType) or not struct.fields:
        raise SettingsError(
            f"the schema `{text[:80]}` cannot be read", expected="`a INT, b STRING`"
        )
    return struct

"""Types between Spark and the portable spelling that results, receipts and YAML use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyspark.sql import types as st

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.storage.type_names import TypeNames

_PLAIN: dict[str, st.DataType] = {
    "string": st.StringType(),
    "int8": st.ByteType(),
    "int16": st.ShortType(),
    "int32": st.IntegerType(),
    "int64": st.LongType(),
    "float32": st.FloatType(),
    "float64": st.DoubleType(),
    "bool": st.BooleanType(),
    "date": st.DateType(),
    "binary": st.BinaryType(),
    "null": st.NullType(),
}
_PORTABLE: dict[type[st.DataType], str] = {
    **{type(dtype): name for name, dtype in _PLAIN.items()},
    st.TimestampType: "timestamp[us, UTC]",
    st.TimestampNTZType: "timestamp[us]",
    st.DayTimeIntervalType: "duration[us]",
}


def struct_of(fields: Mapping[str, st.DataType]) -> st.StructType:
    """Return the schema of columns by their names."""
    return st.StructType([st.StructField(name, dtype) for name, dtype in fields.items()])


_NAMES = TypeNames[st.DataType](
    library="Spark",
    plain={
        **_PLAIN,
        # Spark has no unsigned and no wider integers: the least type that holds all their values.
        "uint8": st.ShortType(),
        "uint16": st.IntegerType(),
        "uint32": st.LongType(),
        "uint64": st.DecimalType(20, 0),
        "int128": st.DecimalType(38, 0),
        "variant": st.VariantType(),
        "interval day to second": st.DayTimeIntervalType(),
    },
    timestamp=lambda _, zone: st.TimestampType() if zone else st.TimestampNTZType(),
    duration=lambda _: st.DayTimeIntervalType(),
    decimal=st.DecimalType,
    array=st.ArrayType,
    struct=struct_of,
    mapping=st.MapType,
)


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
    """Return the type that a text names. Raises SettingsError."""
    return _NAMES.parse(text)


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
    """Return the schema that a source or a sink declares. Raises SettingsError."""
    return struct_of(_NAMES.schema(definition))

"""What a user's code or a YAML file holds as rows, as a Spark frame."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import types as st

from laktory_dagster.errors import ReadError

_WIDER: dict[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
}
"""Spark has no unsigned integers: the least type that holds their values, of the largest int64."""


def from_native(frame: Any, spark: Any) -> Any:
    """Return the rows as a frame of the session.

    Takes Spark frames, narwhals frames around them, Arrow tables, frames of Polars and pandas, a
    list of mappings and a mapping of lists. Columns of a list are those of all its rows, in the
    order they appear; a missing value is null.

    Raises:
        ReadError: it is nothing of these, or the values of a column do not fit together.
    """
    if is_frame(frame):
        return frame
    if hasattr(frame, "to_native"):
        return from_native(frame.to_native(), spark)
    if isinstance(frame, (Mapping, list, tuple)):
        return _from_table(_plain_table(frame), spark)
    if hasattr(frame, "collect") and hasattr(frame, "collect_schema"):
        frame = frame.collect()
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(frame, polars.DataFrame):
        # Arrow cannot cast the categories of newer layouts.
        frame = frame.to_arrow(compat_level=polars.CompatLevel.oldest())
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return _from_table(pa.Table.from_pandas(frame, preserve_index=False), spark)
    if hasattr(frame, "__arrow_c_stream__"):
        return _from_table(pa.table(frame), spark)
    raise ReadError(
        f"{type(frame).__name__} is no frame that the Spark engine reads",
        expected="a Spark, Polars, pandas or Arrow frame, a list of mappings, or a mapping of lists",
    )


def to_native(frame: Any, wanted: type) -> Any:
    """Return the rows as a Polars, pandas or Arrow frame in memory; the frame for any other type."""
    if wanted is pa.Table:
        return frame.toArrow()
    if wanted is getattr(sys.modules.get("pandas"), "DataFrame", None):
        return frame.toPandas()
    polars: Any = sys.modules.get("polars")
    if polars is not None and wanted in (polars.DataFrame, polars.LazyFrame):
        rows = polars.DataFrame(frame.toArrow())
        return rows.lazy() if wanted is polars.LazyFrame else rows
    return frame


def is_frame(value: Any) -> bool:
    """Return whether a value is a Spark frame, classic or of Connect."""
    return type(value).__module__.startswith("pyspark.sql") and hasattr(value, "toArrow")


def _plain_table(rows: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> pa.Table:
    try:
        if isinstance(rows, Mapping):
            columns = {name: list(values) for name, values in rows.items()}
        else:
            names = dict.fromkeys(name for row in rows for name in row)
            columns = {name: [row.get(name) for row in rows] for name in names}
        return pa.table({name: _array(values) for name, values in columns.items()})
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"the inline rows make no table: {error}") from error


def _array(values: list[Any]) -> Any:
    if all(isinstance(v, int | float) or v is None for v in values) and {
        type(v) for v in values
    } >= {int, float}:
        values = [None if v is None else float(v) for v in values]
    return pa.array(values)


def _from_table(table: pa.Table, spark: Any) -> Any:
    fields = [pa.field(field.name, held_type(field.type)) for field in table.schema]
    if not fields:
        return spark.createDataFrame([], st.StructType([]))
    held = _held(table, pa.schema(fields))
    schema = st.StructType([st.StructField(f.name, spark_type(f.type)) for f in fields])
    return spark.createDataFrame(held, schema=schema)


def _held(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field, values in zip(schema, table.columns, strict=True):
        try:
            columns.append(values.cast(field.type))
        except pa.ArrowInvalid as error:
            raise ReadError(
                f"the column `{field.name}` has values beyond {field.type}: {error}",
                hint="cast it to a type that holds them, or leave it out",
            ) from error
    return pa.table(columns, schema=schema)


def held_type(dtype: pa.DataType) -> pa.DataType:
    """Return the Arrow type that Spark takes for a type."""
    if dtype in _WIDER:
        return _WIDER[dtype]
    if pa.types.is_dictionary(dtype):
        return held_type(dtype.value_type)
    if pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype) or pa.types.is_time(dtype):
        return pa.string()
    if pa.types.is_large_binary(dtype) or pa.types.is_binary_view(dtype):
        return pa.binary()
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", "UTC" if dtype.tz else None)
    if pa.types.is_duration(dtype):
        return pa.duration("us")
    if _is_list(dtype):
        return pa.list_(held_type(dtype.value_type))
    if pa.types.is_struct(dtype):
        return pa.struct([pa.field(f.name, held_type(f.type)) for f in dtype])
    if pa.types.is_map(dtype):
        return pa.map_(held_type(dtype.key_type), held_type(dtype.item_type))
    return dtype


def _is_list(dtype: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(dtype) for is_kind in kinds)


_SIMPLE: dict[pa.DataType, st.DataType] = {
    pa.string(): st.StringType(),
    pa.int8(): st.ByteType(),
    pa.int16(): st.ShortType(),
    pa.int32(): st.IntegerType(),
    pa.int64(): st.LongType(),
    pa.float32(): st.FloatType(),
    pa.float64(): st.DoubleType(),
    pa.bool_(): st.BooleanType(),
    pa.date32(): st.DateType(),
    pa.binary(): st.BinaryType(),
    pa.null(): st.NullType(),
    pa.duration("us"): st.DayTimeIntervalType(),
}


def spark_type(dtype: pa.DataType) -> st.DataType:
    """Return Spark's type for an Arrow type that Spark takes.

    Raises:
        ReadError: Spark has none.
    """
    if dtype in _SIMPLE:
        return _SIMPLE[dtype]
    if pa.types.is_timestamp(dtype):
        return st.TimestampType() if dtype.tz else st.TimestampNTZType()
    if pa.types.is_decimal(dtype):
        return st.DecimalType(dtype.precision, dtype.scale)
    if pa.types.is_list(dtype):
        return st.ArrayType(spark_type(dtype.value_type))
    if pa.types.is_struct(dtype):
        return st.StructType([st.StructField(f.name, spark_type(f.type)) for f in dtype])
    if pa.types.is_map(dtype):
        return st.MapType(spark_type(dtype.key_type), spark_type(dtype.item_type))
    raise ReadError(f"Spark has no type for Arrow's {dtype}")

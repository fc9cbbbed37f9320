"""Types between Polars and the portable spelling that results, receipts and YAML use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, cast

import polars as pl

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.engines.storage.type_names import TypeNames

TimeUnit = Literal["ms", "us", "ns"]
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


def _made_time(unit: str, zone: str | None) -> pl.DataType:
    return pl.Datetime(cast("TimeUnit", unit), zone)


def _made_duration(unit: str) -> pl.DataType:
    return pl.Duration(cast("TimeUnit", unit))


_READER = TypeNames[pl.DataType](
    library="Polars",
    plain={name: dtype() for name, dtype in _NAMES.items()},
    timestamp=_made_time,
    duration=_made_duration,
    decimal=pl.Decimal,
    array=pl.List,
    struct=pl.Struct,
)


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
    """Return the type that a text names. Raises SettingsError."""
    return _READER.parse(text)


def parse_schema(definition: Any) -> pl.Schema:
    """Return the schema that a source or a sink declares. Raises SettingsError."""
    return pl.Schema(_READER.schema(definition))

"""One schema for several files, in Polars' types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from laktory_dagster.engines.drift import Drift, common_fields
from laktory_dagster.engines.polars.schemas import portable

_UNITS: tuple[Literal["ns", "us", "ms"], ...] = ("ns", "us", "ms")
FileSchema = tuple[str, pl.Schema]


def unify(
    files: Sequence[FileSchema], rule: str, *, is_json: bool = False, is_excel: bool = False
) -> tuple[pl.Schema, bool]:
    """Return the schema of all files together, and whether every file has exactly that one.

    Raises:
        ReadError: the files differ more than the rule allows; it names both files and the columns.
    """
    first = files[0][1]
    if all(schema == first for _, schema in files[1:]):
        return first, True
    return pl.Schema(_DRIFT.unify(files, rule, is_json=is_json, is_excel=is_excel)), False


def common_type(one: pl.DataType, other: pl.DataType, *, numbers: bool) -> pl.DataType | None:
    """Return the type that holds the values of both, None where there is none."""
    if one == other:
        return one
    if one == pl.Null():
        return other
    if other == pl.Null():
        return one
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        fields = common_fields(
            _fields(one), _fields(other), lambda a, b: common_type(a, b, numbers=numbers)
        )
        return None if fields is None else pl.Struct(fields)
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        inner = common_type(_made(one.inner), _made(other.inner), numbers=numbers)
        return None if inner is None else pl.List(inner)
    if isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime):
        return _common_time(one, other)
    if numbers and one.is_numeric() and other.is_numeric():
        return _wider(one, other)
    return None


def _common_time(one: pl.Datetime, other: pl.Datetime) -> pl.DataType | None:
    """Return the finer unit; moments in two zones are moments in UTC."""
    if (one.time_zone is None) != (other.time_zone is None):
        return None
    unit = next(unit for unit in _UNITS if unit in (one.time_unit, other.time_unit))
    return pl.Datetime(unit, one.time_zone if one.time_zone == other.time_zone else "UTC")


def _made(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return made


def _fields(dtype: pl.Struct) -> dict[str, pl.DataType]:
    return {field.name: _made(field.dtype) for field in dtype.fields}


def _wider(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one.is_float() or other.is_float() or one.is_decimal() or other.is_decimal():
        return pl.Float64()
    are_unsigned = one.is_unsigned_integer() and other.is_unsigned_integer()
    return pl.UInt64() if are_unsigned else pl.Int64()


_DRIFT = Drift[pl.DataType](
    portable,
    lambda dtype: dtype.is_numeric(),
    lambda one, other, numbers: common_type(one, other, numbers=numbers),
)

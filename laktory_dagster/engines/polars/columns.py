"""Columns on their way into a store: types that a format holds, and what may change in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.columns import Fitting, not_exact
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.errors import WriteError

_INTEGERS: Mapping[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Int64(),
    pl.Int128: pl.Decimal(38, 0),
    pl.UInt128: pl.Decimal(38, 0),
}


def stored_types(schema: pl.Schema, table: str, known: Mapping[str, pl.DataType]) -> pl.Schema:
    """Return the types in which a Delta table holds these columns, the nearest that lose nothing.

    Categories become strings, unsigned integers the next wider signed ones (`uint64` becomes
    `int64` and fails on values beyond it), nanoseconds microseconds. A column without a type (all
    null) takes the type `known` for it, else string.

    Raises:
        WriteError: a column of a type that Delta has no place for (duration, time, objects).
    """
    return pl.Schema(
        (name, known[name] if dtype == pl.Null and name in known else _stored(dtype, name, table))
        for name, dtype in schema.items()
    )


def _stored(dtype: pl.DataType, column: str, table: str) -> pl.DataType:
    if isinstance(dtype, pl.List):
        return pl.List(_stored(_inner(dtype), column, table))
    if isinstance(dtype, pl.Array):
        return pl.List(_stored(_inner(dtype), column, table))
    if isinstance(dtype, pl.Struct):
        fields = [pl.Field(f.name, _stored(_kind(f.dtype), column, table)) for f in dtype.fields]
        return pl.Struct(fields)
    if isinstance(dtype, (pl.Categorical, pl.Enum, pl.Null)):
        return pl.String()
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, (pl.Duration, pl.Time, pl.Object)):
        raise WriteError(
            f"{table}: Delta has no type for the column `{column}` ({dtype})",
            hint=_remedy(dtype, column),
        )
    return _INTEGERS.get(type(dtype), dtype)


def _remedy(dtype: pl.DataType, column: str) -> str:
    if isinstance(dtype, pl.Duration):
        return f"write it as a number: pl.col('{column}').dt.total_microseconds()"
    if isinstance(dtype, pl.Time):
        return f"write it as text: pl.col('{column}').dt.to_string('%H:%M:%S%.f')"
    return f"cast `{column}` to a type that can be stored, or drop it"


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    return _kind(dtype.inner)


def _kind(dtype: Any) -> pl.DataType:
    kind: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return kind


def cast_to(
    frame: pl.LazyFrame,
    have: pl.Schema,
    want: Mapping[str, pl.DataType],
    inexact: Mapping[str, int] | None = None,
) -> pl.LazyFrame:
    """Return the frame with the columns of other types cast; a value that does not fit fails.

    Integers beyond their limit in `inexact` become infinite, which `refuse_inexact` finds.
    """
    limits = inexact or {}
    changes = [
        _exact(name, dtype, limits[name]) if name in limits else pl.col(name).cast(dtype)
        for name, dtype in want.items()
        if have[name] != dtype
    ]
    return frame.with_columns(changes) if changes else frame


def _exact(name: str, dtype: pl.DataType, limit: int) -> pl.Expr:
    is_exact = pl.col(name).is_between(-limit, limit)
    beyond = pl.lit(float("inf"), dtype=dtype)
    return pl.when(~is_exact).then(beyond).otherwise(pl.col(name).cast(dtype)).alias(name)


def refuse_inexact(staged: pl.LazyFrame | None, inexact: Mapping[str, int], table: str) -> None:
    """Raise SchemaChangedError for staged integers that their float cannot tell apart."""
    if staged is None or not inexact:
        return
    row = staged.select(pl.col(list(inexact)).is_infinite().any()).collect().row(0, named=True)
    found = next((name for name, is_beyond in row.items() if is_beyond), None)
    if found is not None:
        raise not_exact(found, inexact[found], table)


def _spelt(dtype: pl.DataType) -> str:
    return column_types(pl.Schema({"x": dtype}))[0].type


fit_schema = Fitting[pl.DataType](_spelt, pl.Float64()).fit

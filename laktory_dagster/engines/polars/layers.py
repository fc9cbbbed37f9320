"""Layer steps: time column, source columns dropped, duplicates removed, stamp."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.polars.expressions import compile_sql
from laktory_dagster.engines.polars.scan import to_timestamp
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.suggest import hint_for

TIME_COLUMN = "_tstamp"
STAMPS = ("_bronze_at", "_silver_at", "_gold_at")
_COPIES = "__laktory_copies"
_UTC = pl.Datetime("us", "UTC")


def apply_layer(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    """Return the frame after the layer steps, in the order that the request asks for.

    Raises:
        TransformError: a column that a step needs is not there.
    """
    steps = [_time_column, _drop, _dedupe, _stamp]
    if request.reference_order:
        steps = [_time_column, _stamp, _dedupe, _drop]
    for step in steps:
        frame = step(frame, request)
    return frame


def _time_column(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if request.time_expression is None:
        return frame
    value = compile_sql(request.time_expression, request.dialect)
    try:
        kind = frame.select(value.alias(TIME_COLUMN)).collect_schema()[TIME_COLUMN]
    except pl.exceptions.ColumnNotFoundError as error:
        names = frame.collect_schema().names()
        raise TransformError(
            f"`timestamp_key: {request.time_expression}` names a column that is not there",
            expected=f"one of {', '.join(names)}",
            hint=hint_for(request.time_expression, names),
        ) from error
    return frame.with_columns(as_timestamp(value, kind).alias(TIME_COLUMN))


def as_timestamp(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return a value of any time-like type as `timestamp[us, UTC]`; numbers are epoch seconds."""
    if kind == pl.String():
        return to_timestamp(value, _UTC)
    if isinstance(kind, pl.Datetime):
        zoned = value if kind.time_zone else value.dt.replace_time_zone("UTC")
        return zoned.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if kind == pl.Date():
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return (value * 1_000_000).cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _drop(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    return frame.drop(request.drop_columns, strict=False) if request.drop_columns else frame


def _dedupe(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if not request.dedupe:
        return frame
    return dedupe(frame, request.dedupe_subset, request.dedupe_order, request.keep)


def _stamp(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if request.stamp is None:
        return frame
    return frame.with_columns(pl.lit(request.timestamp, _UTC).alias(request.stamp))


def dedupe(
    frame: pl.LazyFrame, subset: Sequence[str], order_by: str | None, keep: str
) -> pl.LazyFrame:
    """Return one row for each value of `subset`, the same row whenever the rows are the same.

    It is the row with the greatest `order_by`, then the least by the remaining columns in order,
    nulls last. An empty subset means all columns but the stamps; `keep="any"` the engine's choice.
    Only keys that stand more than once are sorted, since they are few.

    Raises:
        TransformError: a column of the subset is not there.
    """
    schema = frame.collect_schema()
    keys = list(subset) or [name for name in schema if name not in STAMPS]
    missing = next((name for name in keys if name not in schema), None)
    if missing is not None:
        raise TransformError(
            f"duplicates cannot be found by the column `{missing}`, which is not there",
            expected=f"one of {', '.join(schema.names())}",
            hint=hint_for(missing, schema.names()),
        )
    rest = [name for name in schema if name not in keys]
    if not rest or keep == "any":
        return frame.unique(keys, keep="any")
    counted = frame.with_columns(pl.len().over(keys).alias(_COPIES))
    single = counted.filter(pl.col(_COPIES) == 1)
    repeated = counted.filter(pl.col(_COPIES) > 1)
    order = [pl.col(order_by)] if order_by in rest else []
    order += [_sortable(name, schema[name]) for name in rest if name != order_by]
    descending = [True] * (order_by in rest) + [False] * (len(rest) - (order_by in rest))
    chosen = repeated.sort(order, descending=descending, nulls_last=True).unique(
        keys, keep="first", maintain_order=True
    )
    return pl.concat([single, chosen]).drop(_COPIES)


def _sortable(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column, or for nested values a text in the order of which they stand."""
    if isinstance(dtype, pl.Struct):
        return pl.col(name).struct.json_encode()
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.struct(name).struct.json_encode()
    return pl.col(name)

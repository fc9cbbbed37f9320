"""The steps of a layer: time column, source columns dropped, duplicates out, stamp."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.polars.casts import UTC_TIMESTAMP
from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.problems import explained
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.errors import LaktoryDagsterError, TransformError

__all__ = ["TIME_COLUMN", "apply_layer", "dedupe"]

TIME_COLUMN = "_tstamp"
_STAMPS = ("_bronze_at", "_silver_at", "_gold_at")

_Step = Callable[[pl.LazyFrame, LayerRequest], pl.LazyFrame]


def apply_layer(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    """Return the frame after the layer steps that the request asks for.

    Raises:
        TransformError: the time expression or a key names a column that is not there.
    """
    for name, step in _REFERENCE_ORDER if request.reference_order else _ORDER:
        columns = frame.collect_schema().names()
        try:
            frame = step(frame, request)
            frame.collect_schema()
        except (LaktoryDagsterError, pl.exceptions.PolarsError) as error:
            problem = explained(error, columns)
            raise TransformError(
                f"{name}: {problem.message}", expected=problem.expected, hint=problem.hint
            ) from error
    return frame


def _add_time(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if request.time_expression is None:
        return frame
    schema = frame.collect_schema()
    value = compile_condition(request.time_expression, request.dialect, request.timestamp, schema)
    time = Scope.of(request.timestamp, schema).cast(value, UTC_TIMESTAMP)
    return frame.with_columns(time.alias(TIME_COLUMN))


def _drop_source_columns(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    return frame.drop(request.drop_columns, strict=False) if request.drop_columns else frame


def _drop_duplicates(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if not request.dedupe:
        return frame
    subset = request.dedupe_subset or _compared(frame.collect_schema().names())
    return dedupe(frame, subset, request.dedupe_order, request.keep)


def _compared(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns by which whole rows are compared: when they came does not count."""
    return tuple(name for name in columns if name not in _STAMPS) or tuple(columns)


def _add_stamp(frame: pl.LazyFrame, request: LayerRequest) -> pl.LazyFrame:
    if request.stamp is None:
        return frame
    return frame.with_columns(Scope.of(request.timestamp).now().alias(request.stamp))


_TIME = ("the time column `_tstamp`", _add_time)
_DROP = ("dropping source columns", _drop_source_columns)
_DEDUPE = ("dropping duplicates", _drop_duplicates)
_STAMP = ("the layer's time stamp", _add_stamp)
_ORDER: tuple[tuple[str, _Step], ...] = (_TIME, _DROP, _DEDUPE, _STAMP)
_REFERENCE_ORDER: tuple[tuple[str, _Step], ...] = (_TIME, _STAMP, _DEDUPE, _DROP)

"""The steps of a layer: time column, source columns dropped, duplicates out, stamp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.spark.casts import cast_to
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import compile_condition
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained
from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.errors import LaktoryDagsterError, TransformError

TIME_COLUMN = "_tstamp"
_STAMPS = ("_bronze_at", "_silver_at", "_gold_at")

_Step = Callable[[Any, LayerRequest], Any]


def apply_layer(frame: Any, request: LayerRequest) -> Any:
    """Return the frame after the layer steps that the request asks for.

    Raises:
        TransformError: the time expression or a key names a column that is not there.
    """
    for name, step in _REFERENCE_ORDER if request.reference_order else _ORDER:
        columns = frame.columns
        try:
            frame = step(frame, request)
            _ = frame.schema
        except (LaktoryDagsterError, *SPARK_ERRORS) as error:
            problem = explained(error, columns)
            raise TransformError(
                f"{name}: {problem.message}", expected=problem.expected, hint=problem.hint
            ) from error
    return frame


def _add_time(frame: Any, request: LayerRequest) -> Any:
    if request.time_expression is None:
        return frame
    value = compile_condition(
        request.time_expression, Scope(frame, request.dialect, request.timestamp)
    )
    source = frame.select(value.alias("time")).schema.fields[0].dataType
    return frame.withColumn(TIME_COLUMN, cast_to(value, source, st.TimestampType()))


def _drop_source_columns(frame: Any, request: LayerRequest) -> Any:
    return frame.drop(*request.drop_columns) if request.drop_columns else frame


def _drop_duplicates(frame: Any, request: LayerRequest) -> Any:
    if not request.dedupe:
        return frame
    subset = request.dedupe_subset or tuple(c for c in frame.columns if c not in _STAMPS)
    return dedupe(frame, subset or tuple(frame.columns), request.dedupe_order, request.keep)


def _add_stamp(frame: Any, request: LayerRequest) -> Any:
    if request.stamp is None:
        return frame
    return frame.withColumn(request.stamp, F.lit(request.timestamp).cast("timestamp"))


_TIME = ("the time column `_tstamp`", _add_time)
_DROP = ("dropping source columns", _drop_source_columns)
_DEDUPE = ("dropping duplicates", _drop_duplicates)
_STAMP = ("the layer's time stamp", _add_stamp)
_ORDER: tuple[tuple[str, _Step], ...] = (_TIME, _DROP, _DEDUPE, _STAMP)
_REFERENCE_ORDER: tuple[tuple[str, _Step], ...] = (_TIME, _STAMP, _DEDUPE, _DROP)

"""Sources as Spark frames, with the versions that were read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from laktory_dagster.engines.base import ReadRequest, ReadResult
from laktory_dagster.engines.spark.arrivals import open_stream
from laktory_dagster.engines.spark.opening import open_files, open_table
from laktory_dagster.engines.spark.options import apply_options
from laktory_dagster.engines.spark.problems import (
    SPARK_ERRORS,
    plain_text,
    require_avro,
    unknown_column,
)
from laktory_dagster.errors import LaktoryDagsterError, ReadError
from laktory_dagster.expressions.suggest import hint_for


def read(spark: Any, request: ReadRequest) -> ReadResult:
    """Return a source lazily: its files, its table or the frame that is already there.

    Raises:
        ReadError: it is not there, damaged, or lacks a column that its options name.
    """
    frame: Any = None
    try:
        opened = _open(spark, request)
        frame = opened.frame
        if frame is None:
            return replace(opened, columns=())
        if request.limit is not None:
            frame = frame.limit(request.limit)
        made = apply_options(frame, request.source, request.dialect, request.timestamp)
        return replace(opened, frame=made, columns=tuple(made.columns))
    except LaktoryDagsterError:
        raise
    except (OSError, *SPARK_ERRORS) as error:
        raise require_avro(error, "read") or as_read_error(error, request, frame) from error


def as_read_error(error: BaseException, request: ReadRequest, frame: Any = None) -> ReadError:
    """Return what Spark raised while reading as a ReadError."""
    where = f"{request.place.label}: " if request.place is not None else ""
    missing = unknown_column(error)
    if missing is not None and frame is not None:
        return ReadError(
            f"{where}there is no column `{missing}`",
            expected=f"one of {', '.join(frame.columns)}",
            hint=hint_for(missing, frame.columns),
        )
    return ReadError(f"{where}{plain_text(error)}")


def _open(spark: Any, request: ReadRequest) -> ReadResult:
    """Return the source before its options."""
    place = request.place
    if place is None:
        return ReadResult(request.frame, ())
    if request.stream is not None:
        return open_stream(spark, request, place, request.stream)
    if request.format == "DELTA":
        return open_table(spark, place, request.pinned)
    return open_files(spark, request, place)

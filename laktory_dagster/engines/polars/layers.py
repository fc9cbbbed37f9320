"""How Polars does the steps of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.layers import TIME_COLUMN, LayerSteps
from laktory_dagster.engines.polars.casts import UTC_TIMESTAMP
from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.problems import explained
from laktory_dagster.engines.polars.scope import Scope


def _add_time(frame: pl.LazyFrame, text: str, request: LayerRequest) -> pl.LazyFrame:
    schema = frame.collect_schema()
    value = compile_condition(text, request.dialect, request.timestamp, schema)
    time = Scope.of(request.timestamp, schema).cast(value, UTC_TIMESTAMP)
    return frame.with_columns(time.alias(TIME_COLUMN))


def _drop(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    return frame.drop(columns, strict=False)


def _add_stamp(frame: pl.LazyFrame, name: str, request: LayerRequest) -> pl.LazyFrame:
    return frame.with_columns(Scope.of(request.timestamp).now().alias(name))


def _columns(frame: pl.LazyFrame) -> list[str]:
    return frame.collect_schema().names()


STEPS = LayerSteps(
    _add_time, _drop, dedupe, _add_stamp, _columns, (pl.exceptions.PolarsError,), explained
)

"""How Spark does the steps of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.layers import TIME_COLUMN, LayerSteps
from laktory_dagster.engines.spark.casts import cast_to
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import compile_condition
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained
from laktory_dagster.engines.spark.scope import Scope


def _add_time(frame: Any, text: str, request: LayerRequest) -> Any:
    value = compile_condition(text, Scope(frame, request.dialect, request.timestamp))
    source = frame.select(value.alias("time")).schema.fields[0].dataType
    return frame.withColumn(TIME_COLUMN, cast_to(value, source, st.TimestampType()))


def _drop(frame: Any, columns: Sequence[str]) -> Any:
    return frame.drop(*columns)


def _add_stamp(frame: Any, name: str, request: LayerRequest) -> Any:
    return frame.withColumn(name, F.lit(request.timestamp).cast("timestamp"))


def _columns(frame: Any) -> list[str]:
    return list(frame.columns)


STEPS = LayerSteps(_add_time, _drop, dedupe, _add_stamp, _columns, SPARK_ERRORS, explained)

"""The engines that tests run on, and the one Spark session that all tests of a process share."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any

import pytest

ENGINES = (
    "polars",
    # One session, and so one process, for all tests of Spark.
    pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.xdist_group("spark")]),
)

# Small queries on a small machine: compiling them costs more than running them.
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.memory": "2g",
}


@cache
def shared_session(kind: str = "spark") -> Any:
    """Return the session of a kind, classic (`spark`) or `connect`; it ends with the process."""
    from laktory_dagster.engines.spark.session import open_session
    from laktory_dagster.settings import SparkSettings

    conf = QUICK | {"spark.master": "local[2]"} if kind == "spark" else QUICK
    settings = SparkSettings(remote="local[2]" if kind == "connect" else None, conf=conf)
    spark = open_session(None, settings).spark
    atexit.register(spark.stop)
    return spark

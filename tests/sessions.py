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
    "spark.master": "local[2]",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.memory": "2g",
}


@cache
def shared_session() -> Any:
    """Return the session; it ends with the process."""
    from laktory_dagster.engines.spark.session import open_session
    from laktory_dagster.settings import SparkSettings

    spark = open_session(None, SparkSettings(conf=QUICK)).spark
    atexit.register(spark.stop)
    return spark

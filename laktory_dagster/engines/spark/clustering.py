"""Liquid clustering: the columns by which `OPTIMIZE` sorts the rows of a Delta table into files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Any

from pyspark.sql import types as st

from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.spark.tables import Table
from laktory_dagster.errors import WriteError

SESSION_NOTE = Lock()
"""Held while the session has a note for commits, which every commit without its own would take."""
_WITH_STATISTICS = (
    st.NumericType,
    st.StringType,
    st.DateType,
    st.TimestampType,
    st.TimestampNTZType,
)
_COUNTED_COLUMNS = 32  # Delta keeps statistics of no more, and clusters by what has some.


def check_clustering(
    clustered: Collection[str],
    partitioned: Collection[str],
    columns: Mapping[str, st.DataType],
    name: str,
) -> None:
    """Raise WriteError for columns that a table with these columns cannot be clustered by."""
    missing = [column for column in clustered if column not in columns]
    if missing:
        raise WriteError(
            f"{name} is clustered by `{missing[0]}`, which the rows do not have",
            expected=f"one of {', '.join(columns)}",
        )
    counted = list(columns)[:_COUNTED_COLUMNS]
    for column in clustered:
        if column not in counted or not isinstance(columns[column], _WITH_STATISTICS):
            raise WriteError(
                f"{name} cannot be clustered by `{column}`, of {columns[column].simpleString()}",
                expected=f"a number, text, date or time among the first {_COUNTED_COLUMNS} columns",
            )
    if clustered and partitioned:
        raise WriteError(
            f"{name} is partitioned; Delta does not cluster such a table",
            hint="give either `cluster_by` or `partition_by`",
        )


def cluster(spark: Any, table: Table, columns: Collection[str]) -> None:
    """Declare the columns by which a table is clustered, if they are others than it has.

    Data are sorted when `OPTIMIZE` runs. A table written anew has lost them, so that this follows
    each commit.
    """
    if not columns:
        return
    detail = spark.sql(f"DESCRIBE DETAIL {table.sql}").first()
    if detail["clusteringColumns"] != list(columns):
        listed = ", ".join(map(quoted, columns))
        with SESSION_NOTE:
            spark.sql(f"ALTER TABLE {table.sql} CLUSTER BY ({listed})")

"""Liquid clustering: the columns by which `OPTIMIZE` sorts the rows of a Delta table into files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.spark.tables import Table
from laktory_dagster.errors import WriteError


def check_clustering(
    clustered: Collection[str], partitioned: Collection[str], columns: Collection[str], name: str
) -> None:
    """Raise WriteError for columns that a table with these columns cannot be clustered by."""
    missing = [column for column in clustered if column not in columns]
    if missing:
        raise WriteError(
            f"{name} is clustered by `{missing[0]}`, which the rows do not have",
            expected=f"one of {', '.join(columns)}",
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
        spark.sql(f"ALTER TABLE {table.sql} CLUSTER BY ({listed})")

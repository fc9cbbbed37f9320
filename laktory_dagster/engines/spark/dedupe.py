"""One row for each key, the same one in whatever order the rows come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.spark.problems import missing_column
from laktory_dagster.engines.spark.scope import column

_NUMBER = "__laktory_number"


def dedupe(frame: Any, subset: Sequence[str], order_by: str | None, keep: str) -> Any:
    """Return one row for each combination of values in `subset`; nulls and NaNs equal each other.

    Of several it is the one with the greatest `order_by` (nulls last), then the least by the
    remaining columns in order (nulls last). The order of rows is not kept.

    Args:
        frame: the rows.
        subset: the key columns; empty for all of them.
        order_by: a column whose greatest value wins, or None.
        keep: `any` takes whichever row the engine meets first, and is cheaper.

    Raises:
        TransformError: a column is not there.
    """
    columns = frame.columns
    for name in (*subset, *([order_by] if order_by else ())):
        if name not in columns:
            raise missing_column(name, columns)
    keys = list(dict.fromkeys(subset)) or columns
    rest = [name for name in columns if name not in keys]
    if not rest:
        return frame.distinct()
    if keep == "any":
        return frame.dropDuplicates(keys)
    return _least(frame, keys, rest, order_by).select(*map(column, columns))


def _least(frame: Any, keys: list[str], rest: list[str], order_by: str | None) -> Any:
    """Return the first row of each key in the order of the remaining columns."""
    types = {field.name: field.dataType for field in frame.schema.fields}
    newest = [order_by] if order_by is not None and order_by in rest else []
    orders = [column(name).desc_nulls_last() for name in newest]
    orders += [
        _comparable(name, types[name]).asc_nulls_last() for name in rest if name not in newest
    ]
    window = Window.partitionBy(*map(column, keys)).orderBy(*orders)
    numbered = frame.withColumn(_NUMBER, F.row_number().over(window))
    return numbered.filter(F.col(_NUMBER) == 1)


def _comparable(name: str, dtype: st.DataType) -> Column:
    """Return a column by which rows can be ordered: maps have no order but that of their text."""
    return F.to_json(column(name)) if isinstance(dtype, st.MapType) else column(name)

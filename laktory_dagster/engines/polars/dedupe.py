"""One row for each key, the same one in whatever order the rows come."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.polars.problems import missing_column

_COPIES = "__laktory_copies"


def dedupe(
    frame: pl.LazyFrame, subset: Sequence[str], order_by: str | None, keep: str
) -> pl.LazyFrame:
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
    schema = frame.collect_schema()
    columns = schema.names()
    for name in (*subset, *([order_by] if order_by else ())):
        if name not in columns:
            raise missing_column(name, columns)
    keys = list(dict.fromkeys(subset)) or columns
    rest = [name for name in columns if name not in keys]
    if keep == "any" or not rest:
        return frame.unique(keys, keep="any")
    if len(rest) == 1 and not schema[rest[0]].is_nested():
        # Of a single column the least or the greatest is found without sorting.
        value = pl.col(rest[0])
        # As in sorting, NaN is greater than all numbers.
        greatest = value.nan_max() if schema[rest[0]].is_float() else value.max()
        return (
            frame.group_by(keys).agg(greatest if order_by in rest else value.min()).select(columns)
        )
    return _ordered(frame, keys, rest, order_by).select(columns)


def _ordered(
    frame: pl.LazyFrame, keys: list[str], rest: list[str], order_by: str | None
) -> pl.LazyFrame:
    newest = [order_by] if order_by in rest else []
    by = [*newest, *(name for name in rest if name not in newest)]
    # Only keys that stand several times are sorted: they are few, and sorting is what costs.
    counted = frame.with_columns(pl.len().over(keys).alias(_COPIES))
    single = counted.filter(pl.col(_COPIES) == 1)
    ordered = counted.filter(pl.col(_COPIES) > 1).sort(
        by, descending=[name in newest for name in by], nulls_last=True
    )
    chosen = ordered.unique(keys, keep="first", maintain_order=True)
    return pl.concat([single, chosen])

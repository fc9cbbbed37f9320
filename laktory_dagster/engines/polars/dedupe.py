"""One row for each key, the same one in whatever order the rows come."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.polars.problems import missing_column

_ORDER = "__laktory_order"


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
    columns = frame.collect_schema().names()
    for name in (*subset, *([order_by] if order_by else ())):
        if name not in columns:
            raise missing_column(name, columns)
    keys = list(dict.fromkeys(subset)) or columns
    rest = [name for name in columns if name not in keys]
    if keep == "any" or not rest:
        return frame.unique(keys, keep="any")
    return _ordered(frame, keys, rest, order_by).select(columns)


def _ordered(
    frame: pl.LazyFrame, keys: list[str], rest: list[str], order_by: str | None
) -> pl.LazyFrame:
    newest = [order_by] if order_by in rest else []
    later = [name for name in rest if name not in newest]
    by = [*keys, *newest, *later]
    descending = [name in newest for name in by]
    ordered = frame.sort(by, descending=descending, nulls_last=True)
    return ordered.unique(keys, keep="first", maintain_order=True)

"""`F.explode` among other columns: each row is repeated for the items of its list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl


def explode(value: pl.Expr) -> pl.Expr:
    """Return the items of lists as rows; a list that is empty or null has none, as on Spark."""
    return value.list.explode(empty_as_null=False, keep_nulls=False)


def explode_outer(value: pl.Expr) -> pl.Expr:
    """Return the items of lists as rows; a list that is empty or null has a null."""
    return value.list.explode(empty_as_null=True, keep_nulls=True)


def list_behind(value: Any) -> tuple[pl.Expr, bool] | None:
    """Return the list that an expression takes apart, under its name, and whether an empty one has a row.

    None if the expression is no explosion.
    """
    if not isinstance(value, pl.Expr) or value.meta.has_multiple_outputs():
        return None
    plain = value.meta.undo_aliases()
    inputs = plain.meta.pop()
    for function in (explode, explode_outer):
        if len(inputs) == 1 and function(inputs[0]).meta.eq(plain):
            return inputs[0].alias(value.meta.output_name()), function is explode_outer
    return None


def spread(
    frame: pl.LazyFrame, columns: Sequence[Any], how: Literal["select", "with_columns"]
) -> pl.LazyFrame:
    """Return the frame with these columns selected or added, its rows repeated where one explodes."""
    lists, found = {}, []
    for column in columns:
        items = list_behind(column)
        if items is not None:
            lists[items[0].meta.output_name()] = items[1]
        found.append(column if items is None else items[0])
    result: pl.LazyFrame = getattr(frame, how)(*found)
    for name, keeps_empty in lists.items():
        if not keeps_empty:
            result = result.filter(pl.col(name).list.len() > 0)
        result = result.explode(name, empty_as_null=True)
    return result

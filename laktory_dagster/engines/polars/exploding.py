"""`F.explode` among other columns: each row is repeated for the items of its list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl


def explode(value: pl.Expr) -> pl.Expr:
    """Return the items of lists as rows; a list that is empty or null has none, as on Spark."""
    return value.list.explode(empty_as_null=False, keep_nulls=False)


def list_behind(value: Any) -> pl.Expr | None:
    """Return the list that an expression of `explode` takes apart, under its name; else None."""
    if not isinstance(value, pl.Expr) or value.meta.has_multiple_outputs():
        return None
    inputs = value.meta.undo_aliases().meta.pop()
    if len(inputs) != 1 or not explode(inputs[0]).meta.eq(value.meta.undo_aliases()):
        return None
    return inputs[0].alias(value.meta.output_name())


def spread(
    frame: pl.LazyFrame, columns: Sequence[Any], how: Literal["select", "with_columns"]
) -> pl.LazyFrame:
    """Return the frame with these columns selected or added, its rows repeated where one explodes."""
    names, found = [], []
    for column in columns:
        items = list_behind(column)
        if items is not None:
            names.append(items.meta.output_name())
        found.append(column if items is None else items)
    result: pl.LazyFrame = getattr(frame, how)(*found)
    for name in names:
        result = result.filter(pl.col(name).list.len() > 0).explode(name)
    return result

"""Narwhals expressions as columns of Spark, so that they mix with everything else."""

from __future__ import annotations

from typing import Any

import narwhals as nw
from pyspark.sql import Column

from laktory_dagster.errors import ExpressionError


def is_narwhals(value: Any) -> bool:
    """Return whether a value is an expression of narwhals, or a condition that is not closed."""
    return isinstance(value, nw.Expr)


def is_scalar(value: Any, frame: Any) -> bool:
    """Return whether an expression gives one value for all rows of a frame, not one a row."""
    compliant = value._to_compliant_expr(nw.from_native(frame).__narwhals_namespace__())
    return bool(compliant._metadata.is_scalar_like)


def named_columns(value: Any, frame: Any, *, aggregates: bool = False) -> list[tuple[str, Column]]:
    """Return the columns, with their names, that an expression stands for on a frame.

    Args:
        value: the expression.
        frame: the Spark frame whose columns it reads.
        aggregates: whether one value a group is meant; else an aggregate stands in every row.

    Raises:
        ExpressionError: Spark has no equal of something in it.
    """
    wrapped = nw.from_native(frame)
    try:
        # Narwhals offers frames only; its own methods of frames take this very way.
        compliant = value._to_compliant_expr(wrapped.__narwhals_namespace__())
        if compliant._metadata.n_orderable_ops:
            raise ExpressionError(
                "this depends on the order of the rows, of which Spark has none",
                hint='write `.over(order_by="time")` behind it',
            )
        if compliant._metadata.is_scalar_like and not aggregates:
            compliant = compliant.broadcast()
        inner = wrapped._compliant_frame
        found = list(compliant(inner))
        names = list(compliant._evaluate_aliases(inner))
    except (NotImplementedError, AttributeError) as error:
        raise ExpressionError(
            f"this has no equal on Spark: {str(error).partition(chr(10))[0]}",
            hint="write it with `F.`, or as SQL",
        ) from error
    return [(name, column) for name, column in zip(names, found, strict=True)]


def one_column(value: Any, frame: Any, *, aggregates: bool = False) -> Column:
    """Return the one column that an expression stands for, under its name.

    Raises:
        ExpressionError: it stands for several.
    """
    found = columns(value, frame, aggregates=aggregates)
    if len(found) != 1:
        raise ExpressionError(f"one column is wanted, this gives {len(found)}")
    return found[0]


def columns(value: Any, frame: Any, *, aggregates: bool = False) -> list[Column]:
    """Return the columns that an expression stands for, under their names."""
    found = named_columns(value, frame, aggregates=aggregates)
    return [column.alias(name) for name, column in found]

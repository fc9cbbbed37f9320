"""What the steps of a chain have in common on every engine: their titles, their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.python import Expression, parse_argument
from laktory_dagster.expressions.sql import SqlExpression, parse_sql_expression
from laktory_dagster.models.transformer import Column, ColumnStep, LeafStep, MethodStep, SqlStep

ColumnBatch = dict[str, tuple[Column, Expression | SqlExpression]]


def step_title(step: LeafStep) -> str:
    """Return what a step is called in messages: its name, its function, or what it makes."""
    if step.name:
        return step.name
    if isinstance(step, MethodStep):
        return step.func_name
    if isinstance(step, SqlStep):
        return "SQL"
    if isinstance(step, ColumnStep):
        return f"with_column {step.with_column.name}"
    return f"with_columns {', '.join(column.name for column in step.with_columns)}"


def in_step(label: str, error: TransformError) -> TransformError:
    """Return the error with the step in front of it."""
    return TransformError(f"{label}: {error.message}", expected=error.expected, hint=error.hint)


def require_fit(name: str, signature: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TransformError where a function does not take these arguments."""
    problem = signature.problem(len(args), list(kwargs))
    if problem is not None:
        raise TransformError(f"`{name}` {problem}")


def column_batches(columns: Sequence[Column], dialect: str) -> Iterator[ColumnBatch]:
    """Yield the columns of a step in groups that are added at once.

    A column may read an earlier one of its step, and so belongs to a later group.

    Raises:
        ExpressionError: the expression of a column is none.
    """
    batch: ColumnBatch = {}
    for column in columns:
        expression = _parsed(column, dialect)
        reads = expression.columns
        if batch and (column.name in batch or reads is None or not reads.isdisjoint(batch)):
            yield batch
            batch = {}
        batch[column.name] = (column, expression)
    if batch:
        yield batch


def _parsed(column: Column, dialect: str) -> Expression | SqlExpression:
    if column.sql_expr is not None:
        return parse_sql_expression(column.sql_expr, dialect)
    text = column.expr or ""
    return parse_argument(text) or parse_sql_expression(text, dialect)


def in_column(name: str, error: TransformError) -> TransformError:
    """Return the error with the column that a step adds in front of it."""
    return TransformError(
        f"the column `{name}`: {error.message}", expected=error.expected, hint=error.hint
    )


def no_column(column: Column, expression: Expression | SqlExpression) -> TransformError:
    """Return the error for an expression that gives something else than a column."""
    return TransformError(f"the column `{column.name}` is no column: `{expression.text}`")

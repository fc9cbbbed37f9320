"""Columns that `with_column` and `with_columns` add, one after another, each of its type."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.exploding import list_behind, spread
from laktory_dagster.engines.polars.expressions import compile_expression
from laktory_dagster.engines.polars.problems import explained
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.engines.steps import ColumnBatch, column_batches, in_column, no_column
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.expressions.python import Expression, parse_data_type
from laktory_dagster.expressions.sql import SqlExpression
from laktory_dagster.models.transformer import Column

_EXPLODED = "__laktory_exploded_"


def add_columns(frame: pl.LazyFrame, columns: Sequence[Column], scope: StepScope) -> pl.LazyFrame:
    """Return the frame with the columns added or replaced; a later one may read an earlier one.

    Columns that do not read each other are added at once. A value that does not fit the declared
    type is null.

    Raises:
        TransformError: a column reads one that is not there, or has a type that cannot be.
        ExpressionError: its expression is none.
    """
    for batch in column_batches(columns, scope.dialect):
        frame = _add(frame, batch, scope)
    return frame


def _add(
    frame: pl.LazyFrame,
    batch: ColumnBatch,
    scope: StepScope,
) -> pl.LazyFrame:
    schema = frame.collect_schema()
    values = {
        name: _value(column, expression, schema, scope)
        for name, (column, expression) in batch.items()
    }
    exploded = {name: value for name, value in values.items() if list_behind(value) is not None}
    for name, value in exploded.items():
        # Under a name of its own: other columns may read what the new one replaces.
        frame = spread(frame, [value.alias(_EXPLODED + name)], "with_columns")
        values[name] = pl.col(_EXPLODED + name)
    types = _types(frame.collect_schema() if exploded else schema, values)
    added = frame.with_columns(
        _typed(values[name], types[name], column).alias(name) for name, (column, _) in batch.items()
    )
    return added.drop(_EXPLODED + name for name in exploded) if exploded else added


def _value(
    column: Column, expression: Expression | SqlExpression, schema: pl.Schema, scope: StepScope
) -> pl.Expr:
    value = compile_expression(expression, scope.moment, schema)
    if not isinstance(value, pl.Expr):
        raise no_column(column, expression)
    return value


def _types(schema: pl.Schema, values: dict[str, pl.Expr]) -> pl.Schema:
    """Return the types that the values have; an error names the column that has none."""
    empty = pl.LazyFrame(schema=schema)
    try:
        return empty.select(**values).collect_schema()
    except pl.exceptions.PolarsError:
        for name, value in values.items():
            _check(empty, name, value)
        raise


def _check(empty: pl.LazyFrame, name: str, value: pl.Expr) -> None:
    try:
        empty.select(value).collect_schema()
    except pl.exceptions.PolarsError as error:
        raise in_column(name, explained(error, empty.collect_schema().names())) from error


def _typed(value: pl.Expr, source: pl.DataType, column: Column) -> pl.Expr:
    if column.type is None:
        return value
    found = parse_data_type(column.type)
    target = parse_type(column.type) if found is None else compile_expression(found)
    try:
        return cast_to(value, source, target if isinstance(target, pl.DataType) else target())
    except LaktoryDagsterError as error:
        raise in_column(column.name, explained(error, ())) from error

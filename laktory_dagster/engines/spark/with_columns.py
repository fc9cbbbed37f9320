"""Steps that add columns, with the type that they declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import types as st

from laktory_dagster.engines.spark.casts import cast_to
from laktory_dagster.engines.spark.expressions import compile_expression, data_type, is_column
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained
from laktory_dagster.engines.spark.schemas import of_narwhals, parse_type
from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.errors import LaktoryDagsterError, TransformError
from laktory_dagster.expressions.python import Expression, parse_argument, parse_data_type
from laktory_dagster.expressions.sql import SqlExpression, parse_sql_expression
from laktory_dagster.models.transformer import Column


def add_columns(frame: Any, columns: Sequence[Column], scope: Scope) -> Any:
    """Return the frame with the columns added or replaced; a later one may read an earlier one.

    Columns that do not read each other are added at once. A value that does not fit the declared
    type is null.

    Raises:
        TransformError: a column reads one that is not there, or has a type that cannot be.
        ExpressionError: its expression is none.
    """
    batch: dict[str, tuple[Column, Expression | SqlExpression]] = {}
    for column in columns:
        expression = _parsed(column, scope.dialect)
        reads = expression.columns
        if column.name in batch or reads is None or not reads.isdisjoint(batch):
            frame = _add(frame, batch, scope)
            batch = {}
        batch[column.name] = (column, expression)
    return _add(frame, batch, scope)


def _parsed(column: Column, dialect: str) -> Expression | SqlExpression:
    if column.sql_expr is not None:
        return parse_sql_expression(column.sql_expr, dialect)
    text = column.expr or ""
    return parse_argument(text) or parse_sql_expression(text, dialect)


def _add(
    frame: Any, batch: dict[str, tuple[Column, Expression | SqlExpression]], scope: Scope
) -> Any:
    if not batch:
        return frame
    here = scope.with_frame(frame)
    values = {name: _value(column, found, here) for name, (column, found) in batch.items()}
    types = _types(frame, values)
    return frame.withColumns(
        {name: _typed(values[name], types[name], column) for name, (column, _) in batch.items()}
    )


def _value(column: Column, expression: Expression | SqlExpression, scope: Scope) -> SparkColumn:
    value = compile_expression(expression, scope)
    if not is_column(value):
        raise TransformError(f"the column `{column.name}` is no column: `{expression.text}`")
    found: SparkColumn = value
    return found


def _types(frame: Any, values: dict[str, SparkColumn]) -> dict[str, st.DataType]:
    """Return the types that the values have; an error names the column that has none."""
    try:
        fields = frame.select(*[v.alias(str(i)) for i, v in enumerate(values.values())]).schema
    except SPARK_ERRORS:
        for name, value in values.items():
            try:
                _ = frame.select(value).schema
            except SPARK_ERRORS as error:
                raise _in_column(name, explained(error, frame.columns)) from error
        raise
    return {name: fields.fields[i].dataType for i, name in enumerate(values)}


def _typed(value: SparkColumn, source: st.DataType, column: Column) -> SparkColumn:
    if column.type is None:
        return value
    try:
        return cast_to(value, source, declared_type(column.type))
    except LaktoryDagsterError as error:
        raise _in_column(column.name, explained(error)) from error


def declared_type(text: str) -> st.DataType:
    """Return the type that a declaration names, `nw.Float64` included. Raises SettingsError."""
    found = parse_data_type(text)
    return parse_type(text) if found is None else of_narwhals(data_type(found))


def _in_column(name: str, error: TransformError) -> TransformError:
    return TransformError(
        f"the column `{name}`: {error.message}", expected=error.expected, hint=error.hint
    )

"""Steps that add columns, with the type that they declare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.spark.casts import cast_to
from laktory_dagster.engines.spark.expressions import compile_expression, data_type, is_column
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained
from laktory_dagster.engines.spark.schemas import of_narwhals, parse_type
from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.engines.steps import ColumnBatch, column_batches, in_column, no_column
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.expressions.python import Expression, parse_data_type
from laktory_dagster.expressions.sql import SqlExpression
from laktory_dagster.models.transformer import Column

_EXPLODED = "__laktory_exploded_"
_EXPLODES = re.compile(r"\bexplode(_outer)?\s*\(", re.IGNORECASE)


def add_columns(frame: Any, columns: Sequence[Column], scope: Scope) -> Any:
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


def _add(frame: Any, batch: ColumnBatch, scope: Scope) -> Any:
    here = scope.with_frame(frame)
    values = {name: _value(column, found, here) for name, (column, found) in batch.items()}
    types = _types(frame, values)
    exploded = [name for name, (_, found) in batch.items() if _EXPLODES.search(found.text)]
    for name in exploded:
        # Nothing may stand around what explodes: the cast needs a column. Others may still read
        # what the new one replaces.
        frame = frame.withColumn(_EXPLODED + name, values[name])
        values[name] = F.col(quoted(_EXPLODED + name))
    added = frame.withColumns(
        {name: _typed(values[name], types[name], column) for name, (column, _) in batch.items()}
    )
    return added.drop(*[_EXPLODED + name for name in exploded]) if exploded else added


def _value(column: Column, expression: Expression | SqlExpression, scope: Scope) -> SparkColumn:
    value = compile_expression(expression, scope)
    if not is_column(value):
        raise no_column(column, expression)
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
                raise in_column(name, explained(error, frame.columns)) from error
        raise
    return {name: fields.fields[i].dataType for i, name in enumerate(values)}


def _typed(value: SparkColumn, source: st.DataType, column: Column) -> SparkColumn:
    if column.type is None:
        return value
    try:
        return cast_to(value, source, declared_type(column.type))
    except LaktoryDagsterError as error:
        raise in_column(column.name, explained(error)) from error


def declared_type(text: str) -> st.DataType:
    """Return the type that a declaration names, `nw.Float64` included. Raises SettingsError."""
    found = parse_data_type(text)
    return parse_type(text) if found is None else of_narwhals(data_type(found))

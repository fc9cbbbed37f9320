"""A frame in groups, between `group_by` and the step that aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import polars as pl
from polars.lazyframe.group_by import LazyGroupBy

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.expressions import compile_expression
from laktory_dagster.engines.polars.spark_functions import SUPPORTED, call
from laktory_dagster.engines.polars.spark_names import as_column
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.spark_labels import sql_label
from laktory_dagster.expressions.sql import parse_sql_expression
from laktory_dagster.expressions.suggest import hint_for

_FUNCTIONS = ("sum", "avg", "mean", "min", "max")
SPARK_METHODS = frozenset({"agg", "count", "pivot", *_FUNCTIONS})
"""The methods of Spark's grouped frames that `Groups.call` takes."""


@dataclass(frozen=True)
class Groups:
    """Rows by key: `native` are the groups as Polars holds them, `keys` the names of the keys.

    Without keys all rows are one group; `keys` is None where Polars alone knows them. `pivot` are the
    column whose values become columns, and those values.
    """

    NO_KEY: ClassVar[str] = "__laktory_no_key"
    PIVOT: ClassVar[str] = "__laktory_pivot"

    frame: pl.LazyFrame
    native: LazyGroupBy
    keys: tuple[str, ...] | None
    by: tuple[Any, ...] = ()
    pivot: tuple[pl.Expr, tuple[Any, ...]] | None = None

    @classmethod
    def of(cls, frame: pl.LazyFrame, native: LazyGroupBy, keys: Sequence[Any]) -> Groups:
        """Return the groups of a frame by columns."""
        empty = pl.LazyFrame(schema=frame.collect_schema())
        named = empty.select(*keys).collect_schema().names() if keys else []
        return cls(frame, native, tuple(named), tuple(keys))

    def call(
        self, name: str, scope: StepScope, args: Sequence[Any], named: Mapping[str, Any]
    ) -> pl.LazyFrame | Groups:
        """Return a row for each group, as a method of Spark's grouped frames gives it."""
        if name == "pivot":
            return self._with_pivot(*args, **named)
        aggregates = self._aggregates(name, scope, args)
        aggregates += [as_column(value).alias(key) for key, value in named.items()]
        if self.pivot is not None:
            return self._pivoted(scope, aggregates, *self.pivot)
        return self.frame.select(aggregates) if self.keys == () else self.native.agg(aggregates)

    def _with_pivot(self, pivot_col: Any, values: Any = None) -> Groups:
        """Return the groups with a column whose values become columns; looked up, in order, if not given."""
        if self.keys is None or self.pivot is not None:
            raise TransformError(
                "`pivot` follows `groupBy`", expected="one `pivot` after `groupBy`"
            )
        column = as_column(pivot_col)
        if values is None:
            found = self.frame.select(column.alias(self.PIVOT).unique().sort()).collect()
            values = found[self.PIVOT].to_list()
        return replace(self, pivot=(column, tuple(values)))

    def _pivoted(
        self, scope: StepScope, aggregates: list[Any], column: pl.Expr, values: Sequence[Any]
    ) -> pl.LazyFrame:
        rows = self.frame.group_by([*self.by, column.alias(self.PIVOT)]).agg(aggregates)
        schema = rows.collect_schema()
        keys = list(self.keys or ())
        names = [name for name in schema.names() if name not in (*keys, self.PIVOT)]
        columns = []
        for value in values:
            wanted = scope.scope().cast(pl.lit(value), schema[self.PIVOT])
            text = pl.select(
                cast_to(wanted, schema[self.PIVOT], pl.String()).fill_null("null")
            ).item()
            for name in names:
                found = pl.col(name).filter(pl.col(self.PIVOT).eq_missing(wanted)).first()
                columns.append(found.alias(text if len(names) == 1 else f"{text}_{name}"))
        return rows.group_by(keys).agg(columns) if keys else rows.select(columns)

    def _aggregates(self, name: str, scope: StepScope, args: Sequence[Any]) -> list[Any]:
        if name == "count":
            return [pl.len().cast(pl.Int64).alias("count")]
        if name == "agg":
            return [found for value in args for found in self._of_value(value, scope)]
        columns = list(args) or self._numbers()
        return [call(name, scope.scope(), [as_column(column)], {}) for column in columns]

    def _of_value(self, value: Any, scope: StepScope) -> list[Any]:
        """Return aggregates given as an expression, a list, or a mapping of columns to functions."""
        if isinstance(value, Mapping):
            return [self._named(name, column, scope) for column, name in value.items()]
        if isinstance(value, list | tuple):
            return [found for item in value for found in self._of_value(item, scope)]
        return [sql_column(value, scope) if scope.dialect != "polars" else value]

    def _named(self, function: str, column: str, scope: StepScope) -> Any:
        if function not in SUPPORTED:
            raise TransformError(
                f"there is no aggregate `{function}`", hint=hint_for(function, SUPPORTED)
            )
        return call(function, scope.scope(), [as_column(column)], {})

    def _numbers(self) -> list[str]:
        schema = self.frame.collect_schema()
        return [name for name, kind in schema.items() if kind.is_numeric()]


def sql_column(value: Any, scope: StepScope) -> pl.Expr:
    """Return the column of an expression or of a text, which is SQL, under the name Spark gives it."""
    if not isinstance(value, str):
        column: pl.Expr = as_column(value)
        return column
    expression = parse_sql_expression(value, scope.dialect)
    label = sql_label(expression)
    found: pl.Expr = compile_expression(expression, scope.moment, scope.schema)
    return found if label is None else found.alias(label)


def require_frame(value: Any) -> pl.LazyFrame:
    """Return the frame that a step gave.

    Raises:
        TransformError: it gave groups, or nothing that has rows.
    """
    if isinstance(value, Groups):
        raise TransformError(
            "rows are in groups here", hint="add a step such as `agg` after `group_by`"
        )
    if isinstance(value, pl.DataFrame):
        return value.lazy()
    if not isinstance(value, pl.LazyFrame):
        raise TransformError(f"this gives {type(value).__name__}, which is no frame")
    return value

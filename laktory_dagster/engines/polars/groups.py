"""A frame in groups, between `group_by` and the step that aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
from polars.lazyframe.group_by import LazyGroupBy

from laktory_dagster.engines.polars.spark_functions import SUPPORTED, call
from laktory_dagster.engines.polars.spark_names import as_column
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.suggest import hint_for

_FUNCTIONS = ("sum", "avg", "mean", "min", "max")
SPARK_METHODS = frozenset({"agg", "count", *_FUNCTIONS})
"""The methods of Spark's grouped frames that `Groups.call` takes."""


@dataclass(frozen=True)
class Groups:
    """Rows by key: `native` are the groups as Polars holds them, `keys` the names of the keys.

    Without keys all rows are one group; `keys` is None where Polars alone knows them.
    """

    NO_KEY: ClassVar[str] = "__laktory_no_key"

    frame: pl.LazyFrame
    native: LazyGroupBy
    keys: tuple[str, ...] | None

    @classmethod
    def of(cls, frame: pl.LazyFrame, native: LazyGroupBy, keys: Sequence[Any]) -> Groups:
        """Return the groups of a frame by columns."""
        empty = pl.LazyFrame(schema=frame.collect_schema())
        named = empty.select(*keys).collect_schema().names() if keys else []
        return cls(frame, native, tuple(named))

    def call(
        self, name: str, scope: StepScope, args: Sequence[Any], named: Mapping[str, Any]
    ) -> pl.LazyFrame:
        """Return a row for each group, as a method of Spark's grouped frames gives it."""
        aggregates = self._aggregates(name, scope, args)
        kept = {key: as_column(value) for key, value in named.items()}
        if self.keys == ():
            return self.frame.select(*aggregates, **kept)
        return self.native.agg(*aggregates, **kept)

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
        return [value]

    def _named(self, function: str, column: str, scope: StepScope) -> Any:
        if function not in SUPPORTED:
            raise TransformError(
                f"there is no aggregate `{function}`", hint=hint_for(function, SUPPORTED)
            )
        return call(function, scope.scope(), [as_column(column)], {})

    def _numbers(self) -> list[str]:
        schema = self.frame.collect_schema()
        return [name for name, kind in schema.items() if kind.is_numeric()]


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

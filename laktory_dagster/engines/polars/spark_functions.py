"""The functions of `F.` that Polars has an equal of, by Spark's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_aggregates import AGGREGATES, SCOPED_AGGREGATES
from laktory_dagster.engines.polars.spark_arrays import ARRAYS, TEXTS_OR_ARRAYS
from laktory_dagster.engines.polars.spark_coded import CODED
from laktory_dagster.engines.polars.spark_names import (
    Ordering,
    as_column,
    plain,
    result_name,
    spark_column,
)
from laktory_dagster.engines.polars.spark_text import TEXTS
from laktory_dagster.engines.polars.spark_time import TIMES
from laktory_dagster.engines.polars.spark_values import SCOPED, VALUES
from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.catalog import function_signatures


def _lit(value: Any) -> pl.Expr:
    if isinstance(value, pl.Expr):
        return value
    name = "NULL" if value is None else str(value)
    return pl.lit(value).alias(name.lower() if isinstance(value, bool) else name)


def _ordering(*, descending: bool, nulls_last: bool) -> Callable[[Any], Ordering]:
    return lambda value: Ordering(as_column(value), descending, nulls_last)


_NAMING: Mapping[str, Callable[..., Any]] = {
    "asc": _ordering(descending=False, nulls_last=False),
    "asc_nulls_first": _ordering(descending=False, nulls_last=False),
    "asc_nulls_last": _ordering(descending=False, nulls_last=True),
    "col": spark_column,
    "column": spark_column,
    "desc": _ordering(descending=True, nulls_last=True),
    "desc_nulls_first": _ordering(descending=True, nulls_last=False),
    "desc_nulls_last": _ordering(descending=True, nulls_last=True),
    "lit": _lit,
}
_PLAIN: Mapping[str, Callable[..., Any]] = {**VALUES, **TEXTS, **ARRAYS, **AGGREGATES, **CODED}
_SCOPED: Mapping[str, Callable[..., Any]] = {
    **SCOPED,
    **TIMES,
    **SCOPED_AGGREGATES,
    **TEXTS_OR_ARRAYS,
}
_OWN_NAMES: Mapping[str, str] = {
    "mean": "avg",
    "ucase": "upper",
    "lcase": "lower",
    "std": "std",
    "approxCountDistinct": "approx_count_distinct",
}
_DISTINCT = frozenset({"countDistinct", "count_distinct", "sumDistinct", "sum_distinct"})
_OF_TEXTS = frozenset({*TEXTS, "concat", "concat_ws"})
_UNNAMED = frozenset({"when", "struct", "named_struct", "explode", "expr"})

SUPPORTED = frozenset({*_NAMING, *_PLAIN, *_SCOPED, "expr"})
"""Every function of `F.` that runs on Polars."""


def call(name: str, scope: Scope, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a function of `F.` gives, named as Spark names it.

    Args:
        name: one of `SUPPORTED`.
        scope: the frame's columns and the logical time.
        args: positional arguments; where a column is wanted they are columns already.
        kwargs: named arguments.
    """
    values = [*args, *_positional(name, len(args), kwargs)]
    if name in _NAMING:
        return _NAMING[name](*values)
    label = _label(name, values)
    if name in _OF_TEXTS:
        values = [_written(scope, value) for value in values]
    if name in _SCOPED:
        result = _SCOPED[name](scope, *values)
    else:
        result = _PLAIN[name](*_flat_columns(name, values))
    if name in _UNNAMED or not isinstance(result, pl.Expr):
        return result.alias("col") if name == "explode" else result
    return result if label is None else result.alias(label)


def _written(scope: Scope, value: Any) -> Any:
    """Return floats and times as Spark writes them, where a function takes texts."""
    kind = scope.type_of(value) if isinstance(value, pl.Expr) else None
    if kind is not None and (kind.is_float() or isinstance(kind, pl.Datetime)):
        return scope.cast(value, pl.String())
    return value


def _positional(name: str, given: int, kwargs: dict[str, Any]) -> list[Any]:
    """Return named arguments in the order of the function's parameters."""
    order = function_signatures("F")[name].positional()[given:]
    values = [kwargs[parameter] for parameter in order if parameter in kwargs]
    if list(order[: len(values)]) != [p for p in order if p in kwargs]:
        raise ExpressionError(
            f"`F.{name}` leaves out an argument before `{next(iter(kwargs))}`",
            expected=f"F.{name}({', '.join(order)})",
        )
    return values


def _flat_columns(name: str, values: list[Any]) -> list[Any]:
    """Return the arguments of functions that take several columns, given one by one or as a list."""
    if name in ARRAYS or not any(isinstance(value, list) for value in values):
        return values
    return [v for value in values for v in (value if isinstance(value, list) else [value])]


def _label(name: str, values: list[Any]) -> str | None:
    if name == "count" and _counts_rows(values[0]):
        return "count(1)" if plain(values[0]) is not None else "count(NULL)"
    label = result_name(_OWN_NAMES.get(name, name), values)
    if label is None or name not in _DISTINCT:
        return label
    function, _, arguments = label.partition("(")
    return f"{'count' if function.startswith('count') else 'sum'}(DISTINCT {arguments}"


def _counts_rows(value: Any) -> bool:
    return isinstance(value, pl.Expr) and (
        value.meta.is_literal() or value.meta.has_multiple_outputs()
    )

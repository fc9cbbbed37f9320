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
    is_constant,
    names_of,
    plain,
    spark_column,
)
from laktory_dagster.engines.polars.spark_operators import FUNCTIONS as COMPARING
from laktory_dagster.engines.polars.spark_operators import as_double
from laktory_dagster.engines.polars.spark_text import TEXTS
from laktory_dagster.engines.polars.spark_time import TIMES
from laktory_dagster.engines.polars.spark_values import SCOPED, VALUES
from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.catalog import function_signatures
from laktory_dagster.expressions.spark_labels import function_label


def _lit(value: Any) -> pl.Expr:
    if isinstance(value, pl.Expr):
        return value
    if isinstance(value, list) and value and all(type(n) is int and abs(n) < 2**31 for n in value):
        return pl.lit(value, dtype=pl.List(pl.Int32))
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
    **COMPARING,
    **SCOPED,
    **TIMES,
    **SCOPED_AGGREGATES,
    **TEXTS_OR_ARRAYS,
}
_NUMBER_FUNCTIONS = """
    abs acos acosh asin asinh atan atan2 atanh avg bround cbrt ceil ceiling corr cos cosh cot
    covar_pop covar_samp csc degrees exp expm1 factorial floor hypot isnan kurtosis ln log log10
    log1p log2 mean median negate negative percentile pmod positive pow power product radians rint
    round sec sign signum sin sinh skewness sqrt std stddev stddev_pop stddev_samp sum tan tanh
    toDegrees toRadians try_sum var_pop var_samp variance
"""
_OF_NUMBERS = frozenset(_NUMBER_FUNCTIONS.split())
_OF_ROWS = frozenset({*AGGREGATES, *SCOPED_AGGREGATES})
_OF_TEXTS = frozenset({*TEXTS, "concat", "concat_ws", "length"})
_EXPLODING = frozenset({"explode", "explode_outer"})
_UNNAMED = frozenset({"when", "named_struct", "expr", *_EXPLODING})

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
    if name in _OF_NUMBERS:
        values = [_number(scope, value) for value in values]
    if name in _OF_ROWS and values:
        values[0] = _for_each_row(name, values[0])
    result = _called(name, scope, values)
    if name in _UNNAMED or not isinstance(result, pl.Expr):
        return result.alias("col") if name in _EXPLODING else result
    return result if label is None else result.alias(label)


def _called(name: str, scope: Scope, values: list[Any]) -> Any:
    try:
        if name in _SCOPED:
            return _SCOPED[name](scope, *values)
        return _PLAIN[name](*_flat_columns(name, values))
    except TypeError as error:
        if "truth value of an Expr" not in str(error):
            raise
        raise ExpressionError(
            f"`F.{name}` takes a constant on Polars where a column is given",
            hint="write the value itself, or the expression with `pl.`",
        ) from error


def _number(scope: Scope, value: Any) -> Any:
    """Return a text as the number that it spells, where a function takes numbers."""
    is_text = isinstance(value, pl.Expr) and scope.type_of(value) == pl.String
    return as_double(scope, value) if is_text else value


def _for_each_row(name: str, value: Any) -> Any:
    """Return a constant once for each row, so that an aggregate of it goes by the rows."""
    is_one = isinstance(value, pl.Expr) and is_constant(value)
    if not is_one or (name == "count" and _counts_rows(value)):
        return value
    return pl.repeat(value, pl.len())


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
    names = names_of(values)
    return None if names is None else function_label(name, names)


def _counts_rows(value: Any) -> bool:
    return isinstance(value, pl.Expr) and (
        value.meta.is_literal() or value.meta.has_multiple_outputs()
    )

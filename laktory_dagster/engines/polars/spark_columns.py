"""The methods of Spark's columns on Polars columns: `isin`, `like`, `getField`, `desc` ..."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_aggregates import Ranking
from laktory_dagster.engines.polars.spark_arrays import item_at
from laktory_dagster.engines.polars.spark_names import Ordering
from laktory_dagster.engines.polars.spark_text import ilike, like, rlike, substring
from laktory_dagster.engines.polars.spark_values import as_literal
from laktory_dagster.errors import ExpressionError, SettingsError


def get_item(value: Any, key: Any) -> pl.Expr:
    """Return an item of an array, counted from 0, or a field of a struct."""
    column: pl.Expr = value
    if isinstance(key, str):
        return column.struct.field(key)
    return item_at(column, key)


def quotient(left: Any, right: Any) -> Any:
    """Return a ratio, null where the divisor is zero."""
    if not isinstance(left, pl.Expr) and not isinstance(right, pl.Expr):
        return left / right
    by = right if isinstance(right, pl.Expr) else pl.lit(right)
    return left / pl.when(by != 0).then(by)


def substr(value: Any, start: Any, length: Any) -> pl.Expr:
    """Return a part of a text, counted from 1."""
    return substring(value, 1 if start is None else start, length)


def cast(scope: Scope, value: pl.Expr, kind: Any) -> pl.Expr:
    """Return the value as a type: a name such as `bigint`, or a Polars type.

    Raises:
        ExpressionError: There is no such type.
    """
    if isinstance(kind, str):
        try:
            kind = parse_type(kind)
        except SettingsError as error:
            raise ExpressionError(
                error.message, hint=error.hint, expected=error.expected
            ) from error
    return scope.cast(value, kind if isinstance(kind, pl.DataType) else kind())


def over(value: Any, *partition_by: Any, **options: Any) -> pl.Expr:
    """Return a value of each row's group; `order_by` orders the rows in it."""
    if isinstance(value, Ranking):
        return value.over(*partition_by, **options)
    column: pl.Expr = value
    return column.over(*partition_by, **options)


def _ordered(*, descending: bool, nulls_last: bool) -> Callable[[pl.Expr], Ordering]:
    return lambda value: Ordering(value, descending, nulls_last)


def _when(value: Any, condition: Any, result: Any) -> Any:
    return value.when(condition).then(as_literal(result))


def _otherwise(value: Any, result: Any) -> pl.Expr:
    ended: pl.Expr = value.otherwise(as_literal(result))
    return ended


def _without(value: pl.Expr, *names: str) -> pl.Expr:
    return value.struct.drop(list(names))


METHODS: Mapping[str, Callable[..., Any]] = {
    "asc": _ordered(descending=False, nulls_last=False),
    "asc_nulls_first": _ordered(descending=False, nulls_last=False),
    "asc_nulls_last": _ordered(descending=False, nulls_last=True),
    "bitwiseAND": operator.and_,
    "bitwiseOR": operator.or_,
    "bitwiseXOR": operator.xor,
    "contains": lambda value, part: value.cast(pl.String).str.contains(part, literal=True),
    "desc": _ordered(descending=True, nulls_last=True),
    "desc_nulls_first": _ordered(descending=True, nulls_last=False),
    "desc_nulls_last": _ordered(descending=True, nulls_last=True),
    "dropFields": _without,
    "endswith": lambda value, end: value.cast(pl.String).str.ends_with(end),
    "getField": get_item,
    "getItem": get_item,
    "ilike": ilike,
    "isNaN": lambda value: value.is_nan().fill_null(value=False),
    "isNotNull": lambda value: value.is_not_null(),
    "isNull": lambda value: value.is_null(),
    "like": like,
    "name": lambda value, alias: value.alias(alias),
    "otherwise": _otherwise,
    "over": over,
    "rlike": rlike,
    "startswith": lambda value, start: value.cast(pl.String).str.starts_with(start),
    "substr": substr,
    "when": _when,
    "withField": lambda value, name, field: value.struct.with_fields(field.alias(name)),
}
NAMES: Mapping[str, str | None] = {
    **dict.fromkeys(METHODS),
    "between": "(({0} >= {1}) AND ({0} <= {2}))",
    "bitwiseAND": "({} & {})",
    "bitwiseOR": "({} | {})",
    "bitwiseXOR": "({} ^ {})",
    "contains": "contains({}, {})",
    "endswith": "endswith({}, {})",
    "eqNullSafe": "({} <=> {})",
    "ilike": "ilike({}, {})",
    "isNaN": "isnan({})",
    "isNotNull": "({} IS NOT NULL)",
    "isNull": "({} IS NULL)",
    "isin": "({} IN ({rest}))",
    "like": "{} LIKE {}",
    "rlike": "RLIKE({}, {})",
    "startswith": "startswith({}, {})",
    "substr": "substr({}, {}, {})",
}
"""All methods, the comparing ones of `spark_operators` included, and how Spark names what they give."""
CASTS = frozenset({"cast", "astype", "try_cast"})

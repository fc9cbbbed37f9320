"""The column functions of the `laktory.` namespace."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_arrays import item_at
from laktory_dagster.engines.polars.spark_columns import quotient
from laktory_dagster.engines.polars.spark_operators import compared
from laktory_dagster.engines.polars.spark_text import split
from laktory_dagster.engines.units import conversion
from laktory_dagster.errors import ExpressionError

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}

_EXACT = 2**53
"""Whole numbers below it are exact as floats."""


def _column(value: Any) -> pl.Expr:
    if isinstance(value, pl.Expr):
        return value
    return pl.col(value) if isinstance(value, str) else pl.lit(value)


def compare(
    scope: Scope,
    x: Any,
    y: Any = 0,
    where: Any = None,
    operator: str = "==",
    default: Any = None,
) -> pl.Expr:
    """Return whether `x` stands so to `y`; `default` where either is null or `where` is not true.

    Raises:
        ExpressionError: There is no such operator.
    """
    combine = _OPERATORS.get(operator)
    if combine is None:
        raise ExpressionError(
            f"`{operator}` is no operator of `compare`", expected=", ".join(_OPERATORS)
        )
    result: pl.Expr = compared(scope, combine, _column(x), _column(y))
    otherwise = pl.lit(default, dtype=pl.Boolean) if default is None else _column(default)
    if where is not None:
        result = pl.when(_column(where)).then(result).otherwise(otherwise)
    return result if default is None else result.fill_null(otherwise)


def roundp(x: Any, p: Any = 1.0) -> pl.Expr:
    """Return `x` rounded to the nearest multiple of `p`; halves go away from zero."""
    column, precision = _column(x), _column(p)
    if isinstance(p, int | float) and 0 < p < 1:
        # Dividing by the inverse keeps 0.1 + 0.2 from becoming 0.30000000000000004.
        inverse = round(1 / p)
        if abs(inverse * p - 1) < 1e-12:
            return (column * inverse).round(0, mode="half_away_from_zero") / inverse
    rounded: pl.Expr = quotient(column, precision).round(0, mode="half_away_from_zero") * precision
    return rounded


def string_split(x: Any, pattern: str, key: int) -> pl.Expr:
    """Return the item at `key` (from 0) of a text split by a plain text; null where there is none."""
    return item_at(split(_column(x), re.escape(pattern)), key)


def random_uuid() -> pl.Expr:
    """Return a random identifier (UUID 4) for each row."""

    def identifiers(rows: pl.Series) -> pl.Series:
        return pl.Series([str(uuid.uuid4()) for _ in range(len(rows))], dtype=pl.String)

    rows = pl.int_range(pl.len())
    return rows.map_batches(identifiers, return_dtype=pl.String, is_elementwise=True).alias("uuid")


def convert_units(x: Any, input_unit: str, output_unit: str) -> pl.Expr:
    """Return a quantity in another unit: `convert_units(input_unit="ft", output_unit="m")`.

    Raises:
        ExpressionError: A unit is unknown, or the two measure different things.
    """
    scale, offset = conversion(input_unit, output_unit)
    converted = _column(x) * float(scale)
    if max(scale.as_integer_ratio()) < _EXACT:
        # One rounding instead of two: a foot is 381 / 1250 of a metre.
        converted = _column(x) * float(scale.numerator) / float(scale.denominator)
    return converted + float(offset) if offset else converted


def row_number(*_: Any) -> pl.Expr:
    """Return the place of each row, from 1; with `.over(...)` in its group."""
    return pl.int_range(1, pl.len() + 1).alias("row_number")


FUNCTIONS: Mapping[str, Callable[..., pl.Expr]] = {
    "convert_units": convert_units,
    "roundp": roundp,
    "row_number": row_number,
    "string_split": string_split,
    "uuid": lambda *_: random_uuid(),
}

"""The column functions of the `laktory.` namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.spark.scope import column
from laktory_dagster.engines.units import conversion
from laktory_dagster.errors import ExpressionError

_OPERATORS: Mapping[str, Callable[[Column, Any], Column]] = {
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}
_EXACT = 2**53
"""Whole numbers below it are exact as floats."""


def _column(value: Any) -> Column:
    if isinstance(value, Column):
        return value
    return column(value) if isinstance(value, str) else F.lit(value)


def compare(
    x: Any, y: Any = 0, where: Any = None, operator: str = "==", default: Any = None
) -> Column:
    """Return whether `x` stands so to `y`; `default` where either is null or `where` is not true.

    Raises:
        ExpressionError: There is no such operator.
    """
    compared = _OPERATORS.get(operator)
    if compared is None:
        raise ExpressionError(
            f"`{operator}` is no operator of `compare`", expected=", ".join(_OPERATORS)
        )
    result = compared(_column(x), _column(y))
    otherwise = F.lit(None).cast("boolean") if default is None else _column(default)
    if where is not None:
        result = F.when(_column(where), result).otherwise(otherwise)
    return result if default is None else F.coalesce(result, otherwise)


def roundp(x: Any, p: Any = 1.0) -> Column:
    """Return `x` rounded to the nearest multiple of `p`; halves go away from zero."""
    value, precision = _column(x), _column(p)
    if isinstance(p, int | float) and 0 < p < 1:
        # Dividing by the inverse keeps 0.1 + 0.2 from becoming 0.30000000000000004.
        inverse = round(1 / p)
        if abs(inverse * p - 1) < 1e-12:
            return F.round(value * inverse, 0) / inverse
    return F.round(value / precision, 0) * precision


def string_split(x: Any, pattern: str, key: int) -> Column:
    """Return the item at `key` (from 0) of a text split by a plain text; null beyond the end."""
    return F.get(F.split(_column(x), F.lit(rf"\Q{pattern}\E")), F.lit(key))


def convert_units(x: Any, input_unit: str, output_unit: str) -> Column:
    """Return a quantity in another unit: `convert_units(input_unit="ft", output_unit="m")`.

    Raises:
        ExpressionError: A unit is unknown, or the two measure different things.
    """
    scale, offset = conversion(input_unit, output_unit)
    value = _column(x).cast("double")
    converted = value * F.lit(float(scale))
    if max(scale.as_integer_ratio()) < _EXACT:
        # One rounding instead of two: a foot is 381 / 1250 of a metre.
        converted = value * F.lit(float(scale.numerator)) / F.lit(float(scale.denominator))
    return converted + F.lit(float(offset)) if offset else converted


def window(
    *keys: Any, order_by: Any = None, descending: bool = False, nulls_last: bool = False
) -> Any:
    """Return the window over groups of rows, in an order where one is given."""
    names = [key for value in keys for key in (value if isinstance(value, list) else [value])]
    found = Window.partitionBy(*[_column(key) for key in names])
    if order_by is None:
        return found
    direction = f"{'desc' if descending else 'asc'}_nulls_{'last' if nulls_last else 'first'}"
    orders = order_by if isinstance(order_by, list) else [order_by]
    return found.orderBy(*[getattr(_column(item), direction)() for item in orders])


FUNCTIONS: Mapping[str, Callable[..., Column]] = {
    "compare": compare,
    "convert_units": convert_units,
    "roundp": roundp,
    "row_number": lambda *_: F.row_number(),
    "string_split": string_split,
    "uuid": lambda *_: F.uuid(),
}

"""What Spark computes in another type, or not at all, as `pl.` and `nw.` mean it on Polars."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import narwhals as nw
from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.spark import column_functions
from laktory_dagster.engines.spark.schemas import ddl
from laktory_dagster.errors import ExpressionError

_EXACT = 2**53
_SMALL: Mapping[type[st.DataType], int] = {st.ByteType: 2**7, st.ShortType: 2**15}
_NUMBERS: Mapping[type[st.DataType], Any] = {
    st.ByteType: nw.Int8,
    st.ShortType: nw.Int16,
    st.IntegerType: nw.Int32,
    st.LongType: nw.Int64,
    st.FloatType: nw.Float32,
    st.DoubleType: nw.Float64,
}
_SAME_SIZE = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
_MOST_FACTORS = 64


def power(base: nw.Expr, exponent: int, kind: st.DataType) -> nw.Expr:
    """Return a column of type `kind` to a whole power, in that type; whole numbers stay exact."""
    if isinstance(kind, st.IntegralType) and 0 < exponent <= _MOST_FACTORS:
        return reduce(operator.mul, [base] * exponent)
    return _in_type(base**exponent, kind)


def like_small(result: nw.Expr, number: int, kind: st.DataType) -> nw.Expr:
    """Return what a small integer and a plain number give: of the column's type, if both fit it."""
    size = _SMALL.get(type(kind), 0)
    return _in_type(result, kind) if -size <= number < size else result


def _in_type(value: nw.Expr, kind: st.DataType) -> nw.Expr:
    dtype = _NUMBERS.get(type(kind))
    return value if dtype is None else value.cast(dtype)


def keeps_size(node: ast.operator) -> bool:
    """Return whether Polars computes the operator in the type of the column beside a number."""
    return isinstance(node, _SAME_SIZE)


def _whole(name: str) -> Callable[[nw.Expr, st.DataType], nw.Expr]:
    def whole(value: nw.Expr, kind: st.DataType) -> nw.Expr:
        """Return `floor` or `ceil` of a column, in its own type."""
        if isinstance(kind, st.IntegralType):
            return value
        rounded: nw.Expr = _in_type(getattr(value, name)(), kind)
        if not isinstance(kind, st.DoubleType | st.FloatType):
            return rounded
        # What is no number, or so large that it has no fraction, is no long.
        is_whole = value.is_nan() | (value.abs() >= _EXACT)
        return nw.when(is_whole).then(value).otherwise(rounded)

    return whole


def _number(function: str) -> Callable[[nw.Expr, st.DataType], nw.Expr]:
    def total(value: nw.Expr, kind: st.DataType) -> nw.Expr:
        numbers = value.cast(nw.Int64) if isinstance(kind, st.BooleanType) else value
        found: nw.Expr = getattr(numbers, function)()
        return found

    return total


TYPED: Mapping[str, Callable[[nw.Expr, st.DataType], nw.Expr]] = {
    "ceil": _whole("ceil"),
    "floor": _whole("floor"),
    "mean": _number("mean"),
    "sum": _number("sum"),
}
"""Methods without arguments that go by the type of their column."""


def list_sum(value: Column, kind: st.ArrayType) -> Column:
    """Return the sum of an array without its nulls, in the type of its items."""
    inner = kind.elementType
    name = "bigint" if type(inner) in _SMALL else ddl(inner)
    zero = F.lit(0).cast(name)
    kept = F.filter(value, lambda item: item.isNotNull())
    return F.aggregate(kept, zero, lambda total, item: (total + item).cast(name))


def _fraction(digits: int) -> Callable[[Column], Column]:
    """Return the function of the fraction of a second as a number of so many digits."""

    def fraction(value: Column) -> Column:
        seconds = F.extract(F.lit("SECOND"), value.cast("timestamp_ntz"))
        micros: Column = ((seconds - F.floor(seconds)) * 1_000_000).cast("int")
        if digits > 6:
            micros = micros * 10 ** (digits - 6)
        units: Column = F.floor(micros / 10 ** max(6 - digits, 0)).cast("int")
        return units

    return fraction


def _converted(value: Column, time_zone: str) -> Column:
    if time_zone != "UTC":
        raise ExpressionError(f"times on Spark are UTC, not `{time_zone}`")
    return value.cast("timestamp")


PLAIN: Mapping[str, Callable[..., Column]] = {
    "dt.convert_time_zone": _converted,
    "dt.microsecond": _fraction(6),
    "dt.millisecond": _fraction(3),
    "dt.nanosecond": _fraction(9),
}
"""Methods that need no type."""


def _n_unique(value: Column, window: Any) -> Column:
    # Spark counts no distinct values in a window; in a struct a null counts as well.
    return F.size(F.collect_set(F.struct(value)).over(window)).cast("bigint")


def _end(function: Callable[..., Column]) -> Callable[..., Column]:
    def end(value: Column, window: Any, *, ignore_nulls: bool = False) -> Column:
        rows = window.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
        found: Column = function(value, ignorenulls=ignore_nulls).over(rows)
        return found

    return end


OVER: Mapping[str, Callable[..., Column]] = {
    "first": _end(F.first),
    "last": _end(F.last),
    "n_unique": _n_unique,
}
"""Aggregates that narwhals does not translate inside of a window."""


def over(
    name: str, value: Column, options: Mapping[str, Any], args: Any, kwargs: Mapping[str, Any]
) -> Column:
    """Return an aggregate of `OVER` in the window that the arguments of `over` describe.

    The order may stand at the aggregate: `first(order_by="time")`.
    """
    options = dict(options)
    if "order_by" in options:
        kwargs = {**kwargs, "order_by": options.pop("order_by")}
    if name != "n_unique" and kwargs.get("order_by") is None:
        raise ExpressionError(
            f"`{name}()` depends on the order of the rows, of which Spark has none",
            hint='write `.over("key", order_by="time")`',
        )
    order = {key: given for key, given in kwargs.items() if key != "partition_by"}
    keys = [key for key in (*args, kwargs.get("partition_by")) if key is not None] or [F.lit(1)]
    window = column_functions.window(*keys, **({} if name == "n_unique" else order))
    return OVER[name](value, window, **options)

"""The `laktory.` functions of columns: `pl.col("x").laktory.roundp(0.5)`, `F.laktory.uuid()`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl

from laktory_dagster.engines.polars.spark_columns import SPARK_FUNCTIONS, SparkColumn, unwrapped
from laktory_dagster.engines.polars.units import convert
from laktory_dagster.errors import ExpressionError

_OPERATORS: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


class Namespace:
    """`laktory.` of an expression, or of `pl`, `nw` and `F`, whose first argument is the column."""

    def __init__(self, base: Any, dialect: str, sql: Callable[[str, str], pl.Expr]) -> None:
        """Keep what the namespace was asked of."""
        column = unwrapped(base)
        self._bound = column if isinstance(column, pl.Expr) else None
        self._wrap = base is SPARK_FUNCTIONS or isinstance(base, SparkColumn)
        self._dialect = dialect
        self._sql = sql

    def __getattr__(self, name: str) -> Any:
        """Return a function of the namespace; the checked language names no other."""
        functions: dict[str, Callable[..., pl.Expr]] = {
            "compare": _compare,
            "convert_units": convert,
            "roundp": _roundp,
            "string_split": _string_split,
        }
        free: dict[str, Callable[..., pl.Expr]] = {
            "current_timestamp": lambda: pl.lit(datetime.now(UTC), pl.Datetime("us", "UTC")),
            "row_number": lambda: pl.int_range(1, pl.len() + 1),
            "sql_expr": lambda expr: self._sql(expr, self._dialect),
            "uuid": _uuid,
        }
        if name in functions:
            function = functions[name]
            if self._bound is not None:
                return self._call(lambda *a, **k: function(self._bound, *a, **k))
            return self._call(lambda *a, **k: _with_column(function, a, k))
        if name in free:
            return self._call(free[name])
        raise AttributeError(name)

    def _call(self, function: Callable[..., pl.Expr]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            plain = [unwrapped(arg) for arg in args]
            named = {key: unwrapped(value) for key, value in kwargs.items()}
            result = function(*plain, **named)
            return SparkColumn(result) if self._wrap else result

        return call


def _with_column(
    function: Callable[..., pl.Expr], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> pl.Expr:
    column, rest = (args[0], args[1:]) if args else (kwargs.pop("x"), ())
    return function(pl.col(column) if isinstance(column, str) else column, *rest, **kwargs)


def _compare(
    x: pl.Expr,
    y: Any = 0,
    where: Any = None,
    operator: str = "==",
    default: Any = None,
) -> pl.Expr:
    """Return the comparison; `default` where a side is null or `where` does not hold."""
    if operator not in _OPERATORS:
        raise ExpressionError(f"`{operator}` compares nothing", expected=", ".join(_OPERATORS))
    other = pl.col(y) if isinstance(y, str) else y if isinstance(y, pl.Expr) else pl.lit(y)
    found = _OPERATORS[operator](x, other).fill_null(pl.lit(default, pl.Boolean))
    if where is None:
        return found
    condition = pl.col(where) if isinstance(where, str) else where
    return pl.when(condition).then(found).otherwise(pl.lit(default, pl.Boolean))


def _roundp(x: pl.Expr, p: float = 1.0) -> pl.Expr:
    """Return the value rounded to the nearest multiple of `p`."""
    step = pl.col(p) if isinstance(p, str) else p
    return (x / step).round(0) * step


def _string_split(x: pl.Expr, pattern: str = " ", key: int = 0) -> pl.Expr:
    """Return one part (from 0) of a text split at a separator; null where there is none."""
    return x.str.split(pattern).list.get(key, null_on_oob=True)


def _uuid() -> pl.Expr:
    """Return a random id for each row."""
    seed = uuid4().int & (2**63 - 1)
    row = pl.int_range(pl.len())
    parts = [row.hash(seed + part) for part in range(2)]
    text = pl.concat_str([_hex(part) for part in parts])
    groups = ((0, 8), (8, 4), (13, 3), (17, 3), (20, 12))
    first, second, third, fourth, last = (text.str.slice(start, size) for start, size in groups)
    return pl.concat_str(
        [first, pl.lit("-"), second, pl.lit("-4"), third, pl.lit("-a"), fourth, pl.lit("-"), last]
    )


def _hex(number: pl.Expr) -> pl.Expr:
    digits = pl.lit("0123456789abcdef")
    parts = [digits.str.slice((number // 16**place) % 16, 1) for place in range(16)]
    return pl.concat_str(parts)

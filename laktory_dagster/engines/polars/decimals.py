"""Arithmetic of decimals with the digits that Spark gives the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars.spark_columns import quotient
from laktory_dagster.engines.polars.spark_values import remainder

_MOST = 38
_KEPT = 6
"""Digits behind the point that stay where a result has too many digits in all."""
_INTEGERS: Mapping[pl.DataType, int] = {
    pl.Int8(): 3, pl.Int16(): 5, pl.Int32(): 10, pl.Int64(): 20,
}  # fmt: skip


class Size(NamedTuple):
    """The digits of a decimal, in all and behind the point."""

    precision: int
    scale: int

    @property
    def whole(self) -> int:
        """Return the digits before the point."""
        return self.precision - self.scale

    def fitting(self) -> Size:
        """Return the size with at most 38 digits: those behind the point go first."""
        if self.precision <= _MOST:
            return self
        return Size(_MOST, max(_MOST - self.whole, min(self.scale, _KEPT)))


def size_of(node: exp.Expr, kind: pl.DataType | None) -> Size | None:
    """Return the digits that a number has as a decimal; None for a float and for no number."""
    if isinstance(node, exp.Literal) and not node.is_string:
        whole, _, fraction = node.name.partition(".")
        if not f"{whole}{fraction}".isdigit():
            return None
        return Size(max(len(whole.lstrip("0")) + len(fraction), 1), len(fraction))
    if isinstance(kind, pl.Decimal):
        return Size(kind.precision or _MOST, kind.scale)
    return None if kind is None or kind not in _INTEGERS else Size(_INTEGERS[kind], 0)


def combined(node: exp.Expr, first: pl.Expr, one: Size, second: pl.Expr, other: Size) -> pl.Expr:
    """Return what an operator gives for two decimals of these sizes; null where it does not fit."""
    size_for, combine = _OPERATORS[type(node)]
    size = size_for(one, other).fitting()
    scale = max(one.scale, other.scale, min(size.scale + 4, _MOST - size.whole))
    wide = pl.Decimal(_MOST, scale)
    result: pl.Expr = combine(first.cast(wide), second.cast(wide))
    rounded = result.round(size.scale, mode="half_away_from_zero")
    return rounded.cast(pl.Decimal(*size), strict=False)


def _sum(one: Size, other: Size) -> Size:
    scale = max(one.scale, other.scale)
    return Size(max(one.whole, other.whole) + scale + 1, scale)


def _product(one: Size, other: Size) -> Size:
    return Size(one.precision + other.precision + 1, one.scale + other.scale)


def _ratio(one: Size, other: Size) -> Size:
    scale = max(_KEPT, one.scale + other.precision + 1)
    return Size(one.whole + other.scale + scale, scale)


def _rest(one: Size, other: Size) -> Size:
    scale = max(one.scale, other.scale)
    return Size(min(one.whole, other.whole) + scale, scale)


_OPERATORS: Mapping[
    type[exp.Expr], tuple[Callable[[Size, Size], Size], Callable[[Any, Any], Any]]
] = {
    exp.Add: (_sum, lambda first, second: first + second),
    exp.Div: (_ratio, quotient),
    exp.Mod: (_rest, remainder),
    exp.Mul: (_product, lambda first, second: first * second),
    exp.Sub: (_sum, lambda first, second: first - second),
}

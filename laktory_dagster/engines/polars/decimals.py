"""Arithmetic of decimals with the digits that Spark gives the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, NamedTuple

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars.spark_columns import quotient
from laktory_dagster.engines.polars.spark_values import remainder

_MOST = 38
_KEPT = 6
"""Digits behind the point that stay where a result has too many digits in all."""
_SPARE = 4
"""Digits more than a ratio has, so that it can be rounded."""
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
    return size_of_type(kind)


def size_of_type(kind: pl.DataType | None) -> Size | None:
    """Return the digits of a type's numbers as decimals; None for floats and what is no number."""
    if isinstance(kind, pl.Decimal):
        return Size(kind.precision or _MOST, kind.scale)
    return None if kind is None or kind not in _INTEGERS else Size(_INTEGERS[kind], 0)


def combined(
    operator: type[exp.Expr], first: pl.Expr, one: Size, second: pl.Expr, other: Size
) -> pl.Expr:
    """Return what an operator gives for two decimals of these sizes."""
    size_for, combine = _OPERATORS[operator]
    size = size_for(one, other).fitting()
    target = pl.Decimal(*size)
    scale = _scale_of_steps(operator, one, other, size)
    if scale is None:
        exact = _EXACT[operator]
        return pl.struct(first.alias("a"), second.alias("b")).map_batches(
            lambda pairs: _exactly(pairs, exact, size), return_dtype=target, is_elementwise=True
        )
    wide = pl.Decimal(_MOST, scale)
    result: pl.Expr = combine(first.cast(wide), second.cast(wide))
    return result.round(size.scale, mode="half_away_from_zero").cast(target, strict=False)


def _scale_of_steps(operator: type[exp.Expr], one: Size, other: Size, size: Size) -> int | None:
    """Return with how many digits behind the point Polars computes a result; None if it cannot."""
    if operator is exp.Mul:
        return size.scale if size.scale == one.scale + other.scale else None
    if operator is not exp.Div:
        longest = max(one.scale, other.scale)
        return longest if size.scale == longest else None
    room = _MOST - max(one.whole, other.whole, size.whole)
    if room >= size.scale + _SPARE:
        return min(room, size.scale + 3 * _SPARE)
    # What has 38 digits is a sum, of which most are never used.
    is_wide = _MOST in (one.precision, other.precision) and size.scale + _SPARE <= _MOST // 2
    return max(size.scale + _SPARE, one.scale, other.scale) if is_wide else None


def _exactly(
    pairs: pl.Series, combine: Callable[[Decimal, Decimal], Decimal | None], size: Size
) -> pl.Series:
    found: list[Decimal | None] = []
    with localcontext() as context:
        context.prec = 4 * _MOST
        for a, b in pairs.struct.unnest().iter_rows():
            value = None if a is None or b is None else combine(a, b)
            if value is not None:
                value = value.quantize(Decimal(1).scaleb(-size.scale), ROUND_HALF_UP)
            is_fitting = value is not None and abs(value) < Decimal(10) ** size.whole
            found.append(value if is_fitting else None)
    return pl.Series(pairs.name, found, dtype=pl.Decimal(*size))


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
_EXACT: Mapping[type[exp.Expr], Callable[[Decimal, Decimal], Decimal | None]] = {
    exp.Add: lambda a, b: a + b,
    exp.Div: lambda a, b: a / b if b else None,
    exp.Mul: lambda a, b: a * b,
    exp.Sub: lambda a, b: a - b,
}

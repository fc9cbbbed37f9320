"""Arithmetic of decimals with the digits that Spark gives the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import partial
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
    size = _OPERATORS[operator][0](one, other).fitting()
    scale, is_enough = _scale_of_steps(operator, one, other)
    if is_enough:
        wide = pl.Decimal(_MOST, scale)
        found: pl.Expr = _OPERATORS[operator][1](first.cast(wide), second.cast(wide))
        return _rounded(found, size).cast(pl.Decimal(*size), strict=False)
    exact = partial(_exactly, operator=operator, scale=scale, size=size)
    pairs = pl.struct(first.alias("a"), second.alias("b"))
    return pairs.map_batches(exact, return_dtype=pl.Decimal(*size), is_elementwise=True)


def _rounded(value: pl.Expr, size: Size) -> pl.Expr:
    return value.round(size.scale, mode="half_away_from_zero")


def _scale_of_steps(operator: type[exp.Expr], one: Size, other: Size) -> tuple[int, bool]:
    """Return with how many digits behind the point Polars computes, and whether these are enough.

    They always are for the rest of a division; else it goes by how long the numbers are.
    """
    whole = _OPERATORS[operator][0](one, other)
    size = whole.fitting()
    if operator is exp.Div:
        room = _MOST - max(one.whole, other.whole, size.whole)
        scale = max(size.scale + 2 * _SPARE, one.scale, other.scale)
        return min(scale, _MOST), room >= scale
    scale = one.scale + other.scale if operator is exp.Mul else max(one.scale, other.scale)
    return min(scale, _MOST), operator is exp.Mod or whole == size


def _exactly(pairs: pl.Series, *, operator: type[exp.Expr], scale: int, size: Size) -> pl.Series:
    """Compute what Polars can, and the few results for which it has too few digits in Python."""
    a, b, found = pl.col("a"), pl.col("b"), pl.col("found")
    combine, wide = _OPERATORS[operator][1], pl.Decimal(_MOST, scale)
    largest = _OPERATORS[exp.Add if operator is exp.Sub else operator][1]
    # Where it has too few digits Polars gives up all of the rows.
    is_short = largest(a.cast(pl.Float64).abs(), b.cast(pl.Float64).abs()) < 10.0 ** (
        _MOST - 1 - scale
    )
    steps = combine(pl.when(is_short).then(a).cast(wide, strict=False), b.cast(wide, strict=False))
    frame = pairs.struct.unnest().with_columns(steps.alias("found"))
    # What ends in a half may have been rounded to it.
    half = pl.lit(Decimal(5).scaleb(-size.scale - 1)).cast(pl.Decimal(_MOST, scale), strict=False)
    is_open = found.is_null() | ((found - _rounded(found, size)).abs() == half)
    places = frame.select((a.is_not_null() & b.is_not_null() & is_open).arg_true()).to_series()
    results = frame.select(_rounded(found, size).cast(pl.Decimal(*size), strict=False)).to_series()
    pairs_left = frame[places].select("a", "b").iter_rows()
    exact = [_exact(operator, one, other, size) for one, other in pairs_left]
    return results.scatter(places, pl.Series(exact, dtype=results.dtype)).alias(pairs.name)


def _exact(operator: type[exp.Expr], a: Decimal, b: Decimal, size: Size) -> Decimal | None:
    if operator is exp.Div and not b:
        return None
    with localcontext() as context:
        context.prec = 4 * _MOST
        value = _EXACT[operator](Decimal(a), Decimal(b))
        value = value.quantize(Decimal(1).scaleb(-size.scale), ROUND_HALF_UP)
        return value if abs(value) < Decimal(10) ** size.whole else None


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
_EXACT: Mapping[type[exp.Expr], Callable[[Decimal, Decimal], Decimal]] = {
    exp.Add: lambda a, b: a + b,
    exp.Div: lambda a, b: a / b,
    exp.Mul: lambda a, b: a * b,
    exp.Sub: lambda a, b: a - b,
}

"""Spark's functions of numbers, conditions and types, on Polars columns."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.schemas import portable
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_names import as_column
from laktory_dagster.errors import ExpressionError


def when(condition: pl.Expr, value: Any) -> pl.Expr:
    """Return the first branch of a case; `otherwise` ends it, null by default."""
    return pl.when(condition).then(as_literal(value))


def as_literal(value: Any) -> pl.Expr:
    """Return a plain value as a constant; a text is one too."""
    return value if isinstance(value, pl.Expr) else pl.lit(value)


def _round(mode: Any) -> Callable[..., pl.Expr]:
    def rounded(scope: Scope, value: pl.Expr, scale: int = 0) -> pl.Expr:
        if scale < 0:
            unit = int(10 ** abs(scale))
            kind = scope.type_of(value)
            found = (value / unit).round(0, mode=mode) * unit
            return (
                found.cast(kind, strict=False) if kind is not None and kind.is_integer() else found
            )
        return value.round(scale, mode=mode)

    return rounded


def _log(first: Any, second: pl.Expr | None = None) -> pl.Expr:
    value, base = (first, math.e) if second is None else (second, first)
    value = as_column(value)
    return pl.when(value > 0).then(value.log(base))


def _positive(function: Callable[[pl.Expr], pl.Expr], above: float = 0) -> Callable[..., pl.Expr]:
    """Return the function with null where Spark gives null: outside of its domain."""

    def checked(value: pl.Expr) -> pl.Expr:
        return pl.when(value > above).then(function(value))

    return checked


def _power(value: Any, power: Any) -> pl.Expr:
    result: pl.Expr = as_column(value).cast(pl.Float64) ** as_column(power)
    return result


def remainder(left: Any, right: Any) -> Any:
    """Return what a division leaves, with the sign of the left side; Polars gives the right's."""
    if not isinstance(left, pl.Expr) and not isinstance(right, pl.Expr):
        return left % right
    value = left if isinstance(left, pl.Expr) else pl.lit(left)
    by = right if isinstance(right, pl.Expr) else pl.lit(right)
    by = pl.when(by != 0).then(by)
    floored = value % by
    other_sign = (floored != 0) & ((floored < 0) != (value < 0))
    return pl.when(other_sign).then(floored - by).otherwise(floored)


def whole_quotient(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Return the whole part of a ratio, null where the divisor is zero."""
    by = pl.when(right != 0).then(right)
    whole: pl.Expr = (left - remainder(left, by)) // by
    return whole.cast(pl.Int64)


def _pmod(value: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    rest = remainder(value, divisor)
    return pl.when(rest < 0).then(remainder(rest + divisor, divisor)).otherwise(rest)


def _ratio(value: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return pl.when(divisor != 0).then(value / divisor)


def _expm1(value: pl.Expr) -> pl.Expr:
    # `exp(x) - 1` loses the digits of a small number.
    return (
        pl.when(value.abs() < 1)
        .then(2 * (value / 2).exp() * (value / 2).sinh())
        .otherwise(value.exp() - 1)
    )


def _unsigned_zero(value: Any) -> pl.Expr:
    """Return a number; -0.0 is 0.0, as in Spark's angles."""
    number = as_column(value).cast(pl.Float64)
    return pl.when(number == 0).then(0.0).otherwise(number)


def _hypotenuse(first: Any, second: Any) -> pl.Expr:
    sides = [as_column(side).cast(pl.Float64).abs() for side in (first, second)]
    longer, shorter = pl.max_horizontal(sides), pl.min_horizontal(sides)
    # The ratio keeps squares from overflowing.
    found = longer * (1 + (shorter / longer) ** 2).sqrt()
    is_plain = (longer == 0) | longer.is_infinite() | shorter.is_null() | sides[0].is_nan()
    known = pl.all_horizontal(side.is_not_null() for side in sides)
    return pl.when(known).then(
        pl.when(is_plain | sides[1].is_nan()).then(sides[0] + sides[1]).otherwise(found)
    )


def _nvl2(value: pl.Expr, there: pl.Expr, missing: pl.Expr) -> pl.Expr:
    return pl.when(value.is_not_null()).then(there).otherwise(missing)


def _nan_or(value: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when(value.is_nan()).then(other).otherwise(value)


def _tried(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return the operation; a whole number that its type does not hold is null."""

    def tried(scope: Scope, first: Any, second: Any) -> pl.Expr:
        result: pl.Expr = function(as_column(first), as_column(second))
        kind = scope.type_of(result)
        if kind is None or not kind.is_integer():
            return result
        wide = function(as_column(first).cast(pl.Int128), as_column(second).cast(pl.Int128))
        narrowed: pl.Expr = wide.cast(kind, strict=False)
        return narrowed

    return tried


def _typeof(scope: Scope, value: pl.Expr) -> pl.Expr:
    kind = scope.type_of(value)
    if kind is None:
        raise ExpressionError("`F.typeof` needs columns whose types are known")
    return pl.lit(_spelling(kind))


def _spelling(kind: Any) -> str:
    """Return the name that Spark gives a type."""
    if isinstance(kind, pl.List | pl.Array):
        return f"array<{_spelling(kind.inner)}>"
    if isinstance(kind, pl.Struct):
        return f"struct<{','.join(f'{f.name}:{_spelling(f.dtype)}' for f in kind.fields)}>"
    if isinstance(kind, pl.Datetime):
        return "timestamp" if kind.time_zone else "timestamp_ntz"
    name = portable(kind)
    return _SPELLINGS.get(name, name)


_SPELLINGS: Mapping[str, str] = {
    "bool": "boolean",
    "float32": "float",
    "float64": "double",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "int8": "tinyint",
    "null": "void",
}


def _bitwise_not(value: pl.Expr) -> pl.Expr:
    return -value - 1


def _factorial(value: pl.Expr) -> pl.Expr:
    table = {n: math.factorial(n) for n in range(21)}
    return value.cast(pl.Int64).replace_strict(table, default=None, return_dtype=pl.Int64)


VALUES: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: value.abs(),
    "acos": lambda value: value.arccos(),
    "acosh": lambda value: value.arccosh(),
    "asin": lambda value: value.arcsin(),
    "asinh": lambda value: value.arcsinh(),
    "atan": lambda value: value.arctan(),
    "atan2": lambda first, second: pl.arctan2(_unsigned_zero(first), _unsigned_zero(second)),
    "atanh": lambda value: value.arctanh(),
    "bit_count": lambda value: value.bitwise_count_ones().cast(pl.Int32),
    "bitwise_not": _bitwise_not,
    "bitwiseNOT": _bitwise_not,
    "cbrt": lambda value: value.cbrt(),
    "coalesce": pl.coalesce,
    "cos": lambda value: value.cos(),
    "cosh": lambda value: value.cosh(),
    "cot": lambda value: value.cot(),
    "csc": lambda value: 1 / value.sin(),
    "degrees": lambda value: value.degrees(),
    "e": lambda: pl.lit(math.e),
    "exp": lambda value: value.exp(),
    "expm1": _expm1,
    "factorial": _factorial,
    "hypot": _hypotenuse,
    "ifnull": pl.coalesce,
    "isnan": lambda value: value.cast(pl.Float64).is_nan().fill_null(value=False),
    "isnotnull": lambda value: value.is_not_null(),
    "isnull": lambda value: value.is_null(),
    "least": pl.min_horizontal,
    "ln": _positive(lambda value: value.log()),
    "log": _log,
    "log10": _positive(lambda value: value.log10()),
    "log1p": _positive(lambda value: value.log1p(), above=-1),
    "log2": _positive(lambda value: value.log(2)),
    "nanvl": _nan_or,
    "negate": operator.neg,
    "negative": operator.neg,
    "nullifzero": lambda value: pl.when(value != 0).then(value),
    "nvl": pl.coalesce,
    "nvl2": _nvl2,
    "pi": lambda: pl.lit(math.pi),
    "pmod": _pmod,
    "positive": operator.pos,
    "pow": _power,
    "power": _power,
    "radians": lambda value: value.radians(),
    "rint": lambda value: value.round(0, mode="half_to_even"),
    "sec": lambda value: 1 / value.cos(),
    "sign": lambda value: value.sign().cast(pl.Float64),
    "signum": lambda value: value.sign().cast(pl.Float64),
    "sin": lambda value: value.sin(),
    "sinh": lambda value: value.sinh(),
    "sqrt": lambda value: value.sqrt(),
    "tan": lambda value: value.tan(),
    "tanh": lambda value: value.tanh(),
    "toDegrees": lambda value: value.degrees(),
    "toRadians": lambda value: value.radians(),
    "try_divide": _ratio,
    "try_mod": remainder,
    "when": when,
    "zeroifnull": lambda value: value.fill_null(0),
}


def _greatest(scope: Scope, *values: Any) -> pl.Expr:
    """Return the greatest value; NaN is greater than any number."""
    columns = [as_column(value) for value in values]
    floats = [c for c in columns if (kind := scope.type_of(c)) is not None and kind.is_float()]
    greatest = pl.max_horizontal(columns)
    if not floats:
        return greatest
    is_nan = pl.any_horizontal([column.is_nan().fill_null(value=False) for column in floats])
    return pl.when(is_nan).then(math.nan).otherwise(greatest)


def _whole(function: Callable[[pl.Expr], pl.Expr]) -> Callable[..., pl.Expr]:
    """Return `floor` or `ceil`: a long; 0 for NaN, and the last one for what is beyond."""

    def whole(scope: Scope, value: pl.Expr, scale: Any = None) -> pl.Expr:
        if scale is not None:
            raise ExpressionError(
                "`ceil` and `floor` to a number of digits have no equal on Polars",
                hint="`F.floor(F.col('x') * 100) / 100` keeps two digits",
            )
        kind = scope.type_of(value)
        rounded = function(value)
        if kind is None or not kind.is_float():
            return rounded.cast(pl.Int64, strict=False)
        least, most = -(2**63), 2**63 - 1
        number = rounded.fill_nan(0).cast(pl.Float64)
        inside = number.cast(pl.Int64, strict=False)
        beyond = pl.when(number < 0).then(least).when(number > 0).then(most)
        return pl.coalesce(inside, beyond.cast(pl.Int64))

    return whole


def _hex(scope: Scope, value: pl.Expr) -> pl.Expr:
    kind = scope.type_of(value)
    if kind is not None and kind.is_integer():
        return value.map_batches(_hex_texts, return_dtype=pl.String, is_elementwise=True)
    return value.cast(pl.Binary).bin.encode("hex").str.to_uppercase()


def _hex_texts(values: pl.Series) -> pl.Series:
    # Negative numbers as the 64 bits that they are.
    texts = [None if n is None else f"{n & (2**64 - 1):X}" for n in values]
    return pl.Series(values.name, texts, dtype=pl.String)


_ceil, _floor = _whole(lambda value: value.ceil()), _whole(lambda value: value.floor())

SCOPED: Mapping[str, Callable[..., Any]] = {
    "bround": _round("half_to_even"),
    "round": _round("half_away_from_zero"),
    "try_add": _tried(operator.add),
    "try_multiply": _tried(operator.mul),
    "try_subtract": _tried(operator.sub),
    "ceil": _ceil,
    "ceiling": _ceil,
    "floor": _floor,
    "greatest": _greatest,
    "hex": _hex,
    "typeof": _typeof,
}

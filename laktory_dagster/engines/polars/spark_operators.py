"""Spark's operators on Polars columns: what they give goes by the types of both sides."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars.casts import UTC_TIMESTAMP, cast_to
from laktory_dagster.engines.polars.decimals import Size, combined, size_of_type
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_columns import quotient
from laktory_dagster.engines.polars.spark_names import named, plain
from laktory_dagster.engines.polars.spark_values import remainder

_DIGITS = 38


def binary(scope: Scope, kind: type[ast.operator], left: Any, right: Any) -> Any:
    """Return what an operator gives: texts are numbers, dates move by days, decimals keep digits."""
    combine, label = _OPERATORS[kind]
    if kind in _EITHER_WAY and not isinstance(left, pl.Expr):
        left, right = right, left
    types = _type_of(scope, left), _type_of(scope, right)
    if pl.Date in types and kind in (ast.Add, ast.Sub):
        moved = _moved(types, left, right, is_later=kind is ast.Add)
        if moved is not None:
            return moved
    if kind not in _LOGIC:
        left, right = (
            as_double(scope, side) if type_ == pl.String else side
            for side, type_ in zip((left, right), types, strict=True)
        )
    exact = _of_decimals(scope, kind, left, right)
    return named(label, combine(left, right) if exact is None else exact, left, right)


def comparison(scope: Scope, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    """Return what a comparison gives, under Spark's name."""
    combine, label, turned = _COMPARISONS[kind]
    found = compared(scope, combine, left, right)
    return named(label if isinstance(left, pl.Expr) else turned, found, left, right)


def compared(scope: Scope, combine: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Return what a comparison gives; a text is read as what stands on the other side."""
    types = _type_of(scope, left), _type_of(scope, right)
    target = common_type(*types)
    if target is None:
        return combine(left, right)
    sides = [
        side if kind in (target, None) else read_as(_expression(side), kind, target)
        for side, kind in zip((left, right), types, strict=True)
    ]
    return combine(*sides)


def read_as(value: pl.Expr, kind: pl.DataType, target: pl.DataType) -> pl.Expr:
    """Return one side in the type of the other; a text beside whole numbers loses its fraction."""
    if kind == pl.String and target.is_integer():
        value = value.str.strip_chars().str.replace(r"\.\d*$", "")
    return cast_to(value, kind, target)


def common_type(first: pl.DataType | None, second: pl.DataType | None) -> pl.DataType | None:
    """Return the type in which values of two types are compared; None where they are as they stand."""
    for one, other in ((first, second), (second, first)):
        if one != pl.String or other is None:
            continue
        if isinstance(other, pl.Decimal):
            return pl.Float64()
        if other.is_numeric() or other.is_temporal() or other == pl.Boolean:
            return other
    are_times = all(isinstance(kind, pl.Date | pl.Datetime) for kind in (first, second))
    return UTC_TIMESTAMP if are_times and first != second else None


def key_type(first: pl.DataType, second: pl.DataType) -> pl.DataType | None:
    """Return the type in which keys of two types meet; None where Polars joins them as they are."""
    kinds = (first, second)
    if first.is_numeric() and second.is_numeric() and first != second:
        if any(kind.is_float() for kind in kinds):
            return pl.Float64()
        scales = [kind.scale for kind in kinds if isinstance(kind, pl.Decimal)]
        return pl.Decimal(_DIGITS, max(scales)) if scales else None
    return common_type(first, second)


def is_in(scope: Scope, value: pl.Expr, *items: Any) -> pl.Expr:
    """Return whether a value is one of some; where there are texts on one side, as texts."""
    wanted = list(items[0]) if len(items) == 1 and isinstance(items[0], list | tuple) else items
    if any(isinstance(item, pl.Expr) for item in wanted):
        return pl.any_horizontal(_equal(scope, value, item) for item in wanted)
    constants = [item for item in wanted if item is not None]
    kind = _type_of(scope, value)
    if len({kind == pl.String, *(isinstance(c, str) for c in constants)}) > 1:
        value, constants = scope.cast(value, pl.String()), [str(item) for item in constants]
    elif _are_floats(kind, constants):
        # Polars takes no whole numbers among fractions.
        value, constants = value.cast(pl.Float64), [float(item) for item in constants]
    found = value.is_in(constants)
    return pl.when(found).then(pl.lit(value=True)) if None in wanted else found


def _are_floats(kind: pl.DataType | None, constants: Sequence[Any]) -> bool:
    if kind is None or not kind.is_numeric():
        return False
    return kind.is_float() or any(isinstance(item, float) for item in constants)


def _equal(scope: Scope, value: pl.Expr, other: Any) -> pl.Expr:
    equal: pl.Expr = compared(scope, operator.eq, value, other)
    return equal


def _between(scope: Scope, value: pl.Expr, lower: Any, upper: Any) -> pl.Expr:
    above: pl.Expr = compared(scope, operator.ge, value, lower)
    below: pl.Expr = compared(scope, operator.le, value, upper)
    return above & below


def _equal_null(scope: Scope, value: pl.Expr, other: Any) -> pl.Expr:
    equal: pl.Expr = compared(
        scope, lambda one, two: _expression(one).eq_missing(two), value, other
    )
    return equal


def _null_if(scope: Scope, value: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when(~_equal_null(scope, value, other) | value.is_null()).then(value)


METHODS: Mapping[str, Callable[..., pl.Expr]] = {
    "between": _between,
    "eqNullSafe": _equal_null,
    "isin": is_in,
}
"""The methods of columns that compare."""
FUNCTIONS: Mapping[str, Callable[..., pl.Expr]] = {"equal_null": _equal_null, "nullif": _null_if}
"""The functions of `F.` that compare."""


def as_double(scope: Scope, value: Any) -> pl.Expr:
    """Return a text as the number that it spells, null where it spells none."""
    return scope.cast(_expression(value), pl.Float64())


def _expression(value: Any) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value)


def _type_of(scope: Scope, value: Any) -> pl.DataType | None:
    return scope.type_of(_expression(value))


def _moved(types: Any, left: Any, right: Any, *, is_later: bool) -> Any:
    """Return a date some days later or earlier; None where the other side is no whole number."""
    day, days = (left, right) if types[0] == pl.Date else (right, left)
    kind = types[1] if day is left else types[0]
    if kind is None or not kind.is_integer() or (day is right and not is_later):
        return None
    span = pl.duration(days=days)
    moved = day + span if is_later else day - span
    return named(f"date_{'add' if is_later else 'sub'}({{}}, {{}})", moved, day, days)


def _power(left: Any, right: Any) -> Any:
    return _expression(left).cast(pl.Float64) ** right


def _of_decimals(scope: Scope, kind: type[ast.operator], left: Any, right: Any) -> Any:
    """Return what an operator gives of decimals, with Spark's digits; None of other numbers."""
    first, second = _size(scope, left), _size(scope, right)
    if kind not in _OF_DECIMALS or first is None or second is None:
        return None
    if not any(isinstance(_type_of(scope, side), pl.Decimal) for side in (left, right)):
        return None
    return combined(_OF_DECIMALS[kind], _expression(left), first, _expression(right), second)


def _size(scope: Scope, value: Any) -> Size | None:
    constant = plain(value)
    if isinstance(constant, int):
        return Size(len(str(abs(constant))), 0)
    return size_of_type(_type_of(scope, value))


_OF_DECIMALS: Mapping[type[ast.operator], type[exp.Expr]] = {
    ast.Add: exp.Add, ast.Div: exp.Div, ast.Mod: exp.Mod, ast.Mult: exp.Mul, ast.Sub: exp.Sub,
}  # fmt: skip
_EITHER_WAY = (ast.Add, ast.BitAnd, ast.BitOr, ast.Mult)
"""Operators that Python turns around where a constant stands before a column."""
_LOGIC = (ast.BitAnd, ast.BitOr, ast.BitXor)
_OPERATORS: Mapping[type[ast.operator], tuple[Callable[[Any, Any], Any], str]] = {
    ast.Add: (operator.add, "({} + {})"),
    ast.BitAnd: (operator.and_, "({} AND {})"),
    ast.BitOr: (operator.or_, "({} OR {})"),
    ast.BitXor: (operator.xor, "({} ^ {})"),
    ast.Div: (quotient, "({} / {})"),
    ast.FloorDiv: (operator.floordiv, "({} div {})"),
    ast.Mod: (remainder, "({} % {})"),
    ast.Mult: (operator.mul, "({} * {})"),
    ast.Pow: (_power, "POWER({}, {})"),
    ast.Sub: (operator.sub, "({} - {})"),
}
_COMPARISONS: Mapping[type[ast.cmpop], tuple[Callable[[Any, Any], Any], str, str]] = {
    ast.Eq: (operator.eq, "({} = {})", "({1} = {0})"),
    ast.Gt: (operator.gt, "({} > {})", "({1} < {0})"),
    ast.GtE: (operator.ge, "({} >= {})", "({1} <= {0})"),
    ast.Lt: (operator.lt, "({} < {})", "({1} > {0})"),
    ast.LtE: (operator.le, "({} <= {})", "({1} >= {0})"),
    ast.NotEq: (operator.ne, "(NOT ({} = {}))", "(NOT ({1} = {0}))"),
}
"""The comparisons, how Spark names them, and how where a constant stands before a column."""
UNARY: Mapping[type[ast.unaryop], str] = {ast.Invert: "(NOT {})", ast.USub: "negative({})"}
"""The operators of one side and how Spark names them."""

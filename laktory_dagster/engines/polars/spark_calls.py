"""Scalar SQL that calls functions of Spark, as Polars expressions that give what Spark gives."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars import spark_columns, spark_functions, spark_values
from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.decimals import combined, size_of
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_arrays import item_at
from laktory_dagster.engines.polars.spark_operators import as_double, common_type, read_as
from laktory_dagster.engines.polars.spark_text import ilike, like
from laktory_dagster.engines.polars.time_units import added, between
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.expressions.catalog import function_signatures
from laktory_dagster.expressions.intervals import span_of
from laktory_dagster.expressions.spark_scalar import (
    implied,
    is_choice,
    needs_spark,
    spark_name,
    time_unit,
)

_NUMERIC: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: spark_columns.quotient,
    exp.IntDiv: spark_values.whole_quotient,
    exp.Mod: spark_values.remainder,
}
_LOGIC: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.And: operator.and_,
    exp.Or: operator.or_,
}
_COMPARED: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.NEQ: operator.ne,
    exp.NullSafeEQ: lambda first, second: first.eq_missing(second),
    exp.NullSafeNEQ: lambda first, second: first.ne_missing(second),
}


_INTEGERS = (pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64())


class _ForPolarsError(Exception):
    """Polars SQL should read the expression."""


def compile_calls(tree: exp.Expr, scope: Scope, *, plain: bool = False) -> pl.Expr | None:
    """Return the expression of a tree of `spark_scalar`; None if Polars SQL should read it.

    Polars SQL also reads what it reads as Spark does, unless `plain` expressions are wanted too.
    """
    if scope.schema is None:
        return None
    calls = _Calls(scope)
    try:
        value = calls.value(tree)
        is_wanted = (calls.is_special or plain) and scope.type_of(value) is not None
        return value if is_wanted else None
    except (_ForPolarsError, LaktoryDagsterError, pl.exceptions.PolarsError):
        return None
    except (ArithmeticError, TypeError, ValueError, AttributeError):
        return None


class _Calls:
    """Builds an expression node by node; types are those of the scope's columns."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.is_special = False

    def value(self, node: exp.Expr) -> pl.Expr:
        self.is_special |= needs_spark(node)
        build = _BUILDERS.get(type(node))
        if build is not None:
            return build(self, node)
        for kinds in (_NUMERIC, _LOGIC, _COMPARED):
            if type(node) in kinds:
                return self._binary(node, kinds[type(node)])
        raise _ForPolarsError

    def column(self, node: exp.Expr) -> pl.Expr:
        names = [part.name for part in node.parts]  # type: ignore[attr-defined]
        value = pl.col(names[0])
        for name in names[1:]:
            value = self._field_of(value, name)
        return value

    def field(self, node: exp.Expr) -> pl.Expr:
        return self._field_of(self.value(node.this), node.name)

    def _field_of(self, value: pl.Expr, name: str) -> pl.Expr:
        """Return a field of a struct, or those of all structs in an array."""
        if isinstance(self._scope.type_of(value), pl.List):
            return value.list.eval(pl.element().struct.field(name))
        return value.struct.field(name)

    def item(self, node: exp.Expr) -> pl.Expr:
        [key] = node.expressions
        if isinstance(key, exp.Literal) and key.is_string:
            return self._field_of(self.value(node.this), key.name)
        return item_at(self.value(node.this), self.value(key))

    def like(self, node: exp.Expr) -> pl.Expr:
        pattern = _plain(node.expression)
        value = self.value(node.this)
        self.is_special |= "\\" in pattern or self._scope.type_of(value) != pl.String
        fits = (like if isinstance(node, exp.Like) else ilike)(value, pattern)
        return ~fits if node.args.get("negate") else fits

    def joined(self, node: exp.Expr) -> pl.Expr:
        parts = [self.value(node.this), self.value(node.expression)]
        result: pl.Expr = spark_functions.call("concat", self._scope, parts, {})
        return result

    def cast(self, node: exp.Expr) -> pl.Expr:
        kind = node.args["to"].sql(dialect="spark")
        return self._scope.cast(self.value(node.this), parse_type(kind))

    def constant(self, node: exp.Expr) -> pl.Expr:
        size = size_of(node, None)
        if size is None or size.scale == 0:
            return pl.lit(_plain(node))
        return pl.lit(Decimal(node.name), dtype=pl.Decimal(*size))

    def negative(self, node: exp.Expr) -> pl.Expr:
        if isinstance(node.this, exp.Literal) and node.this.is_int:
            return pl.lit(_plain(node))
        return -self._number(self.value(node.this))

    def _number(self, value: pl.Expr) -> pl.Expr:
        """Return a text as the number that it spells."""
        if self._scope.type_of(value) != pl.String:
            return value
        self.is_special = True
        return as_double(self._scope, value)

    def negation(self, node: exp.Expr) -> pl.Expr:
        return ~self.value(node.this)

    def inner(self, node: exp.Expr) -> pl.Expr:
        return self.value(node.this)

    def case(self, node: exp.Expr) -> pl.Expr:
        chain: Any = pl
        for branch in node.args["ifs"]:
            if node.this is None:
                condition = self.value(branch.this)
            else:
                self.is_special = True
                condition = self._compared(node.this, branch.this, operator.eq)
            chain = chain.when(condition).then(self.value(branch.args["true"]))
        default = node.args.get("default")
        ended: pl.Expr = chain.otherwise(None if default is None else self.value(default))
        return ended

    def if_(self, node: exp.Expr) -> pl.Expr:
        false = node.args.get("false")
        chosen = pl.when(self.value(node.this)).then(self.value(node.args["true"]))
        return chosen.otherwise(None if false is None else self.value(false))

    def is_(self, node: exp.Expr) -> pl.Expr:
        value = self.value(node.this)
        if isinstance(node.expression, exp.Null):
            return value.is_null()
        return value.eq_missing(self.value(node.expression))

    def between(self, node: exp.Expr) -> pl.Expr:
        low, high = node.args["low"], node.args["high"]
        value = node.this
        return self._compared(value, low, operator.ge) & self._compared(value, high, operator.le)

    def in_(self, node: exp.Expr) -> pl.Expr:
        items = node.expressions
        if not items:
            raise _ForPolarsError
        kind = self._scope.type_of(self.value(node.this))
        literals = [item for item in items if isinstance(item, exp.Literal)]
        if kind == pl.String and len(literals) == len(items):
            self.is_special |= not all(item.is_string for item in literals)
            return self.value(node.this).is_in([item.name for item in literals])
        if kind in _INTEGERS and len(literals) == len(items) and all(i.is_int for i in literals):
            return self.value(node.this).is_in([int(item.name) for item in literals])
        return pl.any_horizontal(self._compared(node.this, item, operator.eq) for item in items)

    def call(self, node: exp.Expr) -> pl.Expr:
        name = str(node.this).lower()
        given = implied(node)  # type: ignore[arg-type]
        unit = time_unit(node)  # type: ignore[arg-type]
        if unit is not None:
            count = between if name.endswith("diff") else added
            return count(self._scope, unit, *map(self.value, given[1:]))
        if name == "if":
            condition, true, false = map(self.value, given)
            return pl.when(condition).then(true).otherwise(false)
        if name == "struct":
            return pl.struct([self.value(item.this).alias(item.alias) for item in given])
        known = spark_name(node)  # type: ignore[arg-type]
        signature = function_signatures("F")[known]
        values = [
            self._argument(item)
            if signature.names_columns(place) or not _is_plain(item)
            else _plain(item)
            for place, item in enumerate(given)
        ]
        result: pl.Expr = spark_functions.call(known, self._scope, values, {})
        return result

    def _argument(self, node: exp.Expr) -> pl.Expr:
        """Return an argument; a fraction is a float where a function computes with it."""
        is_computed = isinstance(node.parent, exp.Anonymous) and not is_choice(node.parent)
        return pl.lit(_plain(node)) if is_computed and _is_constant(node) else self.value(node)

    def _binary(self, node: exp.Expr, combine: Callable[[Any, Any], Any]) -> pl.Expr:
        if type(node) in _COMPARED:
            self.is_special |= isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ)
            return self._compared(node.this, node.expression, combine)
        moved = self._moved(node)
        if moved is not None:
            return moved
        first, second = self.value(node.this), self.value(node.expression)
        if type(node) in _NUMERIC:
            first, second = self._number(first), self._number(second)
            kinds = [self._scope.type_of(side) for side in (first, second)]
            if kinds[0] == pl.Date and kinds[1] is not None and kinds[1].is_integer():
                second = pl.duration(days=second)
            elif not all(kind is not None and _is_number(kind) for kind in kinds):
                raise _ForPolarsError
            elif pl.Decimal in kinds:
                return self._of_decimals(node, (first, second), kinds)
        result: pl.Expr = combine(first, second)
        return result

    def _of_decimals(
        self, node: exp.Expr, sides: tuple[pl.Expr, pl.Expr], kinds: Sequence[pl.DataType | None]
    ) -> pl.Expr:
        self.is_special = True
        nodes = (node.this.unnest(), node.expression.unnest())
        one, other = (size_of(part, kind) for part, kind in zip(nodes, kinds, strict=True))
        if one is None or other is None or isinstance(node, exp.IntDiv):
            result: pl.Expr = _NUMERIC[type(node)](*(side.cast(pl.Float64) for side in sides))
            return result
        return combined(type(node), sides[0], one, sides[1], other)

    def _moved(self, node: exp.Expr) -> pl.Expr | None:
        """Return a time moved by an interval; None where there is no interval."""
        if not isinstance(node, exp.Add | exp.Sub):
            return None
        sides = (node.this, node.expression)
        if isinstance(node, exp.Add) and span_of(sides[0]) is not None:
            sides = (sides[1], sides[0])
        span = span_of(sides[1])
        if span is None:
            return None
        self.is_special = True
        value = self.value(sides[0])
        kind = self._scope.type_of(value)
        if kind == pl.Date and span.micros:
            value = self._scope.cast(value, pl.Datetime("us", "UTC"))
        elif not (kind == pl.Date or isinstance(kind, pl.Datetime)):
            raise _ForPolarsError
        for step in (span if isinstance(node, exp.Add) else span.reversed()).steps():
            value = value.dt.offset_by(step)
        return value

    def _compared(
        self, left: exp.Expr, right: exp.Expr, combine: Callable[[Any, Any], Any]
    ) -> pl.Expr:
        first, second = self.value(left), self.value(right)
        first, second = self._like(first, left, second), self._like(second, right, first)
        result: pl.Expr = combine(first, second)
        return result

    def _like(self, value: pl.Expr, node: exp.Expr, other: pl.Expr) -> pl.Expr:
        """Return a side of a comparison in the type in which Spark compares it with the other."""
        kind = self._scope.type_of(other)
        own = self._scope.type_of(value)
        if kind is None or own is None or own == kind or kind.is_nested():
            return value
        if isinstance(node, exp.Literal):
            return self._constant_like(value, node, kind)
        target = common_type(own, kind)
        if target is None:
            return value
        self.is_special = True
        return read_as(value, own, target)

    def _constant_like(self, value: pl.Expr, node: exp.Literal, kind: pl.DataType) -> pl.Expr:
        if not node.is_string:
            # A fraction is no single: none of them is 0.1.
            self.is_special |= kind == pl.Float32 and not node.is_int
            return pl.lit(float(node.name), dtype=pl.Float64()) if kind.is_float() else value
        if not (kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean):
            return value
        self.is_special |= kind.is_numeric() or _ISO.fullmatch(node.name) is None
        target: pl.DataType = pl.Float64() if kind.is_numeric() else kind
        constant = pl.select(cast_to(pl.lit(node.name), pl.String(), target)).item()
        if constant is None:
            raise _ForPolarsError
        if kind.is_integer():
            return pl.lit(int(Decimal(node.name)))
        return pl.lit(constant, dtype=target)


_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d+)?)?")
"""Dates and times that Polars SQL reads as they are."""


def _is_plain(node: exp.Expr) -> bool:
    return isinstance(node, exp.Boolean | exp.Null) or _is_constant(node)


def _is_constant(node: exp.Expr) -> bool:
    return isinstance(node.this if isinstance(node, exp.Neg) else node, exp.Literal)


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind == pl.Null


def _plain(node: exp.Expr) -> Any:
    """Return the value of a constant."""
    if isinstance(node, exp.Neg):
        return -_plain(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if not isinstance(node, exp.Literal):
        raise _ForPolarsError
    if node.is_string:
        return node.name
    return int(node.name) if node.name.isdigit() else float(node.name)


_BUILDERS: Mapping[type[exp.Expr], Callable[[_Calls, exp.Expr], pl.Expr]] = {
    exp.Anonymous: _Calls.call,
    exp.Between: _Calls.between,
    exp.Boolean: _Calls.constant,
    exp.Bracket: _Calls.item,
    exp.Case: _Calls.case,
    exp.Cast: _Calls.cast,
    exp.Column: _Calls.column,
    exp.DPipe: _Calls.joined,
    exp.Dot: _Calls.field,
    exp.If: _Calls.if_,
    exp.ILike: _Calls.like,
    exp.In: _Calls.in_,
    exp.Is: _Calls.is_,
    exp.Like: _Calls.like,
    exp.Literal: _Calls.constant,
    exp.Neg: _Calls.negative,
    exp.Not: _Calls.negation,
    exp.Null: _Calls.constant,
    exp.Paren: _Calls.inner,
    exp.TryCast: _Calls.cast,
}

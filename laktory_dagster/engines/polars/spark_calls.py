"""Scalar SQL that calls functions of Spark, as Polars expressions that give what Spark gives."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars import spark_columns, spark_functions, spark_values
from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.expressions.catalog import function_signatures
from laktory_dagster.expressions.spark_scalar import implied, spark_name

_NUMERIC: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: spark_columns.quotient,
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


class _ForPolarsError(Exception):
    """Polars SQL should read the expression."""


def compile_calls(tree: exp.Expr, scope: Scope) -> pl.Expr | None:
    """Return the expression of a tree of `spark_scalar`; None if Polars SQL should read it."""
    if scope.schema is None:
        return None
    try:
        value = _Calls(scope).value(tree)
        return value if scope.type_of(value) is not None else None
    except (_ForPolarsError, LaktoryDagsterError, pl.exceptions.PolarsError):
        return None
    except (TypeError, ValueError, AttributeError):
        return None


class _Calls:
    """Builds an expression node by node; types are those of the scope's columns."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def value(self, node: exp.Expr) -> pl.Expr:
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
            value = value.struct.field(name)
        return value

    def field(self, node: exp.Expr) -> pl.Expr:
        return self.value(node.this).struct.field(node.name)

    def cast(self, node: exp.Expr) -> pl.Expr:
        kind = node.args["to"].sql(dialect="spark")
        return self._scope.cast(self.value(node.this), parse_type(kind))

    def constant(self, node: exp.Expr) -> pl.Expr:
        return pl.lit(_plain(node))

    def negative(self, node: exp.Expr) -> pl.Expr:
        return -self.value(node.this)

    def negation(self, node: exp.Expr) -> pl.Expr:
        return ~self.value(node.this)

    def inner(self, node: exp.Expr) -> pl.Expr:
        return self.value(node.this)

    def case(self, node: exp.Expr) -> pl.Expr:
        chain: Any = pl
        for branch in node.args["ifs"]:
            condition = self.value(branch.this)
            if node.this is not None:
                condition = self.value(node.this) == condition
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
        if not node.expressions:
            raise _ForPolarsError
        found = [self._compared(node.this, item, operator.eq) for item in node.expressions]
        return reduce(operator.or_, found)

    def call(self, node: exp.Expr) -> pl.Expr:
        name = str(node.this).lower()
        given = implied(node)  # type: ignore[arg-type]
        if name == "if":
            condition, true, false = map(self.value, given)
            return pl.when(condition).then(true).otherwise(false)
        if name == "struct":
            return pl.struct([self.value(item.this).alias(item.alias) for item in given])
        known = spark_name(node)  # type: ignore[arg-type]
        signature = function_signatures("F")[known]
        values = [
            self.value(item) if signature.names_columns(place) else _plain(item)
            for place, item in enumerate(given)
        ]
        result: pl.Expr = spark_functions.call(known, self._scope, values, {})
        return result

    def _binary(self, node: exp.Expr, combine: Callable[[Any, Any], Any]) -> pl.Expr:
        if type(node) in _COMPARED:
            return self._compared(node.this, node.expression, combine)
        first, second = self.value(node.this), self.value(node.expression)
        if type(node) in _NUMERIC:
            for side in (first, second):
                kind = self._scope.type_of(side)
                if kind is None or not (kind.is_numeric() or kind == pl.Null):
                    raise _ForPolarsError
        result: pl.Expr = combine(first, second)
        return result

    def _compared(
        self, left: exp.Expr, right: exp.Expr, combine: Callable[[Any, Any], Any]
    ) -> pl.Expr:
        first, second = self.value(left), self.value(right)
        first, second = self._like(first, left, second), self._like(second, right, first)
        result: pl.Expr = combine(first, second)
        return result

    def _like(self, value: pl.Expr, node: exp.Expr, other: pl.Expr) -> pl.Expr:
        """Return a constant text in the type of the other side; times with and without a zone mix."""
        kind = self._scope.type_of(other)
        own = self._scope.type_of(value)
        if kind is None or own is None or own == kind:
            return value
        if isinstance(node, exp.Literal) and node.is_string and not kind.is_nested():
            return cast_to(value, pl.String(), pl.Float64() if kind.is_numeric() else kind)
        if own == pl.String or kind == pl.String:
            raise _ForPolarsError
        if own.is_temporal() and isinstance(kind, pl.Datetime):
            return cast_to(value, own, kind)
        return value


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
    exp.Case: _Calls.case,
    exp.Cast: _Calls.cast,
    exp.Column: _Calls.column,
    exp.Dot: _Calls.field,
    exp.If: _Calls.if_,
    exp.In: _Calls.in_,
    exp.Is: _Calls.is_,
    exp.Literal: _Calls.constant,
    exp.Neg: _Calls.negative,
    exp.Not: _Calls.negation,
    exp.Null: _Calls.constant,
    exp.Paren: _Calls.inner,
    exp.TryCast: _Calls.cast,
}

"""SQL expressions as Polars expressions, casts and the present time put right."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.schemas import portable
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_calls import compile_calls
from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.present import with_moment
from laktory_dagster.expressions.spark_scalar import spark_calls
from laktory_dagster.expressions.sql import SqlExpression
from laktory_dagster.expressions.sql_numbers import Kind, with_numbers_of
from laktory_dagster.expressions.sql_spelling import spell_columns

_BINARY: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.And: operator.and_,
    exp.EQ: operator.eq,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.Mul: operator.mul,
    exp.NEQ: operator.ne,
    exp.Or: operator.or_,
    exp.Sub: operator.sub,
    exp.NullSafeEQ: lambda first, second: first.eq_missing(second),
    exp.NullSafeNEQ: lambda first, second: first.ne_missing(second),
}
_COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Between,
    exp.In,
)
_TARGETS: Mapping[Any, pl.DataType] = {
    exp.DType.DATE: pl.Date(),
    exp.DType.TIMESTAMPTZ: pl.Datetime("us", "UTC"),
    exp.DType.TIMESTAMPLTZ: pl.Datetime("us", "UTC"),
    exp.DType.TIMESTAMP: pl.Datetime("us"),
    exp.DType.TIMESTAMPNTZ: pl.Datetime("us"),
    exp.DType.DATETIME: pl.Datetime("us"),
    exp.DType.BOOLEAN: pl.Boolean(),
}


def compile_tree(expression: SqlExpression, scope: Scope) -> pl.Expr:
    """Return the expression for Polars.

    A text cast to a date, a time or a boolean that does not fit is null.

    Raises:
        ExpressionError: Polars cannot express something in it.
    """
    timed = _with_numbers(_spelled(with_moment(expression, scope.moment), scope), scope)
    calls = spark_calls(timed.tree) if expression.dialect != "polars" else None
    value = None if calls is None else compile_calls(calls, scope, plain=True)
    if value is not None:
        return value
    text = timed.render("polars")
    tree = _polars_tree(text)
    return _compile(tree, scope) if _needs_types(tree, scope) else _parsed(text)


def _spelled(expression: SqlExpression, scope: Scope) -> SqlExpression:
    if expression.dialect == "polars" or scope.schema is None:
        return expression
    return replace(expression, tree=spell_columns(expression.tree, scope.schema.names()))


def kind_of_values(kind: pl.DataType | None) -> Kind | None:
    """Return which of the values that SQL adds up or compares in its own way a type holds."""
    if kind is None:
        return None
    if isinstance(kind, pl.Datetime):
        return "timestamp_ntz" if kind.time_zone is None else "timestamp"
    if kind.is_float():
        return "float"
    if kind.is_integer():
        return "integer" if kind not in (pl.UInt64, pl.Int128) else None
    return _KINDS.get(type(kind))


_KINDS: Mapping[type[pl.DataType], Kind] = {
    pl.Boolean: "boolean", pl.Date: "date", pl.Decimal: "decimal", pl.String: "text",
}  # fmt: skip


def _with_numbers(expression: SqlExpression, scope: Scope) -> SqlExpression:
    """Return the expression with aggregates of numbers as Spark has them."""
    if expression.dialect == "polars" or not expression.tree.find(exp.AggFunc):
        return expression

    def kind_of(column: exp.Column) -> Kind | None:
        value = pl.col(column.parts[0].name)
        for part in column.parts[1:]:
            value = value.struct.field(part.name)
        return kind_of_values(scope.type_of(value))

    return replace(expression, tree=with_numbers_of(expression.tree, kind_of))


def _parsed(text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise ExpressionError(f"Polars cannot read `{text}`: {error}") from error


@lru_cache(maxsize=4096)
def _polars_tree(text: str) -> exp.Expr:
    from sqlglot import parse_one

    tree: exp.Expr = parse_one(text, dialect="polars")
    return tree


def _needs_types(tree: exp.Expr, scope: Scope) -> bool:
    """Return whether Polars would need to know types to read a tree, which it does not alone."""
    if any(cast_target(node) is not None for node in tree.find_all(exp.Cast)):
        return True
    return scope.schema is not None and any(map(_compares_text, tree.find_all(*_COMPARED)))


def _compares_text(node: exp.Expr) -> bool:
    return any(part.is_string for part in node.iter_expressions() if isinstance(part, exp.Literal))


def cast_target(node: exp.Expr) -> pl.DataType | None:
    """Return the type of a cast to a date, a time or a boolean; None for any other node."""
    return _TARGETS.get(node.to.this) if isinstance(node, exp.Cast) else None


def _compile(node: exp.Expr, scope: Scope) -> pl.Expr:
    """Return a node, its casts to times done by the type that the value has."""
    if not _needs_types(node, scope):
        return _parsed(node.sql("polars"))
    target = cast_target(node)
    if target is not None:
        return scope.cast(_compile(node.this, scope), target)
    combine = _BINARY.get(type(node))
    if combine is not None:
        first, second = _compile(node.this, scope), _compile(node.expression, scope)
        if isinstance(node, _COMPARED):
            first, second = (
                _like(first, node.this, second, scope),
                _like(second, node.expression, first, scope),
            )
        result: pl.Expr = combine(first, second)
        return result
    build = _BUILDERS.get(type(node))
    return _parsed(node.sql("polars")) if build is None else build(node, scope)


def _like(value: pl.Expr, node: exp.Expr, other: pl.Expr, scope: Scope) -> pl.Expr:
    """Return a constant text in the type of the other side, as SQL compares them.

    Raises:
        ExpressionError: the text is no date, time or number.
    """
    if not isinstance(node, exp.Literal) or not node.is_string:
        return value
    kind = scope.type_of(other)
    if kind is None or not (kind.is_temporal() or kind.is_numeric() or kind == pl.Boolean):
        return value
    if kind.is_numeric():
        kind = pl.Float64() if "." in node.name else kind
    constant = pl.select(cast_to(pl.lit(node.name), pl.String(), kind)).to_series()
    if constant.null_count():
        raise ExpressionError(f"`'{node.name}'` is no {portable(kind)}")
    return pl.lit(constant.item(), dtype=kind)


def _case(node: exp.Expr, scope: Scope) -> pl.Expr:
    chain: Any = pl
    for branch in node.args["ifs"]:
        condition = _compile(branch.this, scope)
        if node.this is not None:
            condition = _compile(node.this, scope) == condition
        chain = chain.when(condition).then(_compile(branch.args["true"], scope))
    default = node.args.get("default")
    ended: pl.Expr = chain if default is None else chain.otherwise(_compile(default, scope))
    return ended


def _is(node: exp.Expr, scope: Scope) -> pl.Expr:
    value = _compile(node.this, scope)
    if isinstance(node.expression, exp.Null):
        return value.is_null()
    return value.eq_missing(_compile(node.expression, scope))


def _between(node: exp.Expr, scope: Scope) -> pl.Expr:
    value = _compile(node.this, scope)
    low, high = (
        _like(_compile(end, scope), end, value, scope)
        for end in (node.args["low"], node.args["high"])
    )
    return (value >= low) & (value <= high)


def _in(node: exp.Expr, scope: Scope) -> pl.Expr:
    value = _compile(node.this, scope)
    kind = scope.type_of(value)
    if kind == pl.String and isinstance(node.this, exp.Column):
        return _parsed(node.sql("polars"))
    items = [_like(_compile(item, scope), item, value, scope) for item in node.expressions]
    return pl.any_horizontal(*[value == item for item in items])


def _coalesce(node: exp.Expr, scope: Scope) -> pl.Expr:
    return pl.coalesce(_compile(item, scope) for item in (node.this, *node.expressions))


def _cast(node: exp.Expr, scope: Scope) -> pl.Expr:
    """Return a cast to a plain type of something that holds a cast to a time."""
    kind = pl.sql_expr(f"CAST(1 AS {node.args['to'].sql('polars')})")
    target = pl.select(kind).schema.dtypes()[0]
    return scope.cast(_compile(node.this, scope), target)


_PARTS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "DAY": lambda value: value.dt.day(),
    "DOW": lambda value: value.dt.weekday() % 7,
    "DOY": lambda value: value.dt.ordinal_day(),
    "EPOCH": lambda value: value.dt.epoch("s"),
    "HOUR": lambda value: value.dt.hour(),
    "ISODOW": lambda value: value.dt.weekday(),
    "MINUTE": lambda value: value.dt.minute(),
    "MONTH": lambda value: value.dt.month(),
    "QUARTER": lambda value: value.dt.quarter(),
    "SECOND": lambda value: value.dt.second(),
    "WEEK": lambda value: value.dt.week(),
    "YEAR": lambda value: value.dt.year(),
}
_TRUNCATED: Mapping[str, str] = {
    "year": "1y", "quarter": "1q", "month": "1mo", "week": "1w", "day": "1d", "hour": "1h",
    "minute": "1m", "second": "1s",
}  # fmt: skip
_AGGREGATES: Mapping[type[exp.Expr], Callable[[pl.Expr], pl.Expr]] = {
    exp.Avg: lambda value: value.mean(),
    exp.Count: lambda value: value.count(),
    exp.Max: lambda value: value.max(),
    exp.Min: lambda value: value.min(),
    exp.Sum: lambda value: value.sum(),
}


def _extract(node: exp.Expr, scope: Scope) -> pl.Expr:
    part = _PARTS.get(node.this.name.upper())
    if part is None:
        return _parsed(node.sql("polars"))
    return part(_compile(node.expression, scope))


def _call(node: exp.Expr, scope: Scope) -> pl.Expr:
    """Return the two functions of times that most often hold a cast; others as Polars reads them."""
    name, values = node.name.upper(), node.expressions
    if name == "DATE_TRUNC" and values[0].name.lower() in _TRUNCATED:
        return _compile(values[1], scope).dt.truncate(_TRUNCATED[values[0].name.lower()])
    if name == "STRFTIME":
        return _compile(values[0], scope).dt.strftime(values[1].name)
    return _parsed(node.sql("polars"))


def _aggregate(node: exp.Expr, scope: Scope) -> pl.Expr:
    if isinstance(node.this, exp.Distinct):
        return _compile(node.this.expressions[0], scope).drop_nulls().n_unique()
    return _AGGREGATES[type(node)](_compile(node.this, scope))


_BUILDERS: Mapping[type[exp.Expr], Callable[[exp.Expr, Scope], pl.Expr]] = {
    **dict.fromkeys(_AGGREGATES, _aggregate),
    exp.Alias: lambda node, scope: _compile(node.this, scope).alias(node.alias),
    exp.Anonymous: _call,
    exp.Between: _between,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Coalesce: _coalesce,
    exp.Extract: _extract,
    exp.In: _in,
    exp.Is: _is,
    exp.Not: lambda node, scope: ~_compile(node.this, scope),
    exp.Paren: lambda node, scope: _compile(node.this, scope),
    exp.TryCast: _cast,
}

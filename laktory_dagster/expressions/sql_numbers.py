"""Aggregates of numbers as Spark has them: NaN is the greatest, a sum is as wide as they come.

Polars leaves NaN out of a maximum, and sums singles and 32-bit integers as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from laktory_dagster.expressions.intervals import span_of
from laktory_dagster.expressions.sql_build import cast

Kind = Literal[
    "boolean", "date", "decimal", "float", "integer", "text", "timestamp", "timestamp_ntz"
]
KindOf = Callable[[str, tuple[str, ...]], Kind | None]
"""Says of a table and the path of a column in it what it holds; None for anything else."""

_DOUBLED = (
    exp.Avg, exp.Median, exp.Quantile, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum,
    exp.Variance, exp.VariancePop,
)  # fmt: skip
_FLOAT_IF_ANY = (
    exp.Abs, exp.Add, exp.AnyValue, exp.Coalesce, exp.First, exp.Greatest, exp.Last, exp.Least,
    exp.Max, exp.Min, exp.Mod, exp.Mul, exp.Neg, exp.Nullif, exp.Paren, exp.Round, exp.Sub, exp.Sum,
)  # fmt: skip
_FLOATS = (exp.Avg, exp.Div, exp.Exp, exp.Ln, exp.Pow, exp.Sqrt, exp.Stddev, exp.Variance)
_FLOAT_TYPES = (exp.DType.FLOAT, exp.DType.DOUBLE)
_DATES = (exp.AddMonths, exp.CurrentDate, exp.LastDay, exp.TsOrDsToDate)
_INTEGERS = (exp.Count, exp.Length, exp.Null)
_OfColumn = Callable[[exp.Column], bool]


@dataclass(frozen=True)
class _Question:
    """Whether something holds numbers of a kind: a column of a table, a value, all parts of a union."""

    of_table: Callable[[str, tuple[str, ...]], bool]
    of_value: Callable[[exp.Expr, _OfColumn], bool]
    of_parts: Callable[[Iterable[bool]], bool]


def with_numbers(tree: exp.Expr, kind_of: KindOf) -> exp.Expr:
    """Return the query with such aggregates of its columns spelled out, in place."""
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return tree
    integers = _Question(lambda *path: kind_of(*path) == "integer", _is_integer, all)
    asked = [(scope, node) for scope in scopes for node in scope.find_all(exp.Max, *_DOUBLED)]

    def is_wide(scope: Scope, node: exp.Expr) -> bool:
        wanted = _doubled_kinds(node)
        floats = _Question(lambda *path: kind_of(*path) in wanted, _holds_floats, any)
        return _holds_floats(node.this, _asking(scope, floats))

    wide = [node for scope, node in asked if is_wide(scope, node)]
    sums = [n for scope, n in asked if _is_sum_of_integers(n, _asking(scope, integers))]
    _spell_out(wide, sums)
    dates = _Question(lambda *path: kind_of(*path) == "date", _is_date, all)
    for scope in scopes:
        for node in list(scope.find_all(exp.Add, exp.Sub)):
            _spell_out_hours(node, _asking(scope, dates))
    return tree


def _spell_out_hours(node: exp.Expr, is_date: _OfColumn) -> None:
    """Make a date that moves by hours a time, as Spark does: Polars would leave the hours out."""
    for value, moved_by in ((node.this, node.expression), (node.expression, node.this)):
        span = span_of(moved_by)
        if span is not None and span.micros and _is_date(value, is_date):
            value.replace(cast(value.copy(), "TIMESTAMPTZ"))


def _is_date(node: exp.Expr, is_date: _OfColumn) -> bool:
    if isinstance(node, exp.Column):
        return is_date(node)
    if isinstance(node, exp.Cast):
        return bool(node.to.is_type(exp.DType.DATE))
    if isinstance(node, exp.Lag | exp.Lead | exp.FirstValue | exp.LastValue):
        return _is_date(node.this, is_date)
    parts = _parts(node)
    if parts is None:
        return isinstance(node, _DATES)
    return bool(parts) and all(_is_date(part, is_date) for part in parts)


def with_numbers_of(tree: exp.Expr, kind_of: Callable[[exp.Column], Kind | None]) -> exp.Expr:
    """Return a scalar expression with such aggregates spelled out; `kind_of` is asked of columns."""
    root = exp.Paren(this=tree.copy())
    nodes = list(root.find_all(exp.Max, *_DOUBLED))

    def is_wide(node: exp.Expr) -> bool:
        wanted = _doubled_kinds(node)
        return _holds_floats(node.this, lambda c: kind_of(c) in wanted)

    wide = list(filter(is_wide, nodes))
    sums = [n for n in nodes if _is_sum_of_integers(n, lambda c: kind_of(c) == "integer")]
    _spell_out(wide, sums)
    for node in list(root.find_all(exp.Add, exp.Sub)):
        _spell_out_hours(node, lambda c: kind_of(c) == "date")
    found: exp.Expr = root.this
    return found


def _spell_out(floats: Sequence[exp.Expr], sums: Sequence[exp.Expr]) -> None:
    for node in floats:
        _spell_out_float(node)
    for node in sums:
        _cast_argument(node, "BIGINT")


def _doubled_kinds(node: exp.Expr) -> Sequence[Kind]:
    """Return what an aggregate takes as doubles; a text is the number that it spells."""
    return ("float",) if isinstance(node, exp.Max) else ("float", "text")


def _holds_floats(node: exp.Expr, is_float: _OfColumn) -> bool:
    if isinstance(node, exp.Column):
        return is_float(node)
    if isinstance(node, exp.Cast):
        return bool(node.to.is_type(*_FLOAT_TYPES))
    parts = _parts(node)
    if parts is None:
        return isinstance(node, _FLOATS)
    return any(_holds_floats(part, is_float) for part in parts)


def _is_sum_of_integers(node: exp.Expr, is_integer: _OfColumn) -> bool:
    return isinstance(node, exp.Sum) and _is_integer(node.this, is_integer)


def _is_integer(node: exp.Expr, is_integer: _OfColumn) -> bool:
    if isinstance(node, exp.Column):
        return is_integer(node)
    if isinstance(node, exp.Cast):
        return bool(node.to.is_type(*exp.DataType.INTEGER_TYPES))
    if isinstance(node, exp.Literal):
        return bool(node.is_int)
    parts = _parts(node)
    if parts is None:
        return isinstance(node, _INTEGERS)
    return all(_is_integer(part, is_integer) for part in parts)


def _parts(node: exp.Expr) -> Sequence[exp.Expr] | None:
    """Return the values of which a node's value is made or chosen; None if it is of its own kind."""
    if isinstance(node, exp.Case):
        branches = [branch.args["true"] for branch in node.args["ifs"]]
        default = node.args.get("default")
        return branches if default is None else [*branches, default]
    if isinstance(node, exp.If):
        return [part for part in (node.args["true"], node.args.get("false")) if part is not None]
    if isinstance(node, exp.Window | exp.Filter | exp.Alias):
        return [node.this]
    if isinstance(node, exp.Distinct):
        return list(node.expressions)
    return list(node.iter_expressions()) if isinstance(node, _FLOAT_IF_ANY) else None


def _asking(scope: Scope, question: _Question) -> _OfColumn:
    return lambda column: _of_scope(column, scope, question)


def _of_scope(column: exp.Column, scope: Scope, question: _Question) -> bool:
    parts = tuple(part.name for part in column.parts)
    if len(parts) > 1 and parts[0] in scope.sources:
        return _of_source(scope.sources[parts[0]], parts[1:], question)
    return any(_of_source(source, parts, question) for source in scope.sources.values())


def _of_source(source: exp.Expr | Scope, path: tuple[str, ...], question: _Question) -> bool:
    if isinstance(source, exp.Table):
        return question.of_table(source.name, path)
    if not isinstance(source, Scope):
        return False
    if isinstance(source.expression, exp.SetOperation):
        return question.of_parts(
            _of_source(part, (_name_in(part, source, path[0]), *path[1:]), question)
            for part in source.set_operation_scopes
        )
    if not isinstance(source.expression, exp.Select):
        return False
    for item in source.expression.selects:
        if item.alias_or_name == path[0]:
            return question.of_value(item, _asking(source, question))
    if source.expression.is_star:
        return any(_of_source(inner, path, question) for inner in source.sources.values())
    return False


def _name_in(part: Scope, union: Scope, name: str) -> str:
    """Return what a part of a union calls a column: only the first part gives the names."""
    first, here = union.expression, part.expression
    if not isinstance(first, exp.Query) or not isinstance(here, exp.Query):
        return name
    names, own = first.named_selects, here.named_selects
    place = names.index(name) if name in names else len(own)
    return own[place] if place < len(own) and "*" not in (*names, *own) else name


def _spell_out_float(node: exp.Expr) -> None:
    if not isinstance(node, exp.Max):
        _cast_argument(node, "DOUBLE")
        return
    whole: exp.Expr = node
    while isinstance(whole.parent, exp.Filter | exp.Window) and whole.arg_key == "this":
        whole = whole.parent
    is_nan = exp.EQ(this=exp.Paren(this=node.this.copy()), expression=_nan())
    kept = exp.Case(ifs=[exp.If(this=is_nan, true=node.this.copy())])
    plain = whole.copy()
    node.set("this", kept)
    whole.replace(exp.Coalesce(this=whole.copy(), expressions=[plain]))


def _cast_argument(node: exp.Expr, kind: str) -> None:
    value = node.this
    if isinstance(value, exp.Distinct):
        value = value.expressions[0]
    value.replace(cast(value.copy(), kind))


def _nan() -> exp.Expr:
    return cast(exp.Literal.string("NaN"), "DOUBLE")

"""Aggregates of floats as Spark has them: NaN is the greatest number, a sum of singles is a double.

Polars leaves NaN out of a maximum, and sums singles as such.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from laktory_dagster.expressions.sql_build import cast

IsFloat = Callable[[str, tuple[str, ...]], bool]
"""Says of a table and the path of a column in it whether it holds floats."""

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


def with_floats(tree: exp.Expr, is_float: IsFloat) -> exp.Expr:
    """Return the query with such aggregates of float columns spelled out, in place."""
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return tree
    found = [node for scope in scopes for node in _aggregates_of_floats(scope, is_float)]
    for node in found:
        _spell_out(node)
    return tree


def _aggregates_of_floats(scope: Scope, is_float: IsFloat) -> list[exp.Expr]:
    def of_scope(column: exp.Column) -> bool:
        return _of_scope(column, scope, is_float)

    nodes = list(scope.find_all(exp.Max, *_DOUBLED))
    return [node for node in nodes if _holds_floats(node.this, of_scope)]


def with_floats_of(tree: exp.Expr, is_float: Callable[[exp.Column], bool]) -> exp.Expr:
    """Return a scalar expression with such aggregates spelled out; `is_float` is asked of columns."""
    root = exp.Paren(this=tree.copy())
    nodes = list(root.find_all(exp.Max, *_DOUBLED))
    for node in [node for node in nodes if _holds_floats(node.this, is_float)]:
        _spell_out(node)
    found: exp.Expr = root.this
    return found


def _holds_floats(node: exp.Expr, is_float: Callable[[exp.Column], bool]) -> bool:
    if isinstance(node, exp.Column):
        return is_float(node)
    if isinstance(node, exp.Cast):
        return bool(node.to.is_type(*_FLOAT_TYPES))
    if isinstance(node, exp.Case):
        branches = [branch.args["true"] for branch in node.args["ifs"]]
        default = node.args.get("default")
        parts = branches if default is None else [*branches, default]
    elif isinstance(node, exp.If):
        parts = [part for part in (node.args["true"], node.args.get("false")) if part is not None]
    elif isinstance(node, exp.Window | exp.Filter | exp.Alias | exp.Distinct):
        parts = node.expressions if isinstance(node, exp.Distinct) else [node.this]
    elif isinstance(node, _FLOAT_IF_ANY):
        parts = list(node.iter_expressions())
    else:
        return isinstance(node, _FLOATS)
    return any(_holds_floats(part, is_float) for part in parts)


def _of_scope(column: exp.Column, scope: Scope, is_float: IsFloat) -> bool:
    parts = tuple(part.name for part in column.parts)
    if len(parts) > 1 and parts[0] in scope.sources:
        return _of_source(scope.sources[parts[0]], parts[1:], is_float)
    return any(_of_source(source, parts, is_float) for source in scope.sources.values())


def _of_source(source: exp.Expr | Scope, path: tuple[str, ...], is_float: IsFloat) -> bool:
    if isinstance(source, exp.Table):
        return is_float(source.name, path)
    if not isinstance(source, Scope):
        return False
    if isinstance(source.expression, exp.SetOperation):
        return any(_of_source(part, path, is_float) for part in source.set_operation_scopes)
    if not isinstance(source.expression, exp.Select):
        return False
    for item in source.expression.selects:
        if item.alias_or_name == path[0]:
            return _holds_floats(item, lambda column: _of_scope(column, source, is_float))
    if source.expression.is_star:
        return any(_of_source(inner, path, is_float) for inner in source.sources.values())
    return False


def _spell_out(node: exp.Expr) -> None:
    if not isinstance(node, exp.Max):
        value = node.this
        if isinstance(value, exp.Distinct):
            value = value.expressions[0]
        value.replace(cast(value.copy(), "DOUBLE"))
        return
    whole: exp.Expr = node
    while isinstance(whole.parent, exp.Filter | exp.Window) and whole.arg_key == "this":
        whole = whole.parent
    is_nan = exp.EQ(this=exp.Paren(this=node.this.copy()), expression=_nan())
    kept = exp.Case(ifs=[exp.If(this=is_nan, true=node.this.copy())])
    plain = whole.copy()
    node.set("this", kept)
    whole.replace(exp.Coalesce(this=whole.copy(), expressions=[plain]))


def _nan() -> exp.Expr:
    return cast(exp.Literal.string("NaN"), "DOUBLE")

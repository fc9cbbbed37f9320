"""Functions of numbers, arrays, conditions and many rows, in terms of Polars SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from laktory_dagster.expressions.sql_build import (
    Rewrite,
    UnexpressedError,
    call,
    cast,
    grouped,
    literal_int,
    literal_text,
    not_null,
)


def is_null(node: exp.Expression) -> exp.Expression:
    return exp.Paren(this=exp.Is(this=grouped(node.expressions[0]), expression=exp.Null()))


def array_size(node: exp.Expression) -> exp.Expression:
    argument = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    return cast(call("ARRAY_LENGTH", argument), "INT")


def collect(node: exp.Expression) -> exp.Expression | None:
    if isinstance(node, exp.ArrayAgg) and not node.args.get("nulls_excluded"):
        return None
    value = node.this
    if isinstance(node, exp.ArrayUniqueAgg):
        value = exp.Distinct(expressions=[value])
    kept = exp.Where(this=not_null(node.this.copy()))
    return exp.Filter(this=exp.ArrayAgg(this=value), expression=kept)


def bracket(node: exp.Expression) -> exp.Expression | None:
    """Return `st['x']` as the field `st.x`, which is how Polars reads it."""
    key = literal_text(node.expressions[0]) if len(node.expressions) == 1 else None
    if key is None:
        return None
    column = node.this
    if not isinstance(column, exp.Column):
        raise UnexpressedError("a field of something that is no column")
    parts = [part.copy() for part in column.parts]
    field = exp.to_identifier(key, quoted=True)
    return exp.column(field, *reversed(parts)) if len(parts) < 4 else None


def is_nan(node: exp.Expression) -> exp.Expression:
    nan = cast(exp.Literal.string("NaN"), "DOUBLE")
    return exp.Paren(this=exp.EQ(this=grouped(node.this), expression=nan))


def rounded(node: exp.Expression) -> exp.Expression | None:
    """Return rounding of halves away from zero, as SQL has it; Polars rounds them to even."""
    decimals = literal_int(node.args.get("decimals")) if node.args.get("decimals") else 0
    if decimals is None or not -15 <= decimals <= 15:
        raise UnexpressedError("`round` to a number of digits that is no plain number")
    scale = exp.Literal.number("1e" + str(abs(decimals)))
    value, size = grouped(node.this), call("ABS", node.this.copy())
    up, down = (exp.Mul, exp.Div) if decimals >= 0 else (exp.Div, exp.Mul)
    scaled = size if decimals == 0 else up(this=size, expression=scale)
    half = exp.Add(this=scaled, expression=exp.Literal.number("0.5"))
    whole = exp.Mul(this=call("SIGN", value), expression=call("FLOOR", half))
    if decimals == 0:
        return exp.Paren(this=whole)
    return exp.Paren(this=down(this=whole, expression=scale.copy()))


def log(node: exp.Expression) -> exp.Expression:
    if node.expression is None:
        return call("LN", node.this)
    if literal_int(node.this) == 10:
        return call("LOG10", node.expression)
    return call("LOG", node.expression, node.this)


def quantile(name: str) -> Rewrite:
    def rewrite(node: exp.Expression) -> exp.Expression:
        return call(name, node.this, node.args["quantile"])

    return rewrite


def population(function: str, *, root: bool) -> Rewrite:
    """Return the figure over all rows from the one over a sample, which Polars has."""

    def rewrite(node: exp.Expression) -> exp.Expression:
        if isinstance(node.parent, exp.Window):
            raise UnexpressedError(f"`{function}` over a window")
        value = node.this
        count = exp.Count(this=value.copy())
        fewer = exp.Paren(this=exp.Sub(this=count.copy(), expression=exp.Literal.number(1)))
        sample = exp.Coalesce(this=call("VARIANCE", value), expressions=[exp.Literal.number(0)])
        scaled = exp.Div(this=exp.Mul(this=sample, expression=fewer), expression=count.copy())
        some = exp.GT(this=count, expression=exp.Literal.number(0))
        return exp.Case(ifs=[exp.If(this=some, true=call("SQRT", scaled) if root else scaled)])

    return rewrite


def count_if(node: exp.Expression) -> exp.Expression:
    case = exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))])
    return exp.Count(this=case)


def count(node: exp.Expression) -> exp.Expression | None:
    distinct = node.this
    if isinstance(distinct, exp.Distinct) and len(distinct.expressions) > 1:
        raise UnexpressedError(
            "`count(DISTINCT a, b)`", "count the rows of a `SELECT DISTINCT` in a step before"
        )
    if not node.expressions:
        return None
    present = exp.and_(*[not_null(value) for value in (node.this, *node.expressions)])
    return exp.Count(this=exp.Case(ifs=[exp.If(this=present, true=exp.Literal.number(1))]))


def pmod(node: exp.Expression) -> exp.Expression:
    value, by = (grouped(part) for part in node.expressions[:2])
    inner = exp.Paren(this=exp.Mod(this=value, expression=by))
    added = exp.Paren(this=exp.Add(this=inner, expression=by.copy()))
    return exp.Paren(this=exp.Mod(this=added, expression=by.copy()))


def safe_divide(node: exp.Expression) -> exp.Expression:
    by = node.expression
    nonzero = exp.NEQ(this=grouped(by.copy()), expression=exp.Literal.number(0))
    ratio = exp.Div(this=grouped(node.this), expression=grouped(by))
    return exp.Case(ifs=[exp.If(this=nonzero, true=ratio)])


def if_(node: exp.Expression) -> exp.Expression | None:
    if isinstance(node.parent, exp.Case):
        return None
    return exp.Case(
        ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false")
    )


def nvl2(node: exp.Expression) -> exp.Expression:
    chosen = exp.If(this=not_null(node.this), true=node.args["true"])
    return exp.Case(ifs=[chosen], default=node.args.get("false"))


def like(node: exp.Expression) -> exp.Expression | None:
    choices = node.expression
    if not isinstance(choices, exp.Any | exp.All):
        return None
    listed = choices.this
    values: Sequence[exp.Expression] = getattr(listed, "expressions", None) or [listed.this]
    combine = exp.or_ if isinstance(choices, exp.Any) else exp.and_
    likes = [type(node)(this=node.this.copy(), expression=value) for value in values]
    return exp.Paren(this=combine(*likes))


def join(node: exp.Expression) -> exp.Expression | None:
    if node.args.get("side") == "FULL" and node.args.get("using"):
        raise UnexpressedError(
            "FULL JOIN ... USING, whose key columns Spark merges",
            "use `func_name: join`, or ON with `coalesce` of both keys",
        )
    return None

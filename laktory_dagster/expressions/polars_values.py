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


def is_null(node: exp.Expr) -> exp.Expr:
    """Return `value IS NULL` of `isnull(value)`."""
    return exp.Paren(this=exp.Is(this=grouped(node.expressions[0]), expression=exp.Null()))


def is_boolean(node: exp.Expr) -> exp.Expr | None:
    """Return `p IS TRUE`, which is false for null, and not null as Polars has it."""
    if not isinstance(node.expression, exp.Boolean):
        return None
    value = node.this if node.expression.this else exp.Not(this=grouped(node.this))
    return exp.Coalesce(this=value, expressions=[exp.false()])


def whole(node: exp.Expr) -> exp.Expr | None:
    """Refuse `floor` and `ceil` to a number of digits, which Polars would leave out."""
    if node.args.get("decimals") is not None:
        name = "floor" if isinstance(node, exp.Floor) else "ceil"
        raise UnexpressedError(f"`{name}` to a number of digits")
    return None


def array_size(node: exp.Expr) -> exp.Expr:
    """Return the number of elements as an integer."""
    argument = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    return cast(call("ARRAY_LENGTH", argument), "INT")


def collect(node: exp.Expr) -> exp.Expr | None:
    """Return the values of a group without nulls, as Spark collects them."""
    if isinstance(node, exp.ArrayAgg) and not node.args.get("nulls_excluded"):
        return None
    value = node.this
    if isinstance(node, exp.ArrayUniqueAgg):
        value = exp.Distinct(expressions=[value])
    if isinstance(node.parent, exp.ArraySort):
        falling = getattr(node.parent.args.get("asc"), "this", True) is False
        by = exp.Ordered(this=node.this.copy(), desc=falling, nulls_first=not falling)
        value = exp.Order(this=value, expressions=[by])
    if isinstance(node.parent, exp.Window):
        raise UnexpressedError(
            "`collect_list` over a window", "use `GROUP BY`, and join its result"
        )
    kept = exp.Where(this=not_null(node.this.copy()))
    collected = exp.Filter(this=exp.ArrayAgg(this=value), expression=kept)
    return exp.Coalesce(this=collected, expressions=[exp.Array(expressions=[])])


def sorted_array(node: exp.Expr) -> exp.Expr | None:
    """Return what an aggregate collects, which it has sorted already; other arrays as they are."""
    found: exp.Expr = node.this
    is_collected = isinstance(found, exp.Coalesce) and isinstance(found.this, exp.Filter)
    return found if is_collected and node.expression is None else None


def bracket(node: exp.Expr) -> exp.Expr | None:
    """Return `st['x']` as the field `st.x`, which is how Polars reads it."""
    key = literal_text(node.expressions[0]) if len(node.expressions) == 1 else None
    if key is None:
        place = literal_int(node.expressions[0])
        if place is None:
            return _item(node)
        if place < 0:
            return None
        # Of a column with its table Polars takes `t.xs[1]` for a chain of fields.
        first = 0 if node.args.get("offset") else 1
        return call("ARRAY_GET", node.this, place + first)
    column = node.this
    if not isinstance(column, exp.Column):
        raise UnexpressedError("a field of something that is no column")
    parts = [part.copy() for part in column.parts]
    names = ("this", "table", "db", "catalog")
    if len(parts) >= len(names):
        raise UnexpressedError("a field that lies so deep")
    chain = [exp.to_identifier(key, quoted=True), *reversed(parts)]
    return exp.Column(**dict(zip(names, chain, strict=False)))


def _item(node: exp.Expr) -> exp.Expr | None:
    """Return an item by a computed place; one before the first is null."""
    if node.args.get("offset"):
        return None
    place = node.expressions[0]
    following = exp.Add(this=grouped(place), expression=exp.Literal.number(1))
    is_there = exp.GTE(this=grouped(place.copy()), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=is_there, true=call("ARRAY_GET", node.this, following))])


def is_nan(node: exp.Expr) -> exp.Expr:
    """Return whether a number is NaN, which Polars takes as equal to itself; null is none."""
    nan = cast(exp.Literal.string("NaN"), "DOUBLE")
    equal = exp.EQ(this=grouped(node.this), expression=nan)
    return exp.Coalesce(this=equal, expressions=[exp.false()])


def rounded(node: exp.Expr) -> exp.Expr | None:
    """Return rounding of halves away from zero on the digits as written, as Spark has it.

    Polars rounds halves of doubles to even, so it is done on decimals; numbers so large that no
    digits are left to round take Polars' own.
    """
    decimals = literal_int(node.args.get("decimals")) if node.args.get("decimals") else 0
    if decimals is None or not -15 <= decimals <= 15:
        raise UnexpressedError("`round` to a number of digits that is no plain number")
    if decimals < 0:
        return _rounded_to_tens(node.this, -decimals)
    value = node.this
    small = exp.LT(this=call("ABS", value.copy()), expression=exp.Literal.number("1e15"))
    guarded = exp.Case(ifs=[exp.If(this=small, true=value)])
    exact = call("ROUND", _wide(guarded, decimals), decimals)
    return exp.Coalesce(
        this=cast(exact, "DOUBLE"), expressions=[call("ROUND", value.copy(), decimals)]
    )


def _wide(value: exp.Expr, scale: int, *, safe: bool = False) -> exp.Expr:
    kind = exp.DataType.build(f"DECIMAL(38, {scale + 4})")
    return exp.TryCast(this=value, to=kind, safe=True) if safe else exp.Cast(this=value, to=kind)


def _rounded_to_tens(value: exp.Expr, digits: int) -> exp.Expr:
    scale = exp.Literal.number(f"1e{digits}")
    scaled = exp.Div(this=call("ABS", value.copy()), expression=scale)
    half = exp.Add(this=scaled, expression=exp.Literal.number("0.5"))
    whole = exp.Mul(this=call("SIGN", value), expression=call("FLOOR", half))
    return exp.Paren(this=exp.Mul(this=whole, expression=scale.copy()))


def lenient_cast(node: exp.Expr) -> exp.Expr:
    """Return a cast that gives null for what does not fit.

    One to DECIMAL rounds halves away from zero; Polars' own rounds to even.
    """
    kind, value = node.args["to"], node.this
    text = literal_text(value)
    if text is not None and kind.is_type(*exp.DataType.NUMERIC_TYPES):
        value = exp.Literal.string(text.strip())
    if kind.is_type(exp.DType.DECIMAL):
        sizes = [literal_int(size.this) for size in kind.expressions]
        scale = sizes[1] if len(sizes) > 1 else 0
        if scale is not None and scale <= 18:
            value = call("ROUND", _wide(value, scale, safe=True), scale)
    return exp.TryCast(this=value, to=kind.copy(), safe=True)


_NUMBERS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)


def numbered(node: exp.Expr) -> exp.Expr | None:
    """Return the number of a row in its window as the integer that SQL has, not as a longer one."""
    _check_frame(node.args.get("spec"))
    is_number = isinstance(node.this, _NUMBERS)
    return cast(node.copy(), "INT") if is_number else None


_FRAMES = frozenset({
    ("UNBOUNDED", "CURRENT ROW"), ("UNBOUNDED", "UNBOUNDED"), ("CURRENT ROW", "UNBOUNDED"),
    ("NUMBER", "CURRENT ROW"),
})  # fmt: skip


def _check_frame(spec: exp.Expr | None) -> None:
    if spec is None:
        return
    ends = (spec.args.get("start"), spec.args.get("end") or "CURRENT ROW")
    names = tuple(end if isinstance(end, str) else "NUMBER" for end in ends)
    by_value = str(spec.args.get("kind")).upper() == "RANGE"
    if names not in _FRAMES or (by_value and "NUMBER" in names):
        raise UnexpressedError(
            "this frame of a window",
            "use `ROWS BETWEEN n PRECEDING AND CURRENT ROW` or `pl.col(..).rolling_sum(..)`",
        )


def log(node: exp.Expr) -> exp.Expr:
    """Return a logarithm; Polars takes the base last."""
    if node.expression is None:
        return call("LN", node.this)
    if literal_int(node.this) == 10:
        return call("LOG10", node.expression)
    return call("LOG", node.expression, node.this)


def quantile(name: str) -> Rewrite:
    """Return the rewrite to a quantile of that name."""

    def rewrite(node: exp.Expr) -> exp.Expr:
        if isinstance(node.args["quantile"], exp.Array):
            raise UnexpressedError("several percentiles at once", "write one column for each")
        return call(name, node.this, node.args["quantile"])

    return rewrite


def population(function: str, *, root: bool) -> Rewrite:
    """Return the figure over all rows from the one over a sample, which Polars has."""

    def rewrite(node: exp.Expr) -> exp.Expr:
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


def count_if(node: exp.Expr) -> exp.Expr:
    """Return how many rows fulfil a condition."""
    case = exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))])
    return exp.Count(this=case)


def count(node: exp.Expr) -> exp.Expr | None:
    """Return the count of rows in which no argument is null."""
    distinct = node.this
    if isinstance(distinct, exp.Distinct) and len(distinct.expressions) > 1:
        raise UnexpressedError(
            "`count(DISTINCT a, b)`", "count the rows of a `SELECT DISTINCT` in a step before"
        )
    if not node.expressions:
        return None
    present = exp.and_(*[not_null(value) for value in (node.this, *node.expressions)])
    return exp.Count(this=exp.Case(ifs=[exp.If(this=present, true=exp.Literal.number(1))]))


def pmod(node: exp.Expr) -> exp.Expr:
    """Return the remainder that is never negative."""
    value, by = (grouped(part) for part in node.expressions[:2])
    inner = exp.Paren(this=exp.Mod(this=value, expression=by))
    added = exp.Paren(this=exp.Add(this=inner, expression=by.copy()))
    return exp.Paren(this=exp.Mod(this=added, expression=by.copy()))


def safe_divide(node: exp.Expr) -> exp.Expr:
    """Return the ratio, null where the divisor is zero."""
    by = node.expression
    nonzero = exp.NEQ(this=grouped(by.copy()), expression=exp.Literal.number(0))
    ratio = exp.Div(this=grouped(node.this), expression=grouped(by))
    return exp.Case(ifs=[exp.If(this=nonzero, true=ratio)])


def if_(node: exp.Expr) -> exp.Expr | None:
    """Return `if(a, b, c)` as CASE."""
    if isinstance(node.parent, exp.Case):
        return None
    return exp.Case(
        ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false")
    )


def nvl2(node: exp.Expr) -> exp.Expr:
    """Return `nvl2(a, b, c)` as CASE."""
    chosen = exp.If(this=not_null(node.this), true=node.args["true"])
    return exp.Case(ifs=[chosen], default=node.args.get("false"))


def exists(node: exp.Expr) -> exp.Expr | None:
    """Refuse `exists(array, x -> ...)`; that of a query is Polars' own."""
    if isinstance(node.this, exp.Query):
        return None
    raise UnexpressedError("`exists` of an array", 'use `pl.col("xs").list.eval(..).list.any()`')


def null_safe(node: exp.Expr) -> exp.Expr:
    """Return `(a IS NOT DISTINCT FROM b)`: without brackets Polars reads `b AND c` as its right side."""
    compared: exp.Expr = type(node)(this=grouped(node.this), expression=grouped(node.expression))
    return exp.Paren(this=compared)


def of_tuples(node: exp.Expr) -> exp.Expr | None:
    """Return `(a, b) = (1, 2)` and `(a, b) IN ((1, 2), (3, 4))` as comparisons of their parts."""
    if not isinstance(node.this, exp.Tuple):
        return None
    others = node.expressions if isinstance(node, exp.In) else [node.expression]
    if not others or not all(isinstance(other, exp.Tuple) for other in others):
        raise UnexpressedError("several columns IN a query", "use a join: `LEFT SEMI JOIN ... ON`")
    parts = node.this.expressions
    equal = [
        exp.and_(
            *(_same(part, value) for part, value in zip(parts, other.expressions, strict=True))
        )
        for other in others
    ]
    return exp.Paren(this=exp.or_(*equal))


def _same(part: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return whether two parts are the same; of structs a null is one as any other value."""
    return null_safe(exp.NullSafeEQ(this=part.copy(), expression=value.copy()))


def like(node: exp.Expr) -> exp.Expr | None:
    """Return LIKE ANY and LIKE ALL as single comparisons."""
    choices = node.expression
    if not isinstance(choices, exp.Any | exp.All):
        if literal_text(choices) is None:
            raise UnexpressedError(
                "LIKE with a pattern that is no plain text",
                "use `contains`, `startswith` or `endswith`",
            )
        return None
    listed = choices.this
    values: Sequence[exp.Expr] = getattr(listed, "expressions", None) or [listed.this]
    combine = exp.or_ if isinstance(choices, exp.Any) else exp.and_
    likes = [type(node)(this=node.this.copy(), expression=value) for value in values]
    if node.args.get("negate"):
        return exp.Paren(this=combine(*[exp.Not(this=single) for single in likes]))
    return exp.Paren(this=combine(*likes))


def any_true(node: exp.Expr) -> exp.Expr | None:
    """Return `any(p)` as an aggregate; inside LIKE ANY it is none."""
    if isinstance(node.parent, exp.Like | exp.ILike):
        return None
    return call("MAX", node.this)

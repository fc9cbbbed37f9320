"""Functions of dates and times, in terms of Polars SQL."""

from __future__ import annotations

from sqlglot import exp

from laktory_dagster.expressions.sql_build import (
    Rewrite,
    UnexpressedError,
    call,
    cast,
    grouped,
    interval,
    literal_int,
    literal_text,
)


def time_format(node: exp.Expression) -> str:
    value = node.args.get("format")
    text = literal_text(value)
    if text is None:
        raise UnexpressedError("a date format that is no plain text")
    return text.replace("strict", "")


def to_date(node: exp.Expression) -> exp.Expression:
    if node.args.get("format") is None:
        return cast(node.this, "DATE")
    return call("DATE", node.this, time_format(node))


def add_days(node: exp.Expression) -> exp.Expression:
    unit = str(node.args.get("unit") or "DAY").upper()
    date = cast(node.this, "DATE") if isinstance(node, exp.TsOrDsAdd) else grouped(node.this)
    return _shifted(date, node.expression, unit)


def add_months(node: exp.Expression) -> exp.Expression:
    return _shifted(cast(node.this, "DATE"), node.expression, "MONTH")


def _shifted(value: exp.Expression, amount: exp.Expression, unit: str) -> exp.Expression:
    """Return a time moved by an amount, with a sign outside of the interval as Polars wants."""
    number = literal_int(_unwrapped(amount))
    if number is not None:
        kind = exp.Add if number >= 0 else exp.Sub
        return exp.Paren(this=kind(this=value, expression=interval(abs(number), unit)))
    if unit not in ("DAY", "HOUR", "MINUTE", "SECOND", "WEEK"):
        raise UnexpressedError(
            "adding months or years from a column",
            'use `pl.col("d").dt.offset_by(...)` in `with_column.expr`',
        )
    step = exp.Mul(this=interval(1, unit), expression=grouped(amount))
    return exp.Paren(this=exp.Add(this=value, expression=exp.Paren(this=step)))


def _unwrapped(value: exp.Expression) -> exp.Expression:
    """Return the number inside of `1 * -1`, as sqlglot reads `date_sub(d, 1)`."""
    if isinstance(value, exp.Paren):
        return _unwrapped(value.this)
    if isinstance(value, exp.Mul):
        left, right = (literal_int(_unwrapped(part)) for part in (value.this, value.expression))
        if left is not None and right is not None:
            product = exp.Literal.number(abs(left * right))
            return exp.Neg(this=product) if left * right < 0 else product
    return value


def part(name: str, plus: int = 0) -> Rewrite:
    def rewrite(node: exp.Expression) -> exp.Expression:
        argument = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
        part = cast(exp.Extract(this=exp.Var(this=name), expression=argument), "INT")
        if plus == 0:
            return part
        kind = exp.Add if plus > 0 else exp.Sub
        return exp.Paren(this=kind(this=part, expression=exp.Literal.number(abs(plus))))

    return rewrite


def to_unix(node: exp.Expression) -> exp.Expression:
    """Return seconds since 1970; the default format means that it is a time already."""
    if node.this is None:
        raise UnexpressedError("`unix_timestamp()` without argument", "use `current_timestamp()`")
    default = time_format(node) == "%Y-%m-%d %H:%M:%S"
    time = (
        cast(node.this, "TIMESTAMP") if default else call("STRPTIME", node.this, time_format(node))
    )
    return cast(exp.Extract(this=exp.Var(this="EPOCH"), expression=time), "BIGINT")


def from_unix(node: exp.Expression) -> exp.Expression:
    return call("STRFTIME", from_seconds(node.this, "TIMESTAMP"), time_format(node))


def from_seconds(seconds: exp.Expression, kind: str) -> exp.Expression:
    micros = exp.Mul(this=grouped(seconds), expression=exp.Literal.number(1_000_000))
    return cast(cast(micros, "BIGINT"), kind)


def format_time(node: exp.Expression) -> exp.Expression:
    time = node.this
    if isinstance(time, exp.TsOrDsToTimestamp):
        time = time.this
    return call("STRFTIME", cast(time, "TIMESTAMP"), time_format(node))


def parse_time(node: exp.Expression) -> exp.Expression:
    return cast(call("STRPTIME", node.this, time_format(node)), "TIMESTAMPTZ")


def date_diff(node: exp.Expression) -> exp.Expression:
    unit = str(node.args.get("unit") or "DAY").strip("'\"").upper()
    if unit != "DAY":
        raise UnexpressedError(
            f"a difference in {unit.lower()}s", "use `datediff(end, start)`, which counts days"
        )
    days = [cast(cast(part, "DATE"), "INT") for part in (node.this, node.expression)]
    return exp.Paren(this=exp.Sub(this=days[0], expression=days[1]))


def last_day(node: exp.Expression) -> exp.Expression:
    month = call("DATE_TRUNC", "month", cast(node.this, "DATE"))
    following = exp.Add(this=month, expression=interval(1, "MONTH"))
    return cast(exp.Sub(this=following, expression=interval(1, "DAY")), "DATE")


_UNITS = {"MM": "month", "MON": "month", "YYYY": "year", "YY": "year", "Q": "quarter"}


def truncated(node: exp.Expression) -> exp.Expression:
    unit = str(getattr(node.args.get("unit"), "name", "") or "DAY").upper()
    cut = call("DATE_TRUNC", _UNITS.get(unit, unit.lower()), node.this)
    return cast(cut, "DATE") if isinstance(node, exp.DateTrunc) else cut

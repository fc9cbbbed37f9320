"""Functions of dates and times, in terms of Polars SQL."""

from __future__ import annotations

import re

from sqlglot import exp

from laktory_dagster.expressions.intervals import span_of
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


def time_format(node: exp.Expr) -> str:
    """Return the format of a node in strftime's letters."""
    value = node.args.get("format")
    text = literal_text(value)
    if text is None:
        raise UnexpressedError("a date format that is no plain text")
    written = text.replace("strict", "")
    left = re.search(r"[A-Za-z]", re.sub(r"'[^']*'|%[-.:]?[A-Za-z]", "", written))
    if left is not None:
        raise UnexpressedError(f"the letter `{left.group()}` in a time format")
    return written


def to_date(node: exp.Expr) -> exp.Expr:
    """Return the date of a time, or of a text with or without a format."""
    if node.args.get("format") is None:
        return cast(node.this, "DATE")
    return call("DATE", node.this, time_format(node))


def add_days(node: exp.Expr) -> exp.Expr:
    """Return a time moved by days, or by the unit that the node names."""
    unit = str(node.args.get("unit") or "DAY").upper()
    date = cast(node.this, "DATE") if isinstance(node, exp.TsOrDsAdd) else grouped(node.this)
    return _shifted(date, node.expression, unit)


def add_months(node: exp.Expr) -> exp.Expr:
    """Return a date moved by months; the day is cut to the month's last."""
    return _shifted(cast(node.this, "DATE"), node.expression, "MONTH")


def _shifted(value: exp.Expr, amount: exp.Expr, unit: str) -> exp.Expr:
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


def _unwrapped(value: exp.Expr) -> exp.Expr:
    """Return the number inside of `1 * -1`, as sqlglot reads `date_sub(d, 1)`."""
    if isinstance(value, exp.Paren):
        return _unwrapped(value.this)
    if isinstance(value, exp.Mul):
        left, right = (literal_int(_unwrapped(part)) for part in (value.this, value.expression))
        if left is not None and right is not None:
            product = exp.Literal.number(abs(left * right))
            return exp.Neg(this=product) if left * right < 0 else product
    return value


def moved(node: exp.Expr) -> exp.Expr | None:
    """Return a time moved by an interval of several units, or by a negative one, as by each of them."""
    value, taken = node.this, node.expression
    if span_of(value) is not None and isinstance(node, exp.Add):
        value, taken = taken, value
    span = span_of(taken)
    is_plain = isinstance(taken, exp.Interval) and isinstance(taken.args.get("unit"), exp.Var)
    if span is None or (is_plain and literal_text(taken.this) is not None and min(span) >= 0):
        return None
    result: exp.Expr = grouped(value)
    for amount, unit in zip(
        span if isinstance(node, exp.Add) else span.reversed(), _SPANS, strict=True
    ):
        if amount:
            kind = exp.Add if amount > 0 else exp.Sub
            result = kind(this=result, expression=interval(abs(amount), unit))
    return exp.Paren(this=result)


_SPANS = ("MONTH", "DAY", "MICROSECOND")


def part(name: str, plus: int = 0) -> Rewrite:
    """Return the rewrite to an integer part of a time, with a number added."""

    def rewrite(node: exp.Expr) -> exp.Expr:
        argument = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
        part = cast(exp.Extract(this=exp.Var(this=name), expression=argument), "INT")
        if plus == 0:
            return part
        kind = exp.Add if plus > 0 else exp.Sub
        return exp.Paren(this=kind(this=part, expression=exp.Literal.number(abs(plus))))

    return rewrite


def to_unix(node: exp.Expr) -> exp.Expr:
    """Return seconds since 1970; the default format means that it is a time already."""
    if node.this is None:
        raise UnexpressedError("`unix_timestamp()` without argument", "use `current_timestamp()`")
    default = time_format(node) == "%Y-%m-%d %H:%M:%S"
    time = (
        cast(node.this, "TIMESTAMP") if default else call("STRPTIME", node.this, time_format(node))
    )
    return cast(exp.Extract(this=exp.Var(this="EPOCH"), expression=time), "BIGINT")


def from_unix(node: exp.Expr) -> exp.Expr:
    """Return seconds since 1970 as text."""
    return call("STRFTIME", from_seconds(node.this, "TIMESTAMP"), time_format(node))


def from_seconds(seconds: exp.Expr, kind: str) -> exp.Expr:
    """Return seconds since 1970 as a time."""
    micros = exp.Mul(this=grouped(seconds), expression=exp.Literal.number(1_000_000))
    return cast(cast(micros, "BIGINT"), kind)


def format_time(node: exp.Expr) -> exp.Expr:
    """Return a time as text."""
    time = node.this
    if isinstance(time, exp.TsOrDsToTimestamp | exp.TimeStrToTime):
        time = time.this
    return call("STRFTIME", cast(time, "TIMESTAMP"), time_format(node))


def parse_time(node: exp.Expr) -> exp.Expr:
    """Return the time that a text holds, UTC."""
    return cast(call("STRPTIME", node.this, time_format(node)), "TIMESTAMPTZ")


def date_diff(node: exp.Expr) -> exp.Expr:
    """Return the days between two dates."""
    unit = str(node.args.get("unit") or "DAY").strip("'\"").upper()
    if unit != "DAY":
        raise UnexpressedError(
            f"a difference in {unit.lower()}s", "use `datediff(end, start)`, which counts days"
        )
    days = [cast(_date(part), "INT") for part in (node.this, node.expression)]
    return exp.Paren(this=exp.Sub(this=days[0], expression=days[1]))


_SECONDS_OF: dict[str, int] = {
    "WEEK": 604_800, "DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1,
}  # fmt: skip


def whole_units(node: exp.Expr) -> exp.Expr:
    """Return how many whole units lie between two times, as Spark's `datediff(HOUR, a, b)` counts."""
    unit = str(node.args["unit"]).strip("'\"").upper()
    if unit not in _SECONDS_OF:
        raise UnexpressedError(
            f"a difference in {unit.lower()}s", "use `datediff(end, start)`, which counts days"
        )
    end, start = (_micros(part) for part in (node.this, node.expression))
    between = exp.Paren(this=exp.Sub(this=end, expression=start))
    units = exp.Div(this=between, expression=exp.Literal.number(f"{_SECONDS_OF[unit]}000000.0"))
    return cast(units, "BIGINT")


def _micros(value: exp.Expr) -> exp.Expr:
    """Return the microseconds since 1970 of a time or a date."""
    return cast(cast(value, "TIMESTAMP"), "BIGINT")


def last_day(node: exp.Expr) -> exp.Expr:
    """Return the last day of the month."""
    month = call("DATE_TRUNC", "month", cast(node.this, "DATE"))
    following = exp.Add(this=month, expression=interval(1, "MONTH"))
    return cast(exp.Sub(this=following, expression=interval(1, "DAY")), "DATE")


_UNITS = {"MM": "month", "MON": "month", "YYYY": "year", "YY": "year", "Q": "quarter"}


def truncated(node: exp.Expr) -> exp.Expr:
    """Return a time cut to its unit; `trunc` gives a date."""
    unit = str(getattr(node.args.get("unit"), "name", "") or "DAY").upper()
    cut = call("DATE_TRUNC", _UNITS.get(unit, unit.lower()), node.this)
    return cast(cut, "DATE") if isinstance(node, exp.DateTrunc) else cut


def _date(value: exp.Expr) -> exp.Expr:
    is_date = isinstance(value, exp.Cast) and value.to.is_type(exp.DType.DATE)
    return value if is_date else cast(value, "DATE")


_INTEGER_PARTS = frozenset(
    {"DAY", "DOW", "DOY", "HOUR", "ISODOW", "MINUTE", "MONTH", "QUARTER", "WEEK", "YEAR"}
)


_SECONDS = ("SECOND", "SECONDS", "SEC", "S")


def extract(node: exp.Expr) -> exp.Expr | None:
    """Return a part of a time as the integer that SQL has, not as a shorter one."""
    if isinstance(node.parent, exp.Cast) or node.name.upper() not in _INTEGER_PARTS:
        return None
    return cast(node.copy(), "INT")


def extract_as_spark(node: exp.Expr) -> exp.Expr | None:
    """Return a part of a time as Spark counts it: weeks begin by Sunday (1), seconds have fractions."""
    name = node.name.upper()
    if name in ("DOW", "DAYOFWEEK"):
        return part("DOW", 1)(exp.DayOfWeek(this=node.expression))
    if name in _SECONDS:
        micros = exp.Extract(this=exp.Var(this="MICROSECONDS"), expression=node.expression)
        ratio = exp.Div(this=micros, expression=exp.Literal.number("1000000.0"))
        return cast(exp.Paren(this=ratio), "DECIMAL(8, 6)")
    return extract(node)


def date_part(node: exp.Expr) -> exp.Expr | None:
    """Return `date_part('year', d)` as `extract` gives it."""
    part = literal_text(node.expressions[0])
    if part is not None and part.upper() in _SECONDS:
        return extract_as_spark(
            exp.Extract(this=exp.Var(this=part), expression=node.expressions[1])
        )
    if part is None or part.upper() not in _INTEGER_PARTS:
        return None
    return cast(call("DATE_PART", part, node.expressions[1]), "INT")


def compared(node: exp.Expr) -> exp.Expr | None:
    """Put `column > TIMESTAMP '...'` with plain text, which Polars reads in the column's own type.

    A column may have a time zone or none, and Polars does not compare the two kinds.
    """
    sides = (node.this, node.expression)
    if not any(isinstance(side, exp.Column) for side in sides):
        return None
    for side in sides:
        if _is_time_literal(side):
            side.replace(side.this)
    return None


def _is_time_literal(node: exp.Expr) -> bool:
    is_time = isinstance(node, exp.Cast) and node.to.is_type(exp.DType.TIMESTAMPTZ)
    return is_time and literal_text(node.this) is not None

"""Spark's column functions and methods, in Polars: what `F.` and a bare `col(...)` mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scan import tolerant_cast
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.errors import ExpressionError

_TIMESTAMP = pl.Datetime("us", "UTC")


class SparkColumn:
    """A Polars expression that also knows the methods of Spark's columns."""

    def __init__(self, expr: pl.Expr) -> None:
        """Wrap an expression."""
        self.expr = expr

    def __getattr__(self, name: str) -> Any:
        """Return a Spark method, else the Polars method of that name."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _METHODS:
            method = _METHODS[name]

            def call(*args: Any, **kwargs: Any) -> SparkColumn:
                plain = [unwrapped(arg) for arg in args]
                named = {key: unwrapped(value) for key, value in kwargs.items()}
                return SparkColumn(method(self.expr, *plain, **named))

            return call
        return getattr(self.expr, name)

    def __getitem__(self, key: Any) -> SparkColumn:
        """Return a field of a struct or an item of a list."""
        return SparkColumn(_item(self.expr, unwrapped(key)))

    def __invert__(self) -> SparkColumn:
        return SparkColumn(~self.expr)

    def __neg__(self) -> SparkColumn:
        return SparkColumn(-self.expr)


class SparkWhen:
    """What `F.when` gives: more conditions may follow, then `otherwise`."""

    def __init__(self, then: Any) -> None:
        """Keep the chain so far."""
        self.expr: pl.Expr = then

    def when(self, condition: Any, value: Any) -> SparkWhen:
        """Add a condition."""
        return SparkWhen(self.expr.when(unwrapped(condition)).then(_literal(value)))  # type: ignore[attr-defined]

    def otherwise(self, value: Any) -> SparkColumn:
        """Return the column with a value for all other rows."""
        return SparkColumn(self.expr.otherwise(_literal(value)))  # type: ignore[attr-defined]

    def alias(self, name: str) -> SparkColumn:
        """Return the column under a name; null for all other rows."""
        return SparkColumn(self.expr.alias(name))


def unwrapped(value: Any) -> Any:
    """Return the Polars expression inside a Spark column, any other value as it is."""
    if isinstance(value, (SparkColumn, SparkWhen)):
        return value.expr
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    return value


def _literal(value: Any) -> pl.Expr:
    plain = unwrapped(value)
    return plain if isinstance(plain, pl.Expr) else pl.lit(plain)


def _column(value: Any) -> pl.Expr:
    """Return a column given by name or as an expression; `a.b` is a field of a struct."""
    plain = unwrapped(value)
    if isinstance(plain, pl.Expr):
        return plain
    if not isinstance(plain, str):
        return pl.lit(plain)
    if plain == "*":
        return pl.all()
    head, *fields = plain.split(".")
    column = pl.col(head)
    for field in fields:
        column = column.struct.field(field)
    return column


def _cast(column: pl.Expr, dtype: Any) -> pl.Expr:
    return column.cast(parse_type(dtype) if isinstance(dtype, str) else dtype)


def _item(column: pl.Expr, key: Any) -> pl.Expr:
    if isinstance(key, str):
        return column.struct.field(key)
    return column.list.get(key, null_on_oob=True)


def _like(column: pl.Expr, pattern: str) -> pl.Expr:
    special = "\\.^$*+?{}[]|()"
    text = "".join(f"\\{char}" if char in special else char for char in pattern)
    return column.str.contains("(?s)^" + text.replace("%", ".*").replace("_", ".") + "$")


_METHODS: dict[str, Callable[..., pl.Expr]] = {
    "cast": _cast,
    "astype": _cast,
    "try_cast": lambda c, t: tolerant_cast(c, pl.String(), parse_type(t)),
    "isin": lambda c, *v: c.is_in(
        list(v[0]) if len(v) == 1 and isinstance(v[0], list) else list(v)
    ),
    "between": lambda c, low, high: c.is_between(low, high),
    "isNull": lambda c: c.is_null(),
    "isNotNull": lambda c: c.is_not_null(),
    "isNaN": lambda c: c.is_nan(),
    "eqNullSafe": lambda c, other: c.eq_missing(other),
    "like": _like,
    "ilike": lambda c, p: _like(c.str.to_lowercase(), p.lower()),
    "rlike": lambda c, p: c.str.contains(p),
    "startswith": lambda c, p: c.str.starts_with(p),
    "endswith": lambda c, p: c.str.ends_with(p),
    "contains": lambda c, p: c.str.contains(p, literal=True),
    "substr": lambda c, start, length: c.str.slice(start - 1, length),
    "getField": _item,
    "getItem": _item,
    "asc": lambda c: c,
    "name": lambda c, n: c.alias(n),
    "alias": lambda c, n: c.alias(n),
    "bitwiseAND": lambda c, other: c & other,
    "bitwiseOR": lambda c, other: c | other,
}


def _when(condition: Any, value: Any) -> SparkWhen:
    return SparkWhen(pl.when(unwrapped(condition)).then(_literal(value)))


def _to_date(column: Any, fmt: str | None = None) -> pl.Expr:
    text = _column(column)
    return (
        text.cast(pl.String).str.slice(0, 10).str.to_date()
        if fmt is None
        else (text.str.to_date(_strftime(fmt)))
    )


def _to_timestamp(column: Any, fmt: str | None = None) -> pl.Expr:
    text = _column(column)
    if fmt is None:
        return tolerant_cast(text, pl.String(), _TIMESTAMP)
    return text.str.to_datetime(_strftime(fmt), time_unit="us").dt.replace_time_zone("UTC")


def _strftime(pattern: str) -> str:
    """Return Spark's date pattern as strftime's."""
    pairs = (
        ("yyyy", "%Y"), ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"),
        ("mm", "%M"), ("ss", "%S"), ("SSSSSS", "%6f"), ("SSS", "%3f"), ("'T'", "T"), ("'Z'", "Z"),
        ("EEEE", "%A"), ("EEE", "%a"),
    )  # fmt: skip
    for theirs, ours in pairs:
        pattern = pattern.replace(theirs, ours)
    return pattern


_TRUNCATED = {
    "year": "1y", "yyyy": "1y", "yy": "1y", "quarter": "1q", "month": "1mo", "mon": "1mo",
    "mm": "1mo", "week": "1w", "day": "1d", "dd": "1d", "hour": "1h", "minute": "1m",
    "second": "1s",
}  # fmt: skip


def _date_trunc(unit: str, column: Any) -> pl.Expr:
    if unit.lower() not in _TRUNCATED:
        raise ExpressionError(f"`{unit}` is no unit of date_trunc", expected=", ".join(_TRUNCATED))
    return _column(column).dt.truncate(_TRUNCATED[unit.lower()])


def _concat(*columns: Any) -> pl.Expr:
    return pl.concat_str([_column(column) for column in columns])


def _concat_ws(separator: str, *columns: Any) -> pl.Expr:
    return pl.concat_str([_column(c) for c in columns], separator=separator, ignore_nulls=True)


def _of(function: Callable[..., pl.Expr]) -> Callable[..., pl.Expr]:
    """Return a function of columns and plain values as one whose first argument is a column."""
    return lambda column, *rest: function(_column(column), *[unwrapped(r) for r in rest])


def _aggregate(function: Callable[[pl.Expr], pl.Expr]) -> Callable[[Any], pl.Expr]:
    return lambda column: function(_column(column))


def _count(column: Any) -> pl.Expr:
    plain = unwrapped(column)
    is_all = plain == "*" if isinstance(plain, str) else not isinstance(plain, pl.Expr)
    return pl.len().cast(pl.Int64) if is_all else _column(plain).count().cast(pl.Int64)


def _date_diff(end: Any, start: Any) -> pl.Expr:
    days = _column(end).cast(pl.Date) - _column(start).cast(pl.Date)
    return days.dt.total_days().cast(pl.Int32)


def _days_later(column: Any, days: Any, sign: int) -> pl.Expr:
    count = unwrapped(days)
    span = pl.duration(days=count * sign)
    return _column(column).cast(pl.Date) + span


_PLAIN: dict[str, Callable[..., Any]] = {
    "col": _column,
    "column": _column,
    "lit": _literal,
    "when": _when,
    "coalesce": lambda *c: pl.coalesce([_column(x) for x in c]),
    "ifnull": lambda a, b: pl.coalesce([_column(a), _column(b)]),
    "nvl": lambda a, b: pl.coalesce([_column(a), _column(b)]),
    "nullif": lambda a, b: pl.when(_column(a) != _column(b)).then(_column(a)),
    "isnull": _of(lambda c: c.is_null()),
    "isnotnull": _of(lambda c: c.is_not_null()),
    "isnan": _of(lambda c: c.is_nan()),
    "greatest": lambda *c: pl.max_horizontal([_column(x) for x in c]),
    "least": lambda *c: pl.min_horizontal([_column(x) for x in c]),
    "upper": _of(lambda c: c.str.to_uppercase()),
    "lower": _of(lambda c: c.str.to_lowercase()),
    "initcap": _of(lambda c: c.str.to_titlecase()),
    "trim": _of(lambda c: c.str.strip_chars()),
    "ltrim": _of(lambda c: c.str.strip_chars_start()),
    "rtrim": _of(lambda c: c.str.strip_chars_end()),
    "length": _of(lambda c: c.str.len_chars().cast(pl.Int32)),
    "reverse": _of(lambda c: c.str.reverse()),
    "substring": _of(lambda c, start, length: c.str.slice(start - 1, length)),
    "substr": _of(lambda c, start, length: c.str.slice(start - 1, length)),
    "left": _of(lambda c, n: c.str.head(n)),
    "right": _of(lambda c, n: c.str.tail(n)),
    "lpad": _of(lambda c, n, p=" ": c.str.pad_start(n, p).str.slice(0, n)),
    "rpad": _of(lambda c, n, p=" ": c.str.pad_end(n, p).str.slice(0, n)),
    "concat": _concat,
    "concat_ws": _concat_ws,
    "split": _of(lambda c, p: c.str.split(p)),
    "regexp_replace": _of(lambda c, p, r: c.str.replace_all(p, r)),
    "regexp_extract": _of(lambda c, p, i=1: c.str.extract(p, i).fill_null("")),
    "instr": _of(lambda c, p: c.str.find(p, literal=True).fill_null(-1).cast(pl.Int32) + 1),
    "translate": _of(lambda c, a, b: c.str.replace_many(list(a), list(b))),
    "contains": _of(lambda c, p: c.str.contains(p, literal=True)),
    "startswith": _of(lambda c, p: c.str.starts_with(p)),
    "endswith": _of(lambda c, p: c.str.ends_with(p)),
    "abs": _of(lambda c: c.abs()),
    "sqrt": _of(lambda c: c.sqrt()),
    "exp": _of(lambda c: c.exp()),
    "log": _of(lambda c: c.log()),
    "log10": _of(lambda c: c.log10()),
    "log2": _of(lambda c: c.log(2)),
    "sin": _of(lambda c: c.sin()),
    "cos": _of(lambda c: c.cos()),
    "tan": _of(lambda c: c.tan()),
    "ceil": _of(lambda c: c.ceil().cast(pl.Int64)),
    "floor": _of(lambda c: c.floor().cast(pl.Int64)),
    "round": _of(lambda c, n=0: c.round(n, mode="half_away_from_zero")),
    "bround": _of(lambda c, n=0: c.round(n)),
    "pow": lambda a, b: _column(a).cast(pl.Float64).pow(_column(b)),
    "power": lambda a, b: _column(a).cast(pl.Float64).pow(_column(b)),
    "signum": _of(lambda c: c.sign().cast(pl.Float64)),
    "sum": _aggregate(lambda c: c.sum()),
    "avg": _aggregate(lambda c: c.mean()),
    "mean": _aggregate(lambda c: c.mean()),
    "min": _aggregate(lambda c: c.min()),
    "max": _aggregate(lambda c: c.max()),
    "first": _of(lambda c, ignore=False: c.drop_nulls().first() if ignore else c.first()),
    "last": _of(lambda c, ignore=False: c.drop_nulls().last() if ignore else c.last()),
    "count": _count,
    "countDistinct": lambda c: _column(c).drop_nulls().n_unique().cast(pl.Int64),
    "count_distinct": lambda c: _column(c).drop_nulls().n_unique().cast(pl.Int64),
    "approx_count_distinct": lambda c: _column(c).drop_nulls().n_unique().cast(pl.Int64),
    "stddev": _aggregate(lambda c: c.std()),
    "stddev_samp": _aggregate(lambda c: c.std()),
    "stddev_pop": _aggregate(lambda c: c.std(ddof=0)),
    "variance": _aggregate(lambda c: c.var()),
    "var_samp": _aggregate(lambda c: c.var()),
    "var_pop": _aggregate(lambda c: c.var(ddof=0)),
    "median": _aggregate(lambda c: c.median()),
    "collect_list": _aggregate(lambda c: c.drop_nulls()),
    "collect_set": _aggregate(lambda c: c.drop_nulls().unique()),
    "to_date": _to_date,
    "to_timestamp": _to_timestamp,
    "date_trunc": _date_trunc,
    "trunc": lambda c, unit: _date_trunc(unit, c),
    "date_format": _of(lambda c, fmt: c.dt.strftime(_strftime(fmt))),
    "year": _of(lambda c: c.dt.year()),
    "quarter": _of(lambda c: c.dt.quarter().cast(pl.Int32)),
    "month": _of(lambda c: c.dt.month().cast(pl.Int32)),
    "dayofmonth": _of(lambda c: c.dt.day().cast(pl.Int32)),
    "day": _of(lambda c: c.dt.day().cast(pl.Int32)),
    "dayofyear": _of(lambda c: c.dt.ordinal_day().cast(pl.Int32)),
    "dayofweek": _of(lambda c: (c.dt.weekday() % 7 + 1).cast(pl.Int32)),
    "weekofyear": _of(lambda c: c.dt.week().cast(pl.Int32)),
    "hour": _of(lambda c: c.dt.hour().cast(pl.Int32)),
    "minute": _of(lambda c: c.dt.minute().cast(pl.Int32)),
    "second": _of(lambda c: c.dt.second().cast(pl.Int32)),
    "last_day": _of(lambda c: c.cast(pl.Date).dt.month_end()),
    "datediff": _date_diff,
    "date_diff": _date_diff,
    "date_add": lambda c, n: _days_later(c, n, 1),
    "date_sub": lambda c, n: _days_later(c, n, -1),
    "add_months": _of(lambda c, n: c.cast(pl.Date).dt.offset_by(f"{n}mo")),
    "unix_timestamp": _of(lambda c: c.dt.epoch("s")),
    "from_unixtime": _of(lambda c: pl.from_epoch(c, "s").dt.strftime("%Y-%m-%d %H:%M:%S")),
    "struct": lambda *c: pl.struct([_column(x) for x in c]),
    "array": lambda *c: pl.concat_list([_column(x) for x in c]),
    "size": _of(lambda c: c.list.len().cast(pl.Int32)),
    "explode": _of(lambda c: c.explode()),
    "array_contains": _of(lambda c, v: c.list.contains(v)),
    "array_distinct": _of(lambda c: c.list.unique(maintain_order=True)),
    "array_join": _of(lambda c, s: c.list.join(s)),
    "sort_array": _of(lambda c, ascending=True: c.list.sort(descending=not ascending)),
    "element_at": _of(lambda c, i: c.list.get(i - 1 if i > 0 else i, null_on_oob=True)),
    "asc": _column,
    "desc": _of(lambda c: c),
    "monotonically_increasing_id": lambda: pl.int_range(pl.len()),
}


def _spark(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return SparkColumn(result) if isinstance(result, pl.Expr) else result

    call.takes_spark = True  # type: ignore[attr-defined]
    return call


SPARK_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: _spark(function) for name, function in _PLAIN.items()
}
"""What `F.` knows on Polars, by Spark's names."""

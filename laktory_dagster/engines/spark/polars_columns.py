"""What `pl.` expressions say and narwhals does not, on Spark.

Narwhals speaks Polars' own language, so that a `pl.` expression is read as one of narwhals. These
are the names that it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import narwhals as nw
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.spark.scope import column
from laktory_dagster.errors import ExpressionError

_PERIOD = re.compile(r"(-?)(?=\d)((?:\d+(?:y|q|mo|w|d|h|m|s|ms|us))+)")
_PART = re.compile(r"(\d+)(y|q|mo|w|d|h|ms|us|m|s)")
_MONTHS = {"y": 12, "q": 3, "mo": 1}
_DAYS = {"w": 7, "d": 1}
_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}


class When:
    """A choice that is not finished: `when(..).then(..)`, to which more may follow."""

    def __init__(self, condition: Column, before: Column | None = None) -> None:
        """Take the condition of a branch, and the branches before it."""
        self._condition = condition
        self._before = before

    def then(self, value: Any) -> Column:
        """Return the column of the branches so far; null where none holds."""
        chosen = F.when if self._before is None else self._before.when
        return chosen(self._condition, _literal(value))


def _literal(value: Any) -> Any:
    # A text is a column to Polars, where `pl.lit` is not around it.
    return column(value) if isinstance(value, str) else value


def _when(*conditions: Any) -> When:
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole & condition
    return When(whole)


def _struct(*columns: Any, **named: Any) -> Column:
    parts = [item for value in columns for item in (value if isinstance(value, list) else [value])]
    return F.struct(*parts, *(_literal(value).alias(name) for name, value in named.items()))


def _duration(
    *,
    weeks: Any = 0,
    days: Any = 0,
    hours: Any = 0,
    minutes: Any = 0,
    seconds: Any = 0,
    milliseconds: Any = 0,
    microseconds: Any = 0,
) -> Column:
    numbers = (weeks, days, hours, minutes, seconds, milliseconds, microseconds)
    weeks, days, hours, minutes, seconds, milliseconds, microseconds = (
        column(number) if isinstance(number, str) else F.lit(number) for number in numbers
    )
    parts = seconds + milliseconds / 1000 + microseconds / 1_000_000
    return F.make_dt_interval(weeks * 7 + days, hours, minutes, parts.cast("decimal(18,6)"))


def _format(template: str, *values: Any) -> Column:
    texts = template.split("{}")
    if len(texts) != len(values) + 1:
        raise ExpressionError(
            f"`{template}` has {len(texts) - 1} places, {len(values)} values are given"
        )
    parts: list[Column] = [F.lit(texts[0])]
    for value, text in zip(values, texts[1:], strict=True):
        shown = column(value) if isinstance(value, str) else F.lit(value)
        parts += [shown.cast("string"), F.lit(text)]
    return F.concat(*parts)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "duration": _duration,
    "format": _format,
    "selectors.by_name": nw.col,
    "struct": _struct,
    "when": _when,
}
"""Functions under `pl.` that narwhals lacks; they give columns of Spark or of narwhals."""

KLEENE = {"all_horizontal": False, "any_horizontal": False}
"""What `ignore_nulls` is to Polars where it is not given."""


def _offset_by(value: Column, by: str) -> Column:
    match = _PERIOD.fullmatch(by)
    if match is None:
        raise ExpressionError(
            f"`{by}` is no period of time", expected="one such as 1d, 2h, 3mo, 1y or 1d12h"
        )
    sign = -1 if match.group(1) else 1
    months, days, micros = 0, 0, 0
    for number, unit in _PART.findall(match.group(2)):
        months += int(number) * _MONTHS.get(unit, 0)
        days += int(number) * _DAYS.get(unit, 0)
        micros += int(number) * _MICROSECONDS.get(unit, 0)
    if months:
        value = value + F.expr(f"INTERVAL '{sign * months}' MONTH")
    if days:
        value = value + F.expr(f"INTERVAL '{sign * days}' DAY")
    return value + F.expr(f"INTERVAL '{sign * micros / 1e6:.6f}' SECOND") if micros else value


def _month_start(value: Column) -> Column:
    return value - _days(F.dayofmonth(value) - 1)


def _month_end(value: Column) -> Column:
    return value + _days(F.dayofmonth(F.last_day(value)) - F.dayofmonth(value))


def _days(number: Column) -> Column:
    return number.cast("interval day")


def _epoch(value: Column, time_unit: str = "us") -> Column:
    counts = {"s": F.unix_seconds, "ms": F.unix_millis, "us": F.unix_micros}
    moment = value.cast("timestamp")
    if time_unit == "d":
        return F.unix_date(moment.cast("date"))
    if time_unit not in counts:
        raise ExpressionError(f"`{time_unit}` is no unit of Spark's times", expected="s, ms, us, d")
    return counts[time_unit](moment)


def _total(micros: int) -> Callable[[Column], Column]:
    """Return the function that counts whole units of a duration, its fraction cut off."""

    def total(value: Column) -> Column:
        start = F.timestamp_micros(F.lit(0))
        return (F.unix_micros(start + value) / micros).cast("bigint")

    return total


_EVERY = re.compile(r"(\d+)(y|q|mo|w|d|h|ms|us|m|s)")
_MONDAY = 4 * 86_400 * 1_000_000
"""The first Monday after 1970-01-01 in microseconds."""


def _truncate(value: Column, every: str) -> Column:
    """Return a time cut to a multiple of a period, as Polars counts them: from 1970, weeks by Monday."""
    match = _EVERY.fullmatch(every)
    if match is None:
        raise ExpressionError(
            f"`{every}` is no period of time", expected="one such as 1d, 15m, 1mo"
        )
    number, unit = int(match.group(1)), match.group(2)
    moment = value.cast("timestamp")
    if unit in _MONTHS:
        step = number * _MONTHS[unit]
        months = F.year(moment) * 12 + F.month(moment) - 1
        first = months - F.pmod(months, F.lit(step))
        return F.make_timestamp(
            F.floor(first / 12).cast("int"),
            F.pmod(first, F.lit(12)) + 1,
            *[F.lit(1)],
            *[F.lit(0)] * 3,
        )
    days = _DAYS.get(unit)
    step = number * (days * 86_400_000_000 if days else _MICROSECONDS[unit])
    shift = _MONDAY if unit == "w" else 0
    micros = F.unix_micros(moment)
    return F.timestamp_micros(micros - F.pmod(micros - shift, F.lit(step)))


def _zoned(value: Column, time_zone: str | None = None) -> Column:
    if time_zone is None:
        return value.cast("timestamp_ntz")
    if time_zone != "UTC":
        raise ExpressionError(f"times on Spark are UTC, not `{time_zone}`")
    return value.cast("timestamp_ntz").cast("timestamp")


METHODS: Mapping[str, Callable[..., Column]] = {
    "dt.epoch": _epoch,
    "dt.timestamp": _epoch,
    **{
        f"dt.total_{unit}": _total(micros)
        for unit, micros in {
            "days": 86_400_000_000,
            "hours": 3_600_000_000,
            "minutes": 60_000_000,
            "seconds": 1_000_000,
            "milliseconds": 1_000,
            "microseconds": 1,
        }.items()
    },
    "dt.replace_time_zone": _zoned,
    "dt.truncate": _truncate,
    "str.len_bytes": F.octet_length,
    "dt.month_end": _month_end,
    "dt.month_start": _month_start,
    "dt.offset_by": _offset_by,
    "dt.quarter": lambda value: F.quarter(value).cast("tinyint"),
    "dt.week": lambda value: F.weekofyear(value).cast("tinyint"),
    "dt.is_leap_year": lambda value: (
        F.dayofyear(F.make_date(F.year(value), F.lit(12), F.lit(31))) == 366
    ),
    "eq_missing": lambda value, other: value.eqNullSafe(other),
    "ne_missing": lambda value, other: ~value.eqNullSafe(other),
    "list.first": lambda value: F.try_element_at(value, F.lit(1)),
    "list.join": F.array_join,
    "list.last": lambda value: F.try_element_at(value, F.lit(-1)),
    "list.reverse": F.reverse,
    "not_": lambda value: ~value,
    "pow": F.pow,
    "sign": F.signum,
    "str.extract": lambda value, pattern, group_index=1: F.when(
        value.rlike(pattern), F.regexp_extract(value, pattern, group_index)
    ),
    "str.pad_start": lambda value, length, fill_char=" ": F.when(
        F.length(value) < length, F.lpad(value, length, fill_char)
    ).otherwise(value),
    "str.pad_end": lambda value, length, fill_char=" ": F.when(
        F.length(value) < length, F.rpad(value, length, fill_char)
    ).otherwise(value),
    "str.reverse": F.reverse,
    "str.strip_chars_start": F.ltrim,
    "str.strip_chars_end": F.rtrim,
    "str.to_titlecase": F.initcap,
    "struct.field": lambda value, name: value.getField(name),
    "truediv": lambda value, other: value / other,
    "xor": lambda value, other: (value | other) & ~(value & other),
}
"""Methods of Polars' columns, by dotted name, that narwhals lacks."""

KEEP_THE_TYPE = frozenset({"dt.month_end", "dt.month_start", "dt.offset_by", "dt.truncate"})
"""Methods that give a date for a date; Spark's intervals make it a time."""

OWN = (
    KEEP_THE_TYPE | {"dt.replace_time_zone", "dt.timestamp"} | {n for n in METHODS if "total" in n}
)
"""Methods that narwhals has, and not all of their meaning on Spark."""

AS_NARWHALS: Mapping[str, Callable[..., Any]] = {
    "cast": lambda value, dtype, *, strict=True: value.cast(dtype),
    "is_not_nan": lambda value: ~value.is_nan(),
    "is_not_null": lambda value: ~value.is_null(),
    "rank": lambda value, method="average", **options: (
        value.rank(method, **options)
        if method == "average"
        else value.rank(method, **options).cast(nw.Int64)
    ),
    "list.get": lambda value, index, *, null_on_oob=True: value.list.get(index),
}
"""Methods of Polars' columns in the words of narwhals, where the column stays one of its own."""

TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("dt.month", "dt.day", "dt.hour", "dt.minute", "dt.second"), nw.Int8),
    "dt.ordinal_day": nw.Int16,
    **dict.fromkeys(("str.len_chars", "list.len"), nw.Int64),
}
"""What a number is on Polars, or is stored as from there, where Spark's is of another length."""

"""Spark's functions of dates and times on Polars columns. Times are UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_names import as_column, plain
from laktory_dagster.errors import ExpressionError

_DATE = pl.Date()
_TIMESTAMP = pl.Datetime("us", "UTC")
_SECONDS = "yyyy-MM-dd HH:mm:ss"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Mapping[str, str] = {
    **dict.fromkeys(("year", "yyyy", "yy"), "1y"),
    "quarter": "1q",
    **dict.fromkeys(("month", "mon", "mm"), "1mo"),
    "week": "1w",
    **dict.fromkeys(("day", "dd"), "1d"),
    "hour": "1h",
    "minute": "1m",
    "second": "1s",
    "millisecond": "1ms",
    "microsecond": "1us",
}
_FORMATS = (
    ("yyyy", "%Y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("M", "%-m"),
    ("dd", "%d"), ("d", "%-d"), ("DDD", "%j"), ("HH", "%H"), ("H", "%-H"), ("hh", "%I"),
    ("h", "%-I"), ("mm", "%M"), ("m", "%-M"), ("ss", "%S"), ("s", "%-S"), ("SSSSSS", "%6f"),
    ("SSS", "%3f"), ("EEEE", "%A"), ("EEE", "%a"), ("EE", "%a"), ("E", "%a"), ("a", "%p"),
    ("XXX", "%:z"), ("Z", "%z"), ("z", "%Z"), ("y", "%Y"), ("L", "%-m"), ("LL", "%m"), ("LLL", "%b"),
    ("LLLL", "%B"), *(("S" * digits, f"%{digits}f") for digits in (1, 2, 4, 5)),
)  # fmt: skip
_FORMAT = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|%|[^A-Za-z'%]+")


def strftime_format(pattern: str) -> str:
    """Return a pattern of Spark (`yyyy-MM-dd`) in strftime's letters.

    Raises:
        ExpressionError: A letter has no equal.
    """
    known = dict(_FORMATS)
    parts = []
    for found in _FORMAT.finditer(pattern):
        whole, quoted, letter = found.group(0), found.group(1), found.group(2)
        if quoted is not None:
            parts.append((quoted.replace("''", "'") or "'").replace("%", "%%"))
        elif letter is None:
            parts.append(whole.replace("%", "%%"))
        elif whole in known:
            parts.append(known[whole])
        else:
            raise ExpressionError(
                f"`{whole}` in the time format `{pattern}` has no equal on Polars",
                expected="letters such as yyyy, MM, dd, HH, mm, ss, SSS, EEE, XXX",
            )
    return "".join(parts)


_WIDTHS: Mapping[str, str] = {
    **dict.fromkeys(("M", "d", "H", "h", "m", "s"), r"\d{1,2}"),
    **dict.fromkeys(("MM", "dd", "HH", "hh", "mm", "ss", "yy"), r"\d{2}"),
    "yyyy": r"\d{4}",
    "y": r"\d+",
    "DDD": r"\d{3}",
    **{"S" * digits: rf"\d{{1,{digits}}}" for digits in range(1, 7)},
}


def _shape(pattern: str) -> str:
    """Return the regular expression of the texts that Spark reads by a pattern: `MM` is two digits."""
    parts = []
    for found in _FORMAT.finditer(pattern):
        whole, quoted, letter = found.group(0), found.group(1), found.group(2)
        if quoted is not None:
            parts.append(re.escape(quoted.replace("''", "'") or "'"))
        else:
            parts.append(re.escape(whole) if letter is None else _WIDTHS.get(whole, r".+"))
    return f"^{''.join(parts)}$"


def _read(value: pl.Expr, pattern: str) -> tuple[pl.Expr, str]:
    """Return texts and the strftime format to read them by; null for those of another shape."""
    text = value.cast(pl.String)
    text = pl.when(text.str.contains(_shape(pattern))).then(text)
    format_ = re.sub(r"\.%\df", "%.f", strftime_format(pattern))
    if not re.search("[yMdD]", re.sub("'[^']*'", "", pattern)):
        # A time without a day is one of the first day.
        text, format_ = pl.lit("1970-01-01 ") + text, f"%Y-%m-%d {format_}"
    return text, format_


def _day(scope: Scope, value: Any) -> pl.Expr:
    return scope.cast(as_column(value), _DATE)


def _time(scope: Scope, value: Any) -> pl.Expr:
    return scope.cast(as_column(value), _TIMESTAMP)


def _to_date(scope: Scope, value: pl.Expr, format: str | None = None) -> pl.Expr:  # noqa: A002
    if format is None:
        return _day(scope, value)
    text, pattern = _read(value, plain(format))
    return text.str.to_date(pattern, strict=False)


def _to_timestamp(scope: Scope, value: pl.Expr, format: Any = None) -> pl.Expr:  # noqa: A002
    if format is None:
        return _time(scope, value)
    text, pattern = _read(value, plain(format))
    has_zone = any(mark in pattern for mark in ("%z", "%:z"))
    parsed = text.str.to_datetime(
        pattern, strict=False, time_unit="us", time_zone="UTC" if has_zone else None
    )
    return parsed if has_zone else parsed.dt.replace_time_zone("UTC")


def _date_format(scope: Scope, value: pl.Expr, format: str) -> pl.Expr:  # noqa: A002
    return _written(_time(scope, value), format)


def _written(time: pl.Expr, pattern: str) -> pl.Expr:
    parts: list[str | pl.Expr] = [""]
    for found in _FORMAT.finditer(pattern):
        computed = _computed(time, found.group(0))
        if computed is None and isinstance(parts[-1], str):
            parts[-1] += found.group(0)
        else:
            parts.append(found.group(0) if computed is None else computed)
    # Times are UTC, whose `XXX` is a letter.
    return pl.concat_str(
        time.dt.strftime(strftime_format(part).replace("%:z", "Z"))
        if isinstance(part, str)
        else part
        for part in parts
    )


def _computed(time: pl.Expr, letters: str) -> pl.Expr | None:
    """Return what letters of a format stand for that strftime has no letter for; None for others."""
    letter, width = letters[0], len(letters)
    if letter == "S" and width <= 6:
        return time.dt.strftime("%6f").str.head(width)
    number = _NUMBERS[letter](time) if letter in _NUMBERS and width <= 2 else None
    return None if number is None else number.cast(pl.String).str.zfill(width)


_NUMBERS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "D": lambda time: time.dt.ordinal_day(),
    "K": lambda time: time.dt.hour() % 12,
    "Q": lambda time: time.dt.quarter(),
    "k": lambda time: (time.dt.hour() + 23) % 24 + 1,
    "q": lambda time: time.dt.quarter(),
}
"""Letters of a format to the numbers that they write."""


def _part(function: str, plus: int = 0) -> Callable[..., pl.Expr]:
    def part(scope: Scope, value: pl.Expr) -> pl.Expr:
        number: pl.Expr = getattr(_time(scope, value).dt, function)()
        return number.cast(pl.Int32) + plus if plus else number.cast(pl.Int32)

    return part


def _day_of_week(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return 1 for Sunday to 7 for Saturday."""
    return (_day(scope, value).dt.weekday() % 7 + 1).cast(pl.Int32)


def _moved(unit: str, sign: int = 1) -> Callable[..., pl.Expr]:
    def moved(scope: Scope, start: pl.Expr, amount: Any) -> pl.Expr:
        day = _day(scope, start)
        if isinstance(amount, int):
            return day.dt.offset_by(f"{sign * amount}{unit}")
        count = (as_column(amount).cast(pl.Int64) * sign).cast(pl.String)
        return day.dt.offset_by(count + pl.lit(unit))

    return moved


def _date_diff(scope: Scope, end: pl.Expr, start: pl.Expr) -> pl.Expr:
    return (_day(scope, end) - _day(scope, start)).dt.total_days().cast(pl.Int32)


def _months_between(scope: Scope, first: pl.Expr, second: pl.Expr, roundOff: bool = True) -> Any:  # noqa: N803
    one, two = _time(scope, first), _time(scope, second)
    months = (one.dt.year() - two.dt.year()) * 12 + one.dt.month() - two.dt.month()
    both_last = (one.dt.day() == one.dt.month_end().dt.day()) & (
        two.dt.day() == two.dt.month_end().dt.day()
    )
    days = one.dt.day().cast(pl.Int64) - two.dt.day().cast(pl.Int64)
    clock = _seconds_of_day(one) - _seconds_of_day(two)
    rest = (days * 86_400 + clock) / (31 * 86_400)
    whole = both_last | (days == 0)
    result = months + pl.when(whole).then(0.0).otherwise(rest)
    return result.round(8) if roundOff else result


def _seconds_of_day(time: pl.Expr) -> pl.Expr:
    hours, minutes = time.dt.hour().cast(pl.Int64), time.dt.minute().cast(pl.Int64)
    return hours * 3600 + minutes * 60 + time.dt.second().cast(pl.Int64)


def _date_trunc(scope: Scope, format: str, timestamp: pl.Expr) -> pl.Expr:  # noqa: A002
    return _time(scope, timestamp).dt.truncate(_unit(format))


def _trunc(scope: Scope, date: pl.Expr, format: str) -> pl.Expr:  # noqa: A002
    unit = _unit(format)
    # What is smaller than a week is no unit of a date.
    return pl.lit(None, dtype=_DATE) if unit[-1] in "dhms" else _day(scope, date).dt.truncate(unit)


def _unit(name: str) -> str:
    unit = _UNITS.get(name.lower())
    if unit is None:
        raise ExpressionError(f"`{name}` is no unit of time", expected=", ".join(sorted(_UNITS)))
    return unit


def _last_day(scope: Scope, date: pl.Expr) -> pl.Expr:
    return _day(scope, date).dt.month_end()


def _next_day(scope: Scope, date: pl.Expr, dayOfWeek: str) -> pl.Expr:  # noqa: N803
    wanted = next((i for i, d in enumerate(_DAYS) if d.startswith(dayOfWeek.lower()[:2])), None)
    if wanted is None:
        raise ExpressionError(f"`{dayOfWeek}` is no day of the week", expected="Mon, Tue ...")
    day = _day(scope, date)
    ahead = (wanted + 7 - day.dt.weekday().cast(pl.Int64)) % 7 + 1
    return day.dt.offset_by(ahead.cast(pl.String) + pl.lit("d"))


def _unix_timestamp(scope: Scope, timestamp: Any = None, format: str | None = None) -> pl.Expr:  # noqa: A002
    if timestamp is None:
        return scope.now().dt.epoch("s")
    value = as_column(timestamp)
    if format is None and scope.type_of(value) == pl.String:
        format = _SECONDS  # noqa: A001
    micros = _to_timestamp(scope, value, format).dt.epoch("us")
    # A fraction is cut off, also before 1970.
    size = micros.abs() // 1_000_000
    return pl.when(micros < 0).then(-size).otherwise(size)


def _from_unixtime(
    scope: Scope,
    timestamp: pl.Expr,
    format: str = _SECONDS,  # noqa: A002
) -> pl.Expr:
    seconds = timestamp.cast(pl.Int64, strict=False)
    return _written(_from_epoch(1_000_000)(scope, seconds), format)


def _from_epoch(factor: int) -> Callable[..., pl.Expr]:
    def time(scope: Scope, value: pl.Expr) -> pl.Expr:
        kind = scope.type_of(value)
        # 32 bits hold the seconds of this century, and not their microseconds.
        value = value.cast(pl.Int64) if kind is not None and kind.is_integer() else value
        return (value * factor).round(0).cast(pl.Int64, strict=False).cast(_TIMESTAMP)

    return time


def _epoch(unit: Any) -> Callable[..., pl.Expr]:
    return lambda scope, value: _time(scope, value).dt.epoch(unit)


def _to_zone(scope: Scope, timestamp: pl.Expr, tz: str) -> pl.Expr:
    local = _time(scope, timestamp).dt.convert_time_zone(tz)
    return local.dt.replace_time_zone(None).dt.replace_time_zone("UTC")


def _from_zone(scope: Scope, timestamp: pl.Expr, tz: str) -> pl.Expr:
    naive = _time(scope, timestamp).dt.replace_time_zone(None)
    day = pl.duration(days=1)
    # In the hour that a clock skips it is as if it had gone on as the day before.
    return pl.coalesce(_in_zone(naive, tz), _in_zone(naive - day, tz) + day)


def _in_zone(naive: pl.Expr, tz: str) -> pl.Expr:
    local = naive.dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _make_date(_scope: Scope, year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    text = pl.concat_str([year, month, day], separator="-")
    return text.str.to_date("%Y-%m-%d", strict=False)


def _unix_date(scope: Scope, value: pl.Expr) -> pl.Expr:
    return _day(scope, value).cast(pl.Int32)


def _days_to_date(_scope: Scope, days: pl.Expr) -> pl.Expr:
    return days.cast(pl.Int32).cast(pl.Date)


def _name_of(pattern: str) -> Callable[..., pl.Expr]:
    return lambda scope, value: _time(scope, value).dt.strftime(pattern)


def _now(scope: Scope) -> pl.Expr:
    return scope.now()


def _today(scope: Scope) -> pl.Expr:
    return scope.now().dt.date()


TIMES: Mapping[str, Callable[..., Any]] = {
    "add_months": _moved("mo"),
    "curdate": _today,
    "current_date": _today,
    "current_timestamp": _now,
    "date_add": _moved("d"),
    "date_diff": _date_diff,
    "date_format": _date_format,
    "date_from_unix_date": _days_to_date,
    "date_sub": _moved("d", -1),
    "date_trunc": _date_trunc,
    "dateadd": _moved("d"),
    "datediff": _date_diff,
    "day": _part("day"),
    "dayname": _name_of("%a"),
    "dayofmonth": _part("day"),
    "dayofweek": _day_of_week,
    "dayofyear": _part("ordinal_day"),
    "from_unixtime": _from_unixtime,
    "from_utc_timestamp": _to_zone,
    "hour": _part("hour"),
    "last_day": _last_day,
    "localtimestamp": lambda scope: scope.now().dt.replace_time_zone(None),
    "make_date": _make_date,
    "minute": _part("minute"),
    "month": _part("month"),
    "monthname": _name_of("%b"),
    "months_between": _months_between,
    "next_day": _next_day,
    "now": _now,
    "quarter": _part("quarter"),
    "second": _part("second"),
    "timestamp_micros": _from_epoch(1),
    "timestamp_millis": _from_epoch(1_000),
    "timestamp_seconds": _from_epoch(1_000_000),
    "to_date": _to_date,
    "to_timestamp": _to_timestamp,
    "to_timestamp_ltz": _to_timestamp,
    "to_utc_timestamp": _from_zone,
    "trunc": _trunc,
    "try_to_date": _to_date,
    "try_to_timestamp": _to_timestamp,
    "unix_date": _unix_date,
    "unix_micros": _epoch("us"),
    "unix_millis": _epoch("ms"),
    "unix_seconds": _epoch("s"),
    "unix_timestamp": _unix_timestamp,
    "weekday": _part("weekday", -1),
    "weekofyear": _part("week"),
    "year": _part("year"),
}

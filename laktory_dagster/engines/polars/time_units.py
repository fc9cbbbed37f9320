"""Times moved by a number of units and the units between two times, as Spark counts them."""

from __future__ import annotations

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.expressions.time_units import DAYS, MICROS, MONTHS, plain_unit

_TIMESTAMP = pl.Datetime("us", "UTC")


def added(scope: Scope, unit: str, amount: pl.Expr, time: pl.Expr) -> pl.Expr:
    """Return `timestampadd(unit, amount, time)`: a time, also of a date."""
    unit = plain_unit(unit)
    if not isinstance(scope.type_of(time), pl.Datetime):
        time = scope.cast(time, _TIMESTAMP)
    count = amount.cast(pl.Int64)
    if unit in MICROS:
        return time + pl.duration(microseconds=count * MICROS[unit])
    in_months = unit in MONTHS
    steps = count * (MONTHS[unit] if in_months else DAYS[unit])
    return time.dt.offset_by(pl.format("{}mo" if in_months else "{}d", steps))


def between(scope: Scope, unit: str, start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Return `timestampdiff(unit, start, end)`: the whole units between two times."""
    unit = plain_unit(unit)
    first, last = scope.cast(start, _TIMESTAMP), scope.cast(end, _TIMESTAMP)
    if unit in MONTHS:
        return _quotient(_months(first, last), MONTHS[unit])
    size = DAYS[unit] * 86_400_000_000 if unit in DAYS else MICROS[unit]
    return _quotient(last.dt.epoch("us") - first.dt.epoch("us"), size)


def _months(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Return the whole months between two times."""
    times = pl.struct(first.alias("first"), last.alias("last"))
    return times.map_batches(_months_of, return_dtype=pl.Int64, is_elementwise=True)


def _months_of(times: pl.Series) -> pl.Series:
    """Count months; a last day of which not all is over counts as the day before."""
    frame = times.struct.unnest()
    first, last = frame["first"], frame["last"]
    start, end = first.dt.date(), last.dt.date()
    clock = last.dt.epoch("us") - first.dt.epoch("us") - (end - start).dt.total_microseconds()
    over = ((end < start) & (clock > 0)).cast(pl.Int8) - ((end > start) & (clock < 0)).cast(pl.Int8)
    end = (end.cast(pl.Int32) + over).cast(pl.Date)
    return pl.select(_quotient(_packed(pl.lit(end)) - _packed(pl.lit(start)), 32)).to_series()


def _packed(day: pl.Expr) -> pl.Expr:
    month = day.dt.year().cast(pl.Int64) * 12 + day.dt.month()
    return month * 32 + day.dt.day()


def _quotient(value: pl.Expr, by: int) -> pl.Expr:
    """Return the whole part of a ratio, cut towards zero."""
    return (value.abs() // by) * value.sign()

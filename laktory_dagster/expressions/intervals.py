"""Intervals of SQL as months, days and microseconds: `INTERVAL '1 02:03' DAY TO MINUTE`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from sqlglot import exp

from laktory_dagster.expressions.time_units import DAYS, MICROS, MONTHS, plain_unit

_FIELDS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


class Span(NamedTuple):
    """An amount of time; months and days have no fixed length."""

    months: int = 0
    days: int = 0
    micros: int = 0

    def plus(self, other: Span) -> Span:
        """Return both together."""
        return Span(*(one + more for one, more in zip(self, other, strict=True)))

    def reversed(self) -> Span:
        """Return the span that takes this one back."""
        return Span(*(-part for part in self))

    def steps(self) -> Iterator[str]:
        """Yield what a time is moved by, one after another, in Polars' spelling."""
        for amount, unit in zip(self, ("mo", "d", "us"), strict=True):
            if amount:
                yield f"{amount}{unit}"


def span_of(node: exp.Expr) -> Span | None:
    """Return the span of an interval of plain numbers, or of a sum of them; None for anything else."""
    node = node.unnest()
    if isinstance(node, exp.Add):
        first, second = span_of(node.this), span_of(node.expression)
        return None if first is None or second is None else first.plus(second)
    if isinstance(node, exp.Neg):
        inner = span_of(node.this)
        return None if inner is None else inner.reversed()
    if not isinstance(node, exp.Interval):
        return None
    amount, unit = node.this, node.args.get("unit")
    is_negative = isinstance(amount, exp.Neg)
    if is_negative:
        amount = amount.this
    if not isinstance(amount, exp.Literal) or unit is None:
        return None
    text = amount.name.strip()
    if isinstance(unit, exp.IntervalSpan):
        span = _of_fields(text, unit.this.name.upper(), unit.expression.name.upper())
    else:
        span = _of_unit(text, unit.name.upper())
    return span.reversed() if span is not None and is_negative else span


def _of_unit(text: str, unit: str) -> Span | None:
    unit = plain_unit(unit)
    if re.fullmatch(r"[+-]?\d+", text) is None:
        is_fraction = unit == "SECOND" and re.fullmatch(r"[+-]?\d*\.\d{1,6}", text)
        return Span(micros=int(Decimal(text) * MICROS[unit])) if is_fraction else None
    amount = int(text)
    if unit in MONTHS:
        return Span(months=amount * MONTHS[unit])
    if unit in DAYS:
        return Span(days=amount * DAYS[unit])
    return Span(micros=amount * MICROS[unit]) if unit in MICROS else None


def _of_fields(text: str, first: str, last: str) -> Span | None:
    """Return the span of `'1-2' YEAR TO MONTH` or `'1 02:03:04.5' DAY TO SECOND`."""
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    parts = re.split("[-: ]", digits)
    if first not in _FIELDS or last not in _FIELDS:
        return None
    units = _FIELDS[_FIELDS.index(first) : _FIELDS.index(last) + 1]
    spans = [_of_unit(part, unit) for part, unit in zip(parts, units, strict=False)]
    if len(parts) != len(units) or None in spans:
        return None
    total = Span()
    for span in spans:
        total = total.plus(span or Span())
    return total if sign > 0 else total.reversed()

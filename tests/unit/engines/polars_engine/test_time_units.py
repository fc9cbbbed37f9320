"""Whole units between two times, beside the rule of Java that Spark's documentation names."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import polars as pl
import pytest

from laktory_dagster.engines.registry import open_engine
from tests.engines.transforming import rows

# ruff: noqa: DTZ001 - times without zone are what is tested
LENGTHS = {
    "WEEK": timedelta(weeks=1),
    "DAY": timedelta(days=1),
    "HOUR": timedelta(hours=1),
    "MINUTE": timedelta(minutes=1),
    "SECOND": timedelta(seconds=1),
    "MILLISECOND": timedelta(milliseconds=1),
    "MICROSECOND": timedelta(microseconds=1),
}
MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}


def whole(value: int, by: int) -> int:
    return abs(value) // by * (1 if value > 0 else -1)


def months_between(start: datetime, end: datetime) -> int:
    """Return what `LocalDateTime.until(end, MONTHS)` gives.

    A last day of which not all is over counts as the day before, then the days of the dates decide.
    """
    day = end.date()
    if day > start.date() and end.time() < start.time():
        day -= timedelta(days=1)
    elif day < start.date() and end.time() > start.time():
        day += timedelta(days=1)
    first = start.date()
    packed = (day.year * 12 + day.month) * 32 + day.day
    return whole(packed - ((first.year * 12 + first.month) * 32 + first.day), 32)


def pairs() -> list[tuple[datetime, datetime]]:
    dice = random.Random(11)
    corners = [
        datetime(2024, 1, 31),
        datetime(2024, 2, 29, 23, 59, 59, 999999),
        datetime(2024, 3, 1),
        datetime(2023, 2, 28, 12),
        datetime(2024, 1, 31, 12),
        datetime(1969, 12, 31, 23),
    ]
    near = [
        (
            at := corners[dice.randrange(len(corners))],
            at + timedelta(minutes=dice.randint(-90_000, 90_000)),
        )
        for _ in range(200)
    ]
    return [(a, b) for a in corners for b in corners] + near


@pytest.mark.parametrize("unit", [*LENGTHS, *MONTHS])
@pytest.mark.parametrize("function", ["timestampdiff", "datediff", "date_diff"])
def test_units_between_two_times(function: str, unit: str) -> None:
    given = pairs()
    engine = open_engine("polars")
    data = pl.DataFrame({"a": [a for a, _ in given], "b": [b for _, b in given]})
    found = rows(engine, data, {"sql_expr": f"SELECT {function}({unit}, a, b) AS r FROM {{df}}"})
    if unit in MONTHS:
        wanted = [whole(months_between(a, b), MONTHS[unit]) for a, b in given]
    else:
        size = LENGTHS[unit] // timedelta(microseconds=1)
        wanted = [whole((b - a) // timedelta(microseconds=1), size) for a, b in given]
    assert [row[0] for row in found] == wanted
    engine.close()


@pytest.mark.parametrize("unit", [*LENGTHS, *MONTHS])
def test_what_is_added_is_what_lies_between(unit: str) -> None:
    """A month may be cut to its last day, so that a time that moved by months is no such time."""
    given = [(a, n) for a, _ in pairs() for n in (-13, 0, 1, 700)]
    engine = open_engine("polars")
    data = pl.DataFrame({"a": [a for a, _ in given], "n": [n for _, n in given]})
    query = f"SELECT a, n, timestampadd({unit}, n, a) AS b FROM {{df}}"
    for a, n, b in rows(engine, data, {"sql_expr": query}):
        if unit in LENGTHS:
            assert b == a + n * LENGTHS[unit]
        else:
            month = a.year * 12 + a.month - 1 + n * MONTHS[unit]
            assert (b.year, b.month - 1, b.time()) == (month // 12, month % 12, a.time())
            assert b.day == a.day or (b.day < a.day and (b + timedelta(days=1)).day == 1)
    engine.close()

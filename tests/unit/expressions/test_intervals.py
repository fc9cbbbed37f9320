"""Intervals of SQL as spans of months, days and microseconds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one

from laktory_dagster.expressions.intervals import Span, span_of
from laktory_dagster.expressions.sql import parse_sql_expression

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


def read(text: str) -> Span | None:
    return span_of(parse_one(text, dialect="spark"))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("INTERVAL 1 DAY", Span(days=1)),
        ("INTERVAL '3' DAYS", Span(days=3)),
        ("INTERVAL '2 days'", Span(days=2)),
        ("INTERVAL -3 DAYS", Span(days=-3)),
        ("INTERVAL '-3' DAY", Span(days=-3)),
        ("- INTERVAL 2 HOURS", Span(micros=-2 * HOUR)),
        ("INTERVAL 2 WEEKS", Span(days=14)),
        ("INTERVAL 2 YEARS", Span(months=24)),
        ("INTERVAL 1 QUARTER", Span(months=3)),
        ("INTERVAL 90 minutes", Span(micros=90 * 60 * SECOND)),
        ("INTERVAL '1.5' SECOND", Span(micros=1_500_000)),
        ("INTERVAL '-0.000001' SECOND", Span(micros=-1)),
        ("INTERVAL 100 MILLISECONDS", Span(micros=100_000)),
        ("INTERVAL 7 MICROSECONDS", Span(micros=7)),
        ("INTERVAL '1-2' YEAR TO MONTH", Span(months=14)),
        ("INTERVAL '-1-2' YEAR TO MONTH", Span(months=-14)),
        ("INTERVAL '1 02' DAY TO HOUR", Span(days=1, micros=2 * HOUR)),
        ("INTERVAL '1 02:03' DAY TO MINUTE", Span(days=1, micros=2 * HOUR + 180 * SECOND)),
        ("INTERVAL '-1 02:00:00' DAY TO SECOND", Span(days=-1, micros=-2 * HOUR)),
        ("INTERVAL '10:20.5' MINUTE TO SECOND", Span(micros=620_500_000)),
        ("INTERVAL '+5' DAY", Span(days=5)),
        ("INTERVAL 1 DAY 2 HOURS", Span(days=1, micros=2 * HOUR)),
        ("INTERVAL 1 YEAR + INTERVAL 1 MONTH", Span(months=13)),
        ("(INTERVAL 1 DAY)", Span(days=1)),
    ],
)
def test_a_span(text: str, span: Span) -> None:
    assert read(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "d",
        "1",
        "INTERVAL n DAY",
        "INTERVAL '1.5' DAY",
        "INTERVAL 'x' DAY",
        "INTERVAL '1-2-3' YEAR TO MONTH",
        "INTERVAL '1' DAY TO SECOND",
        "INTERVAL '1 2:3' DAY TO SECOND",
        "INTERVAL '0.0000001' SECOND",
        "INTERVAL 1 DAY + 1",
        "INTERVAL 1 DAY - INTERVAL 1 HOUR",
        "INTERVAL 1 DECADE",
    ],
)
def test_what_is_no_span_of_plain_numbers(text: str) -> None:
    assert read(text) is None


_clock = st.tuples(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))


@settings(max_examples=40, deadline=None)
@given(_clock, st.booleans())
def test_fields_and_units_say_the_same(clock: tuple[int, int, int, int], minus: bool) -> None:
    days, hours, minutes, seconds = clock
    text = f"{days} {hours:02}:{minutes:02}:{seconds:02}"
    single = " + ".join(
        f"INTERVAL {amount} {unit}"
        for amount, unit in zip(clock, ("DAYS", "HOURS", "MINUTES", "SECONDS"), strict=True)
    )
    whole = read(f"INTERVAL '{'-' if minus else ''}{text}' DAY TO SECOND")
    parts = read(single)
    assert parts == Span(0, days, (hours * 3_600 + minutes * 60 + seconds) * SECOND)
    assert whole == (parts.reversed() if minus and parts is not None else parts)


def test_the_steps_of_a_span_are_those_of_polars() -> None:
    assert list(Span(14, -3, 5).steps()) == ["14mo", "-3d", "5us"]
    assert list(Span(months=1).steps()) == ["1mo"]
    assert list(Span().steps()) == []
    assert Span(1, 2, 3).plus(Span(1, 1, -3)) == Span(2, 3, 0)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # Without the brackets the hours would be added.
        ("z - INTERVAL 1 DAY 2 HOURS", "z - (INTERVAL '1' DAY + INTERVAL '2' HOURS)"),
        ("z - INTERVAL 1 DAY", "z - INTERVAL '1' DAY"),
        ("z + INTERVAL 1 DAY 2 HOURS", "z + INTERVAL '1' DAY + INTERVAL '2' HOURS"),
        ("z - INTERVAL 1 DAY - INTERVAL 1 DAY", "z - INTERVAL '1' DAY - INTERVAL '1' DAY"),
        (
            "z - INTERVAL 1 YEAR 2 DAYS 3 HOURS",
            "z - (INTERVAL '1' YEAR + INTERVAL '2' DAYS + INTERVAL '3' HOURS)",
        ),
    ],
)
def test_an_interval_of_several_units_is_taken_off_as_one(text: str, written: str) -> None:
    shown = parse_sql_expression(text, "spark").render("spark")
    assert shown.replace("`", "") == written


def test_a_span_is_found_in_no_other_node() -> None:
    assert span_of(exp.Null()) is None
    assert span_of(exp.Interval()) is None

"""Functions of texts and numbers beside what Python says of the same texts and numbers."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.registry import open_engine
from tests.engines.transforming import column, sorted_rows, step

ENGINE = open_engine("polars")
TEXTS = st.text(alphabet="ab c%_é😀日\\", max_size=8)
LONGS = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-30, 30)
few = settings(max_examples=60, deadline=None)


def value(data: dict[str, list[Any]], expression: str) -> Any:
    """Return what an expression gives for the only row."""
    (found,) = column(ENGINE, data, expression)
    return found


def java_remainder(left: int, right: int) -> int:
    """Return the remainder that has the sign of the left side."""
    return left - right * int(abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1))


@few
@given(TEXTS, st.integers(-12, 12), st.integers(-3, 12))
def test_a_substring_is_what_lies_between_two_places(text: str, start: int, length: int) -> None:
    """Places below zero count from the end, and may lie before the text."""
    begin = start - 1 if start > 0 else 0 if start == 0 else len(text) + start
    wanted = text[max(begin, 0) : max(begin + max(length, 0), 0)]
    assert value({"s": [text]}, f"F.substring('s', {start}, {length})") == wanted
    assert value({"s": [text]}, f"F.col('s').substr({start}, {length})") == wanted


@few
@given(TEXTS, st.sampled_from(["a", "b c", "é", "😀", "%", "\\", "日"]), st.integers(1, 9))
def test_a_part_is_located_by_characters(text: str, part: str, start: int) -> None:
    data = {"s": [text]}
    assert value(data, f"F.instr('s', {part!r})") == text.find(part) + 1
    assert value(data, f"F.locate({part!r}, 's', {start})") == text.find(part, start - 1) + 1
    assert value(data, f"F.contains('s', F.lit({part!r}))") == (part in text)


@few
@given(TEXTS, st.integers(-2, 12), st.sampled_from(["x", "é", "ab", "日本a"]))
def test_padding_gives_the_length_that_is_asked_for(text: str, length: int, pad: str) -> None:
    missing = max(length - len(text), 0)
    filling = (pad * missing)[:missing]
    wanted = max(length, 0)
    data = {"s": [text]}
    assert value(data, f"F.lpad('s', {length}, {pad!r})") == (filling + text)[:wanted]
    assert value(data, f"F.rpad('s', {length}, {pad!r})") == (text + filling)[:wanted]


@few
@given(TEXTS, st.integers(-2, 9))
def test_left_right_and_repeat(text: str, count: int) -> None:
    data, many = {"s": [text]}, max(count, 0)
    assert value(data, f"F.left('s', F.lit({count}))") == text[:many]
    assert value(data, f"F.right('s', F.lit({count}))") == (text[-many:] if many else "")
    assert value(data, f"F.repeat('s', {count})") == text * many


@few
@given(TEXTS, TEXTS, TEXTS)
def test_replacing_is_plain(text: str, old: str, new: str) -> None:
    found = value({"s": [text]}, f"F.replace('s', F.lit({old!r}), F.lit({new!r}))")
    assert found == (text.replace(old, new) if old else text)


@few
@given(TEXTS, st.sampled_from([" ", "a", "%", "é"]), st.integers(1, 5))
def test_a_part_of_a_split_text(text: str, delimiter: str, number: int) -> None:
    parts = text.split(delimiter)
    wanted = parts[number - 1] if number <= len(parts) else ""
    backward = parts[-number] if number <= len(parts) else ""
    data = {"s": [text]}
    for place, part in ((number, wanted), (-number, backward)):
        given_ = f"F.split_part('s', F.lit({delimiter!r}), F.lit({place}))"
        assert value(data, given_) == part
    assert value(data, f"F.split('s', {re.escape(delimiter)!r})") == parts


@few
@given(TEXTS, st.text(alphabet="a%_/é ", max_size=5))
def test_like_with_a_sign_that_quotes(text: str, pattern: str) -> None:
    wanted, signs = "", iter(pattern)
    for sign in signs:
        if sign == "/":
            wanted += re.escape(next(signs, ""))
        else:
            wanted += {"%": ".*", "_": "."}.get(sign, re.escape(sign))
    found = value({"s": [text]}, f"F.like('s', F.lit({pattern!r}), F.lit('/'))")
    assert found == (re.fullmatch(wanted, text, re.DOTALL) is not None)


@few
@given(TEXTS, st.text(alphabet="a$\\1x", max_size=4))
def test_a_quoted_replacement_is_taken_as_it_stands(text: str, new: str) -> None:
    quoted = new.replace("\\", "\\\\").replace("$", "\\$")
    found = value({"s": [text]}, f"F.regexp_replace('s', 'a', {quoted!r})")
    assert found == text.replace("a", new)


@few
@given(LONGS, LONGS)
def test_what_a_long_does_not_hold_is_null(first: int, second: int) -> None:
    data = {"a": [first], "b": [second]}
    results = {
        "try_add": first + second,
        "try_subtract": first - second,
        "try_multiply": first * second,
    }
    for name, wanted in results.items():
        fits = -(2**63) <= wanted < 2**63
        assert value(data, f"F.{name}('a', 'b')") == (wanted if fits else None)


@few
@given(SMALL, SMALL)
def test_remainders_have_the_sign_of_the_left_side(left: int, right: int) -> None:
    data = {"a": [left], "b": [right]}
    wanted = java_remainder(left, right) if right else None
    assert value(data, "F.try_mod('a', 'b')") == wanted
    assert value(data, "F.col('a') % F.col('b')") == wanted


@few
@given(SMALL, SMALL)
def test_a_positive_remainder(left: int, right: int) -> None:
    """As Spark says: the remainder, and where that is negative the remainder of it plus the divisor."""
    wanted = None
    if right:
        rest = java_remainder(left, right)
        wanted = java_remainder(rest + right, right) if rest < 0 else rest
    assert value({"a": [left], "b": [right]}, "F.pmod('a', 'b')") == wanted


@few
@given(st.floats(-700, 700))
def test_expm1_keeps_the_digits_of_small_numbers(number: float) -> None:
    found = value({"x": [number]}, "F.expm1('x')")
    assert found == pytest.approx(math.expm1(number), rel=1e-12, abs=0)


@few
@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_hypotenuse_overflows_only_where_it_must(first: float, second: float) -> None:
    found = value({"a": [first], "b": [second]}, "F.hypot('a', 'b')")
    assert found == pytest.approx(math.hypot(first, second), rel=1e-12, abs=1e-300)


@few
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=9), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
)
def test_an_approximate_percentile_is_one_of_the_values(values: list[int], share: float) -> None:
    """The least value that at least this share of the values do not exceed."""
    place = max(math.ceil(share * len(values)), 1)
    wanted = sorted(values)[place - 1]
    steps = [
        step(
            "agg", f"F.percentile_approx('v', {share})", f"F.percentile_approx('v', [{share}, 1.0])"
        )
    ]
    assert sorted_rows(ENGINE, {"v": values}, *steps) == [(wanted, [wanted, max(values)])]


@few
@given(st.lists(st.lists(st.integers(0, 3), max_size=3), max_size=6))
def test_exploding_gives_each_item_beside_its_own_row(lists: list[list[int]]) -> None:
    typed = {"with_column": {"name": "l", "type": "array<bigint>", "expr": "F.col('l')"}}
    data = {"id": [*range(len(lists)), -1], "l": [*lists, [7]]}
    found = sorted_rows(ENGINE, data, typed, step("select", "id", "F.explode('l').alias('v')"))
    wanted = Counter((i, item) for i, items in enumerate(lists) for item in items)
    assert Counter(found) == wanted + Counter([(-1, 7)])


@few
@given(st.lists(st.integers(0, 4), min_size=1, max_size=10), st.integers(1, 4))
def test_a_window_keeps_the_first_of_each_group(values: list[int], many: int) -> None:
    data = {"g": [v % 2 for v in values], "v": values}
    kept = step("laktory.window_filter", partition_by="g", order_by=["v"], rows_to_keep=many)
    wanted = [
        (group, v) for group in (0, 1) for v in sorted(v for v in values if v % 2 == group)[:many]
    ]
    assert sorted(sorted_rows(ENGINE, data, kept)) == wanted


@few
@given(st.integers(0, 36_000), st.integers(-30, 30))
def test_months_are_added_to_the_last_day_at_most(day: int, months: int) -> None:
    start = date(1960, 1, 1) + timedelta(days=day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    wanted = date(year, month + 1, min(start.day, last))
    assert value({"d": [start]}, f"F.add_months('d', {months})") == wanted
    assert value({"d": [wanted]}, "F.last_day('d')") == date(year, month + 1, last)


@few
@given(st.lists(st.integers(0, 2000), min_size=2, max_size=2))
def test_days_between_dates_are_added_back(days: list[int]) -> None:
    first, second = (date(2019, 6, 1) + timedelta(days=n) for n in days)
    data = {"a": [first], "b": [second]}
    assert value(data, "F.datediff('b', 'a')") == days[1] - days[0]
    assert value(data, "F.date_add('a', F.datediff('b', 'a'))") == second
    assert value(data, "F.next_day('a', 'Mon')") in [
        day
        for day, after in pairwise(first + timedelta(days=n) for n in range(1, 9))
        if day.weekday() == 0
    ]

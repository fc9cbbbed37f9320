"""Joins whose keys have different types on both sides, on every engine with one meaning."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.comparing import plain_rows
from tests.engines.together import rows_together
from tests.engines.transforming import chained, rows, sorted_rows, step, types

SOLD: dict[str, list[Any]] = {"n": [1, 2, 3, None], "s": ["a", "b", "c", "d"]}
FLOATS = {"n": [1.0, 2.5, 3.0, None, math.nan], "f": ["u", "v", "w", "x", "y"]}
TEXTS = {"n": ["1", "x", " 3 ", None, "2.9"], "t": ["u", "v", "w", "x", "y"]}
SMALL = pa.table({"n": pa.array([3, 1, 9], pa.int32()), "i": ["u", "v", "w"]})
EXACT = pa.table(
    {"n": pa.array([Decimal("1.00"), Decimal("2.50")], pa.decimal128(9, 2)), "e": ["u", "v"]}
)
FRAMES = {"nodes.f": FLOATS, "nodes.t": TEXTS, "nodes.i": SMALL, "nodes.e": EXACT}  # fmt: skip

# fmt: off
NUMBERS: list[tuple[str, str, str, list[Any]]] = [
    ("f", "inner", "int64", [(1, "a", "u"), (3, "c", "w")]),
    ("f", "left", "int64", [(1, "a", "u"), (2, "b", None), (3, "c", "w"), (None, "d", None)]),
    ("f", "right", "float64", [(1.0, "a", "u"), (2.5, None, "v"), (3.0, "c", "w"), (None, None, "x"), (math.nan, None, "y")]),
    ("f", "outer", "float64", [(1.0, "a", "u"), (2.0, "b", None), (2.5, None, "v"), (3.0, "c", "w"), (None, "d", None), (None, None, "x"), (math.nan, None, "y")]),
    ("f", "semi", "int64", [(1, "a"), (3, "c")]),
    ("f", "anti", "int64", [(2, "b"), (None, "d")]),
    # A text beside whole numbers is read as one, its fraction cut off.
    ("t", "inner", "int64", [(1, "a", "u"), (2, "b", "y"), (3, "c", "w")]),
    ("t", "left", "int64", [(1, "a", "u"), (2, "b", "y"), (3, "c", "w"), (None, "d", None)]),
    ("t", "right", "string", [(" 3 ", "c", "w"), ("1", "a", "u"), ("2.9", "b", "y"), ("x", None, "v"), (None, None, "x")]),
    ("t", "semi", "int64", [(1, "a"), (2, "b"), (3, "c")]),
    ("t", "anti", "int64", [(None, "d")]),
    ("i", "inner", "int64", [(1, "a", "v"), (3, "c", "u")]),
    ("i", "right", "int32", [(1, "a", "v"), (3, "c", "u"), (9, None, "w")]),
    ("i", "full", "int64", [(1, "a", "v"), (2, "b", None), (3, "c", "u"), (9, None, "w"), (None, "d", None)]),
    ("e", "inner", "int64", [(1, "a", "u")]),
    ("e", "right", "decimal(9,2)", [(Decimal("1.00"), "a", "u"), (Decimal("2.50"), None, "v")]),
    ("e", "leftanti", "int64", [(2, "b"), (3, "c"), (None, "d")]),
]
# fmt: on


def test_numbers_meet_by_their_value(engine: Engine) -> None:
    """A key that both have is the left one; of an outer join it is of the wider type."""
    frames = {
        (other, how): chained(
            engine, SOLD, step("join", f"{{nodes.{other}}}", "n", how), frames=FRAMES
        )
        for other, how, _, _ in NUMBERS
    }
    for other, how, kind, _ in NUMBERS:
        columns = {column.name: column.type for column in engine.columns(frames[other, how])}
        assert columns["n"] == kind, (other, how)
    assert rows_together(engine, frames) == {
        (other, how): plain_rows(expected, ordered=False) for other, how, _, expected in NUMBERS
    }


DAYS: dict[str, list[Any]] = {"d": [date(2024, 1, 1), date(2024, 1, 2), None], "s": ["a", "b", "c"]}
MOMENTS = {
    "d": [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, 3, tzinfo=UTC), None],
    "m": ["u", "v", "w"],
}
WRITTEN = {"d": ["2024-01-01", "soon", None], "w": ["u", "v", "w"]}


def test_days_times_and_their_texts_meet(engine: Engine) -> None:
    pairs = [
        (DAYS, MOMENTS, ("a", "u")),
        (DAYS, WRITTEN, ("a", "u")),
        (MOMENTS, WRITTEN, ("u", "u")),
        (WRITTEN, DAYS, ("u", "a")),
    ]
    steps = [step("join", "{nodes.o}", "d"), step("drop", "d")]
    frames = {
        number: chained(engine, left, *steps, frames={"nodes.o": right})
        for number, (left, right, _) in enumerate(pairs)
    }
    expected = {number: [list(row)] for number, (_, _, row) in enumerate(pairs)}
    assert rows_together(engine, frames) == expected


def test_decimals_of_other_scales_meet(engine: Engine) -> None:
    left = pa.table(
        {"m": pa.array([Decimal("1.50"), Decimal("2.25")], pa.decimal128(9, 2)), "a": [1, 2]}
    )
    right = pa.table({"m": pa.array([Decimal("1.5"), Decimal("2.0")], pa.decimal128(5, 1)), "b": [3, 4]})  # fmt: skip
    joined = step("join", "{nodes.o}", "m")
    found = rows(engine, left, joined, frames={"nodes.o": right})
    assert found == [(Decimal("1.50"), 1, 3)]


def test_only_the_key_that_differs_is_compared_otherwise(engine: Engine) -> None:
    left = {"g": ["a", "a", "b"], "n": [1, 2, 1], "v": [10, 20, 30]}
    right = {"g": ["a", "b", "b"], "n": [2.0, 1.0, 2.0], "w": [7, 8, 9]}
    steps = step("join", "{nodes.o}", ["g", "n"], "full")
    assert list(types(engine, left, steps, frames={"nodes.o": right})) == ["g", "n", "v", "w"]
    assert sorted_rows(engine, left, steps, frames={"nodes.o": right}) == [
        ("a", 1.0, 10, None), ("a", 2.0, 20, 7), ("b", 1.0, 30, 8), ("b", 2.0, None, 9),
    ]  # fmt: skip


def test_long_numbers_written_as_text_meet_exactly(engine: Engine) -> None:
    """As floats, two neighbours would be one number."""
    mine: dict[str, list[Any]] = {"n": ["9007199254740993", "12.5"], "s": ["a", "b"]}
    other = {"n": [9007199254740992, 9007199254740993, 12], "i": ["u", "v", "w"]}
    joined = step("join", "{nodes.o}", "n")
    found = sorted_rows(engine, mine, joined, frames={"nodes.o": other})
    assert [row[1:] for row in found] == [("b", "w"), ("a", "v")]


def test_smart_join_by_keys_of_other_types(engine: Engine) -> None:
    expected: dict[str, list[Any]] = {
        "left": [(1, "a", "u"), (2, "b", None), (3, "c", "w"), (None, "d", None)],
        "inner": [(1, "a", "u"), (3, "c", "w")],
        "semi": [(1, "a"), (3, "c")],
        "anti": [(2, "b"), (None, "d")],
        "cross": [(1, "a", "u"), (3, "c", "w")],
    }
    frames = {
        how: chained(engine, SOLD, step("laktory.smart_join", "{nodes.f}", how, "n"), frames=FRAMES)
        for how in expected
    }
    wanted = {how: plain_rows(rows, ordered=False) for how, rows in expected.items()}
    assert rows_together(engine, frames) == wanted


@pytest.mark.parametrize("how", ["semi", "anti", "left"])
def test_smart_join_keeps_the_columns_in_their_places(engine: Engine, how: str) -> None:
    """The key too, which is not the first here."""
    data = {"s": ["a", "b"], "n": [1, 2], "z": [5, 6]}
    joined = step("laktory.smart_join", "{nodes.f}", on="n", how=how)
    assert list(types(engine, data, joined, frames=FRAMES))[:3] == ["s", "n", "z"]


def test_smart_join_by_names_and_types_that_differ(engine: Engine) -> None:
    other = {"code": ["1", "3", "3", None], "v": [10, 31, 30, 40]}
    joined = step("laktory.smart_join", "{nodes.o}", left_on="n", other_on="code")
    assert sorted_rows(engine, SOLD, joined, frames={"nodes.o": other}) == [
        (1, "a", 10), (2, "b", None), (3, "c", 30), (None, "d", None),
    ]  # fmt: skip


def test_a_cross_join_with_keys_is_an_inner_one(engine: Engine) -> None:
    joined = step("join", "{nodes.i}", "n", "cross")
    assert sorted_rows(engine, SOLD, joined, frames=FRAMES) == [(1, "a", "v"), (3, "c", "u")]


@pytest.mark.parametrize("options", [{}, {"how": "cross"}, {"how": "inner"}])
def test_without_keys_all_rows_meet(engine: Engine, options: dict[str, Any]) -> None:
    data = {"a": [1, 2]}
    joined = step("join", "{nodes.o}", **options)
    found = sorted_rows(engine, data, joined, frames={"nodes.o": {"b": [3, 4]}})
    assert found == [(1, 3), (1, 4), (2, 3), (2, 4)]


def test_keys_that_never_compare_are_an_error(engine: Engine) -> None:
    """A list is no number, on any engine."""
    joined = step("join", "{nodes.o}", "n")
    with pytest.raises(TransformError, match=r"step 1 \(join\)"):
        rows(engine, {"n": [[1]]}, joined, frames={"nodes.o": {"n": [1], "b": [2]}})

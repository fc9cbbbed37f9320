"""What Narwhals says of several columns, of all rows and of several conditions, on every engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.transforming import sorted_rows, step

DATA = {"k": ["a", "b", "c"], "n": [1, 2, 3], "m": [4, 5, 6]}
CASES: list[tuple[str, list[Any], list[tuple[Any, ...]]]] = [
    ("all columns", [step("select", "nw.all()")], [("a", 1, 4), ("b", 2, 5), ("c", 3, 6)]),
    ("all but one", [step("select", "nw.exclude('n')")], [("a", 4), ("b", 5), ("c", 6)]),
    (
        "several at once",
        [step("with_columns", "nw.col('n', 'm') * 2")],
        [("a", 2, 8), ("b", 4, 10), ("c", 6, 12)],
    ),
    (
        "several under new names",
        [step("with_columns", "nw.col('n', 'm').name.prefix('p_')"), step("select", "p_m", "p_n")],
        [(4, 1), (5, 2), (6, 3)],
    ),
    ("totals are one row", [step("select", "nw.col('n').sum()", "nw.len()")], [(6, 3)]),
    ("totals of several", [step("select", "nw.col('n', 'm').max()")], [(3, 6)]),
    (
        "a total beside a column is in every row",
        [step("select", "k", "nw.col('n').sum()")],
        [("a", 6), ("b", 6), ("c", 6)],
    ),
    (
        "several conditions",
        [step("filter", "nw.col('n') > 1", "nw.col('m') < 6"), step("select", "k")],
        [("b",)],
    ),
]


@pytest.mark.parametrize(("steps", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_expressions_of_several_columns(
    engine: Any, steps: list[Any], expected: list[tuple[Any, ...]]
) -> None:
    assert sorted_rows(engine, DATA, *steps) == sorted(expected, key=str)


def test_a_column_of_both_sides_of_a_join_is_marked(engine: Any) -> None:
    other = {"k": ["a", "b"], "n": [10, 20]}
    join = step("join", "{nodes.o}", on=["k"], how="inner")
    chosen = step("select", "k", "n", "n_right")
    found = sorted_rows(engine, DATA, join, chosen, frames={"nodes.o": other})
    assert found == [("a", 1, 10), ("b", 2, 20)]

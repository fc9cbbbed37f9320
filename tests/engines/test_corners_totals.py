"""Aggregates of constants, which count once for each row, of texts that are numbers, and of decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.comparing import plain
from tests.engines.together import Together
from tests.engines.transforming import rows, step, types

PRICES = [Decimal("1.10"), Decimal("2.25"), None, Decimal("0.01")]
DATA = pa.table(
    {
        "g": ["a", "a", "b", "c"],
        "v": [1, 2, None, 4],
        "w": ["1", "x", None, "2.5"],
        "m": pa.array(PRICES, pa.decimal128(10, 2)),
        "b": [True, False, None, True],
    }
)

# The values for the groups a, b, c, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.sum(F.lit(1))", [2, 1, 1]),
    ("F.sum(F.lit(1.5))", [3.0, 1.5, 1.5]),
    ("F.sum(F.lit(1) + 1)", [4, 2, 2]),
    ("F.avg(F.lit(3))", [3.0, 3.0, 3.0]),
    ("F.count(F.lit(1) + 1)", [2, 1, 1]),
    ("F.count(F.lit(None))", [0, 0, 0]),
    ("F.collect_list(F.lit('q'))", [["q", "q"], ["q"], ["q"]]),
    ("F.collect_set(F.lit('q'))", [["q"], ["q"], ["q"]]),
    ("F.array_agg(F.lit(1))", [[1, 1], [1], [1]]),
    ("F.max(F.lit(2))", [2, 2, 2]),
    ("F.countDistinct(F.lit(1))", [1, 1, 1]),
    ("F.count_if(F.lit(True))", [2, 1, 1]),
    ("F.first(F.lit(5))", [5, 5, 5]),
    ("F.stddev(F.lit(2))", [0.0, None, None]),
    ("F.var_pop(F.lit(2))", [0.0, 0.0, 0.0]),
    ("F.product(F.lit(2))", [4.0, 2.0, 2.0]),
    ("F.listagg(F.lit('z'))", ["zz", "z", "z"]),
    ("F.sum_distinct(F.lit(2))", [2, 2, 2]),
    ("F.sum(F.when(F.lit(True), 1).otherwise(0))", [2, 1, 1]),
    ("F.percentile(F.lit(3), 0.5)", [3.0, 3.0, 3.0]),
    ("F.median(F.lit(4))", [4.0, 4.0, 4.0]),
    ("F.max_by(F.lit(1), 'v')", [1, None, 1]),
    ("F.bool_and(F.lit(True))", [True, True, True]),
    ("F.sum('w')", [1.0, None, 2.5]),
    ("F.avg('w')", [1.0, None, 2.5]),
    ("F.max('w')", ["x", None, "2.5"]),
    ("F.sum(F.col('w') + 1)", [2.0, None, 3.5]),
    ("F.avg('m')", [Decimal("1.675000"), None, Decimal("0.010000")]),
    ("F.mean('m')", [Decimal("1.675000"), None, Decimal("0.010000")]),
    ("F.sum('m')", [Decimal("3.35"), None, Decimal("0.01")]),
    ("F.avg(F.col('m') * 2)", [Decimal("3.350000"), None, Decimal("0.020000")]),
    ("F.sum('m') / F.count('*')", [Decimal("1.67500000000000000000"), None, Decimal("0.01000000000000000000")]),
    ("F.avg(F.col('v').cast('decimal(4,0)'))", [Decimal("1.5000"), None, Decimal("4.0000")]),
    ("F.min('m')", [Decimal("1.10"), None, Decimal("0.01")]),
    ("F.sum(F.col('b').cast('int'))", [1, None, 1]),
    ("F.sum('v') / F.sum(F.lit(1))", [1.5, None, 4.0]),
    ("F.round(F.avg('m'), 2).cast('double')", [1.68, None, 0.01]),
]
# fmt: on

VALUES = Together(DATA, [(f"({expression})", expected) for expression, expected in CASES], by="g")


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_groups(engine: Engine, expression: str, expected: list[Any]) -> None:
    found = sorted(VALUES.rows(engine, f"({expression})"), key=lambda row: row["g"])
    values = [row["result"] for row in found]
    assert plain(values) == plain(expected)
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_totals_of_all_rows_and_of_none(engine: Engine) -> None:
    totals = step(
        "agg", "F.sum(F.lit(2)).alias('sum')", "F.max(F.lit(2)).alias('max')",
        "F.count(F.lit(1)).alias('count')", "F.collect_list(F.lit(2)).alias('list')",
        "F.count_if(F.lit(True)).alias('true')", "F.countDistinct(F.lit(1)).alias('distinct')",
    )  # fmt: skip
    assert rows(engine, DATA, totals) == [(8, 2, 4, [2, 2, 2, 2], 4, 1)]
    none = step("filter", "v > 99")
    assert rows(engine, DATA, none, totals) == [(None, None, 0, [], 0, 0)]


def test_a_constant_is_counted_for_each_row_of_a_window(engine: Engine) -> None:
    added = step("withColumn", "n", "F.sum(F.lit(1)).over('g')")
    found = rows(engine, DATA, added, step("select", "g", "n"))
    assert sorted(found) == [("a", 2), ("a", 2), ("b", 1), ("c", 1)]


@pytest.mark.parametrize(
    "selected",
    [
        step("select", "F.lit(1).alias('one')", "F.upper(F.lit('x')).alias('text')"),
        step("selectExpr", "1 AS one", "upper('x') AS text"),
        step("select", one="F.lit(1)", text="F.lit('X')"),
    ],
)
def test_constants_alone_stand_in_each_row(engine: Engine, selected: dict[str, Any]) -> None:
    """As many rows as there were: none of none."""
    assert rows(engine, DATA, selected) == [(1, "X")] * 4
    assert rows(engine, DATA, step("filter", "v > 99"), selected) == []


def test_decimals_keep_their_digits_through_totals(engine: Engine) -> None:
    grouped = step("agg", s="F.sum('m')", a="F.avg('m')", p="F.sum(F.col('m') * F.col('m'))")
    assert types(engine, DATA, grouped) == {
        "s": "decimal(20,2)", "a": "decimal(14,6)", "p": "decimal(31,4)",
    }  # fmt: skip
    assert rows(engine, DATA, grouped) == [
        (Decimal("3.36"), Decimal("1.120000"), Decimal("6.2726"))
    ]

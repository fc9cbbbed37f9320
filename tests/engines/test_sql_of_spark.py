"""Queries as Spark's users write them; the rows are what Spark's documentation says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import Row, chained, rows, sorted_rows, types

DATA = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "g": ["a", "b", "a", None],
        "i": [2_000_000_000, -5, 1_500_000_000, None],
        "p": [True, False, None, True],
        "s": ["foo,bar", "x", "", None],
        "xs": [[1, 2], [3], [], None],
        "d": [date(2024, 1, 31), date(2023, 12, 31), date(2024, 2, 29), None],
        "t": [
            datetime(2024, 1, 31, 13, 45, tzinfo=UTC),
            datetime(2023, 12, 31, tzinfo=UTC),
            datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
            None,
        ],
    },
    schema_overrides={"i": pl.Int32, "t": pl.Datetime("us", "UTC")},
)
OTHER = pl.DataFrame({"g": ["a", "b", "c", None], "w": [10, 20, 30, 40]})


def values(engine: Engine, expression: str) -> list[Any]:
    query = {"sql_expr": f"SELECT id, {expression} AS r FROM {{df}} ORDER BY id"}
    return [row[1] for row in rows(engine, DATA, query)]


def queried(engine: Engine, query: str) -> list[Row]:
    return sorted_rows(engine, DATA, {"sql_expr": query}, frames={"nodes.u": OTHER})


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("p IS TRUE", [True, False, False, True]),
        ("p IS NOT TRUE", [False, True, True, False]),
        ("p IS FALSE", [False, True, False, False]),
        ("p IS NOT FALSE", [True, False, True, True]),
        ("NOT p IS TRUE", [False, True, True, False]),
        ("(i > 0) IS TRUE", [True, False, True, False]),
        ("(i > 0) IS NOT TRUE", [False, True, False, True]),
        ("(p AND i > 0) IS FALSE", [False, True, False, False]),
        ("p IS NULL", [False, False, True, False]),
    ],
)
def test_is_true_is_never_null(engine: Engine, condition: str, wanted: list[bool]) -> None:
    assert values(engine, condition) == wanted


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("p IS NOT TRUE", [2, 3]), ("p IS TRUE", [1, 4]), ("p IS NOT FALSE", [1, 3, 4])],
)
def test_a_filter_by_is_not_true_keeps_nulls(
    engine: Engine, condition: str, kept: list[int]
) -> None:
    step = {"func_name": "filter", "func_args": [condition]}
    assert sorted(row[0] for row in rows(engine, DATA, step)) == kept
    where = queried(engine, f"SELECT id FROM {{df}} WHERE {condition}")
    assert where == [(n,) for n in kept]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("s LIKE ANY ('%o%', 'x')", [True, True, False, None]),
        ("s NOT LIKE ANY ('%o%', 'x')", [True, True, True, None]),
        ("s NOT LIKE ANY ('%o%')", [False, True, True, None]),
        ("s LIKE ALL ('%o%', 'f%')", [True, False, False, None]),
        ("s NOT LIKE ALL ('%o%', 'x')", [False, False, True, None]),
        ("s NOT LIKE '%o%'", [False, True, True, None]),
    ],
)
def test_not_like_any_is_that_one_pattern_does_not_fit(
    engine: Engine, condition: str, wanted: list[bool | None]
) -> None:
    assert values(engine, condition) == wanted


TOTAL = 3_499_999_995


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT sum(i) AS r FROM {df}", [(TOTAL,)]),
        ("SELECT sum(DISTINCT i) AS r FROM {df}", [(TOTAL,)]),
        ("SELECT sum(i) FILTER (WHERE i > 0) AS r FROM {df}", [(TOTAL + 5,)]),
        ("SELECT sum(CASE WHEN i > 0 THEN i ELSE 0 END) AS r FROM {df}", [(TOTAL + 5,)]),
        ("SELECT sum(if(i > 0, i, NULL)) AS r FROM {df}", [(TOTAL + 5,)]),
        ("SELECT sum(coalesce(i, 1)) AS r FROM {df}", [(TOTAL + 1,)]),
        ("SELECT sum(-i) AS r FROM {df}", [(-TOTAL,)]),
        ("SELECT sum(v) AS r FROM (SELECT i AS v FROM {df}) q", [(TOTAL,)]),
        ("SELECT sum(i) AS r FROM (SELECT * FROM {df}) q", [(TOTAL,)]),
        (
            "SELECT sum(v) AS r FROM (SELECT i AS v FROM {df} UNION ALL SELECT i FROM {df}) q",
            [(2 * TOTAL,)],
        ),
        ("WITH w AS (SELECT i FROM {df}) SELECT sum(i) + 1 AS r FROM w", [(TOTAL + 1,)]),
        ("SELECT sum(CAST(2000000000 AS INT)) AS r FROM {df}", [(8_000_000_000,)]),
        ("SELECT sum(a.i) AS r FROM {df} a JOIN {nodes.u} b ON a.g = b.g", [(TOTAL,)]),
        ("SELECT sum(i) AS r FROM {df} WHERE id > 9", [(None,)]),
    ],
)
def test_a_sum_of_integers_is_a_long_one(engine: Engine, query: str, wanted: list[Row]) -> None:
    """The sum of two 32-bit integers need not fit into 32 bits."""
    assert queried(engine, query) == wanted
    frame = chained(engine, DATA, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert [column.type for column in engine.columns(frame)] == ["int64"]


@pytest.mark.parametrize("frame", ["", " ORDER BY id"])
def test_a_sum_over_a_window_is_a_long_one(engine: Engine, frame: str) -> None:
    query = f"SELECT id, sum(i) OVER (PARTITION BY g{frame}) AS r FROM {{df}}"
    first = 2_000_000_000 if frame else 3_500_000_000
    assert queried(engine, query) == [(1, first), (2, -5), (3, 3_500_000_000), (4, None)]


def test_a_sum_in_an_aggregation_is_a_long_one(engine: Engine) -> None:
    step = {
        "func_name": "laktory.groupby_and_agg",
        "func_kwargs": {
            "groupby_columns": ["g"],
            "agg_expressions": [
                {"name": "sql", "sql_expr": "sum(i)"},
                {"name": "function", "expr": "F.sum('i')"},
            ],
        },
    }
    wanted = [(None, None, None), ("a", 3_500_000_000, 3_500_000_000), ("b", -5, -5)]
    assert sorted_rows(engine, DATA, step) == sorted(wanted, key=str)


def test_a_sum_of_integers_beside_decimals_keeps_their_digits(engine: Engine) -> None:
    data = pl.DataFrame({"i": [1, 2], "m": [Decimal("0.25"), Decimal("0.50")]})
    query = "SELECT sum(v) AS r FROM (SELECT i AS v FROM {df} UNION ALL SELECT m FROM {df}) q"
    assert rows(engine, data, {"sql_expr": query}) == [(Decimal("3.75"),)]
    [(mixed,)] = rows(engine, data, {"sql_expr": "SELECT sum(i * m) AS r FROM {df}"})
    assert mixed == Decimal("1.25")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("split(s, ',')[0]", ["foo", "x", "", None]),
        ("split(s, ',')[1]", ["bar", None, None, None]),
        ("upper(split(s, ',')[0])", ["FOO", "X", "", None]),
        ("length(split(s, ',')[0])", [3, 1, 0, None]),
        ("xs[0]", [1, 3, None, None]),
        ("xs[1]", [2, None, None, None]),
        ("xs[0] + 1", [2, 4, None, None]),
        ("element_at(xs, 1)", [1, 3, None, None]),
    ],
)
def test_items_of_arrays_are_counted_from_0(
    engine: Engine, expression: str, wanted: list[Any]
) -> None:
    assert values(engine, expression) == wanted


def test_items_of_arrays_of_named_tables(engine: Engine) -> None:
    query = """
        SELECT a.id, a.xs[0] AS x, split(a.s, ',')[0] AS s, b.w
        FROM {df} a JOIN {nodes.u} b ON a.g = b.g WHERE a.xs[0] IS NOT NULL
    """
    assert queried(engine, query) == [(1, 1, "foo", 10), (2, 3, "x", 20)]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # From 13:45 of the day before: less than a day, ten whole hours, 615 minutes.
        ("datediff(DAY, t, TIMESTAMP '2024-02-01 00:00:00')", [0, 32, -28, None]),
        ("datediff(HOUR, t, TIMESTAMP '2024-02-01 00:00:00')", [10, 768, -695, None]),
        ("datediff(MINUTE, t, TIMESTAMP '2024-02-01 00:00:00')", [615, 46080, -41759, None]),
        ("datediff(SECOND, TIMESTAMP '2024-02-01 00:00:00', t)", [-36900, -2764800, 2505599, None]),
        ("datediff(WEEK, d, DATE '2024-02-29')", [4, 8, 0, None]),
        ("datediff(DAY, d, DATE '2024-02-01')", [1, 32, -28, None]),
        ("datediff(HOUR, d, t)", [13, 0, 23, None]),
        # Without a unit the days of the calendar count, the end comes first.
        ("datediff(TIMESTAMP '2024-02-01 00:00:00', t)", [1, 32, -28, None]),
        ("datediff(d, t)", [0, 0, 0, None]),
    ],
)
def test_differences_of_times_count_whole_units(
    engine: Engine, expression: str, wanted: list[int | None]
) -> None:
    assert values(engine, expression) == wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT id AS a, a + 1 AS b FROM {df} WHERE id < 3", [(1, 2), (2, 3)]),
        ("SELECT id AS a, a + 1 AS b, b * 2 - a AS c FROM {df} WHERE id = 2", [(2, 3, 4)]),
        # A column of the table goes before an alias of its name.
        ("SELECT id + 1 AS id, id * 2 AS j FROM {df} WHERE id = 1", [(2, 2)]),
        ("SELECT year(d) AS y, concat('Y', y) AS t FROM {df} WHERE id = 2", [(2023, "Y2023")]),
        ("SELECT g, sum(id) AS n, n * 10 AS m FROM {df} WHERE g = 'a' GROUP BY g", [("a", 4, 40)]),
        (
            "SELECT id, row_number() OVER (ORDER BY id DESC) AS n, n - 1 AS m FROM {df} WHERE id < 3",
            [(1, 2, 1), (2, 1, 0)],
        ),
        ("SELECT id - 1 AS a, 10 - a AS b, -a AS c FROM {df} WHERE id = 3", [(2, 8, -2)]),
        ("SELECT k AS a, a + 1 AS b FROM (SELECT id AS k FROM {df}) q WHERE k = 4", [(4, 5)]),
        ("WITH w AS (SELECT id AS k, k + 1 AS m FROM {df}) SELECT max(m) AS x FROM w", [(5,)]),
        (
            "SELECT CASE WHEN i > 0 THEN 'up' ELSE 'down' END AS c, upper(c) AS u FROM {df} WHERE id = 1",
            [("up", "UP")],
        ),
        ("SELECT id AS e, e + 1 AS f FROM {df} LATERAL VIEW explode(xs) v AS x", None),
    ],
)
def test_later_items_read_the_aliases_of_earlier_ones(
    engine: Engine, query: str, wanted: list[Row] | None
) -> None:
    assert queried(engine, query) == (wanted or [(1, 2), (1, 2), (2, 3)])


def test_a_column_of_a_lateral_view_goes_before_an_alias(engine: Engine) -> None:
    query = "SELECT id AS e, e + 1 AS f FROM {df} LATERAL VIEW explode(xs) v AS e WHERE id = 1"
    assert queried(engine, query) == [(1, 2), (1, 3)]


ROLLED_UP = [
    ("a", True, 1),
    ("a", None, 3),
    ("a", None, 4),
    ("b", False, 2),
    ("b", None, 2),
    (None, True, 4),
    (None, None, 4),
    (None, None, 10),
]
TOTALS = {
    "ROLLUP": ROLLED_UP,
    "CUBE": [*ROLLED_UP, (None, True, 5), (None, False, 2), (None, None, 3)],
}


@pytest.mark.parametrize("kind", list(TOTALS))
@pytest.mark.parametrize("clause", ["g, p WITH {}", "{}(g, p)"])
def test_totals_of_groups(engine: Engine, clause: str, kind: str) -> None:
    """The null of a row stands for itself or for all values, and both have their totals."""
    grouped = clause.replace("{}", kind)
    found = queried(engine, f"SELECT g, p, sum(id) AS n FROM {{df}} GROUP BY {grouped}")
    assert found == sorted(TOTALS[kind], key=str)


def test_numbers_in_texts_may_have_spaces_around(engine: Engine) -> None:
    query = "SELECT CAST(' 12 ' AS INT) AS a, CAST(' 1.5' AS DOUBLE) AS b, CAST('x' AS INT) AS c"
    assert queried(engine, f"{query} FROM {{df}} WHERE id = 1") == [(12, 1.5, None)]


def test_polars_refuses_to_floor_to_digits_in_sql() -> None:
    engine = open_engine("polars")
    for name in ("floor", "ceil"):
        with pytest.raises(TransformError, match=f"`{name}` to a number of digits"):
            types(engine, DATA, {"sql_expr": f"SELECT {name}(id / 3, 1) AS r FROM {{df}}"})
    engine.close()


def test_two_quotes_in_a_text_are_one(engine: Engine) -> None:
    """As SQL has it, and Spark from 4.0 on; texts side by side are still one."""
    texts = ["'it''s'", '"a""b"', '"it\'s"', "''''", "'a\\'b'", "'a' 'b'", "'say \"hi\"'", "''"]
    query = {
        "sql_expr": f"SELECT {', '.join(f'{t} AS c{n}' for n, t in enumerate(texts))} FROM {{df}}"
    }
    row = rows(engine, DATA.head(1), query)[0]
    assert list(row) == ["it's", 'a"b', "it's", "'", "a'b", "ab", 'say "hi"', ""]


def test_a_doubled_quote_in_a_filter(engine: Engine) -> None:
    found = rows(engine, DATA, {"func_name": "filter", "func_args": ["s = 'x' OR s = 'it''s'"]})
    assert [row[0] for row in found] == [2]

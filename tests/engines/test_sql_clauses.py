"""Unions, collected values, windows, totals and subqueries; the rows are those that Spark gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from tests.engines.evaluating import OTHER, ROWS
from tests.engines.transforming import sorted_rows

PARTS: dict[str, list[tuple[Any, ...]]] = {
    "SELECT 'x' AS a, 'y' AS b, id FROM {df} UNION ALL SELECT 'x', 'x', w FROM {nodes.u}": [
        ("x", "x", 10),
        ("x", "x", 20),
        ("x", "x", 30),
        ("x", "x", 40),
        ("x", "y", 1),
        ("x", "y", 2),
        ("x", "y", 3),
    ],
    "SELECT 1 AS a, 'p' AS b UNION ALL SELECT NULL, NULL UNION ALL SELECT 2, upper('q')": [
        (1, "p"),
        (2, "Q"),
        (None, None),
    ],
    "SELECT g FROM {nodes.u} UNION ALL SELECT g FROM {df} EXCEPT SELECT 'a'": [
        ("B",),
        ("b",),
        (None,),
    ],
    "SELECT g FROM {nodes.u} UNION ALL SELECT g FROM {df} INTERSECT SELECT g FROM {nodes.u}": [
        ("a",),
        ("a",),
        ("a",),
        ("b",),
        (None,),
        (None,),
    ],
    "(SELECT g FROM {nodes.u} UNION ALL SELECT g FROM {df}) INTERSECT SELECT g FROM {df}": [
        ("B",),
        ("a",),
        (None,),
    ],
    "SELECT g FROM {nodes.u} EXCEPT ALL SELECT g FROM {df}": [("a",), ("b",)],
    "SELECT g FROM {nodes.u} INTERSECT ALL SELECT g FROM {nodes.u} WHERE w < 40": [
        ("a",),
        ("b",),
        (None,),
    ],
    "SELECT i FROM {nodes.u} UNION SELECT x FROM {df}": [(-0.5,), (-7.0,), (2.5,), (7.0,), (None,)],
    "SELECT d FROM {df} UNION ALL SELECT z FROM {df} WHERE id = 1": [
        (None,),
        (datetime(2023, 12, 31, tzinfo=UTC),),
        (datetime(2024, 1, 31, tzinfo=UTC),),
        (datetime(2024, 1, 31, 13, 45, 10, 123456, tzinfo=UTC),),
    ],
}

COLLECTED: dict[str, list[tuple[Any, ...]]] = {
    "SELECT g, concat_ws('|', collect_list(r)) AS c, concat_ws('|', sort_array(collect_set(w), false)) AS d, sort_array(collect_list(w)) AS e, array_join(sort_array(collect_list(r), false), '') AS f, size(collect_set(i)) AS h FROM {nodes.u} GROUP BY g": [
        ("a", "7|8", "40|10", [10, 40], "87", 1),
        ("b", "x", "20", [20], "x", 1),
        (None, "", "30", [30], "", 1),
    ],
    "SELECT sort_array(collect_set(g)) AS a, array_sort(collect_list(w)) AS b, concat_ws('-', 'p', g) AS c FROM {nodes.u} GROUP BY g": [
        (["a"], [10, 40], "p-a"),
        (["b"], [20], "p-b"),
        ([], [30], "p"),
    ],
}

WINDOWS: dict[str, list[tuple[Any, ...]]] = {
    "SELECT w, row_number() OVER (ORDER BY g, w) AS a, rank() OVER (ORDER BY g) AS b, dense_rank() OVER (ORDER BY g DESC) AS c, lag(w) OVER (ORDER BY w) AS d, lead(w, 2, 0) OVER (ORDER BY w) AS e, first_value(w) OVER (PARTITION BY g ORDER BY w DESC) AS f, last_value(w) OVER (PARTITION BY g ORDER BY w) AS g1, sum(w) OVER (ORDER BY g) AS h, sum(w) OVER (ORDER BY w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS i1, sum(w) OVER (ORDER BY w ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS j, count(i) OVER (PARTITION BY g) AS k, avg(w) OVER (ORDER BY g RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS l, last_value(w) OVER (ORDER BY w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS m, ntile(3) OVER (ORDER BY w) AS n, percent_rank() OVER (ORDER BY g) AS o, max(w) OVER v AS p FROM {nodes.u} WINDOW v AS (PARTITION BY g ORDER BY w)": [
        (
            10,
            2,
            2,
            2,
            None,
            30,
            40,
            10,
            80,
            10,
            100,
            1,
            26.666666666666668,
            40,
            1,
            0.3333333333333333,
            10,
        ),
        (20, 4, 4, 1, 10, 40, 20, 20, 100, 30, 90, 1, 25.0, 40, 1, 1.0, 20),
        (30, 1, 1, 3, 20, 0, 30, 30, 30, 50, 70, 1, 30.0, 40, 2, 0.0, 30),
        (
            40,
            3,
            2,
            2,
            30,
            0,
            40,
            40,
            80,
            70,
            40,
            1,
            26.666666666666668,
            40,
            3,
            0.3333333333333333,
            40,
        ),
    ],
    "SELECT g, sum(w) AS s, rank() OVER (ORDER BY sum(w) DESC) AS r, sum(sum(w)) OVER () AS t FROM {nodes.u} GROUP BY g": [
        ("a", 50, 1, 100),
        ("b", 20, 3, 100),
        (None, 30, 2, 100),
    ],
    "SELECT w, sum(w) OVER (PARTITION BY upper(g)) AS s, row_number() OVER (ORDER BY coalesce(i, 0) DESC, w) AS n FROM {nodes.u}": [
        (10, 50, 1),
        (20, 20, 4),
        (30, 30, 2),
        (40, 50, 3),
    ],
}

TOTALS: dict[str, list[tuple[Any, ...]]] = {
    "SELECT g, i, sum(w) AS s, grouping(g) AS k FROM {nodes.u} GROUP BY GROUPING SETS ((g), (i), ())": [
        ("a", None, 50, 0),
        ("b", None, 20, 0),
        (None, -7, 20, 1),
        (None, 7, 40, 1),
        (None, None, 100, 1),
        (None, None, 30, 0),
        (None, None, 40, 1),
    ],
    "SELECT g, count(*) AS n, count(i) AS c, count(DISTINCT i) AS d, sum(w) FILTER (WHERE i > 0) AS f, count_if(w > 10) AS h, bool_and(w > 10) AS b, max(r) AS m, avg(w) AS a FROM {nodes.u} GROUP BY ALL": [
        ("a", 2, 1, 1, 10, 1, False, "8", 25.0),
        ("b", 1, 1, 1, None, 1, True, "x", 20.0),
        (None, 1, 1, 1, 30, 1, True, None, 30.0),
    ],
    "SELECT sum(w) AS s, max(g) AS m, count(*) AS n, collect_list(w) AS l FROM {nodes.u} WHERE false": [
        (None, None, 0, [])
    ],
    "SELECT CASE WHEN w > 10 THEN 'big' ELSE 'small' END AS k, sum(i * 1.5) AS s FROM {nodes.u} GROUP BY CASE WHEN w > 10 THEN 'big' ELSE 'small' END": [
        ("big", Decimal("0.0")),
        ("small", Decimal("10.5")),
    ],
    "SELECT date_trunc('month', z) AS k, sum(m) AS s, max(m * 2) AS b FROM {df} GROUP BY date_trunc('month', z)": [
        (None, None, None),
        (datetime(2023, 12, 1, tzinfo=UTC), Decimal("-0.05"), Decimal("-0.10")),
        (datetime(2024, 1, 1, tzinfo=UTC), Decimal("1.25"), Decimal("2.50")),
    ],
}

SUBQUERIES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT id FROM {df} a WHERE EXISTS (SELECT 1 FROM {nodes.u} b WHERE b.g = a.g AND b.w > 10)": [
        (1,)
    ],
    "SELECT id FROM {df} WHERE g NOT IN (SELECT g FROM {nodes.u})": [],
    "SELECT id FROM {df} WHERE upper(g) IN (SELECT upper(g) FROM {nodes.u})": [(1,), (2,)],
    "SELECT a.id, (SELECT max(w) FROM {nodes.u} b WHERE b.g = a.g) AS m FROM {df} a": [
        (1, 40),
        (2, None),
        (3, None),
    ],
    "SELECT id FROM {df} WHERE i = (SELECT max(i) FROM {nodes.u}) AND s = '12'": [(1,)],
}


@pytest.mark.parametrize("engine", ["polars"], indirect=True)
@pytest.mark.parametrize("query", list(PARTS))
def test_parts_of_a_query_are_put_together(engine: Engine, query: str) -> None:
    """Only the first part names the columns; INTERSECT binds before UNION and EXCEPT."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == PARTS[query]


@pytest.mark.parametrize("engine", ["polars"], indirect=True)
@pytest.mark.parametrize("query", list(COLLECTED))
def test_collected_values_are_sorted_and_joined(engine: Engine, query: str) -> None:
    """`collect_list` and `collect_set` leave nulls out."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == COLLECTED[query]


@pytest.mark.parametrize("engine", ["polars"], indirect=True)
@pytest.mark.parametrize("query", list(WINDOWS))
def test_windows(engine: Engine, query: str) -> None:
    """Nulls come first, rows of one rank share their frame."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == WINDOWS[query]


@pytest.mark.parametrize("engine", ["polars"], indirect=True)
@pytest.mark.parametrize("query", list(TOTALS))
def test_totals(engine: Engine, query: str) -> None:
    """What groups rows may be an expression; no rows at all have a total too."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == TOTALS[query]


@pytest.mark.parametrize("engine", ["polars"], indirect=True)
@pytest.mark.parametrize("query", list(SUBQUERIES))
def test_subqueries(engine: Engine, query: str) -> None:
    """A null among the values of NOT IN leaves no row."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == SUBQUERIES[query]


MOVED: dict[str, list[tuple[Any, ...]]] = {
    "SELECT max(d) + INTERVAL 1 HOUR AS a, min(d) - INTERVAL 90 MINUTES AS b, max(d) + INTERVAL 1 DAY"
    " AS c, max(z) + INTERVAL '1 02:03:04' DAY TO SECOND AS e FROM {df}": [
        (
            datetime(2024, 1, 31, 1, tzinfo=UTC),
            datetime(2023, 12, 30, 22, 30, tzinfo=UTC),
            date(2024, 2, 1),
            datetime(2024, 2, 1, 15, 48, 14, 123456, tzinfo=UTC),
        )
    ],
    "SELECT max(z) - INTERVAL 1 DAY 2 HOURS AS a, max(d) - INTERVAL -3 DAYS AS b,"
    " max(d) + INTERVAL '1-2' YEAR TO MONTH AS c FROM {df}": [
        (
            datetime(2024, 1, 30, 11, 45, 10, 123456, tzinfo=UTC),
            date(2024, 2, 3),
            date(2025, 3, 31),
        )
    ],
    "SELECT id, lag(d) OVER (ORDER BY id) + INTERVAL 1 HOUR AS a, lag(id) OVER (ORDER BY id) + 1 AS b"
    " FROM {df}": [
        (1, None, None),
        (2, datetime(2024, 1, 31, 1, tzinfo=UTC), 2),
        (3, datetime(2023, 12, 31, 1, tzinfo=UTC), 3),
    ],
    "SELECT a.id, coalesce(max(a.d), DATE '2024-02-28') + INTERVAL 24 HOURS AS x FROM {df} a LEFT JOIN"
    " {nodes.u} b ON a.g = b.g GROUP BY a.id": [
        (1, datetime(2024, 2, 1, tzinfo=UTC)),
        (2, datetime(2024, 1, 1, tzinfo=UTC)),
        (3, datetime(2024, 2, 29, tzinfo=UTC)),
    ],
    "SELECT collect_list(i)[0] AS a, collect_list(i)[id] AS b FROM {df} GROUP BY id": [
        (-7, None),
        (7, None),
        (None, None),
    ],
}


@pytest.mark.parametrize("query", list(MOVED))
def test_totals_move_by_intervals(query: str) -> None:
    """Hours make a time of the greatest date too."""
    engine = open_engine("polars")
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == sorted(MOVED[query], key=str)
    engine.close()


def test_a_total_of_a_step_moves_by_hours(engine: Engine) -> None:
    step = {
        "func_name": "laktory.groupby_and_agg",
        "func_kwargs": {
            "groupby_columns": ["g"],
            "agg_expressions": [{"name": "a", "sql_expr": "max(d) + INTERVAL 1 HOUR"}],
        },
    }
    assert sorted_rows(engine, ROWS, step) == [
        ("B", datetime(2023, 12, 31, 1, tzinfo=UTC)),
        ("a", datetime(2024, 1, 31, 1, tzinfo=UTC)),
        (None, None),
    ]

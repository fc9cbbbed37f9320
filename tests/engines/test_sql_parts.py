"""Queries inside of queries: their columns mean what the columns of tables mean."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError
from tests.engines.evaluating import OTHER, ROWS, queried
from tests.engines.test_sql_comparisons import COMPARISONS, TEXTS
from tests.engines.test_sql_intervals import INTERVALS, UNITS
from tests.engines.test_sql_nested import NESTED
from tests.engines.test_sql_numbers import DECIMALS, NUMBERS
from tests.engines.transforming import chained, sorted_rows, types
from tests.sessions import SPARK_KINDS

TABLES: dict[str, dict[str, tuple[Any, ...]]] = {
    "comparisons": COMPARISONS,
    "decimals": DECIMALS,
    "intervals": INTERVALS,
    "nested": NESTED,
    "numbers": NUMBERS,
    "texts": TEXTS,
    "units": UNITS,
}
PLACES = {
    "join": "SELECT ITEMS FROM (SELECT * FROM {df}) AS q JOIN (SELECT 1 AS one) AS w ON w.one = 1",
    "union": "SELECT ITEMS FROM (SELECT * FROM {df} WHERE id < 3 UNION ALL SELECT * FROM {df} WHERE id = 3) q",
    "deep": "WITH a AS (SELECT * FROM {df}), b AS (SELECT * FROM (SELECT * FROM a) x) SELECT ITEMS FROM b",
}


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("table", list(TABLES))
def test_expressions_over_a_query_are_those_over_its_table(table: str, place: str) -> None:
    engine = open_engine("polars")
    assert queried(engine, TABLES[table], PLACES[place]) == TABLES[table]
    engine.close()


QUERIES: dict[str, list[tuple[Any, ...]]] = {
    # What WITH names, one after another, in any case, and beside a table of its name.
    "WITH Q AS (SELECT id AS k, s AS t FROM {df}) SELECT q.k, left(q.t, -1) AS l FROM q": [
        (1, ""),
        (2, ""),
        (3, None),
    ],
    "WITH a AS (SELECT id, x FROM {df}), b AS (SELECT id, ln(x) AS l FROM a) SELECT b.id FROM b"
    " JOIN a ON a.id = b.id WHERE b.l IS NULL": [(2,), (3,)],
    "WITH df AS (SELECT id * 10 AS id FROM {df}) SELECT max(id) AS m FROM df": [(30,)],
    "WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS n FROM a), c AS (WITH z AS (SELECT 9 AS n)"
    " SELECT z.n + b.n AS n FROM z CROSS JOIN b) SELECT c.n, a.n AS m FROM c CROSS JOIN a": [
        (11, 1)
    ],
    "WITH a AS (SELECT id FROM {df}) SELECT id FROM a WHERE id IN (SELECT id + 1 FROM a)": [
        (2,),
        (3,),
    ],
    "WITH a AS (SELECT id FROM {df}) SELECT id FROM a UNION ALL SELECT max(id) FROM a": [
        (1,),
        (2,),
        (3,),
        (3,),
    ],
    "WITH a(k, v) AS (SELECT id, s FROM {df}) SELECT k FROM a WHERE v = 'foo'": [(2,)],
    # Aggregates and windows within, expressions of Spark around them.
    "SELECT g, w / 4 AS q, w = '50' AS e FROM (SELECT g, sum(w) AS w FROM {nodes.u} GROUP BY g) q"
    " WHERE g IS NOT NULL": [("a", 12.5, True), ("b", 5.0, False)],
    "SELECT id, datediff(d, p) AS n FROM (SELECT id, d, lag(d) OVER (ORDER BY id) AS p FROM {df})": [
        (1, None),
        (2, -31),
        (3, None),
    ],
    "SELECT u, count(*) AS n FROM (SELECT upper(g) AS u FROM {nodes.u}) GROUP BY u HAVING n > 1": [
        ("A", 2)
    ],
    # Outer joins of parts.
    "SELECT a.id, coalesce(upper(b.g), '?') AS u FROM {df} a LEFT JOIN (SELECT DISTINCT g FROM"
    " {nodes.u}) b ON a.g = b.g": [(1, "A"), (2, "?"), (3, "?")],
    "WITH b AS (SELECT r AS k, w FROM {nodes.u}) SELECT a.id, b.w FROM {df} a JOIN b ON a.i = b.k": [
        (1, 10)
    ],
    # The order and the end of a part count.
    "SELECT max(id) AS m FROM (SELECT id FROM {df} ORDER BY id LIMIT 2) q": [(2,)],
    "SELECT q.id FROM (SELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM {df}) q WHERE q.n = 1": [
        (3,)
    ],
}


@pytest.mark.parametrize("engine", ["polars", SPARK_KINDS[0]], indirect=True)
@pytest.mark.parametrize("query", list(QUERIES))
def test_queries_in_queries(engine: Engine, query: str) -> None:
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == QUERIES[query]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT q.x FROM (SELECT nope AS x FROM {df}) q",
        "WITH q AS (SELECT nope FROM {df}) SELECT * FROM q",
        "WITH q AS (SELECT id FROM {df}) SELECT nope FROM q",
        "SELECT q.id FROM (SELECT upper(nope) AS id FROM {df}) q",
    ],
)
def test_a_mistake_in_a_part_is_named(engine: Engine, query: str) -> None:
    with pytest.raises(LaktoryDagsterError, match="nope"):
        sorted_rows(engine, ROWS, {"sql_expr": query})


def test_a_part_is_read_lazily() -> None:
    """Nothing is computed before the rows are asked for."""

    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("computed")

    engine = open_engine("polars")
    lazy = ROWS.lazy().map_batches(fail, schema=ROWS.schema)
    query = "WITH q AS (SELECT id, s FROM {df}) SELECT upper(s) AS u FROM (SELECT * FROM q) w WHERE s = 12"
    request = chained(engine, lazy, {"sql_expr": query})
    assert request.collect_schema().names() == ["u"]
    engine.close()


STARS = {
    "SELECT * FROM {df} WHERE upper(g) = 'A' AND s = 12": 18,
    "SELECT *, upper(g) AS u FROM {df} ORDER BY CAST(s AS INT)": 19,
    "SELECT a.* FROM {df} a JOIN {nodes.u} u ON upper(a.g) = upper(u.g)": 18,
    "SELECT u.*, upper(a.g) AS h FROM {df} a LEFT JOIN {nodes.u} u ON a.g = u.g": 5,
    "WITH q AS (SELECT * FROM {df} WHERE m / 3 > 0) SELECT * FROM q WHERE left(s, -1) = ''": 18,
    "SELECT count(*) AS n FROM (SELECT * FROM {df} WHERE s = 12) q JOIN {df} b ON b.s = 12": 1,
}


@pytest.mark.parametrize("query", list(STARS))
def test_a_star_gives_the_columns_of_the_tables_alone(query: str) -> None:
    """What is computed for a condition is no column of the result."""
    engine = open_engine("polars")
    columns = types(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert len(columns) == STARS[query]
    assert not [name for name in columns if "laktory" in name]
    engine.close()


def test_a_name_of_an_inner_with_hides_the_outer_one() -> None:
    """Spark's own is not asked: what is written for it may not name two queries alike."""
    engine = open_engine("polars")
    query = """
        WITH a AS (SELECT 1 AS n), b AS (WITH a AS (SELECT 9 AS n) SELECT n + 1 AS n FROM a)
        SELECT a.n, b.n AS m, (SELECT max(n) FROM a) AS o FROM a CROSS JOIN b
    """
    assert sorted_rows(engine, ROWS, {"sql_expr": query}) == [(1, 10, 1)]
    engine.close()

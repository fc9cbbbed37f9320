"""Joins in SQL give what they give elsewhere: USING once, every side's keys, no made-up names."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import chained

LEFT = pl.DataFrame({"i": [1, 2, None, 4], "g": ["a", "b", "c", "d"], "x": [1, 2, 3, 4]})
RIGHT = pl.DataFrame({"i": [2, 4, 5, None], "g": ["b", "z", "e", "c"], "y": [20, 40, 50, 60]})
SIDES = ("", "LEFT", "RIGHT", "FULL")


def run(engine: Engine, query: str) -> pl.DataFrame:
    text = query.replace("ONE", "{df}").replace("TWO", "{nodes.right}")
    frame = chained(engine, LEFT, {"sql_expr": text}, frames={"nodes.right": RIGHT})
    return pl.DataFrame(engine.head(frame, 1_000), infer_schema_length=None)


def by_duckdb(query: str) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.register("left_rows", LEFT.to_arrow())
        connection.register("right_rows", RIGHT.to_arrow())
        return connection.sql(query.replace("ONE", "left_rows").replace("TWO", "right_rows")).pl()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM ONE AS p SIDE JOIN TWO AS q USING (i, g)",
        "SELECT i, x, y FROM ONE AS p SIDE JOIN TWO AS q USING (i)",
        "SELECT i, q.g AS h, x, y FROM ONE AS p SIDE JOIN TWO AS q USING (i) WHERE i > 1",
        "SELECT p.i, q.i AS j, x, y FROM ONE AS p SIDE JOIN TWO AS q USING (i)",
        "SELECT * FROM (SELECT i, x FROM ONE) AS p SIDE JOIN (SELECT i, y FROM TWO) AS q USING (i)",
        "SELECT i, count(*) AS n FROM ONE AS p SIDE JOIN TWO AS q USING (i) GROUP BY i",
        "WITH w AS (SELECT i, y FROM TWO) SELECT p.*, w.y FROM ONE AS p SIDE JOIN w ON p.i = w.i",
    ],
)
def test_keys_of_a_join(engine: Engine, query: str, side: str) -> None:
    query = query.replace("SIDE", side)
    found, wanted = run(engine, query), by_duckdb(query)
    assert sorted(found.columns) == sorted(wanted.columns)
    names = wanted.columns
    assert sorted(map(repr, found.select(names).rows())) == sorted(map(repr, wanted.rows()))


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("SELECT * FROM ONE AS p JOIN TWO AS q ON p.i = q.i", "[gi]"),
        ("SELECT p.*, q.* FROM (SELECT i FROM ONE) p JOIN (SELECT i FROM TWO) q ON p.i = q.i", "i"),
        ("SELECT * FROM ONE AS p JOIN TWO AS q USING (i)", "g"),
    ],
)
def test_two_columns_of_one_name_are_an_error(engine: Engine, query: str, column: str) -> None:
    with pytest.raises(TransformError, match=f"the query gives the column `{column}` twice"):
        run(engine, query)


def test_merged_keys_over_several_joins_are_an_error(engine: Engine) -> None:
    if engine.name == "spark":
        return  # Spark merges the keys of several joins.
    query = "SELECT i, x, y FROM ONE p FULL JOIN TWO q USING (i) FULL JOIN (SELECT i FROM ONE) r USING (i)"
    with pytest.raises(TransformError, match="beside another USING"):
        run(engine, query)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT i FROM ONE WHERE " + " OR ".join(f"x = {n}" for n in range(2, 3_000)), 3),
        (" UNION ALL ".join(["SELECT i FROM ONE"] * 500), 2_000),
        ("SELECT " + " || ".join(["g"] * 900) + " AS t FROM ONE", 4),
    ],
    ids=["or", "union all", "concat"],
)
def test_long_chains_run(engine: Engine, query: str, rows: int) -> None:
    assert run(engine, query).height == min(rows, 1_000)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT " + "+".join(["1"] * 5_000) + " AS n FROM ONE", "nested more than 500 deep"),
        (
            "SELECT CASE "
            + " ".join(f"WHEN i = {n} THEN {n}" for n in range(2_000))
            + " END AS c FROM ONE",
            "a CASE has more than 1,000 branches",
        ),
    ],
    ids=["sum", "case"],
)
def test_what_would_take_minutes_is_refused(engine: Engine, query: str, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        run(engine, query)


def test_decimals_meet_whole_numbers_exactly(engine: Engine) -> None:
    """Rounded to fewer digits, the first would meet 1."""
    prices = [Decimal("1.000000000001"), Decimal(2**63 - 1)]
    mine = pl.DataFrame({"k": prices, "s": ["a", "b"]}, schema_overrides={"k": pl.Decimal(31, 12)})
    other = pl.DataFrame({"n": [1, 2**63 - 1]})
    query = "SELECT l.s, r.n FROM {df} l JOIN {nodes.right} r ON l.k = r.n"
    frame = chained(engine, mine, {"sql_expr": query}, frames={"nodes.right": other})
    assert engine.head(frame, 9) == ({"s": "b", "n": 2**63 - 1},)


def test_a_query_leaves_a_kept_frame_kept(engine: Engine) -> None:
    """A view with several consumers is computed once, also where one of them is SQL."""
    frame = engine.cache(engine.from_native(LEFT))
    made = chained(engine, frame, {"sql_expr": "SELECT sum(x) AS x FROM {df}"})
    assert engine.head(made, 1) == ({"x": 10},)
    if engine.name == "spark":
        assert frame.storageLevel.useMemory

"""Names of a query in any case, and aliases where Spark reads them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from tests.engines.evaluating import OTHER, ROWS
from tests.engines.transforming import sorted_rows, types
from tests.sessions import SPARK_KINDS

NAMES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT ID, G FROM {df} WHERE Id = 1": [(1, "a")],
    "SELECT T.ID, t.G AS Gg FROM {df} t WHERE T.g = 'a'": [(1, "a")],
    "SELECT ID AS k, X + 1 AS y, K * 2 AS z2 FROM {df} WHERE iD < 3": [(1, 3.5, 2), (2, 0.5, 4)],
    "SELECT q.Kk FROM (SELECT id AS KK FROM {df}) Q WHERE q.kK > 2": [(3,)],
    "WITH W AS (SELECT id AS Ab FROM {df}) SELECT ab FROM w WHERE AB < 2": [(1,)],
    "SELECT G, count(*) AS n FROM {df} GROUP BY g HAVING N > 0": [("B", 1), ("a", 1), (None, 1)],
    "SELECT a.G, W FROM {df} A JOIN {nodes.u} B USING (G)": [("a", 10), ("a", 40)],
    "SELECT * EXCEPT (G, S, I, J, N, X, F, M, P, D, E, Z, T, XS, WS, O, OS) FROM {df}": [
        (1,),
        (2,),
        (3,),
    ],
    "SELECT upper(G) AS G, ID AS x FROM {df} WHERE g = 'a'": [("A", 1)],
    "SELECT -I AS I FROM {df} WHERE Id < 3 AND i > 0": [(-7,)],
    "SELECT max(G) AS G FROM {df} GROUP BY ID HAVING g = 'a'": [("a",)],
    "SELECT T.S FROM (SELECT I, G FROM {df} WHERE ID = 1) AS t(s, g)": [(7,)],
    "SELECT row_number() OVER (ORDER BY ID DESC) AS Id, ID AS x FROM {df} WHERE ID < 3": [
        (1, 2),
        (2, 1),
    ],
    "SELECT ID + 1, upper(S) FROM {df} WHERE S LIKE 'f%'": [(3, "FOO")],
}

ALIASES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT g, count(*) AS c FROM {nodes.u} GROUP BY g HAVING c > 1": [("a", 2)],
    "SELECT g, max(w) AS m FROM {nodes.u} GROUP BY 1 HAVING m > 20 AND g IS NOT NULL": [("a", 40)],
    "SELECT g, count(*) AS w FROM {nodes.u} GROUP BY g HAVING max(w) > 30": [("a", 2)],
    "SELECT g, count(*) AS w FROM {nodes.u} GROUP BY g HAVING w > 1": [("a", 2)],
    "SELECT upper(g) AS g, count(*) AS c FROM {nodes.u} GROUP BY upper(g) HAVING g = 'A'": [
        ("A", 2)
    ],
    "SELECT w, row_number() OVER (PARTITION BY g ORDER BY w) AS c FROM {nodes.u} QUALIFY c = 1": [
        (10, 1),
        (20, 1),
        (30, 1),
    ],
    "SELECT w, row_number() OVER (PARTITION BY g ORDER BY w) AS i FROM {nodes.u} QUALIFY i = 2": [
        (40, 2)
    ],
    "SELECT w FROM {nodes.u} QUALIFY rank() OVER (ORDER BY w DESC) = 1": [(40,)],
}


@pytest.mark.parametrize("engine", ["polars", SPARK_KINDS[0]], indirect=True)
@pytest.mark.parametrize("query", list(NAMES))
def test_names_are_read_in_any_case(engine: Engine, query: str) -> None:
    """Spark's names have no case; the result is called as it was written."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == NAMES[query]


@pytest.mark.parametrize("engine", ["polars", SPARK_KINDS[0]], indirect=True)
@pytest.mark.parametrize("query", list(ALIASES))
def test_conditions_read_aliases_before_columns(engine: Engine, query: str) -> None:
    """HAVING and QUALIFY know what the SELECT calls its results."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == ALIASES[query]


def test_a_result_is_called_as_it_was_written(engine: Engine) -> None:
    query = "SELECT ID, o.K, ID + 1, upper(S), a.G AS Gg FROM {df} A WHERE iD = 1"
    if engine.name == "polars":
        query = query.replace("o.K", "o.k AS K")
    assert list(types(engine, ROWS, {"sql_expr": query})) == [
        "ID",
        "K",
        "(ID + 1)",
        "upper(S)",
        "Gg",
    ]


@pytest.mark.parametrize("step", [{"func_name": "filter", "func_args": ["ID > 1 AND G = 'B'"]}])
def test_conditions_of_steps_read_columns_in_any_case(engine: Engine, step: dict[str, Any]) -> None:
    assert [row[0] for row in sorted_rows(engine, ROWS, step)] == [2]


def test_of_two_columns_that_differ_in_case_each_is_its_own() -> None:
    """Spark refuses such a table; on Polars the spelling decides."""
    engine = open_engine("polars")
    data = pl.DataFrame({"a": [1], "A": [2]})
    assert sorted_rows(engine, data, {"sql_expr": "SELECT a + 10 AS x, A + 10 AS y FROM {df}"}) == [
        (11, 12)
    ]
    engine.close()

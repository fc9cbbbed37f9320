"""Expressions over tables whose rows an outer join fills with nulls, and keys of other types."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.evaluating import OTHER, ROWS
from tests.engines.transforming import sorted_rows
from tests.sessions import SPARK_KINDS

OUTER: dict[str, list[tuple[Any, ...]]] = {
    "SELECT a.id, coalesce(upper(b.g), 'none') AS u, isnull(b.g) AS n, concat_ws('-', b.g, 'x') AS c, CASE WHEN upper(b.g) = 'A' THEN 1 ELSE 0 END AS k, nvl(CAST(b.w AS STRING), '?') AS w, if(upper(b.g) IS NULL, 'no', 'yes') AS y, upper(b.g) AS g, b.g <=> 'a' AS s, CAST(b.w AS INT) + 1 AS p FROM {df} a LEFT JOIN {nodes.u} b ON a.g = b.g": [
        (1, "A", False, "a-x", 1, "10", "yes", "A", True, 11),
        (1, "A", False, "a-x", 1, "40", "yes", "A", True, 41),
        (2, "none", True, "x", 0, "?", "no", None, False, None),
        (3, "none", True, "x", 0, "?", "no", None, False, None),
    ],
    "SELECT coalesce(upper(a.g), 'none') AS u, coalesce(CAST(a.i AS STRING), '?') AS n, b.w FROM {df} a RIGHT JOIN {nodes.u} b ON a.g = b.g": [
        ("A", "7", 10),
        ("A", "7", 40),
        ("none", "?", 20),
        ("none", "?", 30),
    ],
    "SELECT coalesce(upper(a.g), 'none') AS u, nvl(size(a.xs), -1) AS n, coalesce(CAST(b.w AS STRING), '?') AS w FROM {df} a FULL JOIN {nodes.u} b ON a.g = b.g": [
        ("A", 3, "10"),
        ("A", 3, "40"),
        ("B", 2, "?"),
        ("none", -1, "20"),
        ("none", -1, "30"),
        ("none", -1, "?"),
    ],
    "SELECT a.id FROM {df} a LEFT JOIN {nodes.u} b ON a.g = b.g WHERE coalesce(CAST(b.w AS INT), 0) = 0": [
        (2,),
        (3,),
    ],
    "SELECT a.id, coalesce(upper(b.g), 'B?') AS u, c.w FROM {df} a LEFT JOIN {nodes.u} b ON a.g = b.g LEFT JOIN {nodes.u} c ON coalesce(upper(b.g), 'B') = upper(c.g)": [
        (1, "A", 10),
        (1, "A", 10),
        (1, "A", 40),
        (1, "A", 40),
        (2, "B?", 20),
        (3, "B?", 20),
    ],
    "SELECT a.id, b.w FROM {df} a LEFT JOIN {nodes.u} b ON coalesce(upper(a.g), 'A') = upper(b.g) AND nvl(CAST(b.i AS STRING), '0') <> '0'": [
        (1, 10),
        (2, 20),
        (3, 10),
    ],
    "SELECT count(*) AS n, sum(CASE WHEN upper(b.g) IS NULL THEN 1 ELSE 0 END) AS m FROM {df} a LEFT JOIN {nodes.u} b ON a.g = b.g": [
        (4, 2)
    ],
}

# The condition of a join reads its table before rows are filled.
OUTER |= {
    "SELECT a.id, b.w FROM {df} a LEFT JOIN {nodes.u} b"
    " ON initcap(a.g) = initcap(coalesce(b.g, 'b'))": [
        (1, 10),
        (1, 40),
        (2, 20),
        (2, 30),
        (3, None),
    ],
    "SELECT a.id, b.w FROM {nodes.u} b RIGHT JOIN {df} a"
    " ON initcap(a.g) = initcap(coalesce(b.g, 'b')) WHERE a.id > 1": [(2, 20), (2, 30), (3, None)],
}

KEYS: dict[str, list[tuple[Any, ...]]] = {
    "SELECT a.id, b.w FROM {df} a JOIN {nodes.u} b ON a.i = b.r": [(1, 10)],
    "SELECT a.id, b.id AS k FROM {df} a JOIN {df} b ON a.d = b.z": [(2, 2)],
    "SELECT a.id, b.id AS k FROM {df} a LEFT JOIN {df} b ON a.t = b.z": [
        (1, 1),
        (2, None),
        (3, None),
    ],
    "SELECT a.id, b.id AS k FROM {df} a JOIN {df} b ON a.id = b.f": [(2, 2)],
    "SELECT a.id, b.w FROM {df} a LEFT JOIN {nodes.u} b ON a.g <=> b.g AND a.i > b.i - 1": [
        (1, 10),
        (2, None),
        (3, None),
    ],
    "SELECT a.id FROM {df} a LEFT SEMI JOIN {nodes.u} b ON a.g = b.g AND b.w > 10": [(1,)],
    "SELECT a.id FROM {df} a LEFT ANTI JOIN {nodes.u} b ON a.g = b.g AND a.i <> b.i": [
        (1,),
        (2,),
        (3,),
    ],
    "SELECT a.id FROM {df} a LEFT ANTI JOIN {nodes.u} b ON a.g = b.g WHERE a.id > 1": [(2,), (3,)],
    "SELECT id FROM {df} WHERE (g, i) IN (('a', 7), ('B', 8))": [(1,)],
}


@pytest.mark.parametrize("engine", ["polars", SPARK_KINDS[0]], indirect=True)
@pytest.mark.parametrize("query", list(OUTER))
def test_what_reads_a_filled_row_reads_nulls(engine: Engine, query: str) -> None:
    """`coalesce`, `CASE` and the like give their value also for a row that has no partner."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == OUTER[query]


@pytest.mark.parametrize("engine", ["polars", SPARK_KINDS[0]], indirect=True)
@pytest.mark.parametrize("query", list(KEYS))
def test_keys_are_compared_as_spark_compares_them(engine: Engine, query: str) -> None:
    """Keys may be of other types; conditions of SEMI and ANTI joins may be more than keys."""
    found = sorted_rows(engine, ROWS, {"sql_expr": query}, frames={"nodes.u": OTHER})
    assert found == KEYS[query]

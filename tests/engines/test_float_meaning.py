"""Aggregates of floats: NaN is the greatest number on every engine, and sums of singles are doubles."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Engine
from tests.engines.transforming import rows, step, types

NAN = math.nan
DATA = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "g": ["a", "a", "b", "b"],
        "x": [1.5, NAN, -2.5, None],
        "f": [0.5, NAN, -2.0, 4.0],
        "s": ["NaN", "a", "Z", None],
    },
    schema_overrides={"f": pl.Float32},
)
BY_GROUP = {
    "max(x)": ("float64", NAN, -2.5),
    "max(f)": ("float32", NAN, 4.0),
    "max(x * 2)": ("float64", NAN, -5.0),
    "max(round(x, 1))": ("float64", NAN, -2.5),
    "max(x) FILTER (WHERE id <> 2)": ("float64", 1.5, -2.5),
    "min(x)": ("float64", 1.5, -2.5),
    "max(s)": ("string", "a", "Z"),
    "max(id)": ("int64", 2, 4),
    "sum(f)": ("float64", NAN, 2.0),
    "sum(DISTINCT f)": ("float64", NAN, 2.0),
    "avg(f)": ("float64", NAN, 1.0),
    "stddev(f)": ("float64", NAN, math.sqrt(18)),
}
BY_FUNCTION = {
    'F.max("x")': ("float64", NAN, -2.5),
    'F.max_by("id", "x")': ("int64", 2, 3),
    'F.sum("f")': ("float64", NAN, 2.0),
    'F.avg("f")': ("float64", NAN, 1.0),
    'F.stddev("f")': ("float64", NAN, math.sqrt(18)),
    'F.max(F.floor("x"))': ("int64", 1, -3),
    'F.min(F.ceil("x"))': ("int64", 0, -2),
}
QUERIES: dict[str, list[tuple[Any, ...]]] = {
    # The columns of subqueries have types too.
    "WITH c AS (SELECT g, x FROM {df} UNION ALL SELECT g, f FROM {df}) SELECT g, max(x) AS m FROM c"
    " GROUP BY g HAVING max(x) > 0 ORDER BY max(x) DESC": [("a", NAN), ("b", 4.0)],
    "SELECT max(a.x + b.y) AS m FROM {df} a JOIN (SELECT id AS k, f AS y FROM {df}) b"
    " ON a.id = b.k": [(NAN,)],
    "SELECT id, max(x) OVER (PARTITION BY g) AS m, sum(f) OVER (PARTITION BY g) AS v FROM {df}"
    " WHERE g = 'a' ORDER BY id": [(1, NAN, NAN), (2, NAN, NAN)],
}


def _shown(values: Any) -> list[str]:
    return [repr(value) for value in values]


def test_aggregates_of_floats_agree(engine: Engine) -> None:
    wanted = [*BY_GROUP.values(), *BY_FUNCTION.values()]
    listed = ", ".join(f"{text} AS c{place}" for place, text in enumerate(BY_GROUP))
    query = [{"sql_expr": f"SELECT {listed} FROM {{df}} GROUP BY g ORDER BY g"}]
    named = [f'{text}.alias("c{place}")' for place, text in enumerate(BY_FUNCTION)]
    chain = [step("group_by", "g"), step("agg", *named), step("order_by", "g"), step("drop", "g")]
    found = [list(types(engine, DATA, *steps).values()) for steps in (query, chain)]
    assert [kind for kinds in found for kind in kinds] == [kind for kind, *_ in wanted]
    first, second = (
        list(zip(*rows(engine, DATA, *steps), strict=True)) for steps in (query, chain)
    )
    assert [
        [f"{v:.12g}" if isinstance(v, float) else repr(v) for v in c] for c in [*first, *second]
    ] == [
        [f"{v:.12g}" if isinstance(v, float) else repr(v) for v in values] for _, *values in wanted
    ]


def test_a_query_over_queries_and_windows_has_the_same_maximum(engine: Engine) -> None:
    found = {text: rows(engine, DATA, {"sql_expr": text}) for text in QUERIES}
    assert _shown(found.values()) == _shown(QUERIES.values())
    added = {"with_column": {"name": "m", "type": None, "sql_expr": "max(x) OVER (PARTITION BY g)"}}
    kept = [step("order_by", "id"), step("select", "m")]
    assert _shown(rows(engine, DATA, added, *kept)) == _shown([(NAN,), (NAN,), (-2.5,), (-2.5,)])

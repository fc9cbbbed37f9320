"""The columns that a plan expects are those that a run gives.

Each chain runs on Polars over the same two rows. Where the plan says that it knows the columns,
checks refuse keys and rules on others: it must be right, and may always say that it does not know.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from laktory_dagster.models import Pipeline, Transformer
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.columns import column_flow

ROWS = [
    {"a": 1, "b": 2.0, "c": "x", "l": [1, 2], "s": {"f": 1, "g": 2}},
    {"a": 2, "b": 3.0, "c": "y", "l": [3], "s": {"f": 3, "g": 4}},
]
OTHER = {"data": [{"a": 1, "w": 2}]}
SAME = {"data": [{"a": 1, "b": 2.0}]}


class Named(dict[str, Any]):
    """The named arguments of a step, last among its arguments."""


def steps_of(*chain: Any) -> list[dict[str, Any]]:
    """Return steps: SQL for a text, a step for a mapping, a call for name and arguments."""
    return [copy.deepcopy(_step(step)) for step in chain]


def _step(step: Any) -> dict[str, Any]:
    if isinstance(step, str):
        return {"sql_expr": step}
    if isinstance(step, dict):
        return step
    name, *args = step
    named = args.pop() if args and isinstance(args[-1], Named) else {}
    return {"func_name": name, "func_args": args, "func_kwargs": dict(named)}


def columns_of_run(steps: list[dict[str, Any]]) -> tuple[str, ...]:
    node = {"name": "n", "source": {"data": ROWS}, "transformer": {"nodes": steps}}
    pipeline = Pipeline(name="p", nodes=[node])
    pipeline.execute()
    return tuple(pipeline.nodes[0].output_df.collect_schema().names())


AB = ("select", "a", "b")

# Chains whose columns the text alone says, whatever the source holds.
KNOWN: list[tuple[Any, ...]] = [
    (AB,),
    (("select", ["a", "b"]),),
    (("select", "pl.col('a', 'b')"),),
    (("select", "pl.col(['a', 'b'])"),),
    (("select", "pl.col('a')", Named(x="pl.col('b')", y="c")),),
    (("select", "pl.col('a').alias('z')"),),
    (("select", "F.col('a').alias('q')"),),
    (("select", "pl.col('a') + pl.col('b')"),),
    (("select", "pl.sum('a')", "pl.max('b', 'c')"),),
    (("select", "pl.col('s').struct.field('f', 'g')"),),
    (("selectExpr", "a + 1 as x", "b"),),
    (("selectExpr", "a as `x y`"),),
    ("SELECT a AS x, b y FROM {df}",),
    ("SELECT DISTINCT a FROM {df}",),
    ("SELECT a, count(*) AS n FROM {df} GROUP BY a",),
    ("SELECT a FROM {df} UNION ALL SELECT a FROM {df}",),
    ("WITH q AS (SELECT a AS z FROM {df}) SELECT z FROM q",),
    ("SELECT t.a, t.b AS bb FROM {df} t",),
    ("SELECT a AS `Q r` FROM {df}",),
    ("SELECT 'x' AS k, a FROM {df} ORDER BY a LIMIT 1",),
    (AB, ("with_columns", "pl.col('a') * 2")),
    (AB, ("with_columns", "pl.lit(1).alias('k')", Named(z="pl.col('b')"))),
    (AB, ("withColumn", "b", "F.col('a')")),
    (AB, ("withColumns", {"x": "F.col('a')", "b": "F.col('a')"})),
    (("select", "a"), {"with_column": {"name": "x", "expr": "a"}}),
    (("select", "a"), {"with_columns": [{"name": "a", "expr": "a"}, {"name": "y", "expr": "a"}]}),
    (AB, ("laktory.with_row_index",)),
    (AB, ("laktory.with_row_index", Named(name="i"))),
    (AB, ("rename", {"a": "b", "b": "a"})),
    (AB, ("rename", Named(mapping={"a": "z"}))),
    (AB, ("withColumnRenamed", "a", "z")),
    (AB, ("withColumnRenamed", "nope", "z")),
    (AB, ("withColumnsRenamed", {"a": "z", "nope": "y"})),
    (AB, ("drop", "a")),
    (AB, ("drop", ["a"])),
    (AB, ("drop", "pl.col('a')")),
    (AB, ("drop", "nope")),
    (("select", "a", "l"), ("explode", "l")),
    (AB, ("toDF", "x", "y")),
    (("group_by", "a"), ("agg", "pl.col('b').sum()")),
    (("group_by", "a"), ("agg", ["pl.col('b').sum()", "pl.len()"])),
    (("group_by", "a"), ("agg", "pl.col('b', 'c').first()")),
    (("group_by", ["a", "c"]), ("agg", "pl.col('b').sum().alias('b2')")),
    (("group_by", Named(z="pl.col('a')")), ("agg", Named(n="pl.len()"))),
    (("groupBy", "a"), ("agg", "F.sum('b').alias('s')")),
    (("groupBy",), ("agg", "F.sum('b').alias('s')")),
    (("agg", "F.sum('a').alias('s')", "F.max('b').alias('m')"),),
    (AB, ("agg", "F.sum('a').alias('s')")),
    (AB, ("with_columns", "pl.lit(1).alias('k')"), ("agg", "F.max('k').alias('k')")),
    (("laktory.groupby_and_agg", ["a"], [{"name": "n", "expr": "F.sum('b')"}]),),
    (("laktory.groupby_and_agg", Named(groupby_columns="a", agg_expressions=["pl.col('b').sum()"])),),
    (AB, ("cast", {"a": "pl.String"})),
    (AB, ("fillna", 0)),
    (AB, ("sort", "a"), ("limit", 1)),
    (AB, ("unique", Named(subset=["a"]))),
    (AB, ("drop_nulls",), ("reverse",)),
    (AB, ("union", SAME)),
    (AB, ("laktory.union", SAME)),
    (AB, ("intersect", SAME)),
    (AB, ("subtract", SAME)),
    (AB, ("exceptAll", SAME)),
]  # fmt: skip

# Chains of which the text says less, or names that engines give in their own ways.
UNKNOWN: list[tuple[Any, ...]] = [
    (("select", "pl.all()"),),
    (("select", "*", "pl.lit(1).alias('k')"),),
    (("select", "pl.exclude('a')"),),
    (("select", "pl.col('^a|b$')"),),
    (("select", "pl.col(pl.Int64)"),),
    (("select", "pl.first()"),),
    (("select", "s.f"),),
    (("select", "F.upper('c')"),),
    (("select", "F.sum('a')"),),
    (("select", "pl.col('a').name.suffix('_x')"),),
    (("selectExpr", "*", "a + 1 AS x"),),
    (("selectExpr", "count(*)"),),
    ("SELECT * FROM {df}",),
    ("SELECT *, a AS x FROM {df}",),
    ("SELECT * EXCEPT (a) FROM {df}",),
    ("SELECT a, a + 1 FROM {df}",),
    ("WITH q AS (SELECT a AS z FROM {df}) SELECT * FROM q",),
    (("groupBy", "a"), ("count",)),
    (("groupBy", "a"), ("sum", "b")),
    (("groupBy", "a"), ("agg", {"b": "sum"})),
    (("groupBy", "a"), ("agg", "F.sum('b')")),
    (AB, ("unpivot", Named(index="a"))),
    (AB, ("melt", Named(ids=["a"], values=["b"], variableColumnName="v", valueColumnName="w"))),
    (("select", "a", "c", "b"), ("pivot", Named(on="c", index="a", values="b"))),
    (("select", "a", "s"), ("unnest", "s")),
    (AB, ("describe",)),
    (AB, ("transpose",)),
    (AB, ("join", OTHER, Named(on="a", how="left"))),
    (AB, ("join", OTHER, Named(on="a", how="semi"))),
    (AB, ("crossJoin", {"data": [{"w": 2}]})),
    (AB, ("unionByName", OTHER, Named(allowMissingColumns=True))),
    (AB, ("laktory.smart_join", Named(other=OTHER, on=["a"]))),
    (
        AB,
        (
            "laktory.window_filter",
            Named(partition_by=["a"], order_by=[{"sql_expression": "b"}], drop_row_index=False),
        ),
    ),
]


@pytest.mark.parametrize("chain", KNOWN, ids=str)
def test_known_columns_are_those_of_the_run(chain: tuple[Any, ...]) -> None:
    steps = steps_of(*chain)
    flow = column_flow(flat_steps(Transformer(nodes=steps_of(*chain))), "spark")
    assert flow.exact == columns_of_run(steps)


@pytest.mark.parametrize("chain", UNKNOWN, ids=str)
def test_columns_that_are_not_sure_are_not_claimed(chain: tuple[Any, ...]) -> None:
    steps = steps_of(*chain)
    flow = column_flow(flat_steps(Transformer(nodes=steps_of(*chain))), "spark")
    assert flow.exact is None
    assert columns_of_run(steps)


@pytest.mark.parametrize("chain", [*KNOWN, *UNKNOWN], ids=str)
def test_knowing_the_source_makes_no_claim_wrong(chain: tuple[Any, ...]) -> None:
    steps = steps_of(*chain)
    flow = column_flow(flat_steps(Transformer(nodes=steps_of(*chain))), "spark", tuple(ROWS[0]))
    assert flow.exact in (None, columns_of_run(steps))


# Steps after which columns of the source may be left; what SILVER keeps of a, b, c, l, s.
LEFT: list[tuple[tuple[Any, ...], tuple[str, ...]]] = [
    (({"with_column": {"name": "x", "sql_expr": "a"}},), ("x",)),
    (({"with_column": {"name": "a", "sql_expr": "a"}},), ("a",)),
    ((("rename", {"a": "x"}),), ("x",)),
    ((("rename", {"a": "b", "b": "a"}),), ("b", "a")),
    (("SELECT *, a AS x FROM {df}",), ("x",)),
    ((("with_columns", "pl.col('a').alias('x')"), ("drop", "b")), ("x",)),
    ((("with_row_index", "i"),), ("i",)),
    ((("distinct",),), ("a", "b", "c", "l", "s")),
    ((("filter", "a > 0"),), ("a", "b", "c", "l", "s")),
    ((("select", "a", "c"),), ("a", "c")),
    ((("select", "*", "pl.lit(1).alias('k')"),), ("k",)),
    ((("join", OTHER, Named(on="a")), {"with_column": {"name": "x", "sql_expr": "w"}}), ("w", "x")),
    ((("with_columns", "pl.lit(1).alias('x')"), ("select", "a", "x")), ("a", "x")),
]


@pytest.mark.parametrize(("chain", "left"), LEFT, ids=str)
def test_silver_keeps_what_the_steps_made(chain: tuple[Any, ...], left: tuple[str, ...]) -> None:
    steps = steps_of(*chain)
    node = {"name": "n", "layer": "SILVER", "source": {"data": ROWS}, "drop_duplicates": False}
    pipeline = Pipeline(name="p", nodes=[{**node, "transformer": {"nodes": steps}}])
    pipeline.execute()
    names = pipeline.nodes[0].output_df.collect_schema().names()
    assert names == [*left, "_silver_at"]

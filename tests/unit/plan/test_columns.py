"""What steps do to the columns, as far as the text says."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from laktory_dagster.models import Transformer
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.columns import ColumnFlow, column_flow


def flow(*steps: Any, start: tuple[str, ...] | None = None, dialect: str = "spark") -> ColumnFlow:
    chain = TypeAdapter(Transformer).validate_python({"nodes": [_step(step) for step in steps]})
    return column_flow(flat_steps(chain), dialect, start)


def _step(step: Any) -> Any:
    """Return a step: SQL for a text, a call for a list of name, arguments and named ones."""
    if isinstance(step, str):
        return {"sql_expr": step}
    if isinstance(step, dict):
        return step
    name, *args = step
    named = args.pop() if args and isinstance(args[-1], dict) and args[-1].pop("_", False) else {}
    return {"func_name": name, "func_args": args, "func_kwargs": named}


def named(**arguments: Any) -> dict[str, Any]:
    return {"_": True, **arguments}


@pytest.mark.parametrize(
    ("steps", "produced"),
    [
        ([{"with_column": {"name": "x", "sql_expr": "a"}}], {"x"}),
        (
            [{"with_columns": [{"name": "x", "sql_expr": "a"}, {"name": "y", "expr": "b"}]}],
            {"x", "y"},
        ),
        ([["withColumn", "x", "F.col('a')"]], {"x"}),
        ([["withColumn", named(colName="x", col="F.col('a')")]], {"x"}),
        ([["with_columns", "pl.col('a').alias('x')", named(y="pl.col('b')")]], {"x", "y"}),
        ([["with_columns", ["pl.col('a')", "pl.col('b').sum()"]]], {"a", "b"}),
        ([["withColumns", {"x": "F.col('a')", "y": "F.col('b')"}]], {"x", "y"}),
        ([["withColumns", named(colsMap={"x": "F.col('a')"})]], {"x"}),
        ([["rename", {"a": "x"}]], {"x"}),
        ([["withColumnRenamed", "a", "x"]], {"x"}),
        ([["withColumnsRenamed", {"a": "x", "b": "y"}]], {"x", "y"}),
        ([["with_row_index", "i"]], {"i"}),
        ([["with_row_index"]], {"index"}),
        (["SELECT *, a + 1 AS x FROM {df}"], {"x"}),
        (["SELECT df.*, b AS y FROM {df} df"], {"y"}),
        ([["select", "*", "pl.col('a').alias('x')"]], {"x"}),
        ([["select", "pl.all()", "pl.col('a').alias('x')"]], {"x"}),
        ([["select", "pl.selectors.numeric()", "a"]], {"a"}),
        ([["selectExpr", "*", "a + 1 AS x"]], {"x"}),
        ([["distinct"], {"with_column": {"name": "x", "sql_expr": "a"}}, ["limit", 3]], {"x"}),
        ([{"with_column": {"name": "x", "sql_expr": "a"}}, ["join", {"path": "o.json"}]], {"x"}),
        ([{"with_column": {"name": "x", "sql_expr": "a"}}, ["my_function"]], {"x"}),
    ],
)
def test_columns_of_the_source_get_past_and_these_are_produced(steps: list, produced: set) -> None:
    found = flow(*steps)
    assert found.from_source
    assert found.produced == produced


@pytest.mark.parametrize(
    "step",
    [
        ["distinct"],
        ["filter", "a > 1"],
        ["drop", "a"],
        ["cast", {"a": "pl.Int64"}],
        ["fillna", 0],
        ["explode", "a"],
        ["union", {"path": "o.json"}],
        ["laktory.smart_join", named(other={"path": "o.json"}, on=["a"])],
        ["my_function", "x"],
        "SELECT * FROM {df}",
    ],
)
def test_a_step_that_names_no_output_produces_nothing(step: Any) -> None:
    found = flow(step)
    assert found.from_source
    assert found.produced is None


@pytest.mark.parametrize(
    ("steps", "exact"),
    [
        ([["select", "a", "b"]], ("a", "b")),
        ([["select", ["a", "b"]]], ("a", "b")),
        ([["select", "pl.col('a', 'b')", named(x="pl.lit(1)")]], ("a", "b", "x")),
        ([["select", "data.open"]], None),
        ([["select", "F.upper('a')"]], None),
        ([["select", "pl.col('a').struct.field('*')"]], None),
        ([["selectExpr", "a", "b + 1 AS c"]], ("a", "c")),
        (["SELECT a, b + 1 AS c FROM {df}"], ("a", "c")),
        (["SELECT a, b + 1 FROM {df}"], None),
        (["SELECT a, json_tuple(b, 'x') FROM {df}"], None),
        (["SELECT stack(1, a, b) FROM {df}"], None),
        (["SELECT a FROM {df} UNION ALL SELECT b FROM {df}"], ("a",)),
        (["WITH x AS (SELECT * FROM {df}) SELECT a FROM x"], ("a",)),
        ([["groupBy", "a"], ["agg", "F.sum('b').alias('s')"]], ("a", "s")),
        ([["group_by", "a"], ["agg", "pl.col('b').sum()", named(n="pl.len()")]], ("a", "b", "n")),
        ([["group_by", named(by2="pl.col('x')")], ["agg", named(n="pl.len()")]], ("by2", "n")),
        ([["groupBy", "a"], ["having", "x"], ["agg", "F.sum('b').alias('s')"]], ("a", "s")),
        ([["rollup", "a"], ["agg", "F.sum('b').alias('s')"]], ("a", "s")),
        ([["cube", "a", "c"], ["agg", "F.sum('b').alias('s')"]], ("a", "c", "s")),
        ([["groupingSets", [["a"]], "a"], ["agg", "F.sum('b').alias('s')"]], None),
        ([["groupBy", "a"], ["pivot", "p"], ["agg", "F.sum('b').alias('s')"]], None),
        ([["group_by_dynamic", "t", named(include_boundaries=True)], ["agg", "pl.len()"]], None),
        ([["groupBy", "a"], ["count"]], None),
        ([["groupBy", "a"], ["head", 2]], None),
        (
            [["laktory.groupby_and_agg", ["a"], [{"name": "s", "expr": "F.sum('b')"}]]],
            ("a", "s"),
        ),
        ([["toDF", "x", "y"]], ("x", "y")),
        ([["unpivot", named(index="a")]], None),
        ([["select", "a", "b"], ["drop", "a"]], ("b",)),
        ([["select", "a", "b"], ["rename", {"a": "x"}]], ("x", "b")),
        ([["select", "a", "b"], ["withColumnRenamed", "A", "x"]], None),
        ([["select", "a"], {"with_column": {"name": "x", "sql_expr": "a"}}], ("a", "x")),
        ([["select", "a"], ["drop_duplicates"], ["limit", 3]], ("a",)),
        ([["select", "a"], ["join", {"path": "o.json"}]], None),
        ([["select", "a"], ["my_function"]], None),
        ([["select", "a"], ["with_columns", "F.upper('a')"]], None),
    ],
)
def test_after_these_no_column_of_the_source_is_left(steps: list, exact: tuple | None) -> None:
    found = flow(*steps)
    assert not found.from_source
    assert found.produced is None
    assert found.exact == exact


def test_columns_that_are_known_from_the_start() -> None:
    start = ("a", "b")
    assert flow(["drop", "a"], start=start).exact == ("b",)
    assert flow(["rename", {"a": "x"}], start=start).exact == ("x", "b")
    assert flow({"with_column": {"name": "c", "sql_expr": "a"}}, start=start).exact == (
        "a",
        "b",
        "c",
    )
    assert flow("SELECT *, 1 AS c FROM {df}", start=start).exact is None


def test_a_join_brings_columns_that_are_not_the_sources() -> None:
    assert flow(["filter", "a > 1"]).only_source
    assert not flow(["join", {"path": "o.json"}]).only_source
    assert not flow("SELECT a.*, b.x FROM {df} a JOIN {nodes.m} b ON a.k = b.k").only_source


def test_sql_that_cannot_be_read_is_not_guessed_at() -> None:
    found = flow("SELEC a", start=("a",))
    assert found.exact is None


def test_a_function_of_the_project_may_give_any_columns() -> None:
    chain = TypeAdapter(Transformer).validate_python(
        {"nodes": [_step(["select", "a"]), _step(["explode"]), _step(["limit", 1])]}
    )
    assert column_flow(flat_steps(chain), "spark", own={"explode"}).exact is None

"""The `laktory.` functions on odd names, on no rows, and with their arguments in every form."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.comparing import plain_rows
from tests.engines.together import rows_together
from tests.engines.transforming import chained, step, types

NAN = math.nan
A: dict[str, list[Any]] = {
    "g": ["a", "a", "b", None, "b"],
    "n": [1, 2, None, 4, 4],
    "x": [1.5, NAN, 0.5, None, 2.0],
    "odd name": [1, 2, 3, 4, 5],
    "a.b": [5, 4, 3, 2, 1],
}
E = pa.table({"g": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
B = {"g": ["a", "b", "b", None, "z"], "y": [10, 20, 15, 30, 40], "n": [7, None, 9, 1, 1]}
FRAMES = {"nodes.b": B, "nodes.e": E}

# Columns and sorted rows, as the frame functions of Spark give them.
# fmt: off
CASES: list[tuple[Any, dict[str, Any], list[str], list[Any]]] = [
    (A, step("laktory.groupby_and_agg", groupby_columns=["odd name"], agg_expressions=[{"name": "t t", "expr": "sum(n)"}]), ["odd name", "t t"], [(1, 1), (2, 2), (3, None), (4, 4), (5, 4)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=["a.b"], agg_expressions=[{"name": "t", "expr": "F.sum('n')"}]), ["a.b", "t"], [(1, 4), (2, 4), (3, None), (4, 2), (5, 1)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=["n % 2"], agg_expressions=[{"name": "t", "expr": "F.count('*')"}]), ["(n % 2)", "t"], [(0, 3), (1, 1), (None, 1)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=["x"], agg_expressions=[{"name": "t", "expr": "F.count('*')"}]), ["x", "t"], [(0.5, 1), (1.5, 1), (2.0, 1), (None, 1), (NAN, 1)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=["g"], agg_expressions=["sum(n)", "max(x) AS m", "F.count('*')"]), ["g", "sum(n)", "m", "count(1)"], [("a", 3, NAN, 2), ("b", 4, 2.0, 2), (None, 4, None, 1)]),
    (A, step("laktory.groupby_and_agg", groupby_columns="g", agg_expressions=[{"name": "c", "expr": "sum(1)"}, {"name": "d", "expr": "count(distinct n)"}, {"name": "e", "expr": "max(n) - min(n)"}]), ["g", "c", "d", "e"], [("a", 2, 2, 1), ("b", 2, 1, 0), (None, 1, 1, 0)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=["g"], agg_expressions=[{"name": "q", "expr": "F.sum('n') / F.count('*')"}, {"name": "r", "expr": "sum(n) / count(*)"}]), ["g", "q", "r"], [("a", 1.5, 1.5), ("b", 2.0, 2.0), (None, 4.0, 4.0)]),
    (A, step("laktory.groupby_and_agg", agg_expressions={"name": "t", "expr": "F.sum(F.lit(1))"}), ["t"], [(5,)]),
    (A, step("laktory.groupby_and_agg", groupby_columns=[], agg_expressions=["count(*) AS c"]), ["c"], [(5,)]),
    (A, step("laktory.smart_join", other="{nodes.b}", on=["g", "n"]), ["g", "n", "x", "odd name", "a.b", "y"], [("a", 1, 1.5, 1, 5, None), ("a", 2, NAN, 2, 4, None), ("b", 4, 2.0, 5, 1, None), ("b", None, 0.5, 3, 3, None), (None, 4, None, 4, 2, None)]),
    (A, step("laktory.smart_join", other="{nodes.b}", left_on="n", other_on="y"), ["g", "n", "x", "odd name", "a.b", "g_right", "n_right"], [("a", 1, 1.5, 1, 5, None, None), ("a", 2, NAN, 2, 4, None, None), ("b", 4, 2.0, 5, 1, None, None), ("b", None, 0.5, 3, 3, None, None), (None, 4, None, 4, 2, None, None)]),
    (A, step("laktory.smart_join", other="{nodes.b}", on="g", how="inner"), ["g", "n", "x", "odd name", "a.b", "y", "n_right"], [("a", 1, 1.5, 1, 5, 10, 7), ("a", 2, NAN, 2, 4, 10, 7), ("b", 4, 2.0, 5, 1, 15, 9), ("b", None, 0.5, 3, 3, 15, 9)]),
    (A, step("laktory.smart_join", other="{nodes.b}", on="g", how="outer"), ["g", "n", "x", "odd name", "a.b", "y", "n_right"], [("a", 1, 1.5, 1, 5, 10, 7), ("a", 2, NAN, 2, 4, 10, 7), ("b", 4, 2.0, 5, 1, 15, 9), ("b", None, 0.5, 3, 3, 15, 9), ("z", None, None, None, None, 40, 1), (None, 4, None, 4, 2, None, None), (None, None, None, None, None, 30, 1)]),
    (A, step("laktory.smart_join", other="{nodes.e}", on="g"), ["g", "n", "x", "odd name", "a.b", "n_right"], [("a", 1, 1.5, 1, 5, None), ("a", 2, NAN, 2, 4, None), ("b", 4, 2.0, 5, 1, None), ("b", None, 0.5, 3, 3, None), (None, 4, None, 4, 2, None)]),
    (A, step("laktory.smart_join", other="{nodes.e}", on="g", how="inner"), ["g", "n", "x", "odd name", "a.b", "n_right"], []),
    (A, step("laktory.smart_join", other="{nodes.e}", on="g", how="anti"), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=[], order_by=["n"]), ["g", "n", "x", "odd name", "a.b"], [("b", None, 0.5, 3, 3)]),
    (A, step("laktory.window_filter", partition_by=None, order_by=["F.desc('n')"]), ["g", "n", "x", "odd name", "a.b"], [("b", 4, 2.0, 5, 1)]),
    (A, step("laktory.window_filter", partition_by=["g"]), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=["g"], order_by=["F.desc('x')"]), ["g", "n", "x", "odd name", "a.b"], [("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=["x"], order_by=["n"]), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=["a.b"], order_by=["odd name"]), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=["upper(g)"], order_by=["-n"]), ["g", "n", "x", "odd name", "a.b"], [("a", 2, NAN, 2, 4), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.window_filter", partition_by=["g"], order_by=["n"], rows_to_keep=-1), ["g", "n", "x", "odd name", "a.b"], []),
    (A, step("laktory.window_filter", partition_by=["g"], order_by=["n"], row_index_name="n", drop_row_index=False), ["g", "n", "x", "odd name", "a.b"], [("a", 0, 1.5, 1, 5), ("b", 0, 0.5, 3, 3), (None, 0, None, 4, 2)]),
    (A, step("laktory.with_row_index", name="i", order_by="n"), ["g", "n", "x", "odd name", "a.b", "i"], [("a", 1, 1.5, 1, 5, 1), ("a", 2, NAN, 2, 4, 2), ("b", 4, 2.0, 5, 1, 3), ("b", None, 0.5, 3, 3, 0), (None, 4, None, 4, 2, 4)]),
    (A, step("laktory.with_row_index", name="i", order_by="n", partition_by="g", offset=5), ["g", "n", "x", "odd name", "a.b", "i"], [("a", 1, 1.5, 1, 5, 5), ("a", 2, NAN, 2, 4, 6), ("b", 4, 2.0, 5, 1, 6), ("b", None, 0.5, 3, 3, 5), (None, 4, None, 4, 2, 5)]),
    (A, step("laktory.with_row_index", name="n", order_by="odd name"), ["g", "n", "x", "odd name", "a.b"], [("a", 0, 1.5, 1, 5), ("a", 1, NAN, 2, 4), ("b", 2, 0.5, 3, 3), ("b", 4, 2.0, 5, 1), (None, 3, None, 4, 2)]),
    (A, step("laktory.union", "{nodes.b}"), ["g", "n", "x", "odd name", "a.b", "y"], [("a", 1, 1.5, 1, 5, None), ("a", 2, NAN, 2, 4, None), ("a", 7, None, None, None, 10), ("b", 4, 2.0, 5, 1, None), ("b", 9, None, None, None, 15), ("b", None, 0.5, 3, 3, None), ("b", None, None, None, None, 20), ("z", 1, None, None, None, 40), (None, 1, None, None, None, 30), (None, 4, None, 4, 2, None)]),
    (A, step("laktory.union", "{nodes.e}"), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.has_column", "a.b"), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.has_column", "`odd name`"), ["g", "n", "x", "odd name", "a.b"], [("a", 1, 1.5, 1, 5), ("a", 2, NAN, 2, 4), ("b", 4, 2.0, 5, 1), ("b", None, 0.5, 3, 3), (None, 4, None, 4, 2)]),
    (A, step("laktory.signature"), ["column", "type"], [("a.b", "int64"), ("g", "string"), ("n", "int64"), ("odd name", "int64"), ("x", "float64")]),
    (A, step("laktory.schema_flat"), ["column"], [("a.b",), ("g",), ("n",), ("odd name",), ("x",)]),
    (E, step("laktory.groupby_and_agg", agg_expressions=[{"name": "t", "expr": "F.count('*')"}, {"name": "s", "expr": "F.sum('n')"}]), ["t", "s"], [(0, None)]),
    (E, step("laktory.groupby_and_agg", groupby_columns=["g"], agg_expressions=[{"name": "t", "expr": "F.count('*')"}]), ["g", "t"], []),
    (E, step("laktory.smart_join", other="{nodes.b}", on="g"), ["g", "n", "y", "n_right"], []),
    (E, step("laktory.smart_join", other="{nodes.b}", on="g", how="right"), ["g", "n", "y", "n_right"], [("a", None, 10, 7), ("b", None, 15, 9), ("z", None, 40, 1), (None, None, 30, 1)]),
    (E, step("laktory.window_filter", partition_by=["g"], order_by=["n"]), ["g", "n"], []),
    (E, step("laktory.with_row_index", order_by="n"), ["g", "n", "index"], []),
    (E, step("laktory.union", "{nodes.b}"), ["g", "n", "y"], [("a", 7, 10), ("b", 9, 15), ("b", None, 20), ("z", 1, 40), (None, 1, 30)]),
]
# fmt: on


def test_columns_and_rows(engine: Engine) -> None:
    # Spark plans a query of many windows for seconds; some of each function will do there.
    cases = CASES if engine.name == "polars" else CASES[::4]
    frames = {
        number: chained(engine, data, given, frames=FRAMES)
        for number, (data, given, _, _) in enumerate(cases)
    }
    for number, (_, given, names, _) in enumerate(cases):
        assert [column.name for column in engine.columns(frames[number])] == names, given
    found = rows_together(engine, frames)
    for number, (_, given, _, expected) in enumerate(cases):
        assert found[number] == plain_rows(expected, ordered=False), given


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("groupby_and_agg", {"groupby_columns": "g", "agg_expressions": [{"name": "q"}]}, "needs an expression"),
        ("groupby_and_agg", {"groupby_columns": "nope", "agg_expressions": ["sum(n)"]}, "no column `nope`"),
        ("groupby_and_agg", {"groupby_columns": "g", "agg_expressions": ["sum(nope)"]}, "no column `nope`"),
        ("smart_join", {"other": "{nodes.b}", "on": "nope"}, "no column `nope`"),
        ("smart_join", {"other": "{nodes.b}", "on": "x"}, "no column `x`"),
        ("smart_join", {"other": "{nodes.b}"}, "needs its keys"),
        ("smart_join", {"other": "{nodes.b}", "left_on": ["g", "n"], "other_on": "g"}, "needs its keys"),
        ("smart_join", {"other": "{nodes.b}", "on": "g", "on_expression": "g = g"}, "two streams"),
        ("window_filter", {"partition_by": "g", "order_by": [{"desc": True}]}, "names no column"),
        ("window_filter", {"partition_by": "nope", "order_by": "n"}, "no column `nope`"),
        ("has_column", {"col": "G"}, "no column `G`"),
        ("with_row_index", {"order_by": "nope"}, "no column `nope`"),
    ],
)  # fmt: skip
def test_what_cannot_be_names_its_step(
    engine: Engine, function: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TransformError, match=message) as caught:
        chained(engine, A, step(f"laktory.{function}", **options), frames=FRAMES)
    assert f"step 1 (laktory.{function})" in str(caught.value)


@pytest.mark.parametrize("value", ["n", "n + 1", "-n"])
def test_a_column_is_no_aggregate(engine: Engine, value: str) -> None:
    """A group has several rows; a list of them would be no number."""
    aggregate = {"name": "q", "expr": value}
    grouped = step("laktory.groupby_and_agg", groupby_columns=["g"], agg_expressions=[aggregate])
    with pytest.raises(TransformError, match=r"no aggregate|non-aggregating|GROUP BY"):
        types(engine, A, grouped)


def test_types_after_grouping_no_rows(engine: Engine) -> None:
    aggregates = ["F.count('*')", "sum(n) AS s", "F.max('g')"]
    grouped = step("laktory.groupby_and_agg", groupby_columns="g", agg_expressions=aggregates)
    assert types(engine, E, grouped) == {
        "g": "string", "count(1)": "int64", "s": "int64", "max(g)": "string",
    }  # fmt: skip

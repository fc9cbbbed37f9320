"""Code versions, key by key: what changes rows changes the version, labels and spellings do not.

A version that changes without need shows fresh data as stale; one that stays shows stale data as
fresh. Two ways to write one declaration are one version.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from laktory_dagster.models import Pipeline
from laktory_dagster.plan.builder import build_plan
from laktory_dagster.settings import Settings

STEP: dict[str, Any] = {"func_name": "filter", "func_args": ["a > 1"]}
SQL: dict[str, Any] = {"sql_expr": "SELECT * FROM {df}"}
RULE: dict[str, Any] = {"name": "r", "expression": "a > 0"}
NODE: dict[str, Any] = {
    "name": "n",
    "layer": "SILVER",
    "source": {"path": "a.csv", "format": "CSV"},
    "sink": {"path": "out"},
    "primary_key": "a",
    "transformer": {"nodes": [STEP, SQL]},
    "expectations": [RULE],
}


def plan(node: dict[str, Any] | None = None, **top: Any) -> Any:
    nodes = [json.loads(json.dumps({**NODE, **(node or {})}))]
    if "nodes" in top:
        nodes += top.pop("nodes")
    return build_plan(Pipeline(name="p", nodes=nodes, **top), settings=Settings())


def version(node: dict[str, Any] | None = None, **top: Any) -> str:
    planned = plan(node, **top)
    return str(planned.nodes["n"].code_version)


def source(**keys: Any) -> dict[str, Any]:
    return {"source": {**NODE["source"], **keys}}


def sink(**keys: Any) -> dict[str, Any]:
    return {"sink": {**NODE["sink"], **keys}}


def step(**keys: Any) -> dict[str, Any]:
    return {"transformer": {"nodes": [{**STEP, **keys}, SQL]}}


def rule(**keys: Any) -> dict[str, Any]:
    return {"expectations": [{**RULE, **keys}]}


LABELS: list[dict[str, Any]] = [
    source(type="FILE"),
    source(dataframe_type="POLARS"),
    source(dataframe_backend="POLARS"),
    source(dataframe_api="NATIVE"),
    source(storage_options={"key": "x"}),
    source(schema_location="s"),
    source(broadcast=True),
    source(header=True, limit=None, drops=[], multiline=False, bad_files="fail"),
    sink(type="FILE"),
    sink(format="DELTA"),
    sink(checkpoint_path="c"),
    sink(metadata={"comment": "c", "owner": "o"}),
    sink(databricks_data_profiling_config={"a": 1}),
    sink(reset_mode="TRUNCATE"),
    sink(dataframe_type="POLARS"),
    sink(storage_options={"key": "x"}),
    step(name="only the big ones".replace(" ", "_")),
    step(dataframe_type="POLARS"),
    step(func_kwargs={}),
    {"transformer": {"nodes": [STEP, {**SQL, "name": "q", "type": "SQL"}]}},
    {"transformer": {"nodes": [STEP, {"expr": SQL["sql_expr"]}]}},
    {"transformer": {"polars": True, "nodes": [STEP, SQL]}},
    rule(action="ALLOW"),
    rule(type="ROW", tolerance=None),
    {"description": "x", "tags": ["t"], "step": {"retries": 3}, "samples": "off"},
    {"comment": "x", "ldp_template": None, "execution_task_name": "t", "root_path": "r"},
    {"drop_source_columns": True},
    {"drop_duplicates": ["a"]},
    {"drop_duplicates": {"subset": ["a"]}},
    {"add_layer_columns": True},
    {"depends_on": []},
    {"expectations_checkpoint_path": "c"},
]


@pytest.mark.parametrize("change", LABELS, ids=str)
def test_a_label_or_another_spelling_is_the_same_version(change: dict[str, Any]) -> None:
    assert version(change) == version()


CHANGES: list[dict[str, Any]] = [
    source(path="b.csv"),
    source(format="PARQUET"),
    source(header=False),
    source(infer_schema=False),
    source(schema={"a": "int"}),
    source(schema="a INT"),
    source(reader_kwargs={"separator": ";"}),
    source(bad_files="quarantine"),
    source(schema_evolution="add"),
    source(filter="a > 1"),
    source(selects=["a"]),
    source(selects={"a": "b"}),
    source(renames={"a": "b"}),
    source(drops=["b"]),
    source(drop_duplicates=True),
    source(sample={"fraction": 0.5, "seed": 1}),
    source(limit=0),
    source(mock_df=[{"a": 1}]),
    {"source": {"path": "a.csv", "format": "CSV", "name": "s"}},
    {"source": {"data": [{"a": 1}]}},
    {"source": {"data": [{"a": 1.0}]}},
    {"source": {"data": [{"a": True}]}},
    {"source": {"data": [{"a": "1"}]}},
    {"source": {"data": [{"a": None}]}},
    {"source": {"table_name": "t"}},
    sink(path="other"),
    sink(format="PARQUET"),
    sink(mode="APPEND"),
    sink(mode="MERGE"),
    sink(mode="MERGE", merge_cdc_options={"order_by": "t"}),
    sink(mode="MERGE", merge_cdc_options={"ignore_null_updates": True}),
    sink(writer_methods=[{"name": "partitionBy", "args": ["a"]}]),
    sink(schema_evolution="add"),
    sink(null_keys="quarantine"),
    sink(on_empty="skip"),
    sink(schema={"a": "int"}),
    step(func_args=["a > 2"]),
    step(func_name="where"),
    {"transformer": {"nodes": [SQL, STEP]}},
    {"transformer": {"nodes": [STEP]}},
    {"transformer": {"nodes": [STEP, {"sql_expr": "SELECT  * FROM {df}"}]}},
    rule(name="other"),
    rule(expression="a > 1"),
    rule(action="DROP"),
    rule(action="FAIL", tolerance={"abs": 1}),
    rule(action="FAIL", tolerance={"rel": 0.1}),
    rule(expression="count(*) > 1", type="AGGREGATE"),
    {"layer": "BRONZE"},
    {"layer": None},
    {"drop_duplicates": False},
    {"drop_duplicates": ["b"]},
    {"drop_duplicates": {"keep": "any"}},
    {"primary_key": "b"},
    {"timestamp_key": "t"},
    {"add_layer_columns": False},
    {"dataframe_type": "SPARK"},
    # Its strings are then in Polars' own spelling.
    {"dataframe_type": "POLARS"},
]


def test_every_change_is_a_version_of_its_own() -> None:
    """None is the version of the unchanged node, and no two of them are one."""
    versions = [version(), *(version(change) for change in CHANGES)]
    twice = [str(CHANGES[i - 1]) for i, one in enumerate(versions) if versions.index(one) != i]
    assert twice == []


@pytest.mark.parametrize(
    "top",
    [
        {"description": "x"},
        {"tags": {"a": "b"}},
        {"schedule": {"cron": "0 6 * * *"}},
        {"orchestrator": "DATABRICKS_JOB", "databricks_job": {"max_retries": 3}},
        {"options": {"provider": "x"}},
        {"steps": "fused"},
        {"max_parallel_nodes": 3},
        {"variables": {"x": 1}},
        {"samples": "off"},
        {"dataframe_api": "NATIVE"},
        {"nodes": [{"name": "m", "source": {"path": "x"}}]},
    ],
    ids=str,
)
def test_what_the_pipeline_says_beside_its_nodes(top: dict[str, Any]) -> None:
    assert version(**top) == version()


@pytest.mark.parametrize(
    "top",
    [{"compat": "laktory-0.4"}, {"sql_dialect": "duckdb"}, {"dataframe_type": "SPARK"}],
    ids=str,
)
def test_what_the_pipeline_says_for_its_nodes(top: dict[str, Any]) -> None:
    assert version(**top) != version()


def test_a_version_does_not_depend_on_what_stands_above_a_node() -> None:
    """A change upstream reaches a node as data versions; its own code stays the same."""
    upstream = {"name": "up", "source": {"path": "x"}, "sink": {"path": "up"}}
    other = {**upstream, "source": {"path": "y"}}
    reading = {"source": {"node_name": "up"}}
    assert version(reading, nodes=[upstream]) == version(reading, nodes=[other])


def test_the_order_of_keys_does_not_count_and_that_of_columns_does() -> None:
    first = source(schema={"a": "int", "b": "int"}, reader_kwargs={"x": 1, "y": 2})
    second = source(reader_kwargs={"y": 2, "x": 1}, schema={"a": "int", "b": "int"})
    assert version(first) == version(second)
    assert version(source(selects=["a", "b"])) != version(source(selects=["b", "a"]))


def test_a_variable_counts_by_its_value() -> None:
    from tests.unit.plan.declaring import plan_from

    text = "name: p\nvariables: {x: 1}\nnodes:\n  - {name: n, source: {path: a, limit: %s}}\n"
    one = plan_from(text % "'${vars.x}'").nodes["n"].code_version
    assert one == plan_from(text % "1").nodes["n"].code_version
    given = plan_from(text % "'${vars.x}'", variables={"x": 2}).nodes["n"].code_version
    assert given == plan_from(text % "2").nodes["n"].code_version != one

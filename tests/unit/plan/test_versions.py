"""Code versions: the same for the same result, another for another."""

from __future__ import annotations

import pytest

from tests.unit.plan.declaring import plan_from

BASE = {
    "layer": "SILVER",
    "source": "{path: a.json, filter: x > 1}",
    "sink": "{path: out, mode: OVERWRITE}",
    "primary_key": "k",
    "transformer": "{nodes: [{with_column: {name: k, sql_expr: x}}]}",
    "expectations": "[{name: r, expression: k > 0, action: WARN}]",
}


def version(top: str = "", **parts: str) -> str:
    declared = {"name": "n", **BASE, **parts}
    lines = "\n".join(f"    {key}: {value}" for key, value in declared.items() if value)
    plan = plan_from(f"name: p\n{top}\nnodes:\n  -\n{lines}\n")
    (node,) = plan.nodes.values()
    return node.code_version


def test_it_is_stable_and_short() -> None:
    assert version() == version()
    assert len(version()) == 32
    assert int(version(), 16)


@pytest.mark.parametrize(
    "parts",
    [
        {"description": "other"},
        {"name": "other"},
        {"tags": "[a]"},
        {"step": "own"},
        {"samples": "off"},
        {"dlt_template": "null"},
        {"execution_task_name": "t"},
        {"source": "{path: a.json, filter: x > 1, limit: null, format: JSON}"},
        {"source": "{path: a.json, filter: x > 1, storage_options: {key: other}}"},
        {"sink": "{path: out, mode: OVERWRITE, metadata: {comment: c}}"},
        {"sink": "", "sinks": "[{path: out, mode: OVERWRITE}]"},
        {"primary_key": "", "primary_keys": "[k]"},
        {"expectations": "[{name: r, expr: k > 0, action: ALLOW}]"},
    ],
)
def test_what_changes_no_row_changes_no_version(parts: dict[str, str]) -> None:
    assert version(**parts) == version()


@pytest.mark.parametrize(
    "parts",
    [
        {"layer": "GOLD"},
        {"source": "{path: b.json, filter: x > 1}"},
        {"source": "{path: a.json, filter: x > 2}"},
        {"source": "{path: a.json, filter: x > 1, limit: 3}"},
        {"sink": "{path: out, mode: APPEND}"},
        {"sink": "{path: out, mode: OVERWRITE, on_empty: fail}"},
        {"primary_key": ""},
        {"drop_duplicates": "false"},
        {"add_layer_columns": "false"},
        {"timestamp_key": "k"},
        {"transformer": "{nodes: [{with_column: {name: k, sql_expr: y}}]}"},
        {"transformer": "{nodes: [{with_column: {name: k, type: int, sql_expr: x}}]}"},
        {"expectations": "[{name: r, expression: k > 1, action: WARN}]"},
        {"expectations": "[{name: r, expression: k > 0, action: DROP}]"},
        {"top": "sql_dialect: duckdb"},
        {"top": "dataframe_type: SPARK"},
        {"top": "compat: laktory-0.4"},
    ],
)
def test_what_may_change_a_row_changes_the_version(parts: dict[str, str]) -> None:
    assert version(**parts) != version()


def test_the_hash_of_a_plan_covers_nodes_edges_and_places() -> None:
    text = """
        name: p
        environments: {dev: {schema_prefix: dev_}, other: {catalog: c}}
        nodes:
          - {name: a, source: {path: a.json}}
          - {name: b, source: {path: b.json}}
    """
    plans = [plan_from(text), plan_from(text, env="dev"), plan_from(text, env="other")]
    plans.append(plan_from(text.replace("b.json}", "b.json}, depends_on: a")))
    plans.append(plan_from(text.replace("name: a,", "name: c,")))
    assert len({plan.plan_hash for plan in plans}) == len(plans)
    assert plan_from(text).plan_hash == plans[0].plan_hash


def test_a_frame_in_memory_has_a_version() -> None:
    import polars as pl

    from laktory_dagster import models
    from laktory_dagster.plan.builder import build_plan
    from laktory_dagster.settings import Settings

    frame = pl.LazyFrame({"a": [1]})
    nodes = [{"name": "n", "source": {"df": frame}}]
    nodes.append({"name": "m", "source": {"path": "x", "mock_df": frame.collect()}})
    plan = build_plan(models.Pipeline(name="p", nodes=nodes), settings=Settings())
    assert all(node.code_version for node in plan.nodes.values())


def test_what_python_code_keeps_beside_the_fields_is_no_part_of_a_version() -> None:
    from laktory_dagster import models
    from laktory_dagster.plan.builder import build_plan
    from laktory_dagster.settings import Settings

    pipeline = models.Pipeline(name="p", nodes=[{"name": "n", "source": {"path": "x"}}])
    before = build_plan(pipeline, settings=Settings()).nodes["n"].code_version
    pipeline.nodes[0].source._df = object()
    assert build_plan(pipeline, settings=Settings()).nodes["n"].code_version == before

"""What pipeline files of the reference say in ways of their own, from its first form to its last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.plan.definition import EdgeKind
from laktory_dagster.project import load_plan


def run(folder: Path, text: str) -> models.Pipeline:
    file = folder / "pipeline.yaml"
    file.write_text(text)
    with file.open() as opened:
        pipeline = models.Pipeline.model_validate_yaml(opened)
    pipeline.execute()
    return pipeline


def rows(pipeline: models.Pipeline, name: str) -> list[tuple[Any, ...]]:
    return sorted(pipeline.nodes_dict[name].output_df.collect().rows())


VIEWS = """
name: views
dataframe_backend: POLARS
databricks_quality_monitor_enabled: true
nodes:
  - name: all_rows
    sinks:
      - {schema_name: default, table_name: all_rows, table_type: VIEW,
         view_definition: "SELECT * FROM {nodes.small} UNION ALL SELECT * FROM {nodes.large}"}
  - name: small
    sinks: [{table_name: small, table_type: VIEW,
             view_definition: "SELECT * FROM {nodes.totals} WHERE total < 10"}]
  - name: large
    sinks: [{table_name: large, table_type: VIEW,
             view_definition: "SELECT * FROM {nodes.totals} WHERE total > 20"}]
  - name: totals
    transformer:
      nodes:
        - expr: SELECT shop, SUM(amount) AS total FROM {nodes.sales} GROUP BY shop
        - expr: SELECT shop, total FROM df
    sinks:
      - {table_name: totals, format: PARQUET, writer_kwargs: {path: ./out/totals}}
  - name: sales
    source:
      data: {shop: [a, a, b, c], amount: [1, 2, 15, 30]}
      dataframe_backend: POLARS
    sinks: [{path: ./out/sales, format: DELTA, cluster_by: [shop], dataframe_backend: POLARS}]
"""


def test_nodes_without_sources_and_views_by_their_definition(tmp_path: Path) -> None:
    pipeline = run(tmp_path, VIEWS)
    assert rows(pipeline, "totals") == [("a", 3), ("b", 15), ("c", 30)]
    assert rows(pipeline, "all_rows") == [("a", 3), ("c", 30)]
    stored = duckdb.sql(f"SELECT * FROM '{tmp_path}/out/totals/*.parquet' ORDER BY ALL").fetchall()
    assert stored == [("a", 3), ("b", 15), ("c", 30)]
    plan = load_plan(tmp_path / "pipeline.yaml")
    kinds = {(e.upstream, e.downstream) for e in plan.edges if e.kind is not EdgeKind.ORDER}
    assert kinds == {
        ("sales", "totals"), ("totals", "small"), ("totals", "large"),
        ("small", "all_rows"), ("large", "all_rows"),
    }  # fmt: skip


def test_the_primary_sink_is_the_one_that_says_so(tmp_path: Path) -> None:
    pipeline = run(
        tmp_path,
        """
name: primary
nodes:
  - name: one
    source: {data: [{a: 1}]}
    sinks:
      - {path: copy.csv, format: CSV, is_primary: false}
      - {path: main.parquet, format: PARQUET}
  - {name: two, source: {node_name: one}, sink: {path: two.parquet, format: PARQUET}}
""",
    )
    assert pipeline.nodes_dict["one"].sink.path == "main.parquet"
    (tmp_path / "copy.csv").write_text("a\n7\n")
    pipeline.nodes_dict["two"].execute()
    assert rows(pipeline, "two") == [(1,)]


@pytest.mark.parametrize(
    ("aggregate", "name"),
    [
        ("{name: top, expr: \"nw.col('x').max()\"}", "top"),
        ("{expr: \"nw.col('x').max().alias('top')\"}", "top"),
        ("{expr: \"nw.col('x').max()\"}", "x"),
        ("\"nw.col('x').max().alias('top')\"", "top"),
        ("\"nw.col('x').cast(nw.dtypes.Int32()).max().alias('top')\"", "top"),
    ],
)
def test_aggregates_with_and_without_a_name(tmp_path: Path, aggregate: str, name: str) -> None:
    pipeline = run(
        tmp_path,
        f"""
name: aggregates
nodes:
  - name: one
    source: {{data: {{k: [a, a, b], x: [1, 5, 3]}}}}
    transformer:
      nodes:
        - func_name: laktory.groupby_and_agg
          func_kwargs: {{groupby_columns: [k], agg_expressions: [{aggregate}]}}
""",
    )
    frame = pipeline.nodes_dict["one"].output_df.collect()
    assert frame.columns == ["k", name]
    assert sorted(frame.rows()) == [("a", 5), ("b", 3)]


@pytest.mark.parametrize("multiline", ["true", "false"])
@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1}\n{"a": 2}\n',
        '[{"a": 1}, {"a": 2}]',
        '[\n  {"a": 1},\n  {"a": 2}\n]\n',
    ],
    ids=["lines", "array", "pretty array"],
)
def test_json_is_what_the_file_holds(tmp_path: Path, content: str, multiline: str) -> None:
    # On Polars the reference reads lines where `multiline` is true, on Spark where it is false.
    (tmp_path / "rows.json").write_text(content)
    pipeline = run(
        tmp_path,
        f"name: j\nnodes: [{{name: n, source: {{path: rows.json, multiline: {multiline}}}}}]\n",
    )
    assert rows(pipeline, "n") == [(1,), (2,)]


@pytest.mark.parametrize("stack", ["stack.yaml", "stack_terra.yaml", "databricks.yml"])
@pytest.mark.parametrize("path", ["../sql/query.sql", "sql/query.sql"])
def test_includes_start_at_the_file_or_at_the_stack(tmp_path: Path, stack: str, path: str) -> None:
    (tmp_path / stack).write_text("name: stack\n")
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "query.sql").write_text("SELECT a + 1 AS b FROM {df}")
    (tmp_path / "resources").mkdir()
    pipeline = run(
        tmp_path / "resources",
        f"""
name: included
nodes:
  - name: n
    source: {{data: [{{a: 1}}]}}
    transformer:
      nodes: [{{expr: "${{include.{path}}}"}}]
""",
    )
    assert rows(pipeline, "n") == [(2,)]


def test_variables_of_asset_bundles(tmp_path: Path) -> None:
    pipeline = run(
        tmp_path,
        "name: v\nvariables: {n: 5}\nnodes: [{name: n, source: {data: [{a: '${var.n}'}]}}]\n",
    )
    assert rows(pipeline, "n") == [(5,)]


def test_blocks_of_deployed_resources_are_kept(tmp_path: Path) -> None:
    text = """
name: deployed
orchestrator:
  type: DATABRICKS_PIPELINE
  catalog: dev
  resource_options: {name: pl-deployed}
  lookup_existing: {pipeline_id: "7"}
nodes: [{name: n, source: {data: [{a: 1}]}}]
"""
    pipeline = run(tmp_path, text)
    assert pipeline.dlt is not None
    again = models.Pipeline.model_validate_json(pipeline.model_dump_json())
    assert again == pipeline
    assert again.dlt.options.name == "pl-deployed"


def test_a_node_of_its_own_runs(tmp_path: Path) -> None:
    node = models.PipelineNode(
        name="alone",
        sources=[{"data": {"x1": [1, 2, 3]}}],
        expectations=[{"name": "small", "expr": "x1 < 3", "action": "QUARANTINE"}],
        sinks=[{"path": str(tmp_path / "out.parquet"), "format": "PARQUET"}],
    )
    assert sorted(node.execute().collect().rows()) == [(1,), (2,)]
    (check,) = node.checks
    assert (check.status, check.rows_count, check.fails_count) == ("FAIL", 3, 1)
    assert node.quarantine_df.collect()["x1"].to_list() == [3]
    stored = duckdb.sql(f"SELECT x1 FROM '{tmp_path}/out.parquet' ORDER BY 1").fetchall()
    assert stored == [(1,), (2,)]


def test_options_that_polars_hands_on_to_delta(tmp_path: Path) -> None:
    def run(rows: str, options: str, mode: str) -> pl.DataFrame:
        sink = f"{{path: ./out, format: DELTA, mode: {mode}, writer_kwargs: {options}}}"
        node = f"{{name: n, sources: [{{data: {rows}}}], sinks: [{sink}]}}"
        (tmp_path / "pipeline.yaml").write_text(
            f"name: p\ndataframe_backend: POLARS\nnodes: [{node}]\n"
        )
        with (tmp_path / "pipeline.yaml").open() as file:
            models.Pipeline.model_validate_yaml(file).execute()
        return pl.read_delta(str(tmp_path / "out")).sort("a")

    run("{a: [1], k: [x]}", "{delta_write_options: {partition_by: [k]}}", "OVERWRITE")
    assert (tmp_path / "out" / "k=x").is_dir()
    merged = run(
        "{a: [2], k: [y], b: [3]}", "{delta_write_options: {schema_mode: merge}}", "APPEND"
    )
    assert merged.rows() == [(1, "x", None), (2, "y", 3)]
    replaced = run("{a: [4]}", "{delta_write_options: {schema_mode: overwrite}}", "OVERWRITE")
    assert replaced.rows() == [(4,)]


@pytest.mark.parametrize("path", ["rows.parquet", "rows"])
def test_files_of_pyarrow_are_parquet(tmp_path: Path, path: str) -> None:
    (tmp_path / "rows").mkdir()
    for name in ("rows.parquet", "rows/a.parquet"):
        pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / name)
    text = f"""
name: arrow
nodes:
  - name: n
    source: {{path: {path}, format: PYARROW}}
    sink: {{path: copy.parquet, format: PYARROW}}
"""
    pipeline = run(tmp_path, text)
    assert rows(pipeline, "n") == [(1,), (2,)]
    assert pl.read_parquet(tmp_path / "copy.parquet").rows() == [(1,), (2,)]

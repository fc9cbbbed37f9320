"""Pipelines that ran on Laktory run here unchanged and give the tables that were recorded there.

`data/pipelines` holds the pipelines, `data/recorded` what Laktory gave for each: with 0.13.1, and
with 0.4.14 for those of the older schema. What may differ is written down here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, RunFailedError

DATA = Path(__file__).parent / "data"
RECORDED = {
    path.stem: json.loads(path.read_text()) for path in sorted((DATA / "recorded").glob("*.json"))
}
STAMPS = ("_bronze_at", "_silver_at", "_gold_at")
OURS = {
    # Counts and numbers of rows have one type on every engine.
    "UInt32": "Int64",
    # Time is UTC inside; the recorded values had no zone and were UTC as well.
    "Datetime(time_unit='us', time_zone=None)": "Datetime(time_unit='us', time_zone='UTC')",
}
"""Recorded types to the other type that they may have here."""


def project(folder: Path, name: str) -> Path:
    """Return a folder with a recorded pipeline and what it reads."""
    shutil.copytree(DATA / "pipelines" / name, folder, dirs_exist_ok=True)
    shutil.copytree(DATA / "inputs", folder, dirs_exist_ok=True)
    return folder


def load(folder: Path) -> models.Pipeline:
    with (folder / "pipeline.yaml").open() as file:
        return models.Pipeline.model_validate_yaml(file)


@pytest.fixture(scope="module", params=list(RECORDED))
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[models.Pipeline, Path, dict[str, Any]]]:
    """A recorded pipeline after as many runs as were recorded, its folder, and the record."""
    record = RECORDED[request.param]
    folder = project(tmp_path_factory.mktemp(request.param), request.param)
    with load(folder) as pipeline:
        for _ in range(record["times"]):
            with contextlib.chdir(folder):
                pipeline.execute(**record["options"])
        yield pipeline, folder, record


def plain(value: Any) -> Any:
    """Return a value as records hold it: floats to nine digits, times as text in UTC."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).removesuffix("+00:00")


def ordered(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=repr)


def assert_is_recorded(frame: pl.DataFrame, table: dict[str, Any]) -> None:
    """Compare names, order and types of columns, and the rows in any order."""
    extra = [name for name in frame.columns if name in ("_failed_rules", "_run_id", "_partition")]
    frame = frame.drop(extra)
    assert frame.columns == list(table["columns"])
    for name, recorded in table["columns"].items():
        assert str(frame.schema[name]) in (recorded, OURS.get(recorded)), name
    kept = [i for i, name in enumerate(frame.columns) if name not in STAMPS]
    found = [[plain(row[i]) for i in kept] for row in frame.rows()]
    expected = [[plain(row[i]) for i in kept] for row in table["rows"]]
    assert ordered(found) == ordered(expected)
    for name in set(STAMPS) & set(frame.columns):
        assert frame[name].n_unique() == 1


def test_nodes_give_the_recorded_tables(
    ran: tuple[models.Pipeline, Path, dict[str, Any]],
) -> None:
    pipeline, _, record = ran
    for name, table in record["nodes"].items():
        node = pipeline.nodes_dict[name]
        assert_is_recorded(node.output_df.collect(), table)
        if "checks" in table:
            found = [[c.status, c.rows_count, c.fails_count] for c in node.checks]
            assert found == table["checks"]


def test_files_hold_the_recorded_tables(
    ran: tuple[models.Pipeline, Path, dict[str, Any]],
) -> None:
    _, folder, record = ran
    for name, table in record["files"].items():
        path = folder / name
        frame = pl.read_delta(str(path)) if path.is_dir() else pl.read_parquet(path)
        assert_is_recorded(frame, table)


def test_declarations_survive_json_and_yaml(
    ran: tuple[models.Pipeline, Path, dict[str, Any]],
) -> None:
    pipeline, _, _ = ran
    assert models.Pipeline.model_validate_json(pipeline.model_dump_json()) == pipeline
    assert models.Pipeline.model_validate_yaml(pipeline.model_dump_yaml()) == pipeline


def test_rejected_rows_say_which_rule_rejected_them(tmp_path: Path) -> None:
    folder = project(tmp_path, "quality")
    load(folder).execute()

    odd = pl.read_parquet(folder / "odd.parquet")
    assert odd["_failed_rules"].to_list() == [["moved"]]


def test_a_run_without_sinks_writes_nothing_and_gives_the_same_tables(tmp_path: Path) -> None:
    folder = project(tmp_path, "tariff")
    before = set(folder.rglob("*"))
    pipeline = load(folder)
    pipeline.execute(write_sinks=False)

    for name, table in RECORDED["tariff"]["nodes"].items():
        assert_is_recorded(pipeline.nodes_dict[name].output_df.collect(), table)
    assert set(folder.rglob("*")) == before


def test_a_node_runs_alone_on_what_is_stored(tmp_path: Path) -> None:
    folder = project(tmp_path, "rides")
    pipeline = load(folder)
    pipeline.execute(selects=["raw_trips"])
    assert pipeline.nodes_dict["trips"].output_df is None

    found = pipeline.nodes_dict["trips"].execute()
    assert_is_recorded(found.collect(), RECORDED["rides"]["nodes"]["trips"])


def test_a_parameter_without_default_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="bike"):
        load(project(tmp_path, "settings")).execute()


def test_a_failed_expectation_stops_the_node_and_its_check_is_kept() -> None:
    rows = pl.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 3]})
    rule = {"name": "small", "expr": "n < 3", "action": "FAIL"}
    node = models.PipelineNode.model_validate(
        {"name": "x", "sources": [{"df": rows}], "expectations": [rule]}
    )
    with pytest.raises(RunFailedError, match="small"):
        node.execute()

    (check,) = node.checks
    assert (check.status, check.rows_count, check.fails_count) == ("FAIL", 3, 1)


STEPS: tuple[tuple[str, list[dict[str, Any]], list[tuple[Any, ...]]], ...] = (
    (
        "an empty list keeps its row",
        [
            {"func_name": "select", "func_args": ["id", "l"]},
            {"func_name": "explode", "func_args": ["l"]},
        ],
        [("a", 1), ("a", 2), ("b", None), ("c", None)],
    ),
    (
        "rows of a group are numbered from 0",
        [
            {
                "func_name": "laktory.window_filter",
                "func_kwargs": {
                    "partition_by": "g",
                    "order_by": ["n"],
                    "rows_to_keep": 2,
                    "drop_row_index": False,
                },
            },
            {"func_name": "select", "func_args": ["id", "_row_index"]},
        ],
        [("a", 0), ("b", 1), ("c", 0)],
    ),
    (
        "SQL inside of an expression",
        [{"func_name": "select", "func_args": ["id", "nw.sql_expr('5 * n').alias('m')"]}],
        [("a", 5), ("b", 10), ("c", 15)],
    ),
    (
        "rows in memory become columns",
        [
            {"func_name": "collect"},
            {
                "func_name": "pivot",
                "func_args": ["id"],
                "func_kwargs": {"index": "g", "values": "n", "aggregate_function": "max"},
            },
            {"func_name": "select", "func_args": ["g", "c"]},
        ],
        [("x", None), ("y", 3)],
    ),
    (
        "whole and floating numbers of Polars' SQL",
        [{"expr": "SELECT id, n // 2 AS h, CAST(n AS FLOAT) / 3 AS t FROM {df}"}],
        [("a", 0, 1 / 3), ("b", 1, 2 / 3), ("c", 1, 1.0)],
    ),
    (
        "units are converted exactly",
        [
            {
                "func_name": "select",
                "func_kwargs": {
                    "f": "nw.col('v').laktory.convert_units(input_unit='C', output_unit='F')",
                    "ft": "nw.col('v').laktory.convert_units(input_unit='m', output_unit='ft')",
                },
            }
        ],
        [(34.7, 1.5 / 0.3048), (212.0, 100 / 0.3048), (-40.0, -40 / 0.3048)],
    ),
    (
        "rows are numbered under the older name",
        [
            {"func_name": "with_row_count", "func_kwargs": {"offset": 1}},
            {"func_name": "select", "func_args": ["id", "row_nr"]},
        ],
        [("a", 1), ("b", 2), ("c", 3)],
    ),
    (
        "columns become rows under the older name",
        [
            {
                "func_name": "melt",
                "func_kwargs": {"id_vars": ["id"], "value_vars": ["n"], "value_name": "m"},
            },
            {"func_name": "select", "func_args": ["id", "variable", "m"]},
        ],
        [("a", "n", 1), ("b", "n", 2), ("c", "n", 3)],
    ),
    (
        "distinct values are estimated",
        [
            {"func_name": "select", "func_args": ["id", "g"]},
            {"func_name": "approx_n_unique"},
        ],
        [(3, 2)],
    ),
)


@pytest.mark.parametrize(("steps", "expected"), [s[1:] for s in STEPS], ids=[s[0] for s in STEPS])
def test_steps_mean_what_they_mean_there(
    steps: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    rows = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "g": ["x", "x", "y"],
            "n": [1, 2, 3],
            "v": [1.5, 100.0, -40.0],
            "l": [[1, 2], [], None],
        },
        schema_overrides={"l": pl.List(pl.Int64)},
    )
    pipeline = models.Pipeline.model_validate(
        {
            "name": "p",
            "dataframe_backend": "POLARS",
            "nodes": [{"name": "x", "sources": [{"df": rows}], "transformer": {"nodes": steps}}],
        }
    )
    pipeline.execute(write_sinks=False)
    found = pipeline.nodes_dict["x"].output_df.collect().rows()
    assert [tuple(map(plain, row)) for row in sorted(found, key=repr)] == [
        tuple(map(plain, row)) for row in sorted(expected, key=repr)
    ]


def test_pipelines_made_of_the_classes_of_the_reference(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "a", "n": 1}\n{"id": "b", "n": 2}\n')
    raw = models.PipelineNode(
        name="raw",
        sources=[models.FileDataSource(path=str(tmp_path / "a.jsonl"), format="JSONL")],
        sinks=[models.FileDataSink(path=str(tmp_path / "b.parquet"), format="PARQUET")],
        expectations=[models.DataQualityExpectation(name="one", expr="n < 2", action="DROP")],
    )
    steps = [
        models.DataFrameMethod(func_name="with_columns", func_kwargs={"m": "nw.col('n') + 1"}),
        models.DataFrameExpr(expr="SELECT id, m FROM {df}"),
        models.PolarsChainNode(with_column={"name": "k", "type": "int", "expr": "lit(5)"}),
    ]
    clean = models.PipelineNode(
        name="clean",
        source=models.PipelineNodeDataSource(node_name="raw"),
        transformer=models.DataFrameTransformer(nodes=steps),
    )
    pipeline = models.Pipeline(name="p", dataframe_backend="POLARS", nodes=[clean, raw])
    pipeline.execute(refresh="FULL")
    assert pipeline.nodes_dict["clean"].output_df.collect().rows() == [("a", 2, 5)]
    with pytest.raises(AttributeError, match="NoSuchSource"):
        _ = models.NoSuchSource


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> models.Pipeline:
    """A pipeline as a script makes it: a node with three sinks, and the one that it reads."""
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"id": [1, 2, 3], "v": [1.0, -1.0, 2.0]}).write_parquet("in.parquet")
    raw = models.PipelineNode(
        name="raw",
        sources=[models.FileDataSource(path="${vars.file}", format="PARQUET")],
        sinks=[models.FileDataSink(path="raw.parquet", format="PARQUET")],
    )
    clean = models.PipelineNode(
        name="clean",
        source=models.PipelineNodeDataSource(node_name="raw"),
        sinks=[
            models.UnityCatalogDataSink(table_name="clean"),
            models.FileDataSink(path="bad.parquet", format="PARQUET", is_quarantine=True),
            models.FileDataSink(path="clean.csv", format="CSV"),
        ],
        expectations=[models.DataQualityExpectation(name="pos", expr="v > 0", action="QUARANTINE")],
    )
    return models.Pipeline(
        name="p",
        dataframe_backend="POLARS",
        nodes=[clean, raw],
        variables={"file": "in.parquet"},
        orchestrator=models.LakeflowJobOrchestrator(name="job"),
    )


def test_sources_and_sinks_are_read_one_by_one(scripted: models.Pipeline) -> None:
    raw, clean = scripted.sorted_nodes
    assert raw.source.read().collect().height == 3
    scripted.execute()
    good = [(1, 1.0), (3, 2.0)]
    assert clean.primary_sink.read().collect().rows() == good
    assert [sink.read().collect().height for sink in clean.sinks] == [2, 1, 2]
    alone = models.FileDataSink(path="raw.parquet", format="PARQUET")
    assert alone.read().collect().height == 3
    assert raw.sinks[0].model_copy().read().collect().height == 3


def test_a_frame_is_written_to_a_sink(scripted: models.Pipeline) -> None:
    sink = scripted.nodes_dict["clean"].primary_sink
    frame = pl.DataFrame({"id": [7]})
    sink.write(frame.lazy())
    assert sink.read().collect().rows() == [(7,)]
    models.FileDataSink(path="one.csv", format="CSV").write(frame)
    assert Path("one.csv").read_text() == "id\n7\n"


def test_calls_of_both_eras_are_taken(scripted: models.Pipeline) -> None:
    assert scripted.nodes_dict["raw"].execute(write_sink=False, udfs=None).collect().height == 3
    assert not Path("raw.parquet").exists()
    Path("p.json").write_text(scripted.model_dump_json())
    with Path("p.json").open() as file:
        assert models.Pipeline.model_validate_json_file(file).sorted_node_names == ["raw", "clean"]
    other = models.Pipeline.model_validate_yaml(scripted.model_dump_yaml(), vars={"file": "b"})
    assert other.nodes[1].source.path == "b"


def test_a_node_keeps_its_rows_before_and_after_the_rules(scripted: models.Pipeline) -> None:
    assert scripted.nodes_dict["clean"].stage_df is None
    scripted.execute()
    clean = scripted.nodes_dict["clean"]
    frames = (clean.stage_df, clean.output_df, clean.quarantine_df)
    assert [frame.collect().height for frame in frames] == [3, 2, 1]
    (check,) = scripted.checks
    assert isinstance(check, models.DataQualityCheck)
    assert check.failure_rate == pytest.approx(1 / 3)


def test_variables_are_filled_in_a_copy(scripted: models.Pipeline) -> None:
    assert scripted.inject_vars().nodes[1].source.path == "in.parquet"
    assert scripted.inject_vars({"file": "b"}).nodes[1].source.path == "b"
    assert scripted.nodes[1].source.path == "${vars.file}"
    assert models.Pipeline.model_validate_json(scripted.model_dump_json()) == scripted


@pytest.mark.parametrize(
    "name",
    ["DataSourceCDC", "PipelineUDF", "AirflowOrchestrator", "ReaderWriterMethod", "CustomReader"],
)
def test_more_names_of_the_reference_are_there(name: str) -> None:
    assert callable(getattr(models, name))


def test_names_take_parameters_of_the_run(tmp_path: Path) -> None:
    sink = {"schema_name": "${params.client}_silver", "table_name": "sales_${params.region}"}
    node = {"name": "sales", "source": {"data": {"x": [1]}}, "sinks": [sink]}
    pipeline = models.Pipeline.model_validate(
        {
            "name": "p",
            "parameters": {"client": {}, "region": {"default": "eu"}},
            "dataframe_backend": "POLARS",
            "nodes": [node],
        }
    )
    pipeline.execute(params={"client": "acme"}, warehouse=str(tmp_path))
    stored = pl.read_delta(str(tmp_path / "main" / "acme_silver" / "sales_eu"))
    assert stored.rows() == [(1,)]
    with pytest.raises(DeclarationError, match="client"):
        pipeline.execute(warehouse=str(tmp_path))


def test_types_of_spark_are_types_here() -> None:
    rows = pl.DataFrame({"n": [3], "data": [{"s": 7}]})
    texts = [
        'F.col("data.s").cast(T.StringType()).alias("s")',
        'F.col("n").cast(T.DecimalType(9, 2)).alias("d")',
        "F.lit('T.StringType()').alias('t')",
    ]
    step = {"func_name": "select", "func_args": texts}
    older = {"with_column": {"name": "z", "type": "long", "expr": "pl.expr.laktory.sql_expr('d')"}}
    node = models.PipelineNode.model_validate(
        {"name": "x", "source": {"df": rows}, "transformer": {"nodes": [step, older]}}
    )
    found = node.execute(write_sinks=False).collect()
    assert found.rows() == [("7", Decimal("3.00"), "T.StringType()", 3)]

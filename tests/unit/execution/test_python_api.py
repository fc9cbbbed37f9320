"""`pipeline.execute()` and `node.execute()`: what they run, what they give, what they leave alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.errors import (
    DeclarationError,
    InvalidInputError,
    RunFailedError,
    SelectionError,
)
from tests.unit.execution.declared import (
    declared,
    failed,
    files,
    give,
    ids,
    statuses,
    stored,
    values,
)

CHAIN = """
- name: brz
  layer: BRONZE
  tags: [daily]
  source: {path: in.jsonl, format: JSONL}
  sink: {table_name: brz, mode: APPEND}
- name: slv
  source: {node_name: brz}
  expectations: [{name: r, expression: id > 1, action: DROP}]
  sink: {table_name: slv}
- {name: gld, source: {node_name: slv}, sink: {table_name: gld}}
"""


@pytest.fixture
def chain(tmp_path: Path) -> models.Pipeline:
    give(tmp_path, *ids(1, 2))
    return declared(tmp_path, CHAIN)


def test_runs_leave_the_declaration_as_it_was(chain: models.Pipeline, tmp_path: Path) -> None:
    before, text = chain.model_dump_json(), (tmp_path / "p.yaml").read_text()
    twin = declared(tmp_path, CHAIN)

    for _ in range(2):
        chain.execute()
        chain.nodes_dict["slv"].execute()

    assert chain.model_dump_json() == before
    assert chain == twin
    assert (tmp_path / "p.yaml").read_text() == text


def test_every_call_is_a_run_of_its_own(chain: models.Pipeline, tmp_path: Path) -> None:
    first, second = chain.execute(), chain.execute()

    assert first.run_id != second.run_id
    assert stored(tmp_path, "brz") == [1, 1, 2, 2]


def test_the_output_of_an_append_is_the_batch_and_its_readers_get_all(
    chain: models.Pipeline, tmp_path: Path
) -> None:
    chain.execute()
    give(tmp_path, *ids(3))

    chain.execute()

    assert values(chain.nodes_dict["brz"].output_df) == [3]
    assert values(chain.nodes_dict["slv"].output_df) == [2, 3]


def test_a_node_runs_on_what_is_stored(chain: models.Pipeline, tmp_path: Path) -> None:
    chain.execute()
    give(tmp_path, *ids(9))

    frame = chain.nodes_dict["slv"].execute()

    assert isinstance(frame, pl.LazyFrame)
    assert values(frame) == [2]
    assert values(chain.nodes_dict["brz"].output_df) == [1, 2]


def test_a_node_whose_upstream_is_not_stored_says_what_to_run(chain: models.Pipeline) -> None:
    with pytest.raises(RunFailedError, match=r"node `slv`, which has not been materialized") as got:
        chain.nodes_dict["gld"].execute()

    assert "run `slv` first, or select `*gld`" in str(got.value)


@pytest.mark.parametrize(
    ("selects", "expected"),
    [
        ("*gld", ["brz", "slv", "gld"]),
        (["brz", "slv"], ["brz", "slv"]),
        ("brz*", ["brz", "slv", "gld"]),
        ("daily", ["brz"]),
        ("BRONZE", ["brz"]),
    ],
)
def test_only_what_is_selected_runs(
    chain: models.Pipeline, selects: Any, expected: list[str]
) -> None:
    assert list(chain.execute(selects=selects).nodes) == expected


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"refresh": "ALL"}, InvalidInputError, "use FULL or INCREMENTAL"),
        ({"selects": "zz"}, SelectionError, "no node, tag or layer `zz`"),
        ({"selects": []}, SelectionError, "the selection is empty"),
        ({"params": {"x": 1}}, DeclarationError, "no parameter `x`"),
        ({"udfs": "rounded"}, InvalidInputError, "no function"),
        ({"udfs": [3]}, InvalidInputError, "no function"),
    ],
)
def test_wrong_options_are_told_before_anything_runs(
    chain: models.Pipeline,
    tmp_path: Path,
    options: dict[str, Any],
    error: type[Exception],
    told: str,
) -> None:
    before = files(tmp_path)

    with pytest.raises(error) as caught:
        chain.execute(**options)

    assert told in str(caught.value)
    assert files(tmp_path) == before


@pytest.mark.parametrize("options", [{"full_refresh": True}, {"refresh": "full"}])
def test_a_full_refresh_replaces_what_appends_had_stored(
    chain: models.Pipeline, tmp_path: Path, options: dict[str, Any]
) -> None:
    chain.execute()
    give(tmp_path, *ids(5))

    chain.execute(**options)

    assert stored(tmp_path, "brz") == stored(tmp_path, "gld") == [5]


def test_without_sinks_frames_pass_from_hand_to_hand_and_nothing_is_stored(
    chain: models.Pipeline, tmp_path: Path
) -> None:
    before = files(tmp_path)

    result = chain.execute(write_sinks=False)

    assert files(tmp_path) == before
    assert values(chain.nodes_dict["gld"].output_df) == [2]
    assert result["slv"].rows_dropped == 1
    assert all(node.targets == () for node in result.nodes.values())


def test_without_sinks_a_single_node_reads_what_is_stored(
    chain: models.Pipeline, tmp_path: Path
) -> None:
    chain.execute()
    before = files(tmp_path)

    frame = chain.nodes_dict["gld"].execute(write_sink=False)

    assert values(frame) == [2]
    assert files(tmp_path) == before


def test_results_of_a_failed_run_are_those_of_that_run(
    chain: models.Pipeline, tmp_path: Path
) -> None:
    chain.execute()
    (tmp_path / "in.jsonl").unlink()

    error = failed(chain)

    assert statuses(error.result.nodes) == {"brz": "failed", "slv": "skipped", "gld": "skipped"}
    assert chain.nodes_dict["slv"].output_df is None
    assert chain.nodes_dict["slv"].checks == ()
    assert stored(tmp_path, "gld") == [2]


def test_a_node_without_a_pipeline_runs_as_one_of_its_own(tmp_path: Path) -> None:
    node = models.PipelineNode(
        name="alone",
        source={"df": pl.DataFrame({"id": [1, 2]})},
        expectations=[{"name": "r", "expression": "id > 1", "action": "DROP"}],
        sinks=[{"path": str(tmp_path / "o.parquet"), "format": "PARQUET"}],
    )

    for _ in range(2):
        assert values(node.execute()) == [2]

    assert pl.read_parquet(tmp_path / "o.parquet")["id"].to_list() == [2]
    assert [check.failed_rows for check in node.checks] == [1]


def test_a_node_whose_pipeline_is_gone_says_how_to_keep_it() -> None:
    node = models.Pipeline(name="p", nodes=[{"name": "a", "source": {"data": ids(1)}}]).nodes[0]

    with pytest.raises(InvalidInputError, match=r"pipeline of node `a` is gone") as caught:
        node.execute()

    assert "keep the Pipeline in a variable" in str(caught.value)


def test_functions_of_the_call_come_before_those_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "fns.py").write_text("def tens(df):\n    return df.limit(0)\n")
    give(tmp_path, *ids(1, 2))
    pipeline = declared(
        tmp_path,
        """
        - name: a
          source: {path: in.jsonl, format: JSONL}
          transformer: {nodes: [{func_name: tens}]}
        """,
        "imports: [fns]",
    )

    def tens(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.with_columns(id=pl.col("id") * 10)

    for given in ([tens], {"tens": tens}):
        pipeline.execute(udfs=given)
        assert values(pipeline.nodes_dict["a"].output_df) == [10, 20]
    pipeline.execute()
    assert values(pipeline.nodes_dict["a"].output_df) == []


def test_the_document_of_a_result_is_plain_and_holds_no_rows(chain: models.Pipeline) -> None:
    found = chain.execute().to_dict()

    node = found["nodes"][1]
    assert (found["pipeline"], found["succeeded"]) == ("p", True)
    assert {key: node[key] for key in ("node", "status", "engine", "rows_in", "rows_out")} == {
        "node": "slv",
        "status": "done",
        "engine": "polars",
        "rows_in": 2,
        "rows_out": 1,
    }
    assert node["checks"][0]["failed_rows"] == 1
    assert "_bronze_at" in node["columns"]
    assert "batch" not in node


def test_a_check_says_its_numbers_under_the_names_of_the_reference(chain: models.Pipeline) -> None:
    chain.execute()

    (check,) = chain.nodes_dict["slv"].checks

    assert (check.status, check.fails_count, check.rows_count) == ("FAIL", 1, 2)
    assert check.failure_rate == 0.5


@pytest.mark.parametrize("mode", ["IGNORE", "ERROR"])
def test_modes_that_write_once(tmp_path: Path, mode: str) -> None:
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        f"""
        - name: a
          source: {{path: in.jsonl, format: JSONL}}
          sink: {{table_name: a, mode: {mode}}}
        - {{name: b, source: {{node_name: a}}, sink: {{table_name: b}}}}
        """,
    )
    pipeline.execute()
    give(tmp_path, *ids(2))

    if mode == "ERROR":
        error = failed(pipeline)
        assert "a: main.default.a exists and its mode is ERROR" in str(error)
        assert statuses(error.result.nodes) == {"a": "failed", "b": "skipped"}
    else:
        result = pipeline.execute()
        assert [target.rows for target in result["a"].targets] == [0]
        assert values(pipeline.nodes_dict["a"].output_df) == []
    assert stored(tmp_path, "a") == stored(tmp_path, "b") == [1]


@pytest.mark.parametrize(("engine", "expected"), [(None, "polars"), ("POLARS", "polars")])
def test_where_no_engine_is_declared_polars_runs(
    tmp_path: Path, engine: str | None, expected: str
) -> None:
    give(tmp_path, *ids(1))
    head = f"dataframe_type: {engine}" if engine else ""

    result = declared(tmp_path, "- {name: a, source: {path: in.jsonl, format: JSONL}}", head)

    assert result.execute()["a"].engine == expected

"""Streams from run to run: what is declared changes, what is stored is lost, and no row comes twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster import models
from laktory_dagster.errors import CheckpointError, DeclarationError, SourceChangedError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.runner import run_plan
from laktory_dagster.project import plan_of
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

STREAM = """
- name: out
  source: {path: landing, format: JSONL, as_stream: true}
  SINKS
"""
TWO = "sinks: [{table_name: out}, {table_name: more}]"


def stream(folder: Path, sinks: str = "sink: {table_name: out}", more: str = "") -> models.Pipeline:
    (folder / "landing").mkdir(exist_ok=True)
    return declared(folder, STREAM.replace("SINKS", sinks) + more)


def drop(folder: Path, name: str, *numbers: int) -> None:
    give(folder, *ids(*numbers), name=f"landing/{name}.jsonl")


def lose(folder: Path, table: str) -> None:
    shutil.rmtree(folder / "warehouse/main/default" / table)


def test_sinks_that_change_places_are_refused_and_a_refresh_mends_it(tmp_path: Path) -> None:
    """The checkpoint is beside the first sink; without it all would be read into both again."""
    drop(tmp_path, "a", 1)
    stream(tmp_path, TWO).execute()
    drop(tmp_path, "b", 2)
    swapped = stream(tmp_path, "sinks: [{table_name: more}, {table_name: out}]")

    error = failed(swapped)

    assert isinstance(error.failures[0].error, CheckpointError)
    assert "holds batches of the stream" in str(error)
    assert stored(tmp_path, "out") == stored(tmp_path, "more") == [1]
    swapped.execute(full_refresh=True)
    assert stored(tmp_path, "out") == stored(tmp_path, "more") == [1, 2]
    drop(tmp_path, "c", 3)
    swapped.execute()
    assert stored(tmp_path, "out") == stored(tmp_path, "more") == [1, 2, 3]


def test_a_first_table_that_is_gone_does_not_double_the_others(tmp_path: Path) -> None:
    pipeline = stream(tmp_path, TWO)
    drop(tmp_path, "a", 1)
    pipeline.execute()
    lose(tmp_path, "out")

    error = failed(pipeline)

    assert "main.default.more holds batches of the stream" in str(error)
    assert stored(tmp_path, "more") == [1]
    pipeline.execute(full_refresh=True)
    assert stored(tmp_path, "out") == stored(tmp_path, "more") == [1]


def test_two_pipelines_add_to_one_table_by_nodes_of_one_name(tmp_path: Path) -> None:
    drop(tmp_path, "a", 1)
    stream(tmp_path, TWO).execute()
    file = tmp_path / "q.yaml"
    text = (tmp_path / "p.yaml").read_text().replace("name: p\n", "name: q\n")
    file.write_text(text.replace("table_name: out", "table_name: own"))

    with file.open() as opened:
        models.Pipeline.model_validate_yaml(opened).execute()

    assert stored(tmp_path, "own") == [1]
    assert stored(tmp_path, "more") == [1, 1]


def test_a_table_that_is_gone_with_its_checkpoint_is_read_again(tmp_path: Path) -> None:
    pipeline = stream(tmp_path)
    for name, number in (("a", 1), ("b", 2)):
        drop(tmp_path, name, number)
        pipeline.execute()
    lose(tmp_path, "out")

    pipeline.execute()

    assert stored(tmp_path, "out") == [1, 2]


def test_the_checkpoint_may_lie_elsewhere(tmp_path: Path) -> None:
    pipeline = stream(tmp_path, "sink: {table_name: out, checkpoint_location: marks/out}")
    drop(tmp_path, "a", 1)
    pipeline.execute()
    assert (tmp_path / "marks/out").is_dir()
    assert not (tmp_path / "warehouse/main/default/out/_laktory/checkpoint").exists()
    shutil.rmtree(tmp_path / "marks")

    error = failed(pipeline)

    assert "is gone, and the table holds 1 batches of the stream" in str(error)
    assert stored(tmp_path, "out") == [1]


def test_a_checkpoint_elsewhere_outlives_its_table_and_says_so(tmp_path: Path) -> None:
    pipeline = stream(tmp_path, "sink: {table_name: out, checkpoint_location: marks/out}")
    for name, number in (("a", 1), ("b", 2)):
        drop(tmp_path, name, number)
        pipeline.execute()
    lose(tmp_path, "out")

    error = failed(pipeline)

    assert "is ahead of the table" in str(error)
    pipeline.execute(full_refresh=True)
    assert stored(tmp_path, "out") == [1, 2]


@pytest.mark.parametrize(
    ("before", "after"), [("path: landing", "path: other"), ("format: JSONL", "format: DELTA")]
)
def test_another_source_is_refused_until_a_refresh(tmp_path: Path, before: str, after: str) -> None:
    drop(tmp_path, "a", 1)
    stream(tmp_path).execute()
    give(tmp_path, *ids(9), name="other/z.jsonl")
    file = tmp_path / "p.yaml"
    text = file.read_text().replace(before, after)
    file.write_text(text)
    with file.open() as opened:
        changed = models.Pipeline.model_validate_yaml(opened)

    error = failed(changed)

    assert stored(tmp_path, "out") == [1]
    if "other" in after:
        assert "`files:landing` instead of `files:other`" in str(error)
        changed.execute(full_refresh=True)
        assert stored(tmp_path, "out") == [9]


@pytest.mark.parametrize(
    ("sink", "told"),
    [
        ("{table_name: out, mode: OVERWRITE}", "OVERWRITE would keep the last batch only"),
        ("{table_name: out, mode: IGNORE}", "IGNORE writes once"),
        ("{path: out.parquet, format: PARQUET}", "one file cannot be appended to"),
    ],
)
def test_a_sink_that_cannot_take_batches_is_known_before_the_run(
    tmp_path: Path, sink: str, told: str
) -> None:
    drop(tmp_path, "a", 1)

    with pytest.raises(DeclarationError, match=told):
        stream(tmp_path, f"sink: {sink}").execute()


def test_each_run_adds_what_is_new_to_all_sinks(tmp_path: Path) -> None:
    pipeline = stream(tmp_path, f"{TWO[:-1]}, {{path: files, format: PARQUET}}]")
    for number in (1, 2, 3):
        drop(tmp_path, f"{number}", number)
        result = pipeline.execute()["out"]
        assert [target.rows for target in result.targets] == [1, 1, 1]
        assert values(pipeline.nodes_dict["out"].output_df) == [number]

    assert stored(tmp_path, "out") == stored(tmp_path, "more") == [1, 2, 3]
    nothing = pipeline.execute()["out"]
    assert nothing.message == "nothing new since batch 2"
    assert (nothing.rows_in, nothing.rows_out, nothing.batch) == (0, 0, 2)
    assert values(pipeline.nodes_dict["out"].output_df) == []


def test_a_look_without_writing_does_not_move_the_stream(tmp_path: Path) -> None:
    pipeline = stream(tmp_path)
    drop(tmp_path, "a", 1)
    pipeline.execute()
    drop(tmp_path, "b", 2)
    before = files(tmp_path)

    pipeline.execute(write_sinks=False)

    assert values(pipeline.nodes_dict["out"].output_df) == [1, 2]
    assert files(tmp_path) == before
    pipeline.execute()
    assert stored(tmp_path, "out") == [1, 2]


@pytest.mark.parametrize("policy", ["write", "skip"])
def test_a_batch_of_which_all_rows_are_dropped_is_read_once(tmp_path: Path, policy: str) -> None:
    rules = "  expectations: [{name: r, expression: id < 5, action: DROP}]"
    pipeline = stream(tmp_path, f"sink: {{table_name: out, on_empty: {policy}}}", rules)
    counts = []
    for name, number in (("a", 9), ("b", 1), ("c", 8), ("d", 2)):
        drop(tmp_path, name, number)
        result = pipeline.execute()["out"]
        counts.append((result.rows_in, result.rows_out, result.rows_dropped))

    assert counts == [(1, 0, 1), (1, 1, 0), (1, 0, 1), (1, 1, 0)]
    assert stored(tmp_path, "out") == [1, 2]


def test_a_batch_that_may_not_be_empty_comes_with_the_next_rows(tmp_path: Path) -> None:
    rules = "  expectations: [{name: r, expression: id < 5, action: DROP}]"
    pipeline = stream(tmp_path, "sink: {table_name: out, on_empty: fail}", rules)
    drop(tmp_path, "a", 9)
    failed(pipeline)
    drop(tmp_path, "b", 1)

    result = pipeline.execute()["out"]

    assert (result.rows_in, result.rows_out, result.rows_dropped) == (2, 1, 1)


def test_streams_in_a_row_each_read_what_the_one_above_added(tmp_path: Path) -> None:
    more = """
- {name: mid, source: {node_name: out, as_stream: true}, sink: {table_name: mid}}
- {name: end, source: {node_name: mid, as_stream: true}, sink: {table_name: end}}
- {name: all, source: {node_name: mid}, sink: {table_name: all}}
"""
    pipeline = stream(tmp_path, more=more)
    for number in (1, 2):
        drop(tmp_path, f"{number}", number)
        result = pipeline.execute()
        assert [result[name].rows_in for name in ("out", "mid", "end", "all")] == [1, 1, 1, number]

    assert stored(tmp_path, "end") == stored(tmp_path, "all") == [1, 2]
    assert statuses(pipeline.execute().nodes) == dict.fromkeys(("out", "mid", "end", "all"), "done")


def test_streams_in_a_row_wait_for_the_first_rows(tmp_path: Path) -> None:
    more = "- {name: mid, source: {node_name: out, as_stream: true}, sink: {table_name: mid}}"
    pipeline = stream(tmp_path, more=more)

    result = pipeline.execute()

    assert result.succeeded
    assert statuses(result.nodes) == {"out": "skipped", "mid": "skipped"}
    assert result["out"].message == "`out` waits for landing: nothing has come yet"
    assert not (tmp_path / "warehouse").exists()


def test_a_refresh_of_what_a_stream_reads_is_refused_below_it(tmp_path: Path) -> None:
    more = "- {name: mid, source: {node_name: out, as_stream: true}, sink: {table_name: mid}}"
    pipeline = stream(tmp_path, more=more)
    drop(tmp_path, "a", 1)
    pipeline.execute()
    pipeline.execute(full_refresh=True, selects=["out"])

    error = failed(pipeline, selects=["mid"])

    assert isinstance(error.failures[0].error, SourceChangedError)
    assert stored(tmp_path, "mid") == [1]
    pipeline.execute(full_refresh=True)
    assert stored(tmp_path, "mid") == [1]


def test_an_upstream_that_is_gone_is_told_by_the_stream_below(tmp_path: Path) -> None:
    more = "- {name: mid, source: {node_name: out, as_stream: true}, sink: {table_name: mid}}"
    pipeline = stream(tmp_path, more=more)
    drop(tmp_path, "a", 1)
    pipeline.execute()
    lose(tmp_path, "out")

    error = failed(pipeline, selects=["mid"])

    assert "node `out` stores nothing any more" in str(error)
    assert stored(tmp_path, "mid") == [1]


def test_a_refresh_without_any_source_keeps_what_is_stored(tmp_path: Path) -> None:
    pipeline = stream(tmp_path)
    drop(tmp_path, "a", 1)
    pipeline.execute()
    shutil.rmtree(tmp_path / "landing")
    (tmp_path / "landing").mkdir()

    failed(pipeline, full_refresh=True)

    assert stored(tmp_path, "out") == [1]


def test_a_resumed_run_reports_its_batch_again_and_a_new_one_goes_on(tmp_path: Path) -> None:
    plan = plan_of(stream(tmp_path))
    drop(tmp_path, "a", 1)

    def run(run_id: str, **more: Any) -> Any:
        return run_plan(plan, RunOptions.new(run_id=run_id, root_run_id="R", **more))["out"]

    first = run("R")
    drop(tmp_path, "b", 2)
    again, anew = run("R2"), run("R3", attempt_id="R3")

    assert (again.status.value, again.batch, again.rows_out) == ("reused", first.batch, 1)
    assert (anew.status.value, anew.batch, anew.rows_out) == ("done", 1, 1)
    assert stored(tmp_path, "out") == [1, 2]


def test_a_stream_takes_the_time_of_its_batch(tmp_path: Path) -> None:
    """A batch that a run left unfinished keeps the time of that run."""
    pipeline = stream(tmp_path, "sink: {table_name: out}", "  layer: BRONZE")
    for name, number in (("a", 1), ("b", 2)):
        drop(tmp_path, name, number)
        pipeline.execute()

    stamps = stored(tmp_path, "out", "_bronze_at")

    assert stamps is not None
    assert len(set(stamps)) == 2

"""A run that resumes another does what is left; one that begins anew does everything again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from laktory_dagster import models
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.results import NodeResult, RunResult
from laktory_dagster.execution.runner import run_plan
from laktory_dagster.project import plan_of
from tests.unit.execution.declared import declared, give, ids, statuses, stored, table

CHAIN = """
- {name: a, source: {path: in.jsonl, format: JSONL}, sink: {table_name: a, mode: APPEND}}
- name: v
  source: {node_name: a}
  expectations: [{name: r, expression: id < 5, action: DROP}]
- name: b
  source: {node_name: v}
  sinks: [{table_name: b}, {table_name: log, mode: APPEND}]
- name: c
  source: {node_name: b}
  transformer: {nodes: [{func_name: select, func_args: [COLUMN]}]}
  sink: {table_name: c}
- {name: m, primary_key: id, source: {node_name: a}, sink: {table_name: m, mode: MERGE}}
- {name: d, source: {node_name: c}, sink: {table_name: d}}
"""
BROKEN = CHAIN.replace("COLUMN", "zz")
MENDED = CHAIN.replace("COLUMN", "id")


def run(pipeline: models.Pipeline, run_id: str, root: str = "R", **options: Any) -> RunResult:
    given = RunOptions.new(run_id=run_id, root_run_id=root, **options)
    return run_plan(plan_of(pipeline), given)


def versions(folder: Path, *names: str) -> dict[str, int]:
    """Return how many commits each table has had."""
    lake = folder / "warehouse/main/default"
    return {name: len(list((lake / name / "_delta_log").glob("*.json"))) for name in names}


def test_finished_nodes_are_not_repeated_and_those_left_behind_are_done(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 9))
    first = run(declared(tmp_path, BROKEN), "R")
    before = versions(tmp_path, "a", "b", "log", "m")
    give(tmp_path, *ids(2))

    second = run(declared(tmp_path, MENDED), "R2")

    assert statuses(first.nodes) | {} == {
        "a": "done", "v": "done", "b": "done", "c": "failed", "m": "done", "d": "skipped",
    }  # fmt: skip
    assert statuses(second.nodes) == {
        "a": "reused", "v": "done", "b": "reused", "c": "done", "m": "reused", "d": "done",
    }  # fmt: skip
    assert versions(tmp_path, "a", "b", "log", "m") == before
    assert stored(tmp_path, "d") == [1]


def test_a_node_that_is_reused_tells_what_its_run_had_found(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 9))
    rule = "expectations: [{name: q, expression: id < 5, action: QUARANTINE}]"
    text = (
        f"- {{name: a, source: {{path: in.jsonl, format: JSONL}}, {rule}, sink: {{table_name: a}}}}"
    )
    first = run(declared(tmp_path, text), "R")["a"]

    again = run(declared(tmp_path, text), "R2")["a"]

    assert again.status.value == "reused"
    assert counts(again) == counts(first) == (2, 1, 0, 1)
    assert [t.rows for t in again.targets] == [t.rows for t in first.targets] == [1, 1]
    assert [(c.name, c.failed_rows) for c in again.checks] == [("q", 1)]
    assert again.data_version == first.data_version
    assert again.message == "finished before by run R"


def counts(result: NodeResult) -> tuple[int | None, ...]:
    return result.rows_in, result.rows_out, result.rows_dropped, result.rows_quarantined


def test_a_run_that_begins_anew_reads_again_and_appends_nothing_twice(tmp_path: Path) -> None:
    pipeline = declared(tmp_path, MENDED)
    give(tmp_path, *ids(1, 9))
    run(pipeline, "R")
    give(tmp_path, *ids(2))

    again = run(pipeline, "R2", attempt_id="R2")

    assert stored(tmp_path, "a") == [1, 9]
    assert again["a"].status.value == "reused"
    assert "appends none again" in again["a"].message
    assert statuses(again.nodes)["b"] == statuses(again.nodes)["m"] == "done"
    assert again["b"].message.startswith("nothing was added to main.default.log")
    assert stored(tmp_path, "log") == [1]


def test_what_resumes_a_run_that_began_anew_leaves_out_what_that_one_finished(
    tmp_path: Path,
) -> None:
    give(tmp_path, *ids(1, 9))
    run(declared(tmp_path, BROKEN), "R")
    run(declared(tmp_path, BROKEN), "R2", attempt_id="R2")

    third = run(declared(tmp_path, MENDED), "R3", attempt_id="R2")

    assert statuses(third.nodes) == {
        "a": "reused", "v": "done", "b": "reused", "c": "done", "m": "reused", "d": "done",
    }  # fmt: skip


def test_a_node_whose_declaration_changed_is_done_again_with_all_that_reads_it(
    tmp_path: Path,
) -> None:
    """Those below it had finished as well, on the rows that it held before."""
    give(tmp_path, *ids(1, 4))
    run(declared(tmp_path, MENDED), "R")
    changed = MENDED.replace("source: {node_name: v}", "source: {node_name: v, filter: id > 2}")

    again = run(declared(tmp_path, changed), "R2")

    assert statuses(again.nodes) == {
        "a": "reused", "v": "done", "b": "done", "c": "done", "m": "reused", "d": "done",
    }  # fmt: skip
    assert stored(tmp_path, "b") == stored(tmp_path, "c") == stored(tmp_path, "d") == [4]
    assert stored(tmp_path, "log") == [1, 4]


def test_what_reads_a_changed_node_is_done_by_a_later_resumption_too(tmp_path: Path) -> None:
    """The one before stopped between the two."""
    give(tmp_path, *ids(1, 4))
    run(declared(tmp_path, MENDED), "R")
    changed = MENDED.replace("source: {node_name: v}", "source: {node_name: v, filter: id > 2}")
    given = RunOptions.new(run_id="R2", root_run_id="R")
    run_plan(plan_of(declared(tmp_path, changed)), given, ("a", "v", "b"))

    third = run(declared(tmp_path, changed), "R3")

    assert statuses(third.nodes) == {
        "a": "reused", "v": "done", "b": "done", "c": "done", "m": "reused", "d": "done",
    }  # fmt: skip
    assert stored(tmp_path, "c") == stored(tmp_path, "d") == [4]


def test_a_change_reaches_through_a_view(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 4))
    nodes = """
    - {name: a, source: {path: in.jsonl, format: JSONLFILTER}, sink: {table_name: a}}
    - {name: v, source: {node_name: a}}
    - {name: w, source: {node_name: v}}
    - {name: b, source: {node_name: w}, sink: {table_name: b}}
    """
    run(declared(tmp_path, nodes.replace("FILTER", "")), "R")

    again = run(declared(tmp_path, nodes.replace("FILTER", ", filter: id > 2")), "R2")

    assert statuses(again.nodes) == dict.fromkeys("avwb", "done")
    assert stored(tmp_path, "b") == [4]


def test_retries_append_once_and_the_next_run_appends_again(tmp_path: Path) -> None:
    pipeline = declared(tmp_path, MENDED)
    give(tmp_path, *ids(1))

    for run_id in ("R", "R2", "R3"):
        run(pipeline, run_id)
    assert stored(tmp_path, "a") == stored(tmp_path, "log") == [1]
    run(pipeline, "S", root="S")

    assert stored(tmp_path, "a") == [1, 1]
    assert stored(tmp_path, "log") == [1, 1, 1]


def test_a_full_refresh_is_resumed_like_any_run(tmp_path: Path) -> None:
    pipeline = declared(tmp_path, MENDED)
    give(tmp_path, *ids(1))
    run(pipeline, "R")
    give(tmp_path, *ids(2))

    for run_id in ("S", "S2"):
        last = run(pipeline, run_id, root="S", full_refresh=True)

    assert stored(tmp_path, "a") == stored(tmp_path, "log") == stored(tmp_path, "m") == [2]
    assert {last[name].status.value for name in "abcmd"} == {"reused"}


def test_retries_keep_the_time_at_which_the_run_began(tmp_path: Path) -> None:
    began = datetime(2024, 5, 1, 12, tzinfo=UTC)
    nodes = """
    - {name: a, layer: BRONZE, source: {path: in.jsonl, format: JSONL}, sink: {table_name: a}}
    - name: b
      layer: SILVER
      source: {node_name: a}
      transformer: {nodes: [{func_name: select, func_args: [COLUMN, _bronze_at]}]}
      sink: {table_name: b}
    """
    give(tmp_path, *ids(1))
    run(declared(tmp_path, nodes.replace("COLUMN", "zz")), "R", logical_time=began)

    run(declared(tmp_path, nodes.replace("COLUMN", "id")), "R2", logical_time=began)

    found = table(tmp_path, "b")
    assert found is not None
    assert found.to_dicts() == [{"id": 1, "_bronze_at": began, "_silver_at": began}]


def test_a_table_that_was_removed_is_made_again_by_what_resumes(tmp_path: Path) -> None:
    import shutil

    pipeline = declared(tmp_path, MENDED)
    give(tmp_path, *ids(1))
    run(pipeline, "R")
    shutil.rmtree(tmp_path / "warehouse/main/default/c")

    again = statuses(run(pipeline, "R2").nodes)

    assert subset(again, "b", "c") == {"b": "reused", "c": "done"}
    assert stored(tmp_path, "c") == [1]


def subset(found: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: found[name] for name in names}

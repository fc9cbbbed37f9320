"""What fails stops what reads it and nothing else, and says where it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.errors import CancelledError, ReadError, TransformError, WriteError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.results import NodeResult
from laktory_dagster.execution.runner import iterate, run_plan
from laktory_dagster.execution.session import RunSession
from laktory_dagster.project import plan_of
from tests.unit.execution.declared import declared, failed, give, ids, statuses, stored, table

FAMILY = """
- {name: root, source: {path: in.jsonl, format: JSONL}, sink: {table_name: root}}
- {name: good, source: {node_name: root}, sink: {table_name: good}}
- name: bad
  source: {node_name: root}
  transformer: {nodes: [{func_name: select, func_args: [zz]}]}
  sink: {table_name: bad}
- {name: child, source: {node_name: bad}, sink: {table_name: child}}
- {name: grandchild, source: {node_name: child}, sink: {table_name: grandchild}}
- {name: late, depends_on: [bad], source: {node_name: root}, sink: {table_name: late}}
- {name: other, source: {node_name: good}, sink: {table_name: other}}
"""
ENDED = {
    "root": "done",
    "good": "done",
    "bad": "failed",
    "child": "skipped",
    "grandchild": "skipped",
    "late": "skipped",
    "other": "done",
}


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_failure_stops_its_descendants_and_nothing_else(tmp_path: Path, parallel: int) -> None:
    give(tmp_path, *ids(1))

    error = failed(declared(tmp_path, FAMILY, f"max_parallel_nodes: {parallel}"))

    assert statuses(error.result.nodes) == ENDED
    assert stored(tmp_path, "other") == [1]
    assert stored(tmp_path, "late") is None
    lines = str(error).splitlines()
    assert lines[0] == "bad: step 1 (select): there is no column `zz`"
    assert set(lines[-1].partition(": ")[2].split(", ")) == {"child", "grandchild", "late"}
    assert [failure.node for failure in error.failures] == ["bad"]


def test_all_failures_of_a_run_are_told(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        """
        - {name: none, source: {path: none.csv, format: CSV}, sink: {table_name: none}}
        - name: rule
          source: {path: in.jsonl, format: JSONL}
          expectations: [{name: r, expression: id > 1, action: FAIL}]
          sink: {table_name: rule}
        - {name: good, source: {path: in.jsonl, format: JSONL}, sink: {table_name: good}}
        """,
    )

    error = failed(pipeline)

    assert {f.node: type(f.error).__name__ for f in error.failures} == {
        "none": "ReadError",
        "rule": "ExpectationFailedError",
    }
    assert [line.partition(":")[0] for line in str(error).splitlines() if line[0] != " "] == [
        "none",
        "rule",
    ]
    assert stored(tmp_path, "good") == [1]
    assert not error.result.succeeded


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{path: none.csv, format: CSV}", "there is nothing at"),
        ("{table_name: zz}", "there is no Delta table at"),
        ("{path: in.jsonl, format: JSONL, filter: zz > 1}", "`filter` names the column `zz`"),
        ("{path: in.jsonl, format: JSONL, selects: [zz]}", "`selects` names the column `zz`"),
        ("{path: in.jsonl, format: JSONL, renames: {zz: y}}", "`renames` names the column `zz`"),
        ("{path: broken.parquet, format: PARQUET}", "broken.parquet"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, source: str, told: str) -> None:
    give(tmp_path, *ids(1))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")

    error = failed(declared(tmp_path, f"- {{name: a, source: {source}, sink: {{table_name: a}}}}"))

    (failure,) = error.failures
    assert isinstance(failure.error, ReadError)
    assert failure.error.node == "a"
    assert told in str(error)


def test_an_error_keeps_the_name_of_its_node(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))

    error = failed(declared(tmp_path, FAMILY))

    assert isinstance(error.__cause__, TransformError)
    assert error.__cause__.node == "bad"


WRITERS = """
- name: a
  source: {path: in.jsonl, format: JSONL}
  expectations: [{name: q, expression: id < 10, action: QUARANTINE}]
  sinks:
    - {table_name: a}
    - {path: other, format: PARQUET}
    - {path: sub/third.parquet, format: PARQUET}
- {name: b, source: {node_name: a}, sink: {table_name: b}}
"""


def test_a_target_that_cannot_be_written_keeps_all_as_they_were(tmp_path: Path) -> None:
    """It is known before the work, so that none of the others is committed either."""
    pipeline = declared(tmp_path, WRITERS)
    give(tmp_path, *ids(1, 11))
    pipeline.execute()
    (tmp_path / "sub/third.parquet").unlink()
    for left in (tmp_path / "sub").rglob("*"):
        if left.is_file():
            left.unlink()
    remove_tree(tmp_path / "sub")
    (tmp_path / "sub").write_text("a file")
    give(tmp_path, *ids(2, 12))

    error = failed(pipeline)

    assert isinstance(error.failures[0].error, WriteError)
    assert "is a file, not a folder" in str(error)
    assert stored(tmp_path, "a") == stored(tmp_path, "b") == [1]
    assert stored(tmp_path, "a_quarantine") == [11]


def remove_tree(folder: Path) -> None:
    for child in folder.iterdir():
        remove_tree(child)
    folder.rmdir()


def test_a_commit_that_fails_leaves_those_before_it_and_a_rerun_completes(tmp_path: Path) -> None:
    """Quarantine and the others are committed before the primary target."""
    pipeline = declared(tmp_path, WRITERS)
    give(tmp_path, *ids(1, 11))
    plan, options = plan_of(pipeline), RunOptions.new(run_id="R1")
    log = tmp_path / "warehouse/main/default/a/_delta_log"

    def disturbed(prepared: Any) -> NodeResult:
        # Somebody puts a file where the table's log has to be.
        if prepared.node.name == "a":
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("in the way")
        return session.commit(prepared)

    with RunSession(plan, options) as session:
        results = {r.node: r for r in iterate(session, ["a", "b"], commit=disturbed)}

    assert statuses(results) == {"a": "failed", "b": "skipped"}
    assert isinstance(results["a"].error, WriteError)
    assert stored(tmp_path, "a_quarantine") == [11]
    assert pl.read_parquet(tmp_path / "other/*.parquet")["id"].to_list() == [1]
    log.unlink()
    again = run_plan(plan, RunOptions.new(run_id="R2", root_run_id="R1"))
    assert statuses(again.nodes) == {"a": "done", "b": "done"}
    assert stored(tmp_path, "a_quarantine") == [11]
    assert stored(tmp_path, "a") == stored(tmp_path, "b") == [1]


@pytest.mark.parametrize("parallel", [1, 3])
def test_after_a_cancel_nothing_starts(tmp_path: Path, parallel: int) -> None:
    give(tmp_path, *ids(1))
    plan = plan_of(declared(tmp_path, FAMILY))
    asked = threading.Event()

    with RunSession(plan, RunOptions.new()) as session:
        found: dict[str, NodeResult] = {}
        for result in iterate(
            session, tuple(plan.nodes), cancelled=asked.is_set, parallel=parallel
        ):
            found[result.node] = result
            asked.set()

    assert found["root"].status.value == "done"
    assert set(found) == set(ENDED)
    assert found["other"].status.value in ("cancelled", "skipped")
    assert stored(tmp_path, "other") is None


def test_a_node_that_is_cancelled_within_is_no_failure(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))
    plan = plan_of(declared(tmp_path, FAMILY))

    def stop(_: Any) -> NodeResult:
        raise CancelledError("the run was asked to stop")

    with RunSession(plan, RunOptions.new()) as session:
        results = {r.node: r for r in iterate(session, ["root", "good"], commit=stop)}

    assert statuses(results) == {"root": "cancelled", "good": "skipped"}
    assert results["root"].error is None
    assert table(tmp_path, "root") is None


@pytest.mark.parametrize("parallel", [1, 4])
def test_results_come_in_the_order_of_the_plan(tmp_path: Path, parallel: int) -> None:
    give(tmp_path, *ids(1))
    nodes = "\n".join(
        f"- {{name: n{i}, source: {{path: in.jsonl, format: JSONL}}, sink: {{table_name: n{i}}}}}\n"
        f"- {{name: m{i}, source: {{node_name: n{i}}}, sink: {{table_name: m{i}}}}}"
        for i in range(4)
    )
    pipeline = declared(tmp_path, nodes, f"max_parallel_nodes: {parallel}")

    result = pipeline.execute()

    assert list(result.nodes) == list(plan_of(pipeline).nodes)
    assert result.succeeded
    assert all(stored(tmp_path, f"m{i}") == [1] for i in range(4))


@pytest.mark.parametrize("rule", ["id > 5", "id > 0"])
def test_what_reads_a_node_that_has_stored_nothing_waits(tmp_path: Path, rule: str) -> None:
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        f"""
        - name: a
          source: {{path: in.jsonl, format: JSONL}}
          expectations: [{{name: r, expression: {rule}, action: DROP}}]
          sink: {{table_name: a, on_empty: skip}}
        - {{name: v, source: {{node_name: a}}}}
        - {{name: b, source: {{node_name: v}}, sink: {{table_name: b}}}}
        """,
    )

    result = pipeline.execute()

    ended = "skipped" if rule == "id > 5" else "done"
    assert statuses(result.nodes) == dict.fromkeys("avb", ended)
    assert result.succeeded
    if ended == "skipped":
        assert result["b"].message.startswith("`a` gave no rows, and `on_empty: skip`")
        assert result["a"].rows_dropped == 1
    give(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"id": 9}\n')
    assert statuses(pipeline.execute().nodes) == dict.fromkeys("avb", "done")
    assert stored(tmp_path, "b") == [9]


@pytest.mark.parametrize(("policy", "left"), [("write", []), ("skip", [1]), ("fail", [1])])
def test_what_is_stored_when_no_rows_come(tmp_path: Path, policy: str, left: list[int]) -> None:
    pipeline = declared(
        tmp_path,
        f"""
        - name: a
          source: {{path: in.jsonl, format: JSONL}}
          expectations: [{{name: r, expression: id < 5, action: DROP}}]
          sink: {{table_name: a, on_empty: {policy}}}
        - {{name: b, source: {{node_name: a}}, sink: {{table_name: b}}}}
        """,
    )
    give(tmp_path, *ids(1))
    pipeline.execute()
    give(tmp_path, *ids(7))

    if policy == "fail":
        assert "main.default.a: there are no rows to write" in str(failed(pipeline))
    else:
        assert statuses(pipeline.execute().nodes) == {"a": "done", "b": "done"}
    assert stored(tmp_path, "a") == stored(tmp_path, "b") == left

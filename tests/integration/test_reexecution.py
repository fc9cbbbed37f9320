"""Re-execution of everything reads again; only what resumes a run leaves out what is finished."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from laktory_dagster import build_definitions

STEPS = pytest.mark.parametrize("steps", ["node", "fused"])
RESUME = {"dagster/is_resume_retry": "true"}
PIPELINE = """\
name: p
nodes:
  - {name: over, source: {path: in.parquet, format: PARQUET}, sink: {table_name: over}}
  - name: merged
    primary_key: x
    source: {path: in.parquet, format: PARQUET}
    sink: {table_name: merged, mode: MERGE}
  - {name: added, source: {node_name: over}, sink: {table_name: added, mode: APPEND}}
  - name: both
    source: {node_name: over}
    sinks: [{table_name: both}, {table_name: log, mode: APPEND}]
  - name: streamed
    source: {path: landing, format: JSON, as_stream: true}
    sink: {table_name: streamed}
  - {name: last, source: {node_name: added}, sink: {table_name: last}}
"""
NODES = ("over", "merged", "added", "both", "streamed", "last")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as found:
        yield found


class Project:
    """A pipeline with every kind of write, and runs of it as the UI makes them."""

    def __init__(self, folder: Path, steps: str, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        (folder / "pipeline.yaml").write_text(PIPELINE)
        self.job = build_definitions(folder / "pipeline.yaml", steps=steps).resolve_job_def("p")

    def give(self, *values: int) -> None:
        pl.DataFrame({"x": values}).write_parquet(self.folder / "in.parquet")
        (self.folder / "landing").mkdir(exist_ok=True)
        for file in (self.folder / "landing" / f"{value}.json" for value in values):
            if not file.exists():
                file.write_text(f'{{"x": {file.stem}}}\n')

    def run(
        self, parent: dg.DagsterRun | None = None, tags: Mapping[str, str] | None = None
    ) -> dg.DagsterRun:
        root = (parent.root_run_id or parent.run_id) if parent else None
        run = self.instance.create_run_for_job(
            self.job, tags=tags, parent_run_id=parent.run_id if parent else None, root_run_id=root
        )
        for _ in execute_run_iterator(InMemoryJob(self.job), run, self.instance):
            pass
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def said(self, run: dg.DagsterRun) -> dict[str, dict[str, Any]]:
        """Return the metadata of what a run materialized."""
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        found = [e.asset_materialization for e in self.instance.all_logs(run.run_id, of_type=kind)]
        return {
            m.asset_key.path[-1]: {key: item.value for key, item in m.metadata.items()}
            for m in found
            if m is not None
        }

    def statuses(self, run: dg.DagsterRun) -> dict[str, str]:
        return {node: found["laktory/status"] for node, found in self.said(run).items()}

    def stored(self, table: str) -> list[int]:
        frame = pl.read_delta(str(self.folder / "warehouse/main/default" / table))
        return sorted(frame["x"].to_list())

    def commits(self, table: str) -> int:
        log = self.folder / "warehouse/main/default" / table / "_delta_log"
        return len(list(log.glob("*.json")))


@STEPS
def test_reexecution_of_everything_reads_again_and_appends_nothing_twice(
    tmp_path: Path, steps: str, instance: dg.DagsterInstance
) -> None:
    project = Project(tmp_path, steps, instance)
    project.give(1, 2)
    first = project.run()
    assert set(project.statuses(first).values()) == {"done"}
    project.give(2, 3)

    again = project.run(first)

    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert project.statuses(again) == {**dict.fromkeys(NODES, "done"), "added": "reused"}
    assert project.stored("over") == project.stored("both") == [2, 3]
    assert project.stored("merged") == project.stored("streamed") == [1, 2, 3]
    assert [project.commits(table) for table in ("over", "merged", "both", "last")] == [2] * 4
    # An append is made once by all runs of one root, and the run says so.
    assert project.stored("added") == project.stored("log") == [1, 2]
    said = project.said(again)
    assert "appends none again" in said["added"]["laktory/message"]
    assert "nothing was added to main.default.log" in said["both"]["laktory/message"]
    assert "laktory/message" not in said["over"]


@STEPS
def test_what_resumes_a_reexecution_leaves_out_what_that_one_finished_and_no_more(
    tmp_path: Path, steps: str, instance: dg.DagsterInstance
) -> None:
    project = Project(tmp_path, steps, instance)
    project.give(1)
    first = project.run()
    log = tmp_path / "warehouse/main/default/merged/_delta_log"
    stopped = log / "00000000000000000001.json"
    stopped.mkdir()
    (stopped / "in_the_way").touch()
    project.give(2)
    lost = project.run(first)
    assert lost.status is dg.DagsterRunStatus.FAILURE
    assert "merged" not in project.statuses(lost)
    shutil.rmtree(stopped)
    project.give(3)

    resumed = project.run(lost, RESUME)

    # In truth the UI starts the steps that are left; here all are asked what they have to do.
    assert project.statuses(resumed) == {
        **dict.fromkeys(NODES, "reused"),
        "merged": "done",
    }
    assert project.stored("over") == [2]
    assert project.stored("merged") == [1, 3]

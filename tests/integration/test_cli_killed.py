"""Runs of the command line that a signal ends within a node: what remains, and how they go on.

The function of the pipeline signals its own process in the middle of its node, once: the moment is
then the same in every run of the test.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.forked import run_program
from tests.instances import put_databases

PIPELINE = """\
name: p
steps: {steps}
udfs: [{{module_name: signalling, function_name: hit}}]
nodes:
  - {{name: a, source: {{data: [{{x: 1}}]}}, sink: {{table_name: a, mode: APPEND}}}}
  - name: b
    source: {{node_name: a}}
    transformer: {{nodes: [{{func_name: hit}}]}}
    sinks: [{{table_name: b, mode: APPEND}}, {{path: b.parquet, format: PARQUET}}]
  - {{name: c, source: {{node_name: b}}, sink: {{table_name: c}}}}
  - {{name: d, source: {{node_name: c}}}}
"""
SIGNALLING = """\
import os
import pathlib
import signal
import time


def hit(frame):
    done = pathlib.Path(__file__).with_name("hit")
    if not done.exists():
        done.touch()
        os.kill(os.getpid(), signal.{signal})
        time.sleep(20)
    return frame
"""


class Killed:
    """A project whose first run is ended by a signal within the node `b`."""

    def __init__(self, folder: Path, steps: str, signal: str) -> None:
        self.folder = folder
        (folder / "p.yaml").write_text(PIPELINE.format(steps=steps))
        (folder / "signalling.py").write_text(SIGNALLING.format(signal=signal))
        (folder / "pyproject.toml").touch()
        put_databases(folder / ".dagster_home")
        self.first = self.call("run", "p.yaml")

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("LAKTORY", "DAGSTER"))}
        return run_program("laktory_dagster.cli.main", *words, cwd=self.folder, environ=environ)

    def document(self, *words: str) -> dict[str, Any]:
        done = self.call(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def run(self) -> dg.DagsterRun:
        with dg.DagsterInstance.from_config(str(self.folder / ".dagster_home")) as instance:
            return instance.get_runs()[-1]

    def rows(self, name: str) -> list[int]:
        table = self.folder / "warehouse/main/default" / name
        return pl.read_delta(str(table))["x"].to_list()


@pytest.fixture(params=["node", "fused"])
def steps(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {node["node"]: node["status"] for node in document["nodes"]}


def test_what_an_interrupted_run_had_finished_is_not_done_again(tmp_path: Path, steps: str) -> None:
    killed = Killed(tmp_path, steps, "SIGINT")

    assert killed.first.returncode == 130, killed.first.stderr
    assert "was cancelled" in killed.first.stdout
    assert "Traceback" not in killed.first.stdout + killed.first.stderr
    assert killed.run().status is dg.DagsterRunStatus.CANCELED
    assert killed.rows("a") == [1]
    assert not (tmp_path / "b.parquet").exists()
    assert not list(tmp_path.glob("warehouse/main/default/b/*.parquet"))
    found = killed.document("run", "--retry", killed.run().run_id)
    assert statuses(found) == {"b": "done", "c": "done", "d": "done"}
    assert [killed.rows(name) for name in "abc"] == [[1], [1], [1]]


def test_a_terminated_run_ends_as_an_interrupted_one(tmp_path: Path) -> None:
    killed = Killed(tmp_path, "fused", "SIGTERM")

    assert killed.first.returncode == 130, killed.first.stderr
    assert killed.run().status is dg.DagsterRunStatus.CANCELED
    found = killed.document("run", "--retry", killed.run().run_id)
    assert statuses(found) == {"b": "done", "c": "done", "d": "done"}
    assert [killed.rows(name) for name in "abc"] == [[1], [1], [1]]


def test_a_run_that_was_killed_leaves_whole_tables_and_is_taken_up(
    tmp_path: Path, steps: str
) -> None:
    killed = Killed(tmp_path, steps, "SIGKILL")

    assert killed.first.returncode == -9
    # Nobody was left to say how it ended.
    assert killed.run().status is dg.DagsterRunStatus.STARTED
    assert killed.rows("a") == [1]
    assert not (tmp_path / "warehouse/main/default/b/_delta_log").exists()
    found = killed.document("run", "--retry", killed.run().run_id)
    assert set(statuses(found)) >= {"b", "c", "d"}
    assert [killed.rows(name) for name in "abc"] == [[1], [1], [1]]
    assert pl.read_parquet(tmp_path / "b.parquet")["x"].to_list() == [1]


def test_a_new_run_after_a_killed_one_needs_no_care(tmp_path: Path) -> None:
    killed = Killed(tmp_path, "node", "SIGKILL")

    found = killed.document("run", "p.yaml")

    assert set(statuses(found).values()) == {"done"}
    # A new run appends again what the killed one had appended, and `b` reads all of it.
    assert [killed.rows(name) for name in "abc"] == [[1, 1], [1, 1], [1, 1]]
    assert not list(tmp_path.rglob("*.tmp*"))

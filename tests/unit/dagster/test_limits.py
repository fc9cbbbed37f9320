"""A time limit on a node's step: what is late fails and is never published."""

from __future__ import annotations

import time
from pathlib import Path

import dagster as dg
import pytest

from laktory_dagster import build_definitions
from tests.unit.dagster.test_runs import failure, materialized, run, table, write
from tests.unit.dagster.test_steps import UNSTEADY

LIMITED = """
name: p
udfs: [{module_name: MODULE, function_name: slow}]
nodes:
  - name: a
    step: {timeout_seconds: 1}
    source: {data: [{x: 1}]}
    transformer: {nodes: [{func_name: slow, func_kwargs: {seconds: SECONDS}}]}
    sink: {table_name: a}
  - {name: b, source: {node_name: a}, sink: {table_name: b}}
  - {name: c, source: {data: [{x: 1}]}, sink: {table_name: c}}
"""


def limited(folder: Path, seconds: float) -> dg.Definitions:
    module = f"waiting_{int(seconds * 10)}"
    (folder / f"{module}.py").write_text(UNSTEADY)
    text = LIMITED.replace("MODULE", module).replace("SECONDS", str(seconds))
    return build_definitions(write(folder, text))


def test_a_step_that_takes_too_long_fails_and_never_publishes(tmp_path: Path) -> None:
    definitions = limited(tmp_path, 1.6)

    started = time.monotonic()
    result = run(definitions)
    took = time.monotonic() - started

    assert materialized(result) == ["p/c"]
    assert "a: it took longer than 1 s; nothing was published" in failure(result)
    # Long enough for what was left to itself to come to its commit, which is refused.
    time.sleep(max(0.0, 2.2 - took))
    assert not (tmp_path / "warehouse/main/default/a/_delta_log").exists()
    assert list(tmp_path.rglob("a/*.parquet")) == []


@pytest.mark.parametrize("limit", ["timeout_seconds: 60", "retries: 0"])
def test_a_function_that_leaves_the_program_is_not_taken_for_a_slow_one(
    tmp_path: Path, limit: str
) -> None:
    module = f"leaving_{limit[0]}"
    (tmp_path / f"{module}.py").write_text("def slow(df, seconds):\n    raise SystemExit('gone')\n")
    text = LIMITED.replace("MODULE", module).replace("timeout_seconds: 1", limit)

    result = run(build_definitions(write(tmp_path, text.replace("SECONDS", "0"))))

    assert materialized(result) == ["p/c"]
    assert "SystemExit: gone" in failure(result)
    assert "took longer" not in failure(result)


def test_a_step_within_its_time_is_as_any_other(tmp_path: Path) -> None:
    result = run(limited(tmp_path, 0.0))

    assert result.success
    assert sorted(materialized(result)) == ["p/a", "p/b", "p/c"]
    assert table(tmp_path, "b")["x"].to_list() == [1]

"""Ops of a pipeline: one a node or fused, nodes with a step of their own, what a failure stops.

Which nodes may run after a failure is worked out by hand from the declared edges; faults are real
ones (a rule that does not hold, a function of the project that raises, a path that is in the way).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from laktory_dagster import build_definitions
from laktory_dagster.errors import DeclarationError
from tests.unit.dagster.test_runs import (
    BOTH,
    failure,
    materialized,
    run,
    table,
    write,
)


def ops(definitions: dg.Definitions) -> dict[str, set[str]]:
    """Return the names of the ops that materialize, each with the last parts of its keys."""
    return {
        asset.op.name: {key.path[-1] for key in asset.keys}
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition) and asset.is_materializable
    }


def steps_of(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key for event in result.all_events if event.step_key}


def nodes_text(count: int, head: str = "") -> str:
    lines = (
        f"  - {{name: n{i}, source: {{data: [{{x: 1}}]}}, sink: {{table_name: t{i}}}}}"
        for i in range(count)
    )
    return f"name: p\n{head}\nnodes:\n" + "\n".join(lines) + "\n"


TEN = {f"n{i}" for i in range(10)}


@pytest.mark.parametrize(
    ("declared", "asked", "in_process", "fused"),
    [
        ("", None, True, False),
        ("", None, False, True),
        ("", "fused", True, True),
        ("", "node", False, False),
        ("steps: fused", None, True, True),
        ("steps: node", None, False, False),
        ("steps: node", "fused", True, True),
        ("steps: fused", "node", True, False),
        ("steps: fused", "auto", True, False),
    ],
)
def test_the_call_decides_on_steps_before_the_pipeline_and_the_executor_last(
    tmp_path: Path, declared: str, asked: str | None, in_process: bool, fused: bool
) -> None:
    file = write(tmp_path, nodes_text(10, declared))

    found = ops(build_definitions(file, steps=asked, in_process=in_process))

    assert found == ({"p__all": TEN} if fused else {f"p__{name}": {name} for name in TEN})


@pytest.mark.parametrize(("count", "expected"), [(300, 300), (301, 1)])
def test_more_than_300_nodes_become_one_step(tmp_path: Path, count: int, expected: int) -> None:
    assert len(ops(build_definitions(write(tmp_path, nodes_text(count))))) == expected


def test_only_jobs_in_one_process_get_an_executor(tmp_path: Path) -> None:
    file = write(tmp_path, nodes_text(1))

    assert build_definitions(file).executor is dg.in_process_executor
    assert build_definitions(file, in_process=False).executor is None


OWN = """
name: p
nodes:
  - {name: a, source: {data: [{x: 1}]}, sink: {table_name: a}}
  - name: b
    step: {retries: 2, retry_delay_seconds: 0.5, pool: the db, tags: {team: x}}
    source: {node_name: a}
    sink: {table_name: b}
  - {name: c, source: {node_name: b}, sink: {table_name: c}}
  - {name: d, step: own, source: {node_name: a}, sink: {table_name: d}}
"""


def test_nodes_with_a_step_of_their_own_leave_the_fused_one(tmp_path: Path) -> None:
    definitions = build_definitions(write(tmp_path, OWN), steps="fused")

    assert ops(definitions) == {"p__b": {"b"}, "p__d": {"d"}, "p__all": {"a", "c"}}
    own = definitions.resolve_assets_def(dg.AssetKey(["p", "b"])).op
    # Dagster takes no blank in a pool's name.
    assert (own.pool, own.tags["team"]) == ("the_db", "x")
    assert own.retry_policy == dg.RetryPolicy(max_retries=2, delay=0.5)
    plain = definitions.resolve_assets_def(dg.AssetKey(["p", "d"])).op
    assert (plain.pool, plain.retry_policy) == (None, None)


def test_a_step_of_its_own_in_the_middle_splits_the_fused_one(tmp_path: Path) -> None:
    result = run(build_definitions(write(tmp_path, OWN), steps="fused"))

    order = materialized(result)
    assert result.success
    assert sorted(order) == ["p/a", "p/b", "p/c", "p/d"]
    assert order.index("p/a") < order.index("p/b") < order.index("p/c")
    assert len(steps_of(result)) == 4


FAILING = """
name: p
{extra}
nodes:
  - {{name: a, source: {{data: [{{x: 1}}, {{x: 2}}]}}, sink: {{table_name: a}}}}
  - name: bad
    source: {{node_name: a}}
    expectations:
      - {{name: big, expression: x > 1, action: FAIL}}
      - {{name: bigger, expression: x > 2, action: WARN}}
    sink: {{table_name: bad}}
  - {{name: child, source: {{node_name: bad}}, sink: {{table_name: child}}}}
  - {{name: late, source: {{node_name: a}}, depends_on: [bad], sink: {{table_name: late}}}}
  - name: joined
    transformer: {{nodes: [{{sql_expr: "SELECT a.x FROM {{nodes.a}} a JOIN {{nodes.child}} c ON a.x = c.x"}}]}}
    sink: {{table_name: joined}}
  - {{name: sibling, source: {{node_name: a}}, sink: {{table_name: sibling}}}}
  - {{name: nephew, source: {{node_name: sibling}}, sink: {{table_name: nephew}}}}
  - {{name: other, source: {{data: [{{x: 1}}]}}, sink: {{table_name: other}}}}
"""
SPARED = {"p/a", "p/sibling", "p/nephew", "p/other"}


@BOTH
@pytest.mark.parametrize("parallel", ["", "max_parallel_nodes: 3"])
def test_a_failure_stops_descendants_and_nothing_else(
    tmp_path: Path, steps: str, parallel: str
) -> None:
    file = write(tmp_path, FAILING.format(extra=parallel))

    result = run(build_definitions(file, steps=steps))

    assert not result.success
    assert set(materialized(result)) == SPARED
    stored = {
        folder.name
        for folder in (tmp_path / "warehouse/main/default").iterdir()
        if (folder / "_delta_log").exists()
    }
    assert stored == {key.removeprefix("p/") for key in SPARED}


@BOTH
def test_a_blocked_node_reports_all_of_its_checks_and_why(tmp_path: Path, steps: str) -> None:
    result = run(build_definitions(write(tmp_path, FAILING.format(extra="")), steps=steps))

    checks = {c.check_name: (c.passed, c.severity) for c in result.get_asset_check_evaluations()}
    assert checks == {
        "big": (False, dg.AssetCheckSeverity.ERROR),
        "bigger": (False, dg.AssetCheckSeverity.WARN),
    }
    said = failure(result)
    assert "expectation `big` failed on 1 of 2 rows: x > 1" in said
    assert "candidate rejected; nothing is stored yet" in said


def test_a_fused_step_logs_one_error_a_failed_node_and_names_what_it_left_out(
    tmp_path: Path,
) -> None:
    instance = dg.DagsterInstance.ephemeral()
    file = write(tmp_path, FAILING.format(extra=""))

    result = run(build_definitions(file, steps="fused"), instance=instance)

    entries = [e for e in instance.all_logs(result.run_id) if e.dagster_event is None]
    errors = [e.user_message for e in entries if int(e.level) == 40]
    skipped = [e.user_message.split(":")[0] for e in entries if int(e.level) == 30]
    assert [message.split("]")[0] for message in errors] == ["[bad"]
    assert skipped == ["[child] skipped", "[late] skipped", "[joined] skipped"]
    assert "not run because of that: child, late, joined" in failure(result)


@BOTH
def test_the_rejected_candidate_leaves_the_table_of_the_run_before(
    tmp_path: Path, steps: str
) -> None:
    good = FAILING.format(extra="").replace("x > 1, action: FAIL", "x > 0, action: FAIL")
    first = run(build_definitions(write(tmp_path, good), steps=steps))
    before = table(tmp_path, "bad")

    result = run(build_definitions(write(tmp_path, FAILING.format(extra="")), steps=steps))

    assert (first.success, result.success) == (True, False)
    assert f"table stays at version 0 of run {first.run_id}" in failure(result)
    assert table(tmp_path, "bad").equals(before)


@BOTH
def test_a_lost_commit_is_the_failure_of_its_node_alone(tmp_path: Path, steps: str) -> None:
    text = FAILING.format(extra="").replace("x > 1, action: FAIL", "x > 0, action: FAIL")
    # A folder where Delta writes the first entry of its log lets no commit through.
    obstacle = tmp_path / "warehouse/main/default/bad/_delta_log/00000000000000000000.json"
    obstacle.mkdir(parents=True)
    (obstacle / "in_the_way").touch()

    result = run(build_definitions(write(tmp_path, text), steps=steps))

    assert set(materialized(result)) == SPARED
    assert "main.default.bad could not be written" in failure(result)
    assert list(tmp_path.rglob("bad/*.parquet")) == []


UNSTEADY = '''
"""Functions of a project that fail or wait."""
import time
from pathlib import Path

COUNT = Path(__file__).parent / "calls"


def unsteady(df, good_call=2):
    calls = len(COUNT.read_text()) if COUNT.exists() else 0
    COUNT.write_text("x" * (calls + 1))
    if calls + 1 < good_call:
        raise RuntimeError(f"call {calls + 1} fails")
    return df


def slow(df, seconds=0.0):
    time.sleep(seconds)
    return df
'''
RETRIED = """
name: p
udfs: [{{module_name: {module}, function_name: unsteady}}]
nodes:
  - {{name: a, source: {{data: [{{x: 1}}, {{x: 2}}]}}, sink: {{table_name: a}}}}
  - name: b
    step: {{retries: {retries}}}
    source: {{node_name: a}}
    transformer: {{nodes: [{{func_name: unsteady, func_kwargs: {{good_call: {good_call}}}}}]}}
    sink: {{table_name: b, mode: APPEND}}
  - {{name: c, source: {{node_name: b}}, sink: {{table_name: c}}}}
"""


@BOTH
@pytest.mark.parametrize(
    ("retries", "good_call", "calls", "success"),
    [(0, 1, 1, True), (1, 2, 2, True), (3, 3, 3, True), (0, 2, 1, False), (1, 3, 2, False)],
)
def test_a_step_is_tried_again_as_often_as_declared_and_stores_its_rows_once(
    tmp_path: Path, steps: str, retries: int, good_call: int, calls: int, success: bool
) -> None:
    # Modules are cached by name, so each case has its own.
    module = f"unsteady_{steps}_{retries}_{good_call}"
    (tmp_path / f"{module}.py").write_text(UNSTEADY)
    text = RETRIED.format(module=module, retries=retries, good_call=good_call)

    result = run(build_definitions(write(tmp_path, text), steps=steps))

    assert result.success == success
    assert len((tmp_path / "calls").read_text()) == calls
    assert materialized(result) == (["p/a", "p/b", "p/c"] if success else ["p/a"])
    if success:
        assert sorted(table(tmp_path, "b")["x"]) == [1, 2]
    else:
        assert f"RuntimeError: call {calls} fails" in failure(result)


LINE = """
name: p
nodes:
  - {name: a, source: {path: in.parquet, format: PARQUET}, sink: {table_name: a}}
  - {name: b, source: {node_name: a}, sink: {table_name: b}}
  - {name: c, source: {node_name: b}, sink: {table_name: c}}
"""


@BOTH
@pytest.mark.parametrize(
    ("selected", "sums"),
    [
        (["a"], (30, 3, 3)),
        (["b"], (3, 3, 3)),
        (["a", "b"], (30, 30, 3)),
        # What stands between is not run: `c` reads what `b` stored before.
        (["a", "c"], (30, 3, 3)),
        (["c", "b", "a"], (30, 30, 30)),
    ],
)
def test_a_subset_runs_what_is_selected_on_what_is_stored(
    tmp_path: Path, steps: str, selected: list[str], sums: tuple[int, ...]
) -> None:
    definitions = build_definitions(write(tmp_path, LINE), steps=steps)
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "in.parquet")
    assert run(definitions).success
    pl.DataFrame({"x": [10, 20]}).write_parquet(tmp_path / "in.parquet")

    result = run(definitions, *(f"p/{name}" for name in selected))

    assert materialized(result) == [f"p/{name}" for name in sorted(selected)]
    assert tuple(table(tmp_path, name)["x"].sum() for name in "abc") == sums


@BOTH
def test_a_subset_whose_upstream_stores_nothing_says_what_to_run_first(
    tmp_path: Path, steps: str
) -> None:
    result = run(build_definitions(write(tmp_path, LINE), steps=steps), "p/c")

    assert not result.success
    assert "node `c` reads node `b`, which has not been materialized" in failure(result)


@BOTH
def test_a_subset_of_ended_nodes_leaves_the_views_between_to_their_readers(
    tmp_path: Path, steps: str
) -> None:
    text = LINE.replace(
        "source: {node_name: a}, sink: {table_name: b}", "source: {node_name: a, filter: x > 1}"
    )
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "in.parquet")
    definitions = build_definitions(write(tmp_path, text), steps=steps)
    run(definitions, "p/a")

    result = run(definitions, "p/c")

    assert materialized(result) == ["p/c"]
    assert table(tmp_path, "c")["x"].to_list() == [2]


@pytest.mark.parametrize("step", ["{retries: -1}", "{timeout_seconds: 0}", "{retires: 1}", "mine"])
def test_a_wrong_step_is_an_error_of_the_declaration(tmp_path: Path, step: str) -> None:
    file = write(tmp_path, nodes_text(1).replace("source:", f"step: {step}, source:"))

    with pytest.raises(DeclarationError, match=r"pipeline\.yaml:4:"):
        build_definitions(file)

"""Checks in runs: severities and metadata, alone without their assets, of views and streams.

Which rows fail is worked out by hand from the two or three rows of each pipeline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from laktory_dagster import build_definitions
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, table, write

ROWS = "source: {data: [{x: 1}, {x: -1}]}"
CHAIN = f"""
name: p
nodes:
  - name: a
    {ROWS}
    expectations:
      - {{name: pos, expression: x > 0, action: WARN}}
      - {{name: few, expression: count(*) < 2, type: AGGREGATE, action: WARN}}
    sink: {{table_name: a}}
  - name: v
    source: {{node_name: a}}
    expectations: [{{name: pos, expression: x > 0, action: DROP}}]
  - {{name: c, source: {{node_name: v}}, sink: {{table_name: c}}}}
"""


def found(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{check.asset_key.path[-1]}.{check.check_name}": check
        for check in result.get_asset_check_evaluations()
    }


def values(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: item.value for name, item in check.metadata.items()}


def run_checks(
    definitions: dg.Definitions, *names: str, instance: dg.DagsterInstance | None = None
) -> dg.ExecuteInProcessResult:
    """Run checks alone, by `node.check`, as a job of a user's own does."""
    keys = [dg.AssetCheckKey(dg.AssetKey(["p", n.split(".")[0]]), n.split(".")[1]) for n in names]
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*keys))
    both = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    return both.resolve_job_def("checks").execute_in_process(
        instance=instance or dg.DagsterInstance.ephemeral(), raise_on_error=False
    )


@BOTH
@pytest.mark.parametrize(
    ("rule", "passed", "severity", "stored"),
    [
        ("expression: x > 0, action: WARN", False, "WARN", [-1, 1]),
        ("expression: x > 0, action: ALLOW", False, "WARN", [-1, 1]),
        ("expression: x > 0, action: DROP", False, "WARN", [1]),
        ("expression: x > 0, action: QUARANTINE", False, "WARN", [1]),
        ("expression: x > 0, action: FAIL", False, "ERROR", None),
        ("expression: x > -5, action: FAIL", True, "ERROR", [-1, 1]),
        ("expression: x > 0, action: FAIL, tolerance: {rel: 0.5}", True, "ERROR", [-1, 1]),
        ("expression: x > 0, action: FAIL, tolerance: {abs: 0}", False, "ERROR", None),
        ("expression: x > 0, action: DROP, tolerance: {abs: 1}", True, "WARN", [1]),
        ("expression: count(*) < 2, type: AGGREGATE, action: WARN", False, "WARN", [-1, 1]),
        ("expression: count(*) < 2, type: AGGREGATE, action: FAIL", False, "ERROR", None),
    ],
)
def test_the_action_decides_on_severity_and_rows(
    tmp_path: Path, steps: str, rule: str, passed: bool, severity: str, stored: list[int] | None
) -> None:
    text = f"""
name: p
nodes:
  - name: a
    {ROWS}
    expectations: [{{name: r, {rule}}}]
    sink: {{table_name: a}}
"""
    result = run(build_definitions(write(tmp_path, text), steps=steps))

    check = found(result)["a.r"]
    assert (check.passed, check.severity.value) == (passed, severity)
    assert result.success == (stored is not None)
    if stored is None:
        assert not (tmp_path / "warehouse/main/default/a/_delta_log").exists()
    else:
        assert sorted(table(tmp_path, "a")["x"]) == stored


@BOTH
def test_a_check_tells_its_rule_its_counts_and_a_few_keys(tmp_path: Path, steps: str) -> None:
    text = """
name: p
nodes:
  - name: a
    primary_key: id
    source: {data: [{id: 7, x: 1}, {id: 8, x: -1}, {id: 9, x: null}]}
    expectations: [{name: pos, expression: x > 0, action: DROP}]
    sink: {table_name: a}
"""
    check = found(run(build_definitions(write(tmp_path, text), steps=steps)))["a.pos"]

    said = values(check)
    assert (said["expression"], said["action"]) == ("x > 0", "DROP")
    # A null result fails.
    assert (said["failed_rows"], said["checked_rows"]) == (2, 3)
    assert sorted(row["id"] for row in said["examples"]) == [8, 9]
    assert check.description == "2 of 3 rows fail (DROP)"


@BOTH
def test_a_rule_about_all_rows_tells_no_count_of_rows(tmp_path: Path, steps: str) -> None:
    check = found(run(build_definitions(write(tmp_path, CHAIN), steps=steps)))["a.few"]

    assert (check.passed, check.description) == (False, "does not hold")
    assert "failed_rows" not in values(check)


@BOTH
def test_checks_alone_store_nothing_and_run_no_other(tmp_path: Path, steps: str) -> None:
    result = run_checks(build_definitions(write(tmp_path, CHAIN), steps=steps), "a.few")

    assert result.success
    assert materialized(result) == []
    assert set(found(result)) == {"a.few"}
    assert not (tmp_path / "warehouse/main").exists()


@BOTH
def test_checks_of_several_nodes_run_alone_together(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, CHAIN), steps=steps)
    instance = dg.DagsterInstance.ephemeral()
    assert run(definitions, instance=instance).success

    result = run_checks(definitions, "a.pos", "v.pos", instance=instance)

    assert materialized(result) == []
    assert {name: check.passed for name, check in found(result).items()} == {
        "a.pos": False,
        "v.pos": False,
    }


@BOTH
def test_a_check_alone_of_a_node_above_which_nothing_is_stored_says_what_to_run(
    tmp_path: Path, steps: str
) -> None:
    result = run_checks(build_definitions(write(tmp_path, CHAIN), steps=steps), "v.pos")

    assert not result.success
    assert found(result) == {}
    assert "run `a` first" in failure(result)


@BOTH
def test_an_asset_beside_a_check_alone_is_stored_and_the_other_is_not(
    tmp_path: Path, steps: str
) -> None:
    definitions = build_definitions(write(tmp_path, CHAIN), steps=steps)
    assert run(definitions).success
    a, c = dg.AssetKey(["p", "a"]), dg.AssetKey(["p", "c"])
    job = dg.define_asset_job(
        "mixed",
        selection=dg.AssetSelection.assets(c).without_checks()
        | dg.AssetSelection.checks(dg.AssetCheckKey(a, "pos")),
    )
    both = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = both.resolve_job_def("mixed").execute_in_process(
        instance=dg.DagsterInstance.ephemeral()
    )

    assert materialized(result) == ["p/c"]
    assert set(found(result)) == {"a.pos"}


@BOTH
def test_assets_run_without_their_checks_where_that_is_asked(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, CHAIN), steps=steps)
    keys = [dg.AssetKey(["p", name]) for name in ("a", "v", "c")]
    job = dg.define_asset_job("bare", selection=dg.AssetSelection.assets(*keys).without_checks())
    both = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = both.resolve_job_def("bare").execute_in_process(
        instance=dg.DagsterInstance.ephemeral()
    )

    assert materialized(result) == ["p/a", "p/v", "p/c"]
    assert found(result) == {}
    # The rule of the view is part of what its readers get, checked or not.
    assert table(tmp_path, "c")["x"].to_list() == [1]


@BOTH
def test_a_view_that_fails_blocks_its_readers_and_nothing_above(tmp_path: Path, steps: str) -> None:
    text = CHAIN.replace("action: DROP", "action: FAIL")

    result = run(build_definitions(write(tmp_path, text), steps=steps))

    assert not result.success
    assert materialized(result) == ["p/a"]
    assert found(result)["v.pos"].severity is dg.AssetCheckSeverity.ERROR
    assert not (tmp_path / "warehouse/main/default/c").exists()


@BOTH
def test_the_history_of_a_check_is_kept_run_by_run(tmp_path: Path, steps: str) -> None:
    instance = dg.DagsterInstance.ephemeral()
    key = dg.AssetCheckKey(dg.AssetKey(["p", "a"]), "pos")
    for text in (CHAIN, CHAIN.replace("{x: -1}", "{x: 2}")):
        assert run(build_definitions(write(tmp_path, text), steps=steps), instance=instance).success

    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)

    events = [record.event.dagster_event for record in records if record.event is not None]
    passed = [event.asset_check_evaluation_data.passed for event in events if event is not None]
    assert passed == [True, False]


STREAM = """
name: p
nodes:
  - name: s
    source: {path: land, format: JSON, as_stream: true}
    expectations: [{name: pos, expression: x > 0, action: WARN}]
    sink: {table_name: s}
  - {name: t, source: {node_name: s, as_stream: true}, sink: {table_name: t}}
  - {name: other, source: {data: [{x: 1}]}, sink: {table_name: other}}
"""


@BOTH
def test_a_stream_without_files_is_skipped_with_its_readers_and_the_run_succeeds(
    tmp_path: Path, steps: str
) -> None:
    (tmp_path / "land").mkdir()
    definitions = build_definitions(write(tmp_path, STREAM), steps=steps)

    result = definitions.resolve_job_def("p").execute_in_process()

    assert result.success
    assert materialized(result) == ["p/other"]


@BOTH
def test_a_check_of_a_stream_run_alone_takes_no_rows_from_it(tmp_path: Path, steps: str) -> None:
    (tmp_path / "land").mkdir()
    (tmp_path / "land" / "1.json").write_text('{"x": -1}\n')
    definitions = build_definitions(write(tmp_path, STREAM), steps=steps)

    checked = run_checks(definitions, "s.pos")

    assert {name: check.passed for name, check in found(checked).items()} == {"s.pos": False}
    assert definitions.resolve_job_def("p").execute_in_process().success
    assert table(tmp_path, "t")["x"].to_list() == [-1]

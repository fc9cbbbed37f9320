"""Names that Dagster makes of keys and checks: what it would take for one thing still runs.

In one op Dagster names an asset's output after its key and a check's after key and check, joined by
underscores, so that different ones may come to one name.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from laktory_dagster import LaktoryTranslator, build_definitions
from tests.unit.dagster.test_runs import BOTH, materialized, run, table, write
from tests.unit.dagster.test_steps import ops

ONE = "source: {data: [{x: 1}, {x: -1}]}"
CHECK_LIKE_NODE = f"""
name: p
nodes:
  - name: orders
    {ONE}
    expectations: [{{name: valid, expression: x > 0, action: DROP}}]
    sink: {{table_name: orders}}
  - {{name: orders_valid, source: {{node_name: orders}}, sink: {{table_name: valid}}}}
  - {{name: last, source: {{node_name: orders_valid}}, sink: {{table_name: last}}}}
"""
CHECK_LIKE_CHECK = f"""
name: p
nodes:
  - name: a
    {ONE}
    expectations: [{{name: b_c, expression: x > 0, action: DROP}}]
    sink: {{table_name: a}}
  - name: a_b
    source: {{node_name: a}}
    expectations: [{{name: c, expression: x < 0, action: WARN}}]
    sink: {{table_name: ab}}
"""
TABLES = f"""
name: p
nodes:
  - {{name: a, {ONE}, sink: {{schema_name: s__t, table_name: u}}}}
  - {{name: b, source: {{node_name: a}}, sink: {{schema_name: s, table_name: t__u}}}}
"""


@BOTH
def test_a_node_may_have_the_name_of_another_ones_check(tmp_path: Path, steps: str) -> None:
    result = run(build_definitions(write(tmp_path, CHECK_LIKE_NODE), steps=steps))

    assert result.success
    assert materialized(result) == ["p/orders", "p/orders_valid", "p/last"]
    assert table(tmp_path, "last")["x"].to_list() == [1]
    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key.to_user_string(), check.check_name) == ("p/orders", "valid")


@BOTH
def test_checks_of_two_nodes_may_come_to_one_name(tmp_path: Path, steps: str) -> None:
    result = run(build_definitions(write(tmp_path, CHECK_LIKE_CHECK), steps=steps))

    assert result.success
    found = {
        (check.asset_key.path[-1], check.check_name): check.passed
        for check in result.get_asset_check_evaluations()
    }
    # One of two rows is not above zero; of the one that is left none is below.
    assert found == {("a", "b_c"): False, ("a_b", "c"): False}


@BOTH
def test_keys_of_tables_may_come_to_one_name(tmp_path: Path, steps: str) -> None:
    translator = LaktoryTranslator(asset_key="table")

    result = run(build_definitions(write(tmp_path, TABLES), steps=steps, translator=translator))

    assert result.success
    assert materialized(result) == ["main/s__t/u", "main/s/t__u"]


def test_only_the_later_of_such_nodes_leaves_the_fused_step(tmp_path: Path) -> None:
    definitions = build_definitions(write(tmp_path, CHECK_LIKE_NODE), steps="fused")

    assert ops(definitions) == {
        "p__all": {"orders", "last"},
        "p__orders_valid": {"orders_valid"},
    }


def test_nodes_without_such_names_stay_in_one_step(tmp_path: Path) -> None:
    text = CHECK_LIKE_NODE.replace("orders_valid", "orders_invalid")

    assert set(ops(build_definitions(write(tmp_path, text), steps="fused"))) == {"p__all"}


SPACED = f"""
name: p
nodes:
  - {{name: w, {ONE}, sink: {{schema_name: s, table_name: my table}}}}
  - {{name: r, source: {{schema_name: s, table_name: my table}}, sink: {{table_name: r}}}}
"""


@BOTH
@pytest.mark.parametrize("preset", ["node", "table"])
def test_a_table_with_a_blank_in_its_name_loads_and_runs(
    tmp_path: Path, steps: str, preset: str
) -> None:
    translator = LaktoryTranslator(asset_key="node" if preset == "node" else "table")

    result = run(build_definitions(write(tmp_path, SPACED), steps=steps, translator=translator))

    assert result.success
    expected = ["p/w", "p/r"] if preset == "node" else ["main/s/my_table", "main/default/r"]
    assert materialized(result) == expected
    assert sorted(table(tmp_path, "r")["x"]) == [-1, 1]


def test_an_external_table_with_a_blank_in_its_name_is_an_asset(tmp_path: Path) -> None:
    text = """
name: p
nodes:
  - {name: a, source: {schema_name: s, table_name: other table}}
  - {name: b, source: {schema_name: s, table_name: other_table}}
"""
    definitions = build_definitions(write(tmp_path, text))

    found = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}

    # Two tables, and never one key for both.
    assert set(found) == {"p/a", "p/b", "main/s/other_table", "main/s/p/other_table"}
    assert found["main/s/other_table"].metadata["dagster/table_name"] == "main.s.other table"
    assert [dep.asset_key for dep in found["p/a"].deps] == [found["main/s/other_table"].key]
    assert [dep.asset_key for dep in found["p/b"].deps] == [found["main/s/p/other_table"].key]
    definitions.resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize("first", ["p", "p__a", "all", "a__all"])
def test_a_pipeline_may_have_the_name_of_an_op_of_another(tmp_path: Path, first: str) -> None:
    text = "name: {name}\nnodes:\n  - {{name: {node}, source: {{data: [{{x: 1}}]}}}}\n"
    write(tmp_path / "1", text.format(name=first, node="b"))
    write(tmp_path / "2", text.format(name="a", node="all"))
    definitions = build_definitions(tmp_path)

    for job in (first, "a"):
        assert definitions.resolve_job_def(job).execute_in_process().success


@pytest.mark.parametrize("word", ["config", "input", "output", "context", "type"])
def test_a_pipeline_may_have_the_name_of_a_word_that_dagster_reserves(
    tmp_path: Path, word: str
) -> None:
    text = f"name: {word}\nnodes:\n  - {{name: {word}, source: {{data: [{{x: 1}}]}}}}\n"
    definitions = build_definitions(write(tmp_path, text))

    assert run(definitions).success
    (job,) = definitions.jobs or ()
    resolved = definitions.resolve_job_def(job.name)
    assert resolved.tags["laktory/pipeline"] == word
    assert materialized(resolved.execute_in_process()) == [f"{word}/{word}"]


def test_names_around_a_reserved_word_are_jobs_of_their_own(tmp_path: Path) -> None:
    names = ["config", "config_", "config__", "kind_"]
    text = "name: {name}\nnodes:\n  - {{name: n, source: {{data: [{{x: 1}}]}}}}\n"
    for name in names:
        write(tmp_path / name, text.format(name=name))

    definitions = build_definitions(tmp_path)

    jobs = [definitions.resolve_job_def(job.name) for job in definitions.jobs or ()]
    assert {job.tags["laktory/pipeline"] for job in jobs} == set(names)
    assert len({job.name for job in jobs}) == len(names)
    for job in jobs:
        assert materialized(job.execute_in_process()) == [f"{job.tags['laktory/pipeline']}/n"]


def test_pipelines_with_schedules_may_be_named_like_one(tmp_path: Path) -> None:
    text = """
name: {name}
schedule: {{cron: "0 6 * * *"}}
nodes:
  - {{name: n, source: {{data: [{{x: 1}}]}}}}
"""
    write(tmp_path / "1", text.format(name="p"))
    write(tmp_path / "2", text.format(name="p_schedule"))

    definitions = build_definitions(tmp_path)

    found = {definitions.resolve_schedule_def(f"{name}_schedule").job_name for name in NAMED}
    assert found == set(NAMED)
    assert isinstance(definitions.resolve_job_def("p_schedule"), dg.JobDefinition)


NAMED = ("p", "p_schedule")

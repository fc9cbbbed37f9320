"""What a run is given beside its pipeline: the resource `laktory`, conditions, tags, selections.

Values come from the run's config, as the UI's launchpad sends it, or from an overridden translator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from laktory_dagster import LaktoryTranslator, build_definitions
from laktory_dagster.dagster.io_managers import LaktoryIOManager
from laktory_dagster.plan.definition import Plan, PlanNode
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, table, write

PIPELINE = """
name: p
nodes:
  - {name: a, source: {data: [{x: 1}]}, sink: {table_name: a, mode: APPEND}}
  - {name: b, source: {node_name: a}, sink: {table_name: b}}
"""


def with_config(**values: Any) -> dict[str, Any]:
    return {"resources": {"laktory": {"config": values}}}


@BOTH
def test_the_launchpad_names_another_warehouse(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE), steps=steps)

    result = run(definitions, config=with_config(warehouse=str(tmp_path / "other")))

    assert result.success
    assert pl.read_delta(str(tmp_path / "other/main/default/b"))["x"].to_list() == [1]
    assert not (tmp_path / "warehouse").exists()


@BOTH
def test_the_launchpad_asks_for_a_full_refresh(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE), steps=steps)
    for _ in range(2):
        assert run(definitions).success
    assert table(tmp_path, "a")["x"].to_list() == [1, 1]

    assert run(definitions, config=with_config(full_refresh=True)).success

    assert table(tmp_path, "a")["x"].to_list() == [1]
    # It is said of that run alone.
    assert run(definitions).success
    assert table(tmp_path, "b")["x"].to_list() == [1, 1]


@pytest.mark.parametrize(
    ("values", "said"),
    [({"warehous": "x"}, "warehous"), ({"full_refresh": "perhaps"}, "full_refresh")],
)
def test_config_that_is_wrong_is_refused_before_anything_runs(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE))

    with pytest.raises(dg.DagsterInvalidConfigError, match=said):
        run(definitions, config=with_config(**values))

    assert not (tmp_path / "warehouse").exists()


def test_a_users_resource_takes_the_place_of_ours(tmp_path: Path) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE))
    ours = LaktoryIOManager(warehouse=str(tmp_path / "mine"))
    replaced = dg.Definitions(
        assets=definitions.assets, jobs=definitions.jobs, resources={"laktory": ours}
    )

    assert run(replaced).success

    assert pl.read_delta(str(tmp_path / "mine/main/default/a"))["x"].to_list() == [1]


def test_a_warehouse_of_the_environment_is_read_when_the_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE))
    monkeypatch.setenv("OUR_LAKE", str(tmp_path / "lake"))
    ours = LaktoryIOManager(warehouse=dg.EnvVar("OUR_LAKE"))
    replaced = dg.Definitions(assets=definitions.assets, resources={"laktory": ours})

    assert run(replaced).success

    assert pl.read_delta(str(tmp_path / "lake/main/default/b"))["x"].to_list() == [1]


class Eager(LaktoryTranslator):
    """Materializes each node as soon as what it reads is new."""

    def get_asset_spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        spec = super().get_asset_spec(plan, node)
        return spec.replace_attributes(automation_condition=dg.AutomationCondition.eager())


@BOTH
def test_a_condition_of_a_translator_asks_for_what_is_missing(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE), translator=Eager(), steps=steps)
    with dg.DagsterInstance.ephemeral() as instance:
        first = dg.evaluate_automation_conditions(definitions, instance)
        assert run(definitions, "p/a", instance=instance).success
        second = dg.evaluate_automation_conditions(definitions, instance, cursor=first.cursor)

        # Of a node whose upstream has just been made, and which is missing, a run is asked for.
        assert second.get_num_requested(dg.AssetKey(["p", "b"])) == 1
        assert second.get_num_requested(dg.AssetKey(["p", "a"])) == 0


class Grouped(LaktoryTranslator):
    """Groups by layer, drops tags, and names the owner."""

    def get_asset_spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        spec = super().get_asset_spec(plan, node)
        return spec.replace_attributes(
            group_name=(node.declared.layer or "views").lower(),
            tags={},
            owners=["team:lake"],
            kinds={"table"},
            code_version="fixed",
        )


LAYERED = """
name: p
tags: {team: x}
nodes:
  - {name: a, layer: BRONZE, source: {data: [{x: 1}]}, sink: {table_name: a}}
  - {name: v, tags: [daily], source: {node_name: a}}
"""


@BOTH
def test_a_translator_replaces_what_it_names_in_every_mode_of_steps(
    tmp_path: Path, steps: str
) -> None:
    definitions = build_definitions(write(tmp_path, LAYERED), translator=Grouped(), steps=steps)

    specs = {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}

    assert {name: spec.group_name for name, spec in specs.items()} == {"a": "bronze", "v": "views"}
    for spec in specs.values():
        shown = {key for key in spec.tags if not key.startswith("dagster/kind/")}
        assert (shown, spec.owners, spec.kinds) == (set(), ["team:lake"], {"table"})
        assert spec.code_version == "fixed"
    assert [dep.asset_key.path[-1] for dep in specs["v"].deps] == ["a"]
    assert materialized(run(definitions)) == ["p/a", "p/v"]


CHAIN = {
    "one": "name: one\nnodes:\n  - {name: a, source: {data: [{x: 1}]}, sink: {table_name: a}}\n",
    "two": "name: two\nnodes:\n  - {name: b, source: {table_name: a}, sink: {table_name: b}}\n",
    "three": "name: three\nnodes:\n  - {name: c, source: {table_name: b}, sink: {table_name: c}}\n",
}


@pytest.fixture
def chained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pipelines in a row, each of which reads the table of the one before by its name."""
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    for name, text in CHAIN.items():
        write(tmp_path / name, text)
    return tmp_path


@BOTH
def test_pipelines_in_a_row_run_in_their_order(chained: Path, steps: str) -> None:
    result = run(build_definitions(chained, steps=steps))

    assert result.success
    assert materialized(result) == ["one/a", "two/b", "three/c"]
    assert table(chained, "c")["x"].to_list() == [1]


def test_with_one_of_them_broken_the_others_load_under_dev(
    chained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    monkeypatch.delenv("DAGSTER_IS_DEFS_VALIDATION_CLI", raising=False)
    write(chained / "two", CHAIN["two"].replace("source", "sauce"))

    definitions = build_definitions(chained)

    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    # What the broken one writes is not known: its table is external data now.
    assert keys == {"one/a", "three/c", "main/default/b", "ERROR_in_two_pipeline"}
    assert materialized(run(definitions, "one/a")) == ["one/a"]
    broken = run(definitions, "ERROR_in_two_pipeline")
    assert not broken.success
    assert "unknown key `sauce`" in failure(broken)


def test_a_circle_of_pipelines_is_an_error_and_runs_nothing(chained: Path) -> None:
    write(chained / "one", CHAIN["one"].replace("data: [{x: 1}]", "table_name: c"))

    with pytest.raises(Exception, match=r"(?i)circular|cycl"):
        run(build_definitions(chained))

    assert not (chained / "warehouse").exists()

"""What a project's own translator changes, and what follows it: edges, checks, runs, readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from laktory_dagster import LaktoryTranslator, build_definitions
from laktory_dagster.errors import SettingsError
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, table, write

TEXT = """
name: p
nodes:
  - {name: a, source: {schema_name: raw, table_name: rows}, sink: {table_name: a}}
  - name: b
    source: {data: [{x: 1}, {x: -1}]}
    expectations:
      - {name: above, expression: x > 0, action: DROP}
      - {name: there, expression: x IS NOT NULL, action: FAIL}
    sink: {table_name: b}
  - {name: c, source: {node_name: b}, sink: {table_name: c}}
"""


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    definitions.resolve_implicit_global_asset_job_def()
    return {s.key.to_user_string(): s for s in definitions.resolve_all_asset_specs()}


def deps(spec: dg.AssetSpec) -> list[str]:
    return [dep.asset_key.to_user_string() for dep in spec.deps]


class Renamed(LaktoryTranslator):
    """Gives every asset another key, and says nothing of it in its checks."""

    def get_asset_spec(self, plan: Any, node: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(plan, node)
        return spec.replace_attributes(key=dg.AssetKey(["lake", f"{node.name}_table"]))


@BOTH
def test_edges_checks_and_runs_follow_a_key(tmp_path: Path, steps: str) -> None:
    file = write(tmp_path, TEXT)
    definitions = build_definitions(file, steps=steps, translator=Renamed())

    assert deps(specs(definitions)["lake/c_table"]) == ["lake/b_table"]
    result = run(definitions, "lake/b_table", "lake/c_table")
    assert result.success
    assert materialized(result) == ["lake/b_table", "lake/c_table"]
    assert {check.asset_key.path[-1] for check in result.get_asset_check_evaluations()} == {
        "b_table"
    }
    assert table(tmp_path, "c")["x"].to_list() == [1]


@BOTH
def test_a_description_an_owner_and_a_tag_can_be_added(tmp_path: Path, steps: str) -> None:
    class Owned(LaktoryTranslator):
        def get_asset_spec(self, plan: Any, node: Any) -> dg.AssetSpec:
            spec = super().get_asset_spec(plan, node)
            added = spec.merge_attributes(owners=["team:lake"], tags={"cost": "low"})
            return added.replace_attributes(description=f"of {node.name}", group_name="mine")

    found = specs(build_definitions(write(tmp_path, TEXT), steps=steps, translator=Owned()))

    spec = found["p/c"]
    assert (spec.description, spec.group_name, spec.owners) == ("of c", "mine", ["team:lake"])
    assert spec.tags["cost"] == "low"
    assert spec.kinds == {"polars", "deltalake"}
    assert spec.metadata["laktory/node"] == "p/c"
    assert deps(spec) == ["p/b"]


@BOTH
def test_dependencies_that_a_translator_adds_stay(tmp_path: Path, steps: str) -> None:
    class Late(LaktoryTranslator):
        def get_asset_spec(self, plan: Any, node: Any) -> dg.AssetSpec:
            spec = super().get_asset_spec(plan, node)
            return spec.merge_attributes(deps=["release"]) if node.name == "c" else spec

    found = specs(build_definitions(write(tmp_path, TEXT), steps=steps, translator=Late()))

    assert set(deps(found["p/c"])) == {"release", "p/b"}
    assert deps(found["p/b"]) == []


@BOTH
def test_a_check_can_be_named_and_made_blocking(tmp_path: Path, steps: str) -> None:
    class Strict(LaktoryTranslator):
        def get_asset_check_spec(self, plan: Any, node: Any, expectation: Any) -> Any:
            spec = super().get_asset_check_spec(plan, node, expectation)
            return dg.AssetCheckSpec(
                name=f"rule_{spec.name}", asset=spec.asset_key, blocking=spec.blocking
            )

    definitions = build_definitions(write(tmp_path, TEXT), steps=steps, translator=Strict())

    result = run(definitions, "p/b", "p/c")
    found = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert found == {"rule_above": False, "rule_there": True}
    assert materialized(result) == ["p/b", "p/c"]


def test_external_data_can_be_another_ones_asset(tmp_path: Path) -> None:
    class Joined(LaktoryTranslator):
        def get_source_asset_spec(self, plan: Any, source: Any) -> dg.AssetSpec | None:
            spec = super().get_source_asset_spec(plan, source)
            return spec and spec.replace_attributes(key=dg.AssetKey(["dbt", *spec.key.path[1:]]))

    found = specs(build_definitions(write(tmp_path, TEXT), translator=Joined()))

    assert deps(found["p/a"]) == ["dbt/raw/rows"]
    assert "dbt/raw/rows" in found


def test_external_data_can_be_left_out(tmp_path: Path) -> None:
    class Quiet(LaktoryTranslator):
        def get_source_asset_spec(self, plan: Any, source: Any) -> dg.AssetSpec | None:
            return None

    found = specs(build_definitions(write(tmp_path, TEXT), translator=Quiet()))

    assert set(found) == {"p/a", "p/b", "p/c"}
    assert deps(found["p/a"]) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("eu", {"eu/p/a", "eu/p/b", "eu/p/c", "eu/main/raw/rows"}),
        (["eu", "west"], {"eu/west/p/a", "eu/west/p/b", "eu/west/p/c", "eu/west/main/raw/rows"}),
    ],
)
def test_a_prefix_is_put_before_every_key(tmp_path: Path, prefix: Any, expected: set[str]) -> None:
    translator = LaktoryTranslator(prefix=prefix)

    assert set(specs(build_definitions(write(tmp_path, TEXT), translator=translator))) == expected


def test_the_preset_of_tables_leaves_views_and_files_at_their_nodes(tmp_path: Path) -> None:
    text = """
name: p
nodes:
  - {name: view, source: {data: [{x: 1}]}}
  - {name: file, source: {node_name: view}, sink: {path: f.parquet, format: PARQUET}}
  - name: short
    source: {node_name: view}
    sink: {catalog_name: lake, schema_name: s, table_name: t}
  - {name: long, source: {node_name: view}, sink: {table_name: cat.sch.tab}}
"""
    translator = LaktoryTranslator(asset_key="table")
    found = specs(build_definitions(write(tmp_path, text), translator=translator))

    assert set(found) == {"p/view", "p/file", "lake/s/t", "cat/sch/tab"}


def test_the_preset_of_tables_joins_the_asset_of_another_location(tmp_path: Path) -> None:
    text = """
name: {name}
nodes:
  - {{name: n, source: {source}, sink: {{schema_name: s, table_name: {name}}}}}
"""
    translator = LaktoryTranslator(asset_key="table")
    writer = write(tmp_path / "1", text.format(name="first", source="{data: [{x: 1}]}"))
    reader = write(
        tmp_path / "2", text.format(name="second", source="{schema_name: s, table_name: first}")
    )

    # Loaded apart, as in two locations: what one writes is what the other reads.
    (written,) = specs(build_definitions(writer, translator=translator))
    found = specs(build_definitions(reader, translator=translator))
    assert deps(found["main/s/second"]) == [written] == ["main/s/first"]


@pytest.mark.parametrize("preset", ["tables", "", "NODE", None])
def test_a_preset_that_is_none_is_refused(preset: Any) -> None:
    with pytest.raises(SettingsError, match="node or table"):
        LaktoryTranslator(asset_key=preset)


@pytest.mark.parametrize("steps", ["both", "", "Fused", "nodes"])
def test_steps_that_are_none_are_refused(tmp_path: Path, steps: str) -> None:
    with pytest.raises(SettingsError, match="node, fused or auto"):
        build_definitions(write(tmp_path, TEXT), steps=steps)


def test_two_nodes_of_one_key_are_refused_with_the_key(tmp_path: Path) -> None:
    class Same(LaktoryTranslator):
        def get_asset_spec(self, plan: Any, node: Any) -> dg.AssetSpec:
            return super().get_asset_spec(plan, node).replace_attributes(key="one")

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="one"):
        specs(build_definitions(write(tmp_path, TEXT), translator=Same()))


@BOTH
def test_an_error_in_a_node_is_told_under_its_own_name(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, TEXT), steps=steps, translator=Renamed())

    result = run(definitions, "lake/a_table")

    assert not result.success
    assert failure(result).startswith("a: ")

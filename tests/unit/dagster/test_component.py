"""The component as `dg` loads it: each of its attributes, what it scaffolds, several in a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

from laktory_dagster import LaktoryPipelineComponent
from laktory_dagster.errors import LaktoryDagsterError
from tests.unit.dagster.test_runs import materialized, run
from tests.unit.dagster.test_steps import ops

SHOP = """\
name: shop
variables: {least: 0}
environments:
  dev: {schema_prefix: dev_}
schedule: {cron: "0 6 * * *", timezone: Europe/Berlin}
nodes:
  - name: brz
    description: As it came.
    layer: BRONZE
    add_layer_columns: false
    source: {data: [{id: 1, v: 5}, {id: 2, v: -1}]}
    sink: {table_name: brz}
  - name: slv
    source: {node_name: brz}
    expectations: [{name: enough, expression: "v > ${vars.least}", action: DROP}]
    sink: {table_name: slv}
"""


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as found:
        yield found


class Made:
    """A scaffolded component with these attributes, and the pipeline that it names."""

    def __init__(
        self, sandbox: DefsFolderSandbox, name: str = "shop", text: str = SHOP, **attributes: Any
    ) -> None:
        contents = {
            "type": "laktory_dagster.LaktoryPipelineComponent",
            "attributes": {"path": "pipeline.yaml", **attributes},
        }
        self.folder = sandbox.scaffold_component(
            component_cls=LaktoryPipelineComponent,
            defs_path=Path(name),
            defs_yaml_contents=contents,
        )
        (self.folder / "pipeline.yaml").write_text(text)


def loaded(sandbox: DefsFolderSandbox, text: str = SHOP, **attributes: Any) -> dg.Definitions:
    made = Made(sandbox, text=text, **attributes)
    with sandbox.load_component_and_build_defs(defs_path=made.folder) as (component, defs):
        assert isinstance(component, LaktoryPipelineComponent)
    return defs


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {s.key.to_user_string(): s for s in definitions.resolve_all_asset_specs()}


def test_a_pipeline_is_assets_a_job_and_a_schedule(sandbox: DefsFolderSandbox) -> None:
    definitions = loaded(sandbox)

    assert set(specs(definitions)) == {"shop/brz", "shop/slv"}
    assert definitions.resolve_job_def("shop").tags["laktory/env"] == "default"
    schedule = definitions.resolve_schedule_def("shop_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Europe/Berlin")


def test_it_sets_no_executor_and_makes_one_step(sandbox: DefsFolderSandbox) -> None:
    definitions = loaded(sandbox)

    # One executor would become that of the whole location, and each step may be a process.
    assert definitions.executor is None
    assert ops(definitions) == {"shop__all": {"brz", "slv"}}


def test_a_step_a_node_can_be_asked_for(sandbox: DefsFolderSandbox) -> None:
    assert set(ops(loaded(sandbox, steps="node"))) == {"shop__brz", "shop__slv"}


def test_tables_lie_in_the_warehouse_that_it_names(sandbox: DefsFolderSandbox) -> None:
    made = Made(sandbox, warehouse="lake")
    with sandbox.load_component_and_build_defs(defs_path=made.folder) as (_, definitions):
        result = run(definitions)

    assert result.success
    assert materialized(result) == ["shop/brz", "shop/slv"]
    frame = pl.read_delta(str(made.folder / "lake/main/default/slv"))
    assert frame["id"].to_list() == [1]


def test_variables_and_the_environment_reach_the_pipeline(sandbox: DefsFolderSandbox) -> None:
    made = Made(sandbox, warehouse="lake", env="dev", variables={"least": -5})
    with sandbox.load_component_and_build_defs(defs_path=made.folder) as (_, definitions):
        assert run(definitions).success
        assert definitions.resolve_job_def("shop").tags["laktory/env"] == "dev"

    frame = pl.read_delta(str(made.folder / "lake/main/dev_default/slv"))
    assert sorted(frame["id"]) == [1, 2]


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        ({"key_prefix": ["eu", "west"]}, {"eu/west/shop/brz", "eu/west/shop/slv"}),
        ({"asset_key": "table"}, {"main/default/brz", "main/default/slv"}),
        (
            {"asset_key": "table", "key_prefix": ["eu"]},
            {"eu/main/default/brz", "eu/main/default/slv"},
        ),
    ],
)
def test_keys_follow_preset_and_prefix(
    sandbox: DefsFolderSandbox, attributes: dict[str, Any], keys: set[str]
) -> None:
    found = specs(loaded(sandbox, **attributes))

    assert set(found) == keys
    (slv,) = (spec for key, spec in found.items() if key.endswith("slv"))
    (brz,) = keys - {slv.key.to_user_string()}
    assert [dep.asset_key.to_user_string() for dep in slv.deps] == [brz]


def test_a_translation_changes_what_it_names_and_leaves_the_rest(
    sandbox: DefsFolderSandbox,
) -> None:
    translation = {
        "group_name": "layer_{{ (node.layer or 'none') | lower }}",
        "owners": ["team:data"],
        "tags": {"node": "{{ node.name }}"},
    }
    found = specs(loaded(sandbox, translation=translation))

    brz, slv = found["shop/brz"], found["shop/slv"]
    assert (brz.group_name, slv.group_name) == ("layer_bronze", "layer_none")
    assert brz.owners == ["team:data"]
    assert slv.tags["node"] == "slv"
    assert brz.description == "As it came."
    assert brz.kinds == {"polars", "bronze", "deltalake"}


def test_edges_and_checks_follow_a_translated_key(sandbox: DefsFolderSandbox) -> None:
    definitions = loaded(sandbox, translation={"key": "mine/{{ node.name }}"})

    found = specs(definitions)
    assert set(found) == {"mine/brz", "mine/slv"}
    assert [dep.asset_key.to_user_string() for dep in found["mine/slv"].deps] == ["mine/brz"]
    result = run(definitions)
    assert materialized(result) == ["mine/brz", "mine/slv"]
    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key.to_user_string(), check.passed) == ("mine/slv", False)


def test_a_subclass_decides_last(sandbox: DefsFolderSandbox) -> None:
    class Ours(LaktoryPipelineComponent):
        def get_asset_spec(self, spec: dg.AssetSpec, plan: Any, node: Any) -> dg.AssetSpec:
            return spec.merge_attributes(tags={"plan": plan.name, "reads": ".".join(node.upstream)})

    made = Made(sandbox)
    with sandbox.build_component_tree() as tree:
        component = Ours(path=str(made.folder / "pipeline.yaml"))
        definitions = component.build_defs(tree.load_context.for_path(made.folder))

    found = specs(definitions)
    tags = {key: (spec.tags["plan"], spec.tags["reads"]) for key, spec in found.items()}
    assert tags == {"shop/brz": ("shop", ""), "shop/slv": ("shop", "brz")}


def test_two_components_with_warehouses_of_their_own_load_together(
    sandbox: DefsFolderSandbox,
) -> None:
    one = Made(sandbox, "one", SHOP.replace("name: shop", "name: one"), warehouse="lake")
    two = Made(sandbox, "two", SHOP.replace("name: shop", "name: two"), warehouse="lake")

    with sandbox.build_all_defs() as definitions:
        result = run(definitions)

    assert result.success
    for made in (one, two):
        frame = pl.read_delta(str(made.folder / "lake/main/default/slv"))
        assert frame["id"].to_list() == [1]


def test_a_folder_of_pipelines_is_one_component(sandbox: DefsFolderSandbox) -> None:
    made = Made(sandbox, path="pipelines")
    for name in ("a", "b"):
        (made.folder / "pipelines" / name).mkdir(parents=True)
        text = SHOP.replace("name: shop", f"name: {name}")
        (made.folder / "pipelines" / name / "p.yaml").write_text(text)
    with sandbox.load_component_and_build_defs(defs_path=made.folder) as (_, definitions):
        assert set(specs(definitions)) == {"a/brz", "a/slv", "b/brz", "b/slv"}


def test_what_is_scaffolded_runs_and_its_rule_holds(sandbox: DefsFolderSandbox) -> None:
    folder = sandbox.scaffold_component(
        component_cls=LaktoryPipelineComponent, defs_path=Path("2025-prices")
    )
    with sandbox.load_component_and_build_defs(defs_path=folder) as (_, definitions):
        result = run(definitions)

    assert result.success
    # Names of pipelines begin with no digit.
    assert materialized(result) == ["_2025_prices/brz_prices", "_2025_prices/slv_prices"]
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    frame = pl.read_delta(str(folder / "warehouse/main/default/slv_prices"))
    assert sorted(frame["symbol"]) == ["AAPL", "MSFT"]


def test_scaffolding_again_keeps_the_pipeline_that_is_there(sandbox: DefsFolderSandbox) -> None:
    folder = Made(sandbox).folder

    sandbox.scaffold_component(component_cls=LaktoryPipelineComponent, defs_path=Path("shop"))

    assert (folder / "pipeline.yaml").read_text() == SHOP


@pytest.mark.parametrize(
    "attributes",
    [{"path": "gone.yaml"}, {"env": "prod"}],
)
def test_what_does_not_load_is_an_error_of_ours(
    sandbox: DefsFolderSandbox, attributes: dict[str, Any]
) -> None:
    with pytest.raises(Exception, match="Error while building definitions") as caught:
        loaded(sandbox, **attributes)

    (ours,) = (cause for cause in causes(caught.value) if isinstance(cause, LaktoryDagsterError))
    assert re.search(r"gone\.yaml|prod", str(ours))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"steps": "both"}, "steps"),
        ({"asset_key": "tables"}, "asset_key"),
        ({"pth": "x"}, "pth"),
        ({"translation": {"grup": "x"}}, "grup"),
    ],
)
def test_an_attribute_that_is_wrong_is_named(
    sandbox: DefsFolderSandbox, attributes: dict[str, Any], word: str
) -> None:
    with pytest.raises(Exception, match="Error while loading component") as caught:
        loaded(sandbox, **attributes)

    assert any(word in str(cause) for cause in causes(caught.value))

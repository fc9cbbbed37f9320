"""The component `laktory_dagster.LaktoryPipelineComponent` for projects made with `dg`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import Field

from laktory_dagster.dagster.definitions import definitions_with, rooted, shared_io_manager
from laktory_dagster.dagster.keys import folded
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.plan.definition import Plan, PlanNode

EXAMPLE = """\
name: {name}
nodes:
  - name: brz_prices
    description: Prices as they came.
    layer: BRONZE
    source:
      data:
        - {{symbol: AAPL, day: "2025-01-02", close: 243.85}}
        - {{symbol: AAPL, day: "2025-01-02", close: 243.85}}
        - {{symbol: MSFT, day: "2025-01-02", close: 418.58}}
    sink: {{table_name: brz_prices}}
  - name: slv_prices
    description: One row per symbol and day.
    source: {{node_name: brz_prices}}
    transformer:
      nodes:
        - {{func_name: drop_duplicates, func_kwargs: {{subset: [symbol, day]}}}}
    expectations:
      - {{name: positive price, expression: close > 0, action: FAIL}}
    sink: {{table_name: slv_prices}}
"""


class PipelineScaffolder(dg.Scaffolder[Any]):
    """Writes a small pipeline beside `defs.yaml`."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write `defs.yaml` and `pipeline.yaml` into the folder of the request."""
        dg.scaffold_component(request, {"path": "pipeline.yaml"})
        file = Path(request.target_path) / "pipeline.yaml"
        if not file.exists():
            file.write_text(EXAMPLE.format(name=_pipeline_name(Path(request.target_path).name)))


def _pipeline_name(folder: str) -> str:
    name = folded(folder)
    return f"_{name}" if name[:1].isdigit() else name


class _ComponentTranslator(LaktoryTranslator):
    """Applies `translation` of a component to what its base class decides."""

    def __init__(self, component: "LaktoryPipelineComponent") -> None:
        super().__init__(component.asset_key, tuple(component.key_prefix))
        self._component = component

    def get_asset_spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return the spec of a node after the component's translation."""
        spec = super().get_asset_spec(plan, node)
        if self._component.translation is not None:
            spec = self._component.translation(spec, node.declared)
        return self._component.get_asset_spec(spec, plan, node)


@dg.scaffold_with(PipelineScaffolder)
class LaktoryPipelineComponent(dg.Component, dg.Resolvable, dg.Model):
    """Pipelines of a file or a folder as assets, checks, a job and a schedule each.

    Example:
        type: laktory_dagster.LaktoryPipelineComponent
        attributes:
          path: pipeline.yaml
    """

    path: str = Field(description="A pipeline file, or a folder of them, from here.")
    env: str | None = Field(None, description="Environment overlay.")
    variables: Mapping[str, Any] = Field({}, description="Values of `${vars.x}`.")
    warehouse: str | None = Field(
        None, description="Root folder of the pipelines' tables, from here, or a URL."
    )
    steps: Literal["auto", "node", "fused"] = Field(
        "auto", description="Ops: one per node, or one for all."
    )
    asset_key: Literal["node", "table"] = Field(
        "node", description="`[pipeline, node]`, or the table's name."
    )
    key_prefix: list[str] = Field([], description="Put before every key.")
    translation: (
        Annotated[
            TranslationFn[Any],
            TranslationFnResolver(template_vars_for_translation_fn=lambda node: {"node": node}),
        ]
        | None
    ) = Field(None, description="Changes to the assets; `{{ node.name }}` is the node.")

    def get_asset_spec(self, spec: dg.AssetSpec, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return the spec of a node's asset; override it to change what the file decided."""
        return spec

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the pipelines; no executor, which is the location's affair."""
        folder = Path(context.path).resolve()
        # Components of one project may name different warehouses, and are merged all the same.
        return definitions_with(
            shared_io_manager(),
            (folder / self.path).resolve(),
            translator=_ComponentTranslator(self),
            env=self.env,
            variables=self.variables,
            warehouse=rooted(self.warehouse, folder) if self.warehouse else None,
            steps=None if self.steps == "auto" else self.steps,
            in_process=False,
        )

"""The asset graph of several plans: who is upstream of whom, across pipelines too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from laktory_dagster.dagster.metadata import NODE
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.models.sinks import FileSink, TableSink
from laktory_dagster.models.sources import (
    AssetSource,
    FileSource,
    MemorySource,
    NodeSource,
    SourceOptions,
    TableSource,
)
from laktory_dagster.models.transformer import argument_sources, flat_steps
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode


@dataclass(frozen=True)
class ExternalAsset:
    """Data that no loaded node writes, with a source that reads them."""

    plan: Plan
    source: SourceOptions
    spec: dg.AssetSpec


class AssetGraph:
    """Keys, dependencies and external assets of plans that load together."""

    def __init__(self, plans: Sequence[Plan], translator: LaktoryTranslator) -> None:
        """Keep the plans; what they write is looked up on first use."""
        self.plans = tuple(plans)
        self.translator = translator
        self._translated: dict[tuple[str, str], dg.AssetSpec] = {}

    def spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return the spec of a node's asset with its dependencies."""
        bare = self._translate(plan, node)
        return bare.replace_attributes(
            deps=[*bare.deps, *self._deps(plan, node)],
            metadata={**bare.metadata, NODE: f"{plan.name}.{node.name}"},
        )

    def key(self, plan: Plan, name: str) -> dg.AssetKey:
        """Return the key of a node's asset, as the translator's spec has it."""
        return self._translate(plan, plan.nodes[name]).key

    def _translate(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return what the translator says of a node; asked once, since specs are dear to make."""
        known = self._translated.get((plan.name, node.name))
        if known is None:
            known = self.translator.get_asset_spec(plan, node)
            self._translated[plan.name, node.name] = known
        return known

    def check_specs(self, plan: Plan, node: PlanNode) -> list[dg.AssetCheckSpec]:
        """Return the specs of a node's checks."""
        return [
            self.translator.get_asset_check_spec(plan, node, rule)
            for rule in node.declared.expectations
        ]

    def _deps(self, plan: Plan, node: PlanNode) -> list[dg.AssetDep]:
        keys = [self.key(plan, name) for name in (*node.upstream, *node.after)]
        keys += [key for source in sources_of(node) if (key := self.source_key(plan, source))]
        own = self.key(plan, node.name)
        return [dg.AssetDep(key) for key in dict.fromkeys(keys) if key != own]

    def source_key(self, plan: Plan, source: SourceOptions) -> dg.AssetKey | None:
        """Return the asset that a source reads: a node of any plan, or an external one.

        None for a node of the plan itself, which is an edge of the plan.
        """
        if isinstance(source, NodeSource):
            return None
        place = source_place(plan, source)
        if place is not None and place in self._written:
            return self._written[place]
        external = self._external.get(_identity(plan, source) or "")
        if external is not None:
            return external.spec.key
        spec = self.translator.get_source_asset_spec(plan, source)
        return None if spec is None else spec.key

    def external_places(self, plan: Plan, node: PlanNode) -> dict[dg.AssetKey, str]:
        """Return where the external data lie that a node reads, by their asset."""
        found: dict[dg.AssetKey, str] = {}
        for source in sources_of(node):
            place = source_place(plan, source)
            external = self._external.get(_identity(plan, source) or "")
            if place is not None and external is not None:
                found[external.spec.key] = place
        return found

    def external_specs(self) -> Iterator[ExternalAsset]:
        """Yield each external asset once, with a source that reads it."""
        yield from self._external.values()

    @cached_property
    def _external(self) -> dict[str, ExternalAsset]:
        """External assets by what identifies their data; two data never share a key."""
        found: dict[str, ExternalAsset] = {}
        taken: set[dg.AssetKey] = set()
        read = [
            (plan, source)
            for plan in self.plans
            for node in plan.nodes.values()
            for source in sources_of(node)
        ]
        for plan, source in read:
            identity = _identity(plan, source)
            is_ours = isinstance(source, AssetSource) or identity in self._written
            if identity is None or is_ours or identity in found:
                continue
            spec = self.translator.get_source_asset_spec(plan, source)
            if spec is None:
                continue
            if spec.key in taken:
                *above, name = spec.key.path
                spec = spec.replace_attributes(key=dg.AssetKey([*above, plan.name, name]))
            taken.add(spec.key)
            found[identity] = ExternalAsset(plan, source, spec)
        return found

    @cached_property
    def _written(self) -> dict[str, dg.AssetKey]:
        found: dict[str, dg.AssetKey] = {}
        for plan in self.plans:
            warehouse = locations.warehouse_root(plan)
            for node in plan.nodes.values():
                for sink in node.declared.sinks:
                    if isinstance(sink, (FileSink, TableSink)):
                        uri = locations.sink_place(plan, sink, warehouse).uri
                        found[uri] = self.key(plan, node.name)
        return found


def source_place(plan: Plan, source: SourceOptions) -> str | None:
    """Return where a source's data lie, None for those of no place."""
    if isinstance(source, TableSource):
        return locations.table_place(plan, source, locations.warehouse_root(plan)).uri
    if isinstance(source, FileSource):
        return locations.file_place(plan, source.path).uri
    return None


def _identity(plan: Plan, source: SourceOptions) -> str | None:
    """Return what tells the data of sources apart: their place, else the declaration itself.

    None for nodes of the plan and for rows in memory, which are no external data.
    """
    if isinstance(source, NodeSource | MemorySource):
        return None
    return source_place(plan, source) or f"{plan.name} {source!r}"


def sources_of(node: PlanNode) -> Iterator[SourceOptions]:
    """Yield the sources of a node, those among the arguments of its steps included."""
    yield from node.declared.sources
    for step in flat_steps(node.declared.transformer):
        yield from argument_sources(step)

"""The asset graph of several plans: who is upstream of whom, across pipelines too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import dagster as dg

from laktory_dagster.dagster.metadata import NODE
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.models.sinks import FileSink, TableSink
from laktory_dagster.models.sources import AssetSource, FileSource, SourceOptions, TableSource
from laktory_dagster.models.transformer import argument_sources, flat_steps
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode


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
        """Return the asset that a source reads: a node of any plan, or an external one."""
        written = self._writer_of(plan, source)
        if written is not None:
            return written
        spec = self.translator.get_source_asset_spec(plan, source)
        return None if spec is None else spec.key

    def external_specs(self) -> Iterator[tuple[Plan, SourceOptions, dg.AssetSpec]]:
        """Yield each external asset once, with a source that reads it."""
        seen: set[dg.AssetKey] = set()
        for plan in self.plans:
            for node in plan.nodes.values():
                for source in sources_of(node):
                    if isinstance(source, AssetSource) or self._writer_of(plan, source):
                        continue
                    spec = self.translator.get_source_asset_spec(plan, source)
                    if spec is not None and spec.key not in seen:
                        seen.add(spec.key)
                        yield plan, source, spec

    def _writer_of(self, plan: Plan, source: SourceOptions) -> dg.AssetKey | None:
        if isinstance(source, TableSource):
            place = locations.table_place(plan, source, locations.warehouse_root(plan))
        elif isinstance(source, FileSource):
            place = locations.file_place(plan, source.path)
        else:
            return None
        return self._written.get(place.uri)

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


def sources_of(node: PlanNode) -> Iterator[SourceOptions]:
    """Yield the sources of a node, those among the arguments of its steps included."""
    yield from node.declared.sources
    for step in flat_steps(node.declared.transformer):
        yield from argument_sources(step)

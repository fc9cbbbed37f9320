"""The asset graph of several plans: who is upstream of whom, across pipelines too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import dagster as dg

from laktory_dagster.dagster.keys import IO_MANAGER, op_name
from laktory_dagster.dagster.metadata import IO_MANAGER_KEY, NODE
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.models import Expectation
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
from laktory_dagster.plan.ordering import in_order, reachable
from laktory_dagster.plan.targets import sets_rows_aside

# No names of nodes: these name the ops of several.
FUSED, SOURCES = "*all", "*sources"


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
        self._plans = {plan.name: plan for plan in self.plans}
        self.translator = translator
        self._translated: dict[tuple[str, str], dg.AssetSpec] = {}
        self._checks: dict[tuple[str, str], dict[str, dg.AssetCheckSpec]] = {}
        self._needs: dict[str, dict[str, tuple[str, ...]]] = {}

    def spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return the spec of a node's asset with its dependencies and its IO manager."""
        bare = self._translate(plan, node)
        # What `with_io_manager_key` adds: one copy of a spec is dear, two are dearer.
        added = {NODE: f"{plan.name}/{node.name}", IO_MANAGER_KEY: IO_MANAGER}
        return bare.replace_attributes(
            deps=[*bare.deps, *self._deps(plan, node)], metadata={**bare.metadata, **added}
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

    def check_specs(self, plan: Plan, node: PlanNode) -> Mapping[str, dg.AssetCheckSpec]:
        """Return the specs of a node's checks by the names of its rules."""
        known = self._checks.get((plan.name, node.name))
        if known is None:
            known = {rule.name: self._check(plan, node, rule) for rule in node.rules}
            self._checks[plan.name, node.name] = known
        return known

    def _check(self, plan: Plan, node: PlanNode, rule: Expectation) -> dg.AssetCheckSpec:
        spec = self.translator.get_asset_check_spec(plan, node, rule)
        # A translator that gives the asset another key need not say it again here.
        return spec.replace_key(dg.AssetCheckKey(self.key(plan, node.name), spec.name))

    def op_name(self, plan: Plan, part: str) -> str:
        """Return the name of the op of a node, or of a plan's `FUSED` or `SOURCES` ones."""
        return self._op_names[plan.name, part]

    @cached_property
    def _op_names(self) -> dict[tuple[str, str], str]:
        parts = [(plan.name, name) for plan in self.plans for name in plan.nodes]
        parts += [(plan.name, part) for plan in self.plans for part in (FUSED, SOURCES)]
        names: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for pipeline, part in parts:
            name = op_name(pipeline, part.removeprefix("*"))
            while name in taken:
                name += "_"
            taken.add(name)
            names[pipeline, part] = name
        return names

    def order(self, plan: Plan) -> tuple[str, ...]:
        """Return the plan's nodes, each after those that it needs or whose tables it reads."""
        return in_order(self.needs(plan))

    def needs(self, plan: Plan) -> Mapping[str, tuple[str, ...]]:
        """Return for each node of a plan the nodes of it that come before, without cycles.

        To a table by its name the plan itself has no edge. Where its writer comes after the node
        anyway, the node reads what an earlier run stored, and there is none here either.
        """
        known = self._needs.get(plan.name)
        if known is None:
            known = {node.name: (*node.upstream, *node.after) for node in plan.nodes.values()}
            self._needs[plan.name] = known
            for name, writer in self._reads_by_place(plan):
                if name not in reachable(known, [writer]):
                    known[name] = (*known[name], writer)
        return known

    def _reads_by_place(self, plan: Plan) -> Iterator[tuple[str, str]]:
        for node in plan.nodes.values():
            for source in sources_of(node):
                writer = self._written.get(source_place(plan, source) or "")
                if writer is not None and writer[0] == plan.name and writer[1] != node.name:
                    yield node.name, writer[1]

    def _deps(self, plan: Plan, node: PlanNode) -> list[dg.AssetDep]:
        keys = [self.key(plan, name) for name in self.needs(plan)[node.name]]
        keys += [key for source in sources_of(node) if (key := self.source_key(plan, source))]
        own = self.key(plan, node.name)
        return [dg.AssetDep(key) for key in dict.fromkeys(keys) if key != own]

    def source_key(self, plan: Plan, source: SourceOptions) -> dg.AssetKey | None:
        """Return the asset that a source reads: a node of another plan, or an external one.

        None for what a node of the plan itself writes, see `needs`.
        """
        if isinstance(source, NodeSource):
            return None
        writer = self._written.get(source_place(plan, source) or "")
        if writer is not None:
            return None if writer[0] == plan.name else self._written_by(writer)
        external = self._external.get(_identity(plan, source) or "")
        if external is not None:
            return external.spec.key
        spec = self.translator.get_source_asset_spec(plan, source)
        return None if spec is None else spec.key

    def _written_by(self, writer: tuple[str, str]) -> dg.AssetKey:
        pipeline, node = writer
        return self.key(self._plans[pipeline], node)

    def external_places(
        self, plan: Plan, node: PlanNode, warehouse: str | None = None
    ) -> dict[dg.AssetKey, str]:
        """Return where the external data lie that a node reads, by their asset.

        Args:
            plan: the node's plan.
            node: the node.
            warehouse: root folder of tables in this run; by default the plan's.
        """
        found: dict[dg.AssetKey, str] = {}
        for source in sources_of(node):
            place = source_place(plan, source, warehouse)
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
            key = next(key for key in _keys_like(spec.key, plan) if key not in taken)
            if key != spec.key:
                spec = spec.replace_attributes(key=key)
            taken.add(key)
            found[identity] = ExternalAsset(plan, source, spec)
        return found

    @cached_property
    def _written(self) -> dict[str, tuple[str, str]]:
        """Pipeline and node that write a place; of several the last, which wins."""
        return {
            uri: (plan.name, node.name)
            for plan in self.plans
            for node in plan.nodes.values()
            for uri in _places_written(plan, node)
        }


def _places_written(plan: Plan, node: PlanNode) -> Iterator[str]:
    declared = node.declared
    warehouse = locations.warehouse_root(plan)
    for sink in declared.sinks:
        if isinstance(sink, (FileSink, TableSink)):
            yield locations.sink_place(plan, sink, warehouse).uri
    if declared.sink is not None and not declared.quarantine_sinks and sets_rows_aside(declared):
        primary = locations.sink_place(plan, declared.sink, warehouse)
        yield locations.quarantine_of(primary, locations.sink_format(declared.sink))[0].uri


def _keys_like(key: dg.AssetKey, plan: Plan) -> Iterator[dg.AssetKey]:
    """Yield the key, then others that tell of the plan, for data whose key is taken."""
    yield key
    *above, name = key.path
    yield dg.AssetKey([*above, plan.name, name])
    for number in count(2):
        yield dg.AssetKey([*above, plan.name, f"{name}_{number}"])


def source_place(plan: Plan, source: SourceOptions, warehouse: str | None = None) -> str | None:
    """Return where a source's data lie, None for those of no place."""
    if isinstance(source, TableSource):
        return locations.table_place(plan, source, locations.warehouse_root(plan, warehouse)).uri
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

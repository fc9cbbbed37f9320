"""External data as observable assets: their version tells what is stale downstream."""

import warnings
from collections.abc import Iterator, Mapping

import dagster as dg

from laktory_dagster.dagster.graph import SOURCES, AssetGraph, ExternalAsset
from laktory_dagster.dagster.keys import IO_MANAGER
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.session import RunSession
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.plan.definition import Plan


def build_external_assets(graph: AssetGraph) -> list[dg.AssetsDefinition]:
    """Return one observable multi-asset per pipeline for the data that no loaded node writes."""
    by_name: dict[str, list[ExternalAsset]] = {}
    for external in graph.external_specs():
        name = graph.op_name(external.plan, SOURCES)
        by_name.setdefault(name, []).append(external)
    return [_observable(name, found) for name, found in by_name.items()]


def _observable(name: str, found: list[ExternalAsset]) -> dg.AssetsDefinition:
    externals = {external.spec.key: external for external in found}

    # Beta in Dagster, and the only way to observe several external assets at once.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _observed_by(name, externals)


def _observed_by(name: str, externals: Mapping[dg.AssetKey, ExternalAsset]) -> dg.AssetsDefinition:
    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]
        name=name,
        specs=[external.spec for external in externals.values()],
        can_subset=True,
        required_resource_keys={IO_MANAGER},
    )
    def observe(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
        warehouse = getattr(context.resources, IO_MANAGER).warehouse
        for key in context.selected_asset_keys:
            version = observed_version(externals[key].plan, externals[key].source, warehouse)
            if version is None:
                context.log.warning("%s cannot be read now", key.to_user_string())
            # Without an event Dagster would skip what reads it in this run, in a run called success.
            found = None if version is None else dg.DataVersion(version)
            yield dg.ObserveResult(asset_key=key, data_version=found)

    return observe  # type: ignore[no-any-return]


def observed_version(plan: Plan, source: SourceOptions, warehouse: str | None = None) -> str | None:
    """Return the version of external data: a Delta version, or sizes and times of files."""
    with RunSession(plan, RunOptions.new(warehouse=warehouse)) as session:
        node = next(iter(plan.nodes.values()))
        try:
            return session.source_version(source, node)
        except LaktoryDagsterError:
            return None

"""The sinks of a node, resolved to targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from laktory_dagster.engines.base import Target
from laktory_dagster.models.calls import LaktoryContext, call_in_context, takes_narwhals
from laktory_dagster.models.sinks import FileSink, SinkOptions, TableSink
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode
from laktory_dagster.plan.method_checks import CLUSTER_METHODS, PARTITION_METHODS

FindFunction = Callable[[str], Callable[..., Any]]
COMMIT_ORDER = ("quarantine", "other", "primary")
# What is set aside stays as it is where the rows beside it do.
_QUARANTINE_MODES = {"OVERWRITE": "OVERWRITE", "ERROR": "OVERWRITE", "IGNORE": "IGNORE"}


def resolve_targets(
    plan: Plan,
    node: PlanNode,
    warehouse: str,
    find_function: FindFunction,
    *,
    full_refresh: bool = False,
) -> tuple[Target, ...]:
    """Return the targets of a node in commit order: quarantine, others, primary.

    A QUARANTINE rule without a quarantine sink gets `<primary target>_quarantine`. The primary
    target is the first sink that is no quarantine.
    """
    declared = node.declared
    data = [_target(plan, node, sink, warehouse, find_function) for sink in declared.data_sinks]
    targets = [replace(target, key=f"sink_{i}") for i, target in enumerate(data)]
    if targets:
        targets[0] = replace(targets[0], role="primary")
    quarantines = [
        replace(_target(plan, node, sink, warehouse, find_function), key=f"quarantine_{i}")
        for i, sink in enumerate(declared.quarantine_sinks)
    ]
    quarantines = [replace(target, role="quarantine") for target in quarantines]
    if not quarantines and targets and _sets_rows_aside(node):
        quarantines = [_default_quarantine(targets[0])]
    if full_refresh:
        targets = [_refreshed(target) for target in targets]
        quarantines = [_refreshed(target) for target in quarantines]
    return tuple(sorted((*quarantines, *targets), key=lambda t: COMMIT_ORDER.index(t.role)))


def _sets_rows_aside(node: PlanNode) -> bool:
    rules = node.declared.expectations
    return any(rule.action == "QUARANTINE" for rule in rules) or any(
        sink.null_keys == "quarantine" for sink in node.declared.data_sinks
    )


def _default_quarantine(primary: Target) -> Target:
    place, form = locations.quarantine_of(primary.place, primary.format)
    return Target(
        key="quarantine",
        role="quarantine",
        place=place,
        format=form,
        mode=_QUARANTINE_MODES.get(primary.mode, "APPEND"),
        dialect=primary.dialect,
        schema_evolution="add",
        table_name=f"{primary.table_name}_quarantine" if primary.table_name else None,
    )


def _refreshed(target: Target) -> Target:
    """Return the target so that it replaces what is stored, in one commit."""
    if target.mode in ("MERGE", "UPDATE"):
        return replace(target, replace_stored=True)
    return replace(target, mode="OVERWRITE") if target.mode == "APPEND" else target


def _target(
    plan: Plan,
    node: PlanNode,
    sink: SinkOptions,
    warehouse: str,
    find_function: FindFunction,
) -> Target:
    merge = sink.merge_cdc_options
    keys = (merge.primary_keys if merge else ()) or node.declared.primary_keys
    options = sink.writer_settings
    # What Polars' own `write_delta` hands on to the Delta writer, one level deeper.
    inner = options.get("delta_write_options")
    if isinstance(inner, Mapping):
        options = {**{k: v for k, v in options.items() if k != "delta_write_options"}, **inner}
    if isinstance(sink, TableSink):
        options.pop("path", None)
    partition_by = _columns(options.pop("partition_by", ()))
    cluster_by = tuple(sink.cluster_by or ())
    for method in sink.writer_methods:
        if method.name in PARTITION_METHODS:
            partition_by += method.columns
        elif method.name in CLUSTER_METHODS:
            cluster_by += method.columns
    stream = any(source.as_stream for source in node.declared.sources)
    metadata = sink.metadata
    return Target(
        key="",
        role="other",
        place=locations.sink_place(plan, sink, warehouse),
        format=locations.sink_format(sink),
        mode=sink.mode or ("APPEND" if stream else "OVERWRITE"),
        options=options,
        partition_by=partition_by,
        cluster_by=tuple(dict.fromkeys(cluster_by)),
        merge=merge,
        primary_keys=keys,
        schema_evolution=sink.schema_evolution,
        schema_definition=sink.schema_definition,
        null_keys=sink.null_keys,
        on_empty=sink.on_empty,
        dialect=node.dialect,
        custom_writer=_custom_writer(plan, node, sink, find_function),
        table_name=locations.table_name(plan, sink) if isinstance(sink, TableSink) else None,
        comment=(metadata.comment if metadata else None) or node.declared.description,
    )


def _custom_writer(
    plan: Plan, node: PlanNode, sink: SinkOptions, find_function: FindFunction
) -> Callable[[Any], Any] | None:
    """Return what writes a frame by a function of the project and its arguments."""
    call = sink.custom_writer
    if call is None:
        return None
    function = find_function(call.func_name)
    context = LaktoryContext(node.declared, plan.pipeline, sink=sink)

    api = sink.dataframe_api or node.declared.dataframe_api or plan.pipeline.dataframe_api

    def write(frame: Any) -> Any:
        if takes_narwhals(function, api):
            import narwhals as nw

            frame = nw.from_native(frame)
        return call_in_context(function, (frame, *call.func_args), call.func_kwargs, context)

    return write


def _columns(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def written_formats(plan: Plan, warehouse: str) -> dict[str, str]:
    """Return the format of every place that a node of the plan writes, by its URI."""
    formats: dict[str, str] = {}
    for node in plan.nodes.values():
        for sink in node.declared.sinks:
            if isinstance(sink, (FileSink, TableSink)):
                place = locations.sink_place(plan, sink, warehouse)
                formats[place.uri] = locations.sink_format(sink)
    return formats

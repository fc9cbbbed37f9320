"""Builds the plan of a pipeline: every check that needs no data, then order and versions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from laktory_dagster.errors import DeclarationError, Diagnostic, Severity
from laktory_dagster.expressions.project_methods import methods_of_project
from laktory_dagster.models import Pipeline, PipelineNode
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.columns import column_flow
from laktory_dagster.plan.context import (
    DEFAULT_ENGINE,
    NodeContext,
    PlanContext,
    dialect_of,
    engine_of,
)
from laktory_dagster.plan.definition import Edge, EdgeKind, Plan, PlanNode
from laktory_dagster.plan.findings import Findings
from laktory_dagster.plan.functions import ProjectFunctions, called_functions, project_functions
from laktory_dagster.plan.layers import layer_steps
from laktory_dagster.plan.node_checks import check_node, check_pipeline
from laktory_dagster.plan.ordering import find_cycles, in_order
from laktory_dagster.plan.references import edges_of
from laktory_dagster.plan.stream_checks import check_stream_edges
from laktory_dagster.plan.targets import (
    WrittenPlace,
    check_collisions,
    check_own_reads,
    check_unnamed_reads,
    written_places,
)
from laktory_dagster.plan.versions import code_version, plan_hash
from laktory_dagster.settings import Settings

_LISTED = 12


@dataclass
class _Draft:
    """What the walk over the nodes gathers."""

    nodes: dict[str, PlanNode] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)
    written: list[WrittenPlace] = field(default_factory=list)


def build_plan(
    pipeline: Pipeline,
    *,
    folder: Path | None = None,
    file: Path | None = None,
    environment: str | None = None,
    warehouse: str | None = None,
    catalog: str | None = None,
    schema_prefix: str = "",
    engine: str | None = None,
    settings: Settings | None = None,
    functions: Collection[str] = (),
) -> Plan:
    """Return the checked plan of a pipeline.

    Args:
        pipeline: the declaration, its variables replaced.
        folder: where relative data paths start; by default the file's folder, else the working
            directory.
        file: the pipeline file.
        environment: name of the chosen environment.
        warehouse: root folder of tables that the environment names, relative to the folder.
        catalog: catalog of tables that name none.
        schema_prefix: put before every schema.
        engine: engine of nodes that name none, in place of the pipeline's.
        settings: settings of the machine; by default those of the process.
        functions: names of Python functions that the caller brings to the run.

    Raises:
        DeclarationError: with every problem found.
    """
    settings = settings or Settings.from_environment()
    if folder is None:
        folder = file.parent if file is not None else Path.cwd()
    base = Plan(
        pipeline=pipeline,
        nodes={},
        edges=(),
        folder=folder.absolute(),
        file=file,
        environment=environment,
        warehouse=warehouse or settings.warehouse,
        catalog=catalog,
        schema_prefix=schema_prefix,
        session_has_tables=settings.spark.has_tables,
        data_roots=settings.data_roots,
    )
    findings = Findings()
    registered = project_functions(pipeline, base.folder, settings, functions)
    base = replace(base, methods=frozenset(registered.methods))
    positions = {node.name: index for index, node in enumerate(pipeline.nodes)}
    common = PlanContext(base, positions, registered.names, registered.are_open, findings)
    check_pipeline(common, settings)
    draft = _Draft()
    default = settings.engine or DEFAULT_ENGINE
    with methods_of_project(registered.methods):
        for index, node in enumerate(pipeline.nodes):
            runs_on = engine_of(node, pipeline, engine, default)
            dialect = dialect_of(node, pipeline)
            context = NodeContext(common, node, index, runs_on, dialect)
            _take_node(context, registered, draft)
        return _finished(base, draft, findings)


def _take_node(context: NodeContext, registered: ProjectFunctions, draft: _Draft) -> None:
    """Check one node and add it to the draft. Each text is parsed while its node is in hand."""
    node = context.node
    edges = edges_of(context)
    flow = column_flow(flat_steps(node.transformer), context.dialect, own=registered.names)
    check_node(context, flow)
    layer = layer_steps(node, context.dialect, context.common.pipeline.compat, flow)
    draft.edges.update(dict.fromkeys(edges))
    data = dict.fromkeys(edge.upstream for edge in edges if edge.kind is not EdgeKind.ORDER)
    order = dict.fromkeys(edge.upstream for edge in edges if edge.upstream not in data)
    draft.nodes[node.name] = PlanNode(
        declared=node,
        engine=context.engine,
        dialect=context.dialect,
        upstream=tuple(data),
        after=tuple(order),
        layer=layer,
        code_version=code_version(
            node,
            engine=context.engine,
            dialect=context.dialect,
            layer=layer,
            functions=called_functions(node, registered),
        ),
        index=context.index,
    )
    plan = context.common.plan
    draft.written.extend(written_places(plan, node, context.path, context.findings))


def _finished(base: Plan, draft: _Draft, findings: Findings) -> Plan:
    needs = {name: (*node.upstream, *node.after) for name, node in draft.nodes.items()}
    _check_quarantine_only(draft, findings)
    check_stream_edges(draft.nodes, draft.edges, findings)
    check_collisions(draft.written, needs, findings)
    declared = {name: node.declared for name, node in draft.nodes.items()}
    check_unnamed_reads(base, declared, draft.written, needs, findings)
    check_own_reads(base, declared, draft.written, findings)
    ordered = in_order(needs)
    if len(ordered) < len(needs):
        _report_cycles(needs, draft, findings)
    if findings.errors:
        raise DeclarationError(_by_place((*findings.errors, *findings.warnings)))
    plan = replace(
        base,
        nodes={name: draft.nodes[name] for name in ordered},
        edges=tuple(draft.edges),
        warnings=tuple(_by_place(findings.warnings)),
    )
    return replace(plan, plan_hash=plan_hash(plan))


def _report_cycles(needs: dict[str, tuple[str, ...]], draft: _Draft, findings: Findings) -> None:
    positions = {name: index for index, name in enumerate(draft.nodes)}
    for cycle in find_cycles(needs):
        findings.error(
            f"nodes need each other: {_shown(cycle)}",
            ("nodes", positions[cycle[0]]),
            hint="remove one of these references",
        )


def _shown(cycle: tuple[str, ...]) -> str:
    if len(cycle) > _LISTED:
        cycle = (*cycle[: _LISTED - 2], f"({len(cycle) - _LISTED + 1} more)", cycle[-1])
    return " -> ".join(cycle)


def _check_quarantine_only(draft: _Draft, findings: Findings) -> None:
    """Report sources whose node stores nothing but the rows it rejects."""
    for index, node in enumerate(draft.nodes.values()):
        for upstream in node.upstream:
            declared: PipelineNode = draft.nodes[upstream].declared
            if declared.sinks and len(declared.quarantine_sinks) == len(declared.sinks):
                findings.error(
                    f"node `{node.name}` reads node `{upstream}`, which stores only rejected rows",
                    ("nodes", index),
                    hint=f"give `{upstream}` a sink for its good rows, or none at all",
                )


def _by_place(diagnostics: Collection[Diagnostic]) -> list[Diagnostic]:
    """Return errors first, each kind in the order of the declaration's nodes."""

    def key(diagnostic: Diagnostic) -> tuple[int, int]:
        index = diagnostic.path[1] if len(diagnostic.path) > 1 else -1
        return (
            int(diagnostic.severity is Severity.WARNING),
            index if isinstance(index, int) else -1,
        )

    return sorted(diagnostics, key=key)

"""The plan as text, as a mermaid graph, and as plain data: what will run, in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from laktory_dagster.expressions.secret_text import without_credentials
from laktory_dagster.models.sinks import FileSink, TableSink
from laktory_dagster.models.sources import (
    AssetSource,
    CustomSource,
    FileSource,
    MemorySource,
    NodeSource,
    SourceOptions,
    TableSource,
)
from laktory_dagster.models.transformer import (
    ColumnStep,
    MethodStep,
    SqlStep,
    argument_sources,
    flat_steps,
)
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode


def explain_text(plan: Plan, selected: Iterable[str] | None = None) -> str:
    """Return the plan for a person: every node with what it reads, does and writes, in order."""
    chosen = set(plan.nodes if selected is None else selected)
    nodes = [node for node in plan.nodes.values() if node.name in chosen]
    word = "node" if len(plan.nodes) == 1 else "nodes"
    part = f"{len(nodes)} of " if len(nodes) < len(plan.nodes) else ""
    count = f"{part}{len(plan.nodes)} {word}"
    lines = [f"pipeline {plan.name}: {count}"]
    for index, node in enumerate(nodes, start=1):
        lines += _explain_node(plan, node, index)
    return "\n".join(lines) + "\n"


def _explain_node(plan: Plan, node: PlanNode, index: int) -> list[str]:
    declared = node.declared
    layer = f", {declared.layer}" if declared.layer else ""
    lines = [f"{index}. {node.name} ({node.engine}{layer})"]
    lines += [f"     reads  {text}" for text in _described_sources(plan, node)]
    others = [name for name in node.upstream if name not in _source_nodes(node)]
    lines += [f"     reads  node {name}" for name in others]
    lines += [f"     after  {name}" for name in node.after]
    lines += [f"     does   {step}" for step in _steps(node)]
    lines += [
        f"     checks {rule.name}: {rule.expression} ({rule.action})"
        for rule in declared.expectations
    ]
    for sink in declared.sinks:
        if isinstance(sink, (FileSink, TableSink)):
            lines.append(f"     writes {describe_sink(plan, node, sink)}")
    if node.is_view:
        lines.append("     view   stored nowhere, computed for each consumer")
    return lines


def _described_sources(plan: Plan, node: PlanNode) -> list[str]:
    """Return the sources of a node, then those among the arguments of its steps that are no nodes."""
    steps = flat_steps(node.declared.transformer)
    among = [source for step in steps for source in argument_sources(step)]
    others = [source for source in among if not isinstance(source, NodeSource)]
    found = dict.fromkeys(describe_source(plan, source) for source in others)
    declared = [describe_source(plan, source) for source in node.declared.sources]
    return [*declared, *(text for text in found if text not in declared)]


def _source_nodes(node: PlanNode) -> set[str]:
    sources = node.declared.sources
    return {source.node_name for source in sources if isinstance(source, NodeSource)}


def describe_source(plan: Plan, source: SourceOptions) -> str:
    """Return a source in a few words; paths as declared, without the passwords of URLs."""
    if isinstance(source, FileSource):
        text = f"{source.format} {without_credentials(source.path)}"
    elif isinstance(source, NodeSource):
        text = f"node {source.node_name}"
    elif isinstance(source, TableSource):
        text = f"table {locations.table_name(plan, source)}"
    elif isinstance(source, CustomSource):
        text = f"reader {source.custom_reader.func_name}"
    elif isinstance(source, AssetSource):
        text = f"asset {source.asset}"
    elif isinstance(source, MemorySource):
        text = "inline rows" if source.df is None else "a frame in memory"
    else:
        text = type(source).__name__
    return f"{text} as a stream" if source.as_stream else text


def describe_sink(plan: Plan, node: PlanNode, sink: FileSink | TableSink) -> str:
    """Return a sink of a node in a few words; paths as declared, without the passwords of URLs."""
    if isinstance(sink, FileSink):
        where = without_credentials(sink.path)
    else:
        where = locations.table_name(plan, sink)
    kind = "file" if isinstance(sink, FileSink) else "table"
    is_stream = any(source.as_stream for source in node.declared.sources)
    mode = sink.mode or ("APPEND" if is_stream else "OVERWRITE")
    aside = ", quarantine" if sink.is_quarantine else ""
    return f"{kind} {where} ({sink.format}, {mode}{aside})"


def _steps(node: PlanNode) -> list[str]:
    steps: list[str] = []
    for step in flat_steps(node.declared.transformer):
        if isinstance(step, MethodStep):
            steps.append(step.func_name)
        elif isinstance(step, SqlStep):
            steps.append("SQL " + " ".join(step.sql_expr.split())[:70])
        elif isinstance(step, ColumnStep):
            steps.append(f"column {step.with_column.name}")
        else:
            steps.append(f"columns {', '.join(column.name for column in step.with_columns)}")
    layer = node.layer
    if layer.time_expression:
        steps.append(f"time column _tstamp from {layer.time_expression}")
    if layer.drop_source_columns and layer.produced is not None:
        steps.append("drop source columns that the steps did not produce")
    if layer.dedupe:
        subset = ", ".join(layer.dedupe_subset) or "all columns"
        steps.append(f"drop duplicates on {subset}")
    if layer.stamp:
        steps.append(f"stamp {layer.stamp}")
    return steps


def explain_mermaid(plan: Plan, selected: Iterable[str] | None = None) -> str:
    """Return the graph in mermaid's notation, nodes grouped by nothing but their edges."""
    chosen = set(plan.nodes if selected is None else selected)
    ids = {name: f"n{index}" for index, name in enumerate(plan.nodes)}
    lines = ["graph LR"]
    for node in plan.nodes.values():
        if node.name in chosen:
            shape = f'(["{node.name}"])' if node.is_view else f'["{node.name}"]'
            lines.append(f"    {ids[node.name]}{shape}")
    for upstream, downstream, carries_rows in _arrows(plan):
        if upstream in chosen and downstream in chosen:
            arrow = "-->" if carries_rows else "-.->"
            lines.append(f"    {ids[upstream]} {arrow} {ids[downstream]}")
    return "\n".join(lines) + "\n"


def _arrows(plan: Plan) -> list[tuple[str, str, bool]]:
    """Return upstream, downstream and whether rows flow, one for each pair of nodes."""
    nodes = plan.nodes.values()
    return [
        *((upstream, node.name, True) for node in nodes for upstream in node.upstream),
        *((upstream, node.name, False) for node in nodes for upstream in node.after),
    ]


def explain_json(plan: Plan, selected: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the plan as plain JSON data, without values of options or secrets."""
    chosen = set(plan.nodes if selected is None else selected)
    return {
        "pipeline": plan.name,
        "plan_hash": plan.plan_hash,
        "nodes": [
            {
                "name": node.name,
                "engine": node.engine,
                "layer": node.declared.layer,
                "upstream": list(node.upstream),
                "after": list(node.after),
                "sources": _described_sources(plan, node),
                "sinks": [
                    describe_sink(plan, node, sink)
                    for sink in node.declared.sinks
                    if isinstance(sink, (FileSink, TableSink))
                ],
                "checks": [rule.name for rule in node.declared.expectations],
                "code_version": node.code_version,
            }
            for node in plan.nodes.values()
            if node.name in chosen
        ],
    }

"""The edges of the graph: every place where a node names another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.sql import parse_query
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import NodeSource, SourceOptions
from laktory_dagster.models.transformer import MethodStep, SqlStep
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.definition import Edge, EdgeKind
from laktory_dagster.plan.steps import (
    Path,
    PlacedStep,
    placed_arguments,
    placed_steps,
    placeholder_of,
    placeholders_in,
)

_LISTED = 20


@dataclass(frozen=True, slots=True)
class NodeReference:
    """A node named at a path of the declaration."""

    upstream: str
    kind: EdgeKind
    path: Path


def node_references(context: NodeContext) -> Iterator[NodeReference]:
    """Yield every reference of a node to another one, in the order of the declaration."""
    node, path = context.node, context.path
    for index, source in enumerate(node.sources):
        if isinstance(source, NodeSource):
            place = (*path, "sources", index, "node_name")
            yield NodeReference(source.node_name, EdgeKind.SOURCE, place)
    for placed in placed_steps(node.transformer, (*path, "transformer")):
        yield from _of_step(placed, context.dialect)
    for index, name in enumerate(node.depends_on):
        yield NodeReference(name, EdgeKind.ORDER, (*path, "depends_on", index))


def _of_step(placed: PlacedStep, dialect: str) -> Iterator[NodeReference]:
    if isinstance(placed.step, SqlStep):
        place = (*placed.path, "sql_expr")
        for name in nodes_in_sql(placed.step.sql_expr, dialect):
            yield NodeReference(name, EdgeKind.SQL, place)
    if not isinstance(placed.step, MethodStep):
        return
    for argument in placed_arguments(placed.step, placed.path):
        if isinstance(argument.value, NodeSource):
            place = (*argument.path, "node_name")
            yield NodeReference(argument.value.node_name, EdgeKind.ARGUMENT, place)
        elif isinstance(argument.value, str):
            found = placeholder_of(argument.value)
            if found is not None and found.kind == "nodes":
                yield NodeReference(found.name, EdgeKind.SQL, argument.path)


def nodes_in_sql(text: str, dialect: str) -> tuple[str, ...]:
    """Return the nodes that SQL names; of SQL that cannot be read, those in its text."""
    if "nodes." not in text:
        return ()
    try:
        references = parse_query(text, dialect).references
    except ExpressionError:
        return tuple(found.name for found in placeholders_in(text) if found.kind == "nodes")
    return tuple(found.name for found in references if found.kind == "nodes")


def edges_of(context: NodeContext) -> tuple[Edge, ...]:
    """Return the node's edges, each once, and report references to itself and to no node."""
    name, findings = context.node.name, context.findings
    known = context.common.positions
    edges: dict[Edge, None] = {}
    for reference in node_references(context):
        if reference.upstream == name:
            findings.error(
                f"node `{name}` reads itself" if reference.kind is not EdgeKind.ORDER
                else f"node `{name}` depends on itself",
                reference.path,
                hint="to use its stored rows, name its table or path as the source",
            )  # fmt: skip
        elif reference.upstream not in known:
            findings.error(
                f"there is no node `{reference.upstream}`",
                reference.path,
                expected=_names(known),
                hint=hint_for(reference.upstream, known),
            )
        else:
            edges[Edge(reference.upstream, name, reference.kind)] = None
    return tuple(edges)


def _names(known: Mapping[str, int]) -> str:
    names = list(known)
    more = ", ..." if len(names) > _LISTED else ""
    return f"one of {', '.join(names[:_LISTED])}{more}"


def own_sources(context: NodeContext) -> frozenset[str]:
    """Return the names under which a node's steps may use its sources."""
    sources: tuple[SourceOptions, ...] = context.node.sources
    return frozenset(source.name for source in sources if source.name)

"""The plan: a checked, ordered, engine-free graph that every reader walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from laktory_dagster.errors import Diagnostic
from laktory_dagster.models import Expectation, Pipeline, PipelineNode
from laktory_dagster.models.expectation import NULL_KEY


class EdgeKind(StrEnum):
    """Why one node comes after another; all but `ORDER` carry rows.

    `SQL` is `{nodes.x}` in the text of a step, `ARGUMENT` a source among its arguments.
    """

    SOURCE = "source"
    ARGUMENT = "argument"
    SQL = "sql"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Edge:
    """`downstream` needs `upstream`."""

    upstream: str
    downstream: str
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class LayerSteps:
    """What the layer adds after the transformer, in this order; None and False add nothing.

    `produced` are the columns that the transformer made itself: `drop_source_columns` spares them.
    It is None when there is nothing to drop: no step names an output, or none of the source's
    columns gets past a step that names all of its outputs.
    """

    layer: str | None = None
    time_expression: str | None = None
    drop_source_columns: bool = False
    produced: frozenset[str] | None = None
    dedupe: bool = False
    dedupe_subset: tuple[str, ...] = ()
    dedupe_order: str | None = None
    keep: str = "first"
    stamp: str | None = None
    reference_order: bool = False


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A node with everything decided that does not need data.

    `engine` is `polars` or `spark`; `dialect` the SQL dialect of its strings; `upstream` its data
    dependencies in declared order, `after` the nodes that only come first; `code_version` a hash of
    what changes its result; `index` its place among the declared nodes.
    """

    declared: PipelineNode
    engine: str
    dialect: str
    upstream: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    layer: LayerSteps = field(default_factory=LayerSteps)
    code_version: str = ""
    index: int = 0

    @property
    def name(self) -> str:
        """Return the node's name."""
        return self.declared.name

    @property
    def is_view(self) -> bool:
        """Return whether the node stores nothing."""
        return self.declared.is_view

    @property
    def rules(self) -> tuple[Expectation, ...]:
        """Return the expectations, with the one of a merge that sets rows without a key aside."""
        declared = tuple(self.declared.expectations)
        keys = [
            key
            for sink in self.declared.data_sinks
            if sink.mode == "MERGE" and sink.null_keys == "quarantine"
            for key in (sink.merge_cdc_options and sink.merge_cdc_options.primary_keys)
            or self.declared.primary_keys
        ]
        if not keys or any(rule.name == NULL_KEY for rule in declared):
            return declared
        expression = " AND ".join(f"{key} IS NOT NULL" for key in dict.fromkeys(keys))
        return (*declared, Expectation(name=NULL_KEY, expression=expression, action="QUARANTINE"))


@dataclass(frozen=True)
class Plan:
    """Nodes in an order in which they can run, with their edges; the same for the same text.

    `folder` is where relative data paths start; `file` the pipeline file if there is one;
    `warehouse` is set where something outside of the declaration names the root folder of tables;
    `session_has_tables` says that tables by name are those of the Spark session's catalog;
    `methods` are those that modules of the project add to expressions;
    `data_roots` are the only folders and URLs to touch, when there are any; `warnings` are
    diagnostics that did not stop the plan.
    """

    pipeline: Pipeline
    nodes: Mapping[str, PlanNode]
    edges: tuple[Edge, ...]
    folder: Path
    file: Path | None = None
    environment: str | None = None
    warehouse: str | None = None
    catalog: str | None = None
    schema_prefix: str = ""
    session_has_tables: bool = False
    methods: frozenset[str] = frozenset()
    data_roots: tuple[str, ...] = ()
    plan_hash: str = ""
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """Return the pipeline's name."""
        return self.pipeline.name

    def consumers(self) -> dict[str, tuple[str, ...]]:
        """Return for each node the nodes that read its rows, in plan order."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for upstream in node.upstream:
                found[upstream].append(node.name)
        return {name: tuple(names) for name, names in found.items()}

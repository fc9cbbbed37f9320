"""What the checks of a node may look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laktory_dagster.models import Pipeline, PipelineNode
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.findings import Findings
from laktory_dagster.plan.steps import Path

ENGINE_DIALECTS = {"polars": "polars", "spark": "spark"}
DEFAULT_ENGINE = "polars"
DEFAULT_DIALECT = "spark"


@dataclass(frozen=True)
class PlanContext:
    """What is the same for all nodes.

    `plan` has no nodes yet; it says where data lies. `functions` are the names that the project
    registers; `functions_open` says that there may be more, in modules that cannot be looked at.
    """

    plan: Plan
    positions: Mapping[str, int]
    functions: frozenset[str]
    functions_open: bool
    findings: Findings

    @property
    def pipeline(self) -> Pipeline:
        """Return the declaration."""
        return self.plan.pipeline


@dataclass(frozen=True)
class NodeContext:
    """What the checks of one node know: its place in the declaration, engine and dialect."""

    common: PlanContext
    node: PipelineNode
    index: int
    engine: str
    dialect: str

    @property
    def path(self) -> Path:
        """Return the node's path in the declaration."""
        return ("nodes", self.index)

    @property
    def findings(self) -> Findings:
        """Return where problems go."""
        return self.common.findings

    @property
    def engine_dialect(self) -> str:
        """Return the SQL dialect that the engine runs."""
        return ENGINE_DIALECTS[self.engine]


def engine_of(node: PipelineNode, pipeline: Pipeline, chosen: str | None, default: str) -> str:
    """Return the engine of a node: its own, the environment's, the pipeline's, or the default."""
    if node.dataframe_type is not None:
        return node.dataframe_type.lower()
    if chosen is not None:
        return chosen
    return (pipeline.dataframe_type or default).lower()


def dialect_of(node: PipelineNode, pipeline: Pipeline) -> str:
    """Return the dialect of a node's strings: what is declared; Spark's where nothing is.

    The engine that an environment chooses does not change how the text is read.
    """
    if pipeline.sql_dialect is not None:
        return pipeline.sql_dialect.lower()
    declared = node.dataframe_type or pipeline.dataframe_type
    return ENGINE_DIALECTS[declared.lower()] if declared else DEFAULT_DIALECT

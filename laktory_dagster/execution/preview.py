"""A look at a node's rows without writing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.errors import SelectionError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.quality import evaluate
from laktory_dagster.execution.results import CheckResult
from laktory_dagster.execution.session import RunSession
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.definition import Plan

SOURCE_ROWS = 1_000


@dataclass(frozen=True)
class Preview:
    """First rows of a node. `computed` are upstreams that store nothing yet and were computed.

    Their sources, and those of the node itself, were read up to `source_rows` rows each. `checks`
    are the node's rules on these rows; rows that a rule drops or sets aside are left out.
    """

    node: str
    columns: tuple[ColumnType, ...]
    rows: tuple[Mapping[str, Any], ...]
    computed: tuple[str, ...]
    source_rows: int
    checks: tuple[CheckResult, ...] = ()


def preview_node(
    plan: Plan,
    node: str,
    rows: int = 10,
    step: int | None = None,
    warehouse: str | None = None,
) -> Preview:
    """Return the first rows of a node, or of its frame after so many steps; nothing is written.

    Args:
        plan: the plan.
        node: name of the node.
        rows: how many rows.
        step: number of steps of the chain to run; None runs all, with the layer's.
        warehouse: root folder of tables.

    Raises:
        SelectionError: there is no such node or step.
        ExecutionError: the node cannot be computed.
    """
    _check(plan, node, step)
    source_rows = max(SOURCE_ROWS, rows * 10)
    options = RunOptions.new(
        warehouse=warehouse, write=False, limit=source_rows, compute_missing=True
    )
    with RunSession(plan, options) as session, session.secrets.masked():
        made = session.node_frame(node, step)
        planned = plan.nodes[node]
        engine = session.engine(planned.engine)
        shown = made.frame
        checks: tuple[CheckResult, ...] = ()
        rules = planned.declared.expectations if step is None else ()
        if rules:
            staged = engine.stage(session.stage_request(planned, made.frame, (), made.sources))
            checks = evaluate(rules, staged.summary, planned.declared.primary_keys)
            shown, _ = staged.frames()
        return Preview(
            node=node,
            columns=engine.columns(made.frame),
            rows=engine.head(shown, rows),
            computed=tuple(name for name in plan.nodes if name in session.shared.handed),
            source_rows=source_rows,
            checks=checks,
        )


def failures(plan: Plan, node: str, warehouse: str | None = None) -> tuple[Mapping[str, Any], ...]:
    """Return the rows that the last run rejected, with `_failed_rules`; at most 1,000.

    Raises:
        SelectionError: there is no such node, or it stores nothing.
    """
    _check(plan, node, None)
    options = RunOptions.new(warehouse=warehouse)
    with RunSession(plan, options) as session, session.secrets.masked():
        targets = session.targets(plan.nodes[node])
        if not targets:
            raise SelectionError(f"node `{node}` is a view and keeps no rejected rows")
        engine = session.engine(plan.nodes[node].engine)
        return engine.failures(targets[-1].place, targets[-1].format)


def _check(plan: Plan, node: str, step: int | None) -> None:
    if node not in plan.nodes:
        raise SelectionError(
            f"the pipeline `{plan.name}` has no node `{node}`",
            hint=hint_for(node, plan.nodes),
            expected=f"one of {', '.join(list(plan.nodes)[:20])}",
        )
    steps = len(flat_steps(plan.nodes[node].declared.transformer))
    if step is not None and not 0 <= step <= steps:
        raise SelectionError(
            f"node `{node}` has {steps} steps; there is no step {step}",
            expected=f"a number from 0 (the source) to {steps}",
        )

"""Views: nodes without a table, computed and checked inside of what reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laktory_dagster.engines.base import Frame, StageSummary
from laktory_dagster.errors import ExecutionError
from laktory_dagster.execution.frames import node_frame
from laktory_dagster.execution.outcomes import row_counts
from laktory_dagster.execution.quality import evaluate, rejection
from laktory_dagster.execution.results import CheckResult, NodeResult, NodeStatus

if TYPE_CHECKING:
    from laktory_dagster.execution.reading import Reader
    from laktory_dagster.execution.session import RunSession

DEPTH_TO_CACHE = 20


@dataclass(frozen=True)
class View:
    """A node without a table: its good rows, computed inside each consumer's plan."""

    frame: Frame
    quarantine: Frame
    result: NodeResult
    depth: int


def make_view(session: RunSession, reader: Reader, name: str, made: Mapping[str, View]) -> View:
    """Return a view's good rows, its rules checked.

    Args:
        session: the run.
        reader: reads its sources, as a whole or what is new in them.
        name: the view.
        made: views that are made already, for the depth of the plan.

    Raises:
        ExpectationFailedError: a FAIL rule of the view does not hold; it blocks all consumers.
        ExecutionError: anything else that went wrong; it says that it was in the view.
    """
    try:
        return _made(session, reader, name, made)
    except ExecutionError as error:
        if error.node is None:
            error.node = name
            if f"node `{name}`" not in error.message:
                error.message = f"node `{name}`: {error.message}"
        raise


def _made(session: RunSession, reader: Reader, name: str, made: Mapping[str, View]) -> View:
    started = time.monotonic()
    node = session.plan.nodes[name]
    engine = session.engine(node.engine)
    read = node_frame(session, reader, node)
    frame, quarantine = read.frame, None
    depth = 1 + max((made[up].depth for up in node.upstream if up in made), default=0)
    checks: tuple[CheckResult, ...] = ()
    summary: StageSummary | None = None
    if len(session.consumers[name]) > 1 or depth > DEPTH_TO_CACHE:
        frame, depth = engine.cache(frame), 0
    if node.declared.expectations:
        stamp = session.stamp(node, reader)
        staged = engine.stage(session.stage_request(node, frame, (), read.sources, stamp))
        summary = staged.summary
        checks = evaluate(node.declared.expectations, summary, node.declared.primary_keys)
        error = rejection(name, checks, None, session.plan.file)
        if error is not None:
            staged.abort()
            raise error
        frame, quarantine = staged.frames()
    result = NodeResult(
        node=name,
        status=NodeStatus.DONE,
        engine=node.engine,
        seconds=time.monotonic() - started,
        columns=summary.columns if summary else engine.columns(frame),
        checks=checks,
        data_version=read.data_version,
        code_version=node.code_version,
        bad_files=read.bad_files,
        stage_df=read.frame,
        output_df=frame,
        quarantine_df=quarantine,
        **row_counts(summary),
    )
    return View(frame, quarantine, result, depth)

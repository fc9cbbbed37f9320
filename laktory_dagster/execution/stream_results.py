"""The result of a stream's run: of several batches as one, or of none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from laktory_dagster.config.secrets import mask_known
from laktory_dagster.engines.base import Receipt, TableState, Target
from laktory_dagster.errors import ReadError
from laktory_dagster.execution.frames import batch_version
from laktory_dagster.execution.results import CheckResult, NodeResult, NodeStatus, TargetResult
from laktory_dagster.models.sources import NodeSource
from laktory_dagster.plan.definition import PlanNode

if TYPE_CHECKING:
    from laktory_dagster.execution.session import RunSession


def joined(results: Sequence[NodeResult]) -> NodeResult:
    """Return the result of batches that one run committed; frames are those of the last one."""
    last = results[-1]
    if len(results) == 1:
        return last
    return replace(
        last,
        seconds=sum(result.seconds for result in results),
        rows_in=_sum(result.rows_in for result in results),
        rows_out=_sum(result.rows_out for result in results),
        rows_dropped=_sum(result.rows_dropped for result in results),
        rows_quarantined=_sum(result.rows_quarantined for result in results),
        checks=tuple(
            _joined_check(found) for found in zip(*(r.checks for r in results), strict=True)
        ),
        targets=tuple(
            replace(found[-1], rows=sum(target.rows for target in found))
            for found in zip(*(result.targets for result in results), strict=True)
        ),
        bad_files=tuple(file for result in results for file in result.bad_files),
    )


def _sum(counts: Any) -> int:
    return sum(count or 0 for count in counts)


def _joined_check(found: tuple[CheckResult, ...]) -> CheckResult:
    """Return one result of a rule over several batches."""
    last = found[-1]
    is_row_rule = last.failed_rows is not None
    return replace(
        last,
        passed=all(check.passed for check in found),
        failed_rows=_sum(check.failed_rows for check in found) if is_row_rule else None,
        checked_rows=_sum(check.checked_rows for check in found),
        examples=tuple(row for check in found for row in check.examples)[:5],
    )


def waiting(node: PlanNode, awaited: Sequence[str]) -> NodeResult:
    """Return the result of a node that has nothing to read yet, which is no failure."""
    return NodeResult(
        node=node.name,
        status=NodeStatus.SKIPPED,
        engine=node.engine,
        code_version=node.code_version,
        message=f"`{node.name}` waits for {', '.join(awaited)}: nothing has come yet",
    )


def nothing_new(session: RunSession, node: PlanNode, receipt: Receipt | None) -> NodeResult:
    """Return the result of a node whose streams have nothing new; nothing is published.

    Its data version is that of the last batch.
    """
    engine = session.engine(node.engine)
    targets = session.targets(node, full_refresh=False)
    states = [engine.inspect(target.place, target.format) for target in targets]
    primary = states[-1]
    version = receipt.data_version if receipt is not None else batch_version(node, None)
    session.shared.data_versions[node.name] = version
    last = None if receipt is None or receipt.stream is None else receipt.stream.batch
    return NodeResult(
        node=node.name,
        status=NodeStatus.DONE,
        engine=node.engine,
        rows_in=0,
        rows_out=0,
        rows_dropped=0,
        rows_quarantined=0,
        columns=primary.columns if primary is not None else (),
        targets=tuple(
            _unchanged(target, state)
            for target, state in zip(targets, states, strict=True)
            if state is not None
        ),
        data_version=version,
        code_version=node.code_version,
        batch=last,
        message="nothing new" if last is None else f"nothing new since batch {last}",
        output_df=_no_rows(session, node),
    )


def _unchanged(target: Target, state: TableState) -> TargetResult:
    return TargetResult(
        key=target.key,
        role=target.role,
        uri=mask_known(target.place.label),
        format=target.format,
        table_name=target.table_name,
        rows=0,
        version=state.version,
        bytes=None,
    )


def _no_rows(session: RunSession, node: PlanNode) -> Any:
    """Return the columns of the node's table without rows, None where there is no table."""
    try:
        return session.read_source(NodeSource(node_name=node.name, limit=0), node)
    except ReadError:
        return None

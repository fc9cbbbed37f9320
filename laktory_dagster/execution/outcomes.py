"""From staged data and commits to receipts and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from laktory_dagster.config.secrets import mask_known
from laktory_dagster.engines.base import (
    Commit,
    Frame,
    Receipt,
    RunStamp,
    Staged,
    StageSummary,
    Target,
)
from laktory_dagster.execution.results import CheckResult, NodeResult, NodeStatus, TargetResult
from laktory_dagster.plan.definition import PlanNode

if TYPE_CHECKING:
    from laktory_dagster.execution.batches import Batch


APPENDED = "run {} has appended its rows, and re-executing it appends none again"


@dataclass(frozen=True)
class PreparedNode:
    """A node that is read, transformed, staged and checked; `commit` publishes it."""

    node: PlanNode
    stamp: RunStamp
    targets: tuple[Target, ...]
    staged: Staged
    checks: tuple[CheckResult, ...]
    data_version: str
    bad_files: tuple[str, ...]
    started: float
    batch: Batch | None = None
    frame: Frame | None = None


def receipt_of(prepared: PreparedNode, target: Target) -> Receipt:
    """Return the receipt that one target of a prepared node is committed with."""
    summary = prepared.staged.summary
    return Receipt(
        token=prepared.stamp.token(target),
        run_id=prepared.stamp.run_id,
        root_run_id=prepared.stamp.root_run_id,
        node=prepared.node.name,
        code_version=prepared.node.code_version,
        data_version=prepared.data_version,
        logical_time=prepared.stamp.logical_time.isoformat(),
        written_at=datetime.now(UTC).isoformat(),
        rows_in=summary.rows_in,
        rows_out=summary.rows_out,
        rows_dropped=summary.rows_dropped,
        rows_quarantined=summary.rows_quarantined,
        columns=summary.columns,
        checks=tuple(check.to_dict() for check in prepared.checks),
        partition=prepared.stamp.partition,
        stream=prepared.stamp.stream,
        attempt_id=prepared.stamp.attempt_id,
    )


def result_of_receipts(
    node: PlanNode, targets: Sequence[Target], receipts: Sequence[Receipt], attempt: str
) -> NodeResult:
    """Return the result of a node that was finished before.

    Args:
        node: the node.
        targets: what it writes.
        receipts: that of each target.
        attempt: the run that began what this one resumes; another one has only appended.
    """
    last = receipts[-1]
    resumed = last.attempt_id == attempt
    checks = tuple(CheckResult(**check) for check in last.checks)
    written = tuple(
        TargetResult(
            key=target.key,
            role=target.role,
            uri=mask_known(target.place.label),
            format=target.format,
            table_name=target.table_name,
            rows=receipt.rows_quarantined if target.role == "quarantine" else receipt.rows_out,
            version=receipt.table_version,
            bytes=None,
        )
        for target, receipt in zip(targets, receipts, strict=True)
    )
    return NodeResult(
        node=node.name,
        status=NodeStatus.REUSED,
        engine=node.engine,
        rows_in=last.rows_in,
        rows_out=last.rows_out,
        rows_dropped=last.rows_dropped,
        rows_quarantined=last.rows_quarantined,
        columns=last.columns,
        targets=written,
        checks=checks,
        data_version=last.data_version,
        code_version=node.code_version,
        message=f"finished before by run {last.run_id}"
        if resumed
        else APPENDED.format(last.run_id),
        batch=None if last.stream is None else last.stream.batch,
    )


def not_appended(commits: Sequence[Commit], summary: StageSummary) -> str:
    """Return what to say of appends that the root run had made before; empty where none had."""
    rows = {"quarantine": summary.rows_quarantined}
    names = [
        commit.target.table_name or mask_known(commit.target.place.label)
        for commit in commits
        if commit.skipped
        and commit.target.mode == "APPEND"
        and rows.get(commit.target.role, summary.rows_out)
    ]
    if not names:
        return ""
    return f"nothing was added to {', '.join(names)}: the run that this one repeats has appended"


def target_result(commit: Commit) -> TargetResult:
    """Return what the node's result says of a commit."""
    target = commit.target
    return TargetResult(
        key=target.key,
        role=target.role,
        uri=mask_known(target.place.label),
        format=target.format,
        table_name=target.table_name,
        rows=commit.rows,
        version=commit.version,
        bytes=commit.bytes,
    )


def row_counts(summary: StageSummary | None) -> dict[str, Any]:
    """Return the row counts of a pass as fields of NodeResult; nothing where there was none."""
    if summary is None:
        return {}
    return {
        "rows_in": summary.rows_in,
        "rows_out": summary.rows_out,
        "rows_dropped": summary.rows_dropped,
        "rows_quarantined": summary.rows_quarantined,
    }

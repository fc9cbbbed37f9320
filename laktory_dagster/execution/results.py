"""What a run gives: plain data that the CLI, Dagster and Python render each in their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from laktory_dagster.engines.base import ColumnType


class NodeStatus(StrEnum):
    """How a node ended. `REUSED`: this run had finished it before.

    `SKIPPED`: something above it failed, or has nothing to read yet, which is no failure.
    """

    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class CheckResult:
    """What an expectation found.

    `failed_rows` is None for an AGGREGATE rule. `action` is what was declared, `blocking` whether it
    stopped the node. `examples` are keys of failing rows.
    """

    name: str
    expression: str
    type: str
    action: str
    passed: bool
    blocking: bool
    failed_rows: int | None
    checked_rows: int | None
    examples: tuple[Mapping[str, Any], ...] = ()

    @property
    def status(self) -> str:
        """Return PASS or FAIL, as the reference names it."""
        return "PASS" if self.passed else "FAIL"

    @property
    def fails_count(self) -> int | None:
        """Return the failed rows under the reference's name."""
        return self.failed_rows

    @property
    def rows_count(self) -> int | None:
        """Return the checked rows under the reference's name."""
        return self.checked_rows

    @property
    def failure_rate(self) -> float | None:
        """Return the share of the rows that failed; None for an AGGREGATE rule."""
        if self.checked_rows == 0:
            return 0.0
        if self.failed_rows is None or self.checked_rows is None:
            return None
        return self.failed_rows / self.checked_rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data without examples."""
        return {
            "name": self.name,
            "expression": self.expression,
            "type": self.type,
            "action": self.action,
            "passed": self.passed,
            "blocking": self.blocking,
            "failed_rows": self.failed_rows,
            "checked_rows": self.checked_rows,
        }


@dataclass(frozen=True)
class TargetResult:
    """One target after its commit."""

    key: str
    role: str
    uri: str
    format: str
    table_name: str | None
    rows: int
    version: int | None
    bytes: int | None


@dataclass(frozen=True)
class NodeResult:
    """How a node ended, with everything that its materialization shows. Times are seconds.

    `batch` is the number of the last batch that a stream has read, None for any other node.
    """

    node: str
    status: NodeStatus
    engine: str
    seconds: float = 0.0
    rows_in: int | None = None
    rows_out: int | None = None
    rows_dropped: int | None = None
    rows_quarantined: int | None = None
    columns: tuple[ColumnType, ...] = ()
    targets: tuple[TargetResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    data_version: str = ""
    code_version: str = ""
    preview: tuple[Mapping[str, Any], ...] = ()
    error: BaseException | None = None
    message: str = ""
    bad_files: tuple[str, ...] = ()
    batch: int | None = None
    stage_df: Any = field(default=None, repr=False, compare=False)
    output_df: Any = field(default=None, repr=False, compare=False)
    quarantine_df: Any = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: no frames, no rows."""
        plain: dict[str, Any] = {
            "node": self.node,
            "status": self.status.value,
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "rows_dropped": self.rows_dropped,
            "rows_quarantined": self.rows_quarantined,
            "columns": {column.name: column.type for column in self.columns},
            "targets": [vars(target) for target in self.targets],
            "checks": [check.to_dict() for check in self.checks],
        }
        if self.batch is not None:
            plain["batch"] = self.batch
        if self.message:
            plain["message"] = self.message
        if self.bad_files:
            plain["bad_files"] = list(self.bad_files)
        return plain


@dataclass(frozen=True)
class RunResult:
    """How a run ended, node by node in the order of the plan."""

    run_id: str
    pipeline: str
    nodes: Mapping[str, NodeResult]
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Return whether no node failed or was cancelled; some may wait for their first rows."""
        ended = (NodeStatus.FAILED, NodeStatus.CANCELLED)
        return all(node.status not in ended for node in self.nodes.values())

    def __getitem__(self, node: str) -> NodeResult:
        return self.nodes[node]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "succeeded": self.succeeded,
            "seconds": round(self.seconds, 3),
            "nodes": [node.to_dict() for node in self.nodes.values()],
        }


def in_own_words(node: str, text: str) -> str:
    """Return what an error says where the name of its node stands beside it: without that name."""
    name = f"node `{node}`"
    if text.startswith(name):
        return text.removeprefix(name).removeprefix(":").lstrip()
    return text.replace(f" of {name} failed", " failed", 1)

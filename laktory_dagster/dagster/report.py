"""How a run of the command line went, node by node, read from Dagster's events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from laktory_dagster.dagster import metadata
from laktory_dagster.dagster.keys import folded, op_name
from laktory_dagster.execution.results import NodeStatus
from laktory_dagster.plan.definition import Plan

SKIPPED = f"{NodeStatus.SKIPPED.value}: "
INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


@dataclass(frozen=True)
class CheckReport:
    """What an expectation found. `failed_rows` is None for a rule about all rows together."""

    name: str
    action: str
    passed: bool
    failed_rows: int | None


@dataclass(frozen=True)
class NodeReport:
    """How a node ended: `done`, `reused`, `failed`, `skipped` or `cancelled`. Time is seconds.

    `targets` are the tables and files that it wrote, as users name them; `rows_stored` is how many
    rows the first of them holds now, where that is known.
    """

    node: str
    status: str
    seconds: float | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    rows_dropped: int | None = None
    rows_quarantined: int | None = None
    rows_stored: int | None = None
    targets: tuple[str, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        plain = {name: value for name, value in vars(self).items() if name != "checks"}
        return {**plain, "checks": [vars(check) for check in self.checks]}


@dataclass(frozen=True)
class RunReport:
    """How a run ended. `nodes` are in the order of the plan; time is seconds.

    `errors` are those of no single node.
    """

    run_id: str
    pipeline: str
    nodes: tuple[NodeReport, ...]
    succeeded: bool
    cancelled: bool
    seconds: float
    file: Path | None
    project_root: Path
    home: Path
    warehouse: str
    errors: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "succeeded": self.succeeded,
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 3),
            "dagster_home": str(self.home),
            "warehouse": self.warehouse,
            "errors": list(self.errors),
            "nodes": [node.to_dict() for node in self.nodes],
        }


class EventReader:
    """Gathers what Dagster's events say of the nodes of one run."""

    def __init__(self, plan: Plan, nodes: Mapping[dg.AssetKey, str]) -> None:
        """Read for these assets of the plan; `nodes` maps their keys to their nodes."""
        self._plan = plan
        self._nodes = nodes
        self._steps = {op_name(plan.name, node): node for node in nodes.values()}
        self._done: dict[str, NodeReport] = {}
        self._failed: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._checks: dict[str, list[CheckReport]] = {}
        self.other_errors: list[str] = []
        self.interrupted = False

    def read(self, event: dg.DagsterEvent) -> NodeReport | None:
        """Take in an event; return the node that ended with it, if one did."""
        kind = event.event_type
        if kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._note_check(event)
        elif kind is dg.DagsterEventType.ASSET_MATERIALIZATION:
            return self._note_done(event)
        elif kind is dg.DagsterEventType.STEP_FAILURE:
            return self._note_step_failure(event)
        elif kind is dg.DagsterEventType.RUN_FAILURE:
            error = event.job_failure_data.error
            self.interrupted |= error is not None and error.cls_name in INTERRUPTS
        return None

    def _note_check(self, event: dg.DagsterEvent) -> None:
        found = event.asset_check_evaluation_data
        node = self._nodes.get(found.asset_key)
        if node is None:
            return
        names = {folded(rule.name): rule.name for rule in self._plan.nodes[node].rules}
        values: dict[str, Any] = {key: item.value for key, item in found.metadata.items()}
        report = CheckReport(
            name=names.get(found.check_name, found.check_name),
            action=str(values.get("action", "")),
            passed=found.passed,
            failed_rows=values.get("failed_rows"),
        )
        self._checks.setdefault(node, []).append(report)

    def _note_done(self, event: dg.DagsterEvent) -> NodeReport | None:
        node = None if event.asset_key is None else self._nodes.get(event.asset_key)
        if node is None:
            return None
        materialization = event.step_materialization_data.materialization
        found = materialization.metadata.items()
        values: dict[str, Any] = {key: item.value for key, item in found}
        targets = _targets(values)
        self._done[node] = NodeReport(
            node,
            status=str(values.get(metadata.STATUS, NodeStatus.DONE.value)),
            seconds=values.get(metadata.DURATION),
            rows_in=values.get(metadata.ROWS_IN),
            rows_out=values.get(metadata.ROWS_OUT),
            rows_dropped=values.get(metadata.ROWS_DROPPED),
            rows_quarantined=values.get(metadata.ROWS_QUARANTINED),
            rows_stored=values.get(metadata.ROW_COUNT) if targets else None,
            targets=targets,
            message=str(values.get(metadata.MESSAGE, "")),
        )
        return self._done[node]

    def _note_step_failure(self, event: dg.DagsterEvent) -> NodeReport | None:
        failure = event.step_failure_data
        if failure.error is not None and failure.error.cls_name in INTERRUPTS:
            self.interrupted = True
            return None
        text = _failure_text(failure)
        node = self._steps.get(event.step_key or "")
        if node is not None:
            return self._fail(node, text.removeprefix(f"{node}: "))
        if failure.user_failure_data is None:
            self.other_errors.append(text)
        return None

    def _fail(self, node: str, message: str) -> NodeReport:
        self._failed[node] = message
        return NodeReport(node, NodeStatus.FAILED.value, message=message)

    def read_log(self, entry: dg.EventLogEntry) -> NodeReport | None:
        """Take in a log entry; return the node whose failure or waiting it tells, if that is news.

        A step logs one error for each node that fails, and one warning for each that is skipped,
        after `[node] `.
        """
        event = entry.dagster_event
        if event is not None:
            failed = event.event_type is dg.DagsterEventType.RUN_FAILURE
            if failed and not (self._failed or self.other_errors or self.interrupted):
                self.other_errors.append(event.message or "")
            return None
        name, bracket, message = entry.user_message.removeprefix("[").partition("] ")
        node = name if bracket and name in self._nodes.values() else None
        known = node in self._done or node in self._failed
        if node is None or known:
            return None
        if int(entry.level) >= logging.ERROR:
            return self._fail(node, message)
        if not message.startswith(SKIPPED):
            return None
        self._skipped[node] = message.removeprefix(SKIPPED)
        return NodeReport(node, NodeStatus.SKIPPED.value, message=self._skipped[node])

    def reports(self) -> tuple[NodeReport, ...]:
        """Return the report of every node, in the order in which they were given."""
        return tuple(self._report(node) for node in self._nodes.values())

    def _report(self, node: str) -> NodeReport:
        checks = tuple(self._checks.get(node, ()))
        if node in self._done:
            return replace(self._done[node], checks=checks)
        if node in self._failed:
            failed = NodeStatus.FAILED.value
            return NodeReport(node, failed, checks=checks, message=self._failed[node])
        if self.interrupted:
            return NodeReport(node, NodeStatus.CANCELLED.value)
        planned = self._plan.nodes[node]
        # Dagster does not start a step below one that gave nothing, so that it says no word.
        above = (self._skipped.get(up, "") for up in (node, *planned.upstream, *planned.after))
        self._skipped[node] = next(filter(None, above), "")
        return NodeReport(node, NodeStatus.SKIPPED.value, message=self._skipped[node])


def _targets(values: Mapping[str, Any]) -> tuple[str, ...]:
    several = values.get(metadata.TARGETS)
    if several:
        records = [record.data for record in several.records]
        records.sort(key=lambda record: record["role"] != "primary")
        return tuple(str(record["name"]) for record in records)
    single = values.get(metadata.TABLE_NAME) or values.get(metadata.URI)
    return () if single is None else (str(single),)


def _failure_text(failure: StepFailureData) -> str:
    told = failure.user_failure_data
    if told is not None and told.description:
        return told.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return "the step failed" if error is None else error.message.strip()

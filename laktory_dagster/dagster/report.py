"""How a run of the command line went, node by node, read from Dagster's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg

from laktory_dagster.execution.results import NodeStatus


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

    `targets` are the tables and files that it wrote, as users name them.
    """

    node: str
    status: str
    seconds: float | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    rows_dropped: int | None = None
    rows_quarantined: int | None = None
    targets: tuple[str, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        plain = {name: value for name, value in vars(self).items() if name != "checks"}
        return {**plain, "checks": [vars(check) for check in self.checks]}


@dataclass(frozen=True)
class RunReport:
    """How a run ended. `nodes` are in the order of the plan; time is seconds."""

    run_id: str
    pipeline: str
    nodes: tuple[NodeReport, ...]
    succeeded: bool
    cancelled: bool
    seconds: float
    file: Path | None
    project_root: Path
    home: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "succeeded": self.succeeded,
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 3),
            "dagster_home": str(self.home),
            "nodes": [node.to_dict() for node in self.nodes],
        }


@dataclass
class EventReader:
    """Gathers what Dagster's events say of the nodes of one run.

    `nodes` maps the key of each asset of the run to its node, `steps` each asset to its step.
    """

    nodes: Mapping[dg.AssetKey, str]
    steps: Mapping[dg.AssetKey, str]
    _done: dict[str, NodeReport] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _checks: dict[str, list[CheckReport]] = field(default_factory=dict)
    _step_errors: dict[str, str] = field(default_factory=dict)

    def read(self, event: dg.DagsterEvent) -> Iterator[NodeReport]:
        """Take in an event; yield the node that ended with it, if one did."""
        kind = event.event_type
        if kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._note_check(event)
        elif kind is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key in self.nodes:
            yield self._note_done(event)
        elif kind is dg.DagsterEventType.STEP_FAILURE and event.step_key is not None:
            yield from self._note_failure(event.step_key, failure_text(event))

    def _note_check(self, event: dg.DagsterEvent) -> None:
        found = event.asset_check_evaluation_data
        node = self.nodes.get(found.asset_key)
        if node is not None:
            self._checks.setdefault(node, []).append(check_report(found))

    def _note_done(self, event: dg.DagsterEvent) -> NodeReport:
        node = self.nodes[event.asset_key]
        values = {key: item.value for key, item in event.materialization.metadata.items()}
        self._done[node] = node_report(node, values)
        return self._done[node]

    def _note_failure(self, step: str, message: str) -> Iterator[NodeReport]:
        left = [
            node
            for key, node in self.nodes.items()
            if self.steps.get(key) == step and node not in self._done
        ]
        if len(left) == 1:
            self._failed[left[0]] = message
            yield NodeReport(left[0], NodeStatus.FAILED, message=message)
        else:
            self._step_errors[step] = message

    def note_errors(self, messages: Mapping[str, str]) -> Iterator[NodeReport]:
        """Take in the error of each failed node of a step that holds several; yield them."""
        for node, message in messages.items():
            if node not in self._done and node not in self._failed:
                self._failed[node] = message
                yield NodeReport(node, NodeStatus.FAILED, message=message)

    def reports(self, cancelled: bool) -> tuple[NodeReport, ...]:
        """Return the report of every node, in the order in which they were given."""
        return tuple(self._report(node, cancelled) for node in self.nodes.values())

    def _report(self, node: str, cancelled: bool) -> NodeReport:
        checks = tuple(self._checks.get(node, ()))
        if node in self._done:
            return replace(self._done[node], checks=checks)
        if node in self._failed:
            return NodeReport(node, NodeStatus.FAILED, checks=checks, message=self._failed[node])
        return NodeReport(node, NodeStatus.CANCELLED if cancelled else NodeStatus.SKIPPED)

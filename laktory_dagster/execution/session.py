"""One run's session: engines, what was read and handed over, and the work on a single node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from laktory_dagster.engines.base import (
    Commit,
    Engine,
    Frame,
    Receipt,
    StageRequest,
    StageSummary,
    TableState,
    Target,
)
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import (
    DeclarationError,
    ExecutionError,
    LaktoryDagsterError,
)
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.frames import NodeFrame, node_frame
from laktory_dagster.execution.functions import find_function, load_functions
from laktory_dagster.execution.outcomes import (
    PreparedNode,
    receipt_of,
    result_of_receipts,
    row_counts,
    target_result,
)
from laktory_dagster.execution.quality import evaluate, rejection
from laktory_dagster.execution.reading import Reader
from laktory_dagster.execution.results import (
    CheckResult,
    NodeResult,
    NodeStatus,
)
from laktory_dagster.execution.secrets import SecretKeeper
from laktory_dagster.execution.targets import resolve_targets
from laktory_dagster.models.sources import NodeSource, SourceOptions
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode
from laktory_dagster.settings import Settings

VIEW_DEPTH_TO_CACHE = 20


@dataclass(frozen=True)
class View:
    """A node without a table: its good rows, computed inside each consumer's plan."""

    frame: Frame
    quarantine: Frame
    result: NodeResult
    depth: int


@dataclass
class _Shared:
    """What nodes of one session leave for each other."""

    views: dict[str, View] = field(default_factory=dict)
    handed: dict[str, Frame] = field(default_factory=dict)
    data_versions: dict[str, str] = field(default_factory=dict)
    place_versions: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


def _refuse_open_parameters(plan: Plan) -> None:
    missing = plan.pipeline._without_value
    if missing:
        raise DeclarationError.single(
            f"the parameter `{missing[0]}` has no value",
            path=("parameters", missing[0]),
            hint=f"run with `params={{'{missing[0]}': ...}}`, or declare its `default`",
        )


class RunSession:
    """Runs nodes of one plan. Use it in a `with` block: leaving it closes the engines."""

    def __init__(self, plan: Plan, options: RunOptions, settings: Settings | None = None) -> None:
        """Open nothing yet; engines start with the first node that needs them.

        Raises:
            DeclarationError: a parameter has no value.
        """
        _refuse_open_parameters(plan)
        self.plan = plan
        self.options = options
        self.settings = settings or Settings.from_environment()
        self.warehouse = locations.warehouse_root(plan, options.warehouse)
        self.shared = _Shared()
        self.assets = dict(options.assets)
        self.secrets = SecretKeeper()
        self._engines: dict[str, Engine] = {}
        self._reader = Reader(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all engines; the frames of this session are then gone."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()
        self.shared = _Shared()

    @cached_property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the project's functions; what the caller gave comes first."""
        return {**load_functions(self.plan, self.settings), **self.options.functions}

    @cached_property
    def consumers(self) -> dict[str, tuple[str, ...]]:
        """Return the readers of each node."""
        return self.plan.consumers()

    def engine(self, name: str) -> Engine:
        """Return the session's engine of this name."""
        with self.shared.lock:
            if name not in self._engines:
                given = {"spark": self.options.spark} if name == "spark" else {}
                self._engines[name] = open_engine(name, **given)
            return self._engines[name]

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the project by its dotted name. Raises SettingsError."""
        return find_function(name, self.plan, self.functions, self.settings)

    def targets(self, node: PlanNode) -> tuple[Target, ...]:
        """Return the node's targets in commit order; none when the run does not write."""
        if not self.options.write:
            return ()
        refresh = self.options.full_refresh
        targets = resolve_targets(
            self.plan, node, self.warehouse, self.function, full_refresh=refresh
        )
        return tuple(replace(target, place=self.secrets.open(target.place)) for target in targets)

    def read_stored(self, source: NodeSource, node: PlanNode) -> Frame:
        """Return the lazy frame of what a node of the plan stores. Raises ReadError."""
        return self._reader.read(source, node).frame

    def source_version(self, source: SourceOptions, node: PlanNode) -> str | None:
        """Return the version of what a source reads, None where it has none. Raises ReadError."""
        inputs = self._reader.read(source, node).inputs
        return inputs[0].version if inputs else None

    def node_frame(self, name: str, steps: int | None = None) -> NodeFrame:
        """Return the lazy frame of a node, as `frames.node_frame` makes it."""
        return node_frame(self, self._reader, self.plan.nodes[name], steps)

    def view(self, name: str) -> View:
        """Return a view's good rows, computing and checking it once per session.

        Raises:
            ExpectationFailedError: a FAIL rule of the view does not hold; it blocks all consumers.
        """
        with self.shared.lock:
            if name not in self.shared.views:
                self.shared.views[name] = self._make_view(name)
            return self.shared.views[name]

    def _make_view(self, name: str) -> View:
        started = time.monotonic()
        node = self.plan.nodes[name]
        engine = self.engine(node.engine)
        made = self.node_frame(name)
        frame, quarantine = made.frame, None
        upstream_views = [self.shared.views[up] for up in node.upstream if up in self.shared.views]
        depth = 1 + max((view.depth for view in upstream_views), default=0)
        checks: tuple[CheckResult, ...] = ()
        summary: StageSummary | None = None
        if len(self.consumers[name]) > 1 or depth > VIEW_DEPTH_TO_CACHE:
            frame, depth = engine.cache(frame), 0
        if node.declared.expectations:
            staged = engine.stage(self.stage_request(node, frame, (), made.sources))
            summary = staged.summary
            checks = evaluate(node.declared.expectations, summary, node.declared.primary_keys)
            error = rejection(name, checks, lambda: None)
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
            data_version=made.data_version,
            code_version=node.code_version,
            bad_files=made.bad_files,
            output_df=frame,
            quarantine_df=quarantine,
            **row_counts(summary),
        )
        self.shared.data_versions[name] = made.data_version
        return View(frame, quarantine, result, depth)

    def stage_request(
        self,
        node: PlanNode,
        frame: Frame,
        targets: tuple[Target, ...],
        sources: tuple[str, ...],
    ) -> StageRequest:
        """Return what the engine is to check and to write of a node."""
        samples = node.declared.samples
        if samples is None:
            samples = self.plan.pipeline.samples
        return StageRequest(
            frame=frame,
            rules=node.declared.expectations,
            targets=targets,
            stamp=self.options.stamp(node.name, node.code_version),
            dialect=node.dialect,
            keep_samples=samples not in (False, "off"),
            key_columns=node.declared.primary_keys,
            sources=sources,
        )

    def prepare(self, name: str) -> PreparedNode:
        """Return the node read, transformed, staged and checked, ready to commit.

        Raises:
            ExpectationFailedError: a FAIL rule does not hold; what was staged is removed.
            LaktoryDagsterError: anything else that went wrong, with `.node` set.
        """
        node = self.plan.nodes[name]
        started = time.monotonic()
        engine = self.engine(node.engine)
        with _Naming(name, self.secrets):
            targets = self.targets(node)
            made = self.node_frame(name)
            staged = engine.stage(self.stage_request(node, made.frame, targets, made.sources))
            try:
                rules = node.declared.expectations
                checks = evaluate(rules, staged.summary, node.declared.primary_keys)
                error = rejection(name, checks, lambda: self._stored(engine, targets))
                if error is not None:
                    if targets:
                        staged.save_samples(targets[-1])
                    raise error
            except BaseException:
                staged.abort()
                raise
        stamp = self.options.stamp(name, node.code_version)
        return PreparedNode(
            node, stamp, targets, staged, checks, made.data_version, made.bad_files, started
        )

    @staticmethod
    def _stored(engine: Engine, targets: tuple[Target, ...]) -> TableState | None:
        return engine.inspect(targets[-1].place, targets[-1].format) if targets else None

    def commit(self, prepared: PreparedNode) -> NodeResult:
        """Publish all targets in the order quarantine, others, primary, and return the result.

        Raises:
            WriteError: a target could not be written; those before it stay, a rerun completes.
        """
        commits: list[Commit] = []
        with _Naming(prepared.node.name, self.secrets):
            try:
                for target in prepared.targets:
                    receipt = receipt_of(prepared, target)
                    commits.append(prepared.staged.commit(target, receipt))
                if prepared.targets and prepared.staged.summary.samples:
                    prepared.staged.save_samples(prepared.targets[-1])
            except BaseException:
                prepared.staged.abort()
                raise
        return self._result(prepared, commits)

    def _result(self, prepared: PreparedNode, commits: Sequence[Commit]) -> NodeResult:
        name, summary = prepared.node.name, prepared.staged.summary
        good, quarantined = prepared.staged.frames()
        primary = next((c for c in commits if c.target.role == "primary"), None)
        output = good if primary is None else primary.published
        self.shared.data_versions[name] = prepared.data_version
        if not self.options.write:
            self.shared.handed[name] = output
        aside = next((c.published for c in commits if c.target.role == "quarantine"), quarantined)
        return NodeResult(
            node=name,
            status=NodeStatus.DONE,
            engine=prepared.node.engine,
            seconds=time.monotonic() - prepared.started,
            columns=summary.columns,
            targets=tuple(target_result(commit) for commit in commits),
            checks=prepared.checks,
            data_version=prepared.data_version,
            code_version=prepared.node.code_version,
            preview=summary.preview,
            bad_files=prepared.bad_files,
            output_df=output,
            quarantine_df=aside,
            **row_counts(summary),
        )

    def run_node(
        self, name: str, commit: Callable[[PreparedNode], NodeResult] | None = None
    ) -> NodeResult:
        """Run one node and return its result; a view is computed and checked, nothing is stored.

        Args:
            name: the node.
            commit: called in place of `self.commit`.
        """
        if self.plan.nodes[name].is_view:
            with _Naming(name, self.secrets):
                view = self.view(name)
            self.shared.handed[name] = view.frame
            return view.result
        earlier = self.result_of_earlier(name) if self.options.write else None
        if earlier is not None:
            return earlier
        return (commit or self.commit)(self.prepare(name))

    def result_of_earlier(self, name: str) -> NodeResult | None:
        """Return the result that this root run already stored for the node, None if it has not."""
        if self.options.run_id == self.options.root_run_id:
            return None
        node = self.plan.nodes[name]
        targets = self.targets(node)
        if not targets:
            return None
        engine = self.engine(node.engine)
        stamp = self.options.stamp(name, node.code_version)
        found: list[Receipt] = []
        for target in targets:
            token = stamp.token(target.key)
            receipt = engine.find_receipt(target.place, target.format, token)
            if receipt is None or receipt.code_version != node.code_version:
                return None
            found.append(receipt)
        self.shared.data_versions[name] = found[-1].data_version
        return result_of_receipts(node, targets, found)


class _Naming:
    """Put the node's name on errors that pass through, and mask secrets in them."""

    def __init__(self, node: str, secrets: SecretKeeper) -> None:
        self._node = node
        self._secrets = secrets

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self._secrets.mask_error(error)
        if isinstance(error, ExecutionError) and error.node is None:
            error.node = self._node
        elif isinstance(error, LaktoryDagsterError) and not isinstance(error, ExecutionError):
            error.add_note(f"node `{self._node}`")

"""One run's session: engines, what was read and handed over, and the work on a single node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Any, Self

from laktory_dagster.engines.base import (
    AGAIN,
    Commit,
    Engine,
    Frame,
    Receipt,
    RunStamp,
    StageRequest,
    TableState,
    Target,
)
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import (
    DeclarationError,
    ExecutionError,
    LaktoryDagsterError,
)
from laktory_dagster.execution.batches import Batch
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.frames import NodeFrame, node_frame
from laktory_dagster.execution.functions import find_function, load_functions
from laktory_dagster.execution.outcomes import (
    PreparedNode,
    not_appended,
    receipt_of,
    result_of_receipts,
    row_counts,
    target_result,
)
from laktory_dagster.execution.quality import evaluate, rejected_rows, rejection
from laktory_dagster.execution.reading import Reader
from laktory_dagster.execution.results import NodeResult, NodeStatus
from laktory_dagster.execution.secrets import SecretKeeper
from laktory_dagster.execution.stream_results import waiting
from laktory_dagster.execution.streams import (
    awaited_by_view,
    is_stream,
    receipts_of_run,
    run_stream,
)
from laktory_dagster.execution.targets import resolve_targets
from laktory_dagster.execution.views import View, make_view
from laktory_dagster.models.calls import PROJECT_MODULES
from laktory_dagster.models.namespaces import register_methods, registered_methods
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode
from laktory_dagster.settings import Settings


@dataclass
class _Shared:
    """What nodes of one session leave for each other.

    `stored_at` says when nodes were stored that this session has met, of views when what they read
    was; `outdated` are those that an earlier run had finished on what was there before.
    """

    views: dict[str, View] = field(default_factory=dict)
    handed: dict[str, Frame] = field(default_factory=dict)
    data_versions: dict[str, str] = field(default_factory=dict)
    place_versions: dict[str, str] = field(default_factory=dict)
    stored_at: dict[str, str] = field(default_factory=dict)
    outdated: set[str] = field(default_factory=set)
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
        self.asset_versions: dict[str, str] = {}
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
        register_methods(self.plan.methods - registered_methods(), PROJECT_MODULES)
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
                if self.plan.methods:  # Expressions need what the modules register.
                    _ = self.functions
            return self._engines[name]

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function of the project by its dotted name. Raises SettingsError."""
        return find_function(name, self.plan, self.functions, self.settings)

    def targets(self, node: PlanNode, *, full_refresh: bool | None = None) -> tuple[Target, ...]:
        """Return the node's targets in commit order; none when the run does not write.

        `full_refresh` is that of the run unless given.
        """
        if not self.options.write:
            return ()
        refresh = self.options.full_refresh if full_refresh is None else full_refresh
        targets = resolve_targets(
            self.plan, node, self.warehouse, self._writer, full_refresh=refresh
        )
        return tuple(
            replace(
                target,
                place=self.secrets.open(target.place),
                options=self.secrets.reveal(target.options),
            )
            for target in targets
        )

    def _writer(self, name: str) -> Callable[..., Any]:
        """Return a function of the project that gets the secrets among its arguments."""
        function = self.function(name)

        @wraps(function)
        def write(frame: Any, *args: Any, **kwargs: Any) -> Any:
            revealed, named = self.secrets.reveal((args, kwargs))
            return function(frame, *revealed, **named)

        return write

    def read_source(self, source: SourceOptions, node: PlanNode) -> Frame:
        """Return the lazy frame of a source for a node of the plan. Raises ReadError."""
        with self.secrets.masked():
            return self._reader.read(source, node).frame

    def source_version(self, source: SourceOptions, node: PlanNode) -> str | None:
        """Return the version of what a source reads, None where it has none. Raises ReadError."""
        with self.secrets.masked():
            inputs = self._reader.read(source, node).inputs
        return inputs[0].version if inputs else None

    def node_frame(self, name: str, steps: int | None = None) -> NodeFrame:
        """Return the lazy frame of a node, as `frames.node_frame` makes it."""
        return node_frame(self, self._reader, self.plan.nodes[name], steps)

    def view(self, name: str) -> View:
        """Return a view's good rows, computing and checking it once per session.

        Streams in it are read as a whole; what reads a view as a stream makes it of its own batch.

        Raises:
            ExpectationFailedError: a FAIL rule of the view does not hold; it blocks all consumers.
        """
        with self.shared.lock, self.secrets.masked():
            if name not in self.shared.views:
                made = make_view(self, self._reader, name, self.shared.views)
                self.shared.views[name] = made
                self.shared.data_versions[name] = made.result.data_version
                self.shared.stored_at[name] = self._newest_read(self.plan.nodes[name])
            return self.shared.views[name]

    def stamp(self, node: PlanNode, reader: Reader | None = None) -> RunStamp:
        """Return who writes: the run, and for a batch of a stream the batch."""
        stamp = self.options.stamp(node.name, node.code_version)
        if node.name in self.shared.outdated:
            # A write of its own, not the one that was made before.
            stamp = replace(stamp, attempt_id=self.options.run_id)
        if reader is None or reader.batch_id is None:
            return stamp
        return replace(stamp, stream=reader.batch_id, logical_time=reader.moment)

    def stage_request(
        self,
        node: PlanNode,
        frame: Frame,
        targets: tuple[Target, ...],
        sources: tuple[str, ...],
        stamp: RunStamp | None = None,
    ) -> StageRequest:
        """Return what the engine is to check and to write of a node."""
        samples = node.declared.samples
        if samples is None:
            samples = self.plan.pipeline.samples
        return StageRequest(
            frame=frame,
            rules=node.declared.expectations,
            targets=targets,
            stamp=stamp or self.stamp(node),
            dialect=node.dialect,
            keep_samples=samples not in (False, "off"),
            key_columns=node.declared.primary_keys,
            sources=sources,
        )

    def prepare(self, name: str, batch: Batch | None = None) -> PreparedNode:
        """Return the node read, transformed, staged and checked, ready to commit.

        Args:
            name: the node.
            batch: what is new in its streams; without it they are read as a whole.

        Raises:
            ExpectationFailedError: a FAIL rule does not hold; what was staged is removed.
            LaktoryDagsterError: anything else that went wrong, with `.node` set.
        """
        node = self.plan.nodes[name]
        started = time.monotonic()
        engine = self.engine(node.engine)
        reader = self._reader if batch is None else batch.reader
        stamp = self.stamp(node, reader)
        with _naming(name, self.secrets):
            targets = self.targets(node) if batch is None else batch.targets
            made = node_frame(self, reader, node)
            staged = engine.stage(
                self.stage_request(node, made.frame, targets, made.sources, stamp)
            )
            try:
                checks = evaluate(node.rules, staged.summary, node.declared.primary_keys)
                error = rejection(
                    name, checks, lambda: self._stored(engine, targets), self.plan.file
                )
                if error is not None:
                    if targets:
                        rejected = rejected_rows(staged.summary.samples, checks)
                        staged.save_samples(targets[-1], rejected)
                    raise error
            except BaseException:
                staged.abort()
                raise
        return PreparedNode(
            node, stamp, targets, staged, checks, made.data_version, made.bad_files, started, batch,
            made.frame,
        )  # fmt: skip

    @staticmethod
    def _stored(engine: Engine, targets: tuple[Target, ...]) -> TableState | None:
        return engine.inspect(targets[-1].place, targets[-1].format) if targets else None

    def commit(self, prepared: PreparedNode) -> NodeResult:
        """Publish all targets in the order quarantine, others, primary, and return the result.

        Raises:
            WriteError: a target could not be written; those before it stay, a rerun completes.
        """
        commits: list[Commit] = []
        with _naming(prepared.node.name, self.secrets):
            try:
                for target in prepared.targets:
                    if prepared.batch is not None:
                        prepared.batch.confirm_open()
                    receipt = receipt_of(prepared, target)
                    commits.append(prepared.staged.commit(target, receipt))
                if prepared.batch is not None:
                    prepared.batch.close()
                if prepared.targets and prepared.node.rules:
                    rejected = rejected_rows(prepared.staged.summary.samples, prepared.checks)
                    prepared.staged.save_samples(prepared.targets[-1], rejected)
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
        self.shared.stored_at[name] = datetime.now(UTC).isoformat()
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
            stage_df=prepared.frame,
            output_df=output,
            quarantine_df=aside,
            batch=None if prepared.batch is None else prepared.batch.id.batch,
            message="" if prepared.batch is not None else not_appended(commits, summary),
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
        node = self.plan.nodes[name]
        publish = commit or self.commit
        with _naming(name, self.secrets):
            if node.is_view:
                return self._run_view(node)
            earlier = self.result_of_earlier(name) if self.options.write else None
            if earlier is not None:
                result = earlier
            elif self.options.write and is_stream(self.plan, node):
                result = run_stream(self, name, publish)
            else:
                result = publish(self.prepare(name))
            return self._without_a_table(node, result)

    def _without_a_table(self, node: PlanNode, result: NodeResult) -> NodeResult:
        """Return the result, as one to wait for where no rows came and `skip` has stored nothing.

        What reads the node could only fail.
        """
        targets = self.targets(node, full_refresh=False)
        if result.rows_out or not targets or targets[-1].on_empty != "skip":
            return result
        if targets[-1].custom_writer is not None or self._stored(self.engine(node.engine), targets):
            return result
        told = (
            f"`{node.name}` gave no rows, and `on_empty: skip` stores none: nothing is stored yet"
        )
        return replace(result, status=NodeStatus.SKIPPED, message=result.message or told)

    def _run_view(self, node: PlanNode) -> NodeResult:
        awaited = awaited_by_view(self, node)
        if awaited:
            return waiting(node, awaited)
        view = self.view(node.name)
        self.shared.handed[node.name] = view.frame
        return view.result

    def result_of_earlier(self, name: str) -> NodeResult | None:
        """Return the result that a run which this one resumes stored for the node, None without.

        What appends only was stored once and for all by any run of the same root. What reads a node
        that was stored later, since its declaration changed, is done again as well.
        """
        if self.options.run_id == self.options.root_run_id:
            return None
        node = self.plan.nodes[name]
        targets = self.targets(node)
        if not targets:
            return None
        if is_stream(self.plan, node):
            found = [] if self._begins_anew else receipts_of_run(self, node, targets)
        else:
            found = self._receipts(node, targets)
        if not found:
            return None
        pairs = zip(targets, found, strict=True)
        times = [receipt.written_at for target, receipt in pairs if target.mode in AGAIN]
        if times and self._newest_read(node) > min(times):
            self.shared.outdated.add(name)
            return None
        self.shared.stored_at[name] = max(receipt.written_at for receipt in found)
        self.shared.data_versions[name] = found[-1].data_version
        return result_of_receipts(node, targets, found, self.options.attempt)

    def _newest_read(self, node: PlanNode) -> str:
        """Return when the latest of what a node reads was stored, as far as this session knows."""
        return max((self.shared.stored_at.get(name, "") for name in node.upstream), default="")

    @property
    def _begins_anew(self) -> bool:
        return self.options.run_id == self.options.attempt

    def _receipts(self, node: PlanNode, targets: tuple[Target, ...]) -> list[Receipt]:
        """Return the receipts of this very write for all targets, none if one is missing."""
        engine, stamp = self.engine(node.engine), self.stamp(node)
        found: list[Receipt] = []
        for target in targets:
            token = stamp.token(target)
            receipt = engine.find_receipt(target.place, target.format, token)
            if receipt is None or receipt.code_version != node.code_version:
                return []
            found.append(receipt)
        return found


@contextmanager
def _naming(node: str, secrets: SecretKeeper) -> Iterator[None]:
    """Put the node's name on errors that pass through, and mask secrets in them."""
    try:
        with secrets.masked():
            yield
    except ExecutionError as error:
        error.node = error.node or node
        raise
    except LaktoryDagsterError as error:
        note = f"node `{node}`"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise

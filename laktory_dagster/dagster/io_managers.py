"""The IO manager `laktory`: sinks and sources for nodes, and for users' own assets."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import dagster as dg
from pydantic import PrivateAttr

from laktory_dagster.dagster.loaded import find_plan
from laktory_dagster.dagster.metadata import (
    MODE,
    NODE,
    TABLE,
    TABLE_NAME,
    URI,
    materialization_metadata,
)
from laktory_dagster.engines.base import (
    Commit,
    Engine,
    ReadRequest,
    RunStamp,
    StageRequest,
    Target,
)
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import SettingsError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.outcomes import (
    PreparedNode,
    not_appended,
    receipt_of,
    row_counts,
    target_result,
)
from laktory_dagster.execution.results import NodeResult, NodeStatus
from laktory_dagster.execution.session import RunSession
from laktory_dagster.models.sinks import TableSink
from laktory_dagster.models.sources import NodeSource, TableSource
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan

MODES = ("OVERWRITE", "APPEND", "IGNORE", "ERROR")


@dataclass(frozen=True)
class Committed:
    """What a node's step yields: the result of what is stored already.

    `rows` is how many rows are stored now, if that is known.
    """

    result: NodeResult
    rows: int | None = None


class LaktoryIOManager(dg.ConfigurableIOManager):
    """Commits nodes, stores frames of users' assets, and loads both as lazy frames.

    A frame of a user's own asset becomes the table `<last two parts of its key>` of the warehouse,
    or what its definition metadata names as `laktory/table`, written as its `laktory/mode` says; it
    is staged and committed by the same code as a node. One session per run and pipeline serves all steps of the process and is closed
    with the run.
    """

    warehouse: str | None = None
    full_refresh: bool = False
    engine: str = "polars"

    _sessions: dict[tuple[str, str], RunSession] = PrivateAttr(default_factory=dict)
    _engines: list[Engine] = PrivateAttr(default_factory=list)
    _seen: set[tuple[str, dg.AssetKey, str]] = PrivateAttr(default_factory=set)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the sessions of the run."""
        for session in self._sessions.values():
            session.close()
        for engine in self._engines:
            engine.close()
        self._sessions.clear()
        self._engines.clear()
        self._seen.clear()

    def session(self, plan: Plan, options: RunOptions) -> RunSession:
        """Return the run's session of a plan, opening it on first use."""
        with self._lock:
            key = (options.run_id, plan.name)
            if key not in self._sessions:
                self._sessions[key] = RunSession(plan, options)
            return self._sessions[key]

    def is_news(self, run_id: str, key: dg.AssetKey, version: str) -> bool:
        """Return whether this process has not asked before for this version within the run."""
        with self._lock:
            known = (run_id, key, version) in self._seen
            self._seen.add((run_id, key, version))
            return not known

    def commit(self, session: RunSession, prepared: PreparedNode) -> NodeResult:
        """Publish a prepared node. Raises WriteError."""
        return session.commit(prepared)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Add the metadata of what is committed; store a frame of a user's asset."""
        if isinstance(obj, Committed):
            metadata = materialization_metadata(obj.result, obj.rows)
        elif obj is None:
            return
        else:
            metadata = materialization_metadata(*self._store(context, obj))
        known = {key for key, value in metadata.items() if value is None}
        context.add_output_metadata({k: v for k, v in metadata.items() if k not in known})

    def load_input(self, context: dg.InputContext) -> Any:
        """Return what the upstream asset stores, as a lazy frame of the engine.

        An input that is annotated with a frame in memory (`pl.DataFrame`) gets one.
        """
        metadata = _definition_metadata(context)
        node = metadata.get(NODE)
        if node is not None:
            engine, frame = self._load_node(str(node))
        else:
            engine, frame = self._load_table(context, metadata)
        wanted = _annotated(context)
        return frame if wanted is None else engine.to_native(frame, wanted)

    def _load_node(self, node: str) -> tuple[Engine, Any]:
        pipeline, _, name = node.partition("/")
        plan = find_plan(pipeline)
        if plan is None:
            raise SettingsError(f"the pipeline of `{node}` is not loaded in this code location")
        # A session of its own, closed with the others: what this one hands over is all stored.
        session = self.session(plan, RunOptions.new(warehouse=self.warehouse))
        planned = plan.nodes[name]
        engine = session.engine(planned.engine)
        if planned.is_view:
            return engine, session.view(name).frame
        return engine, session.read_source(NodeSource(node_name=name), planned)

    def _table(self, key: dg.AssetKey, metadata: dict[str, Any]) -> str:
        return str(metadata.get(TABLE) or ".".join(key.path[-2:]))

    def _plan(self) -> Plan:
        from laktory_dagster.models import Pipeline
        from laktory_dagster.project import plan_of

        return plan_of(Pipeline(name="assets"))

    def _place(self, key: dg.AssetKey, metadata: dict[str, Any]) -> tuple[str, Any]:
        plan = self._plan()
        table = TableSink(table_name=self._table(key, metadata))
        warehouse = locations.warehouse_root(plan, self.warehouse)
        return locations.table_name(plan, table), locations.table_place(plan, table, warehouse)

    def _store(self, context: dg.OutputContext, obj: Any) -> tuple[NodeResult, int | None]:
        """Store a frame; return how that went, and how many rows the table then holds."""
        metadata = dict(context.definition_metadata or {})
        name, place = self._place(context.asset_key, metadata)
        if context.has_asset_partitions:
            # Each partition would replace the ones before it.
            raise SettingsError(
                f"`{context.asset_key.to_user_string()}` has partitions, which are not stored yet",
                hint="give the asset another IO manager, or no partitions",
            )
        target = Target("sink_0", "primary", place, "DELTA", _mode(metadata), table_name=name)
        # As with nodes, an append is made once by a run and all of its re-executions.
        root = context.step_context.dagster_run.root_run_id
        run = RunOptions.new(run_id=context.run_id, root_run_id=root, attempt_id=context.run_id)
        stamp = run.stamp(name, "")
        engine = open_engine(self.engine)
        try:
            frame = engine.from_native(obj)
            staged = engine.stage(StageRequest(frame, (), (target,), stamp, "polars"))
            commit = _published(_Stored(staged, stamp), target)
            state = engine.inspect(place, target.format)
            rows = None if state is None else state.count()
        finally:
            engine.close()
        result = NodeResult(
            node=name,
            status=NodeStatus.DONE,
            engine=self.engine,
            columns=staged.summary.columns,
            targets=(target_result(commit),),
            message=not_appended([commit], staged.summary),
            **row_counts(staged.summary),
        )
        return result, rows

    def _load_table(self, context: dg.InputContext, metadata: dict[str, Any]) -> tuple[Engine, Any]:
        _, place = self._place(context.asset_key, metadata)
        request = ReadRequest(
            TableSource(table_name=self._table(context.asset_key, metadata)),
            "polars",
            place=place,
            format="DELTA",
        )
        engine = open_engine(self.engine)
        self._engines.append(engine)
        return engine, engine.read(request).frame


@dataclass(frozen=True)
class _Named:
    name: str
    code_version: str = ""


@dataclass(frozen=True)
class _Stored:
    """A user's frame in the form of a prepared node, for its receipt."""

    staged: Any
    stamp: RunStamp
    data_version: str = ""
    checks: tuple[Any, ...] = ()

    @property
    def node(self) -> _Named:
        return _Named(self.stamp.node)


def _published(prepared: _Stored, target: Target) -> Commit:
    try:
        receipt = receipt_of(prepared, target)  # type: ignore[arg-type]
        commit: Commit = prepared.staged.commit(target, receipt)
    except BaseException:
        prepared.staged.abort()
        raise
    return commit


def _definition_metadata(context: dg.InputContext) -> dict[str, Any]:
    upstream = context.upstream_output
    found = dict(upstream.definition_metadata or {}) if upstream is not None else {}
    return found | dict(context.definition_metadata or {})


def _annotated(context: dg.InputContext) -> type | None:
    """Return the class that an input is annotated with, alone or beside None."""
    annotation = context.dagster_type.typing_type
    named = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    return named[0] if len(named) == 1 and isinstance(named[0], type) else None


def _mode(metadata: Mapping[str, Any]) -> str:
    mode = str(metadata.get(MODE, "OVERWRITE")).upper()
    if mode not in MODES:
        raise SettingsError(f"`{MODE}` is `{mode}`", expected=f"one of {', '.join(MODES)}")
    return mode


__all__ = ["TABLE_NAME", "URI", "Committed", "LaktoryIOManager"]

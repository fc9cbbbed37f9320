"""Where each source of a node really lies: stored tables, views, files, memory, functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from laktory_dagster.engines.base import (
    BatchId,
    Frame,
    InputVersion,
    Place,
    ReadRequest,
    ReadResult,
    StreamRead,
    TableState,
    Written,
)
from laktory_dagster.errors import ReadError, SourceChangedError
from laktory_dagster.execution.targets import written_formats
from laktory_dagster.models.calls import LaktoryContext, call_in_context
from laktory_dagster.models.sources import (
    AssetSource,
    CustomSource,
    FileSource,
    MemorySource,
    NodeSource,
    SourceOptions,
    TableSource,
)
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import EdgeKind, PlanNode

if TYPE_CHECKING:
    from laktory_dagster.execution.batches import BatchReads
    from laktory_dagster.execution.session import RunSession


class Reader:
    """Reads the sources of a session's nodes; a node reads what its upstream stored."""

    def __init__(self, session: RunSession, batch: BatchReads | None = None) -> None:
        """Keep the session whose engines and frames are used.

        Args:
            session: the run.
            batch: what is new in the streams of one node; without it they are read as a whole.
        """
        self._session = session
        self._batch = batch
        self.moment: datetime = session.options.logical_time if batch is None else batch.moment
        self.batch_id: BatchId | None = None if batch is None else batch.id

    @cached_property
    def _formats(self) -> dict[str, str]:
        return written_formats(self._session.plan, self._session.warehouse)

    @cached_property
    def _text_edges(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for edge in self._session.plan.edges:
            if edge.kind is EdgeKind.SQL:
                found.setdefault(edge.downstream, []).append(edge.upstream)
        return found

    def nodes_in_text(self, node: PlanNode) -> tuple[str, ...]:
        """Return the nodes that the steps of this one name as `{nodes.x}`."""
        return tuple(dict.fromkeys(self._text_edges.get(node.name, ())))

    def read(self, source: SourceOptions, node: PlanNode) -> ReadResult:
        """Return the frame of a source for this node. Raises ReadError."""
        engine = self._session.engine(node.engine)
        if source.mock_df is not None:
            return self._given(source, node, engine.from_native(source.mock_df))
        if self._batch is not None and source.as_stream:
            return self._new_rows(self._batch, source, node)
        if isinstance(source, NodeSource):
            return self.read_node(source.node_name, node, source)
        if isinstance(source, MemorySource):
            rows = source.df if source.df is not None else source.data
            return self._given(source, node, engine.from_native(rows))
        if isinstance(source, (FileSource, TableSource)):
            return self._stored(source, node, *self._place(source))
        if isinstance(source, CustomSource):
            result = self._given(source, node, self._custom(source, node))
            return self._unversioned(result, f"reader:{source.custom_reader.func_name}")
        if isinstance(source, AssetSource):
            result = self._given(source, node, self._asset(source, node))
            version = self._session.asset_versions.get(source.asset)
            return self._unversioned(result, f"asset:{source.asset}", version)
        raise TypeError(f"no reader for {type(source).__name__}")

    def _unversioned(self, result: ReadResult, key: str, version: str | None = None) -> ReadResult:
        """Return the result of code; where nobody says a version, each run has read another one."""
        known = version or self._session.options.attempt
        return replace(result, inputs=(InputVersion(key, known),))

    def _new_rows(self, batch: BatchReads, source: SourceOptions, node: PlanNode) -> ReadResult:
        if isinstance(source, NodeSource) and self._session.plan.nodes[source.node_name].is_view:
            frame = self._frame_of(source.node_name, node, batch.view(source.node_name, self))
            return self._given(source, node, frame)
        return batch.results[id(source)]

    def read_stream(self, source: SourceOptions, node: PlanNode, stream: StreamRead) -> ReadResult:
        """Return what is new in stored data, or what a batch has read of it before.

        Raises:
            SourceChangedError: what was read is not there as it was.
            ReadError: it is not there, or damaged.
        """
        if isinstance(source, (FileSource, TableSource)):
            return self._stored(source, node, *self._place(source), stream=stream)
        if not isinstance(source, NodeSource):
            raise TypeError(f"{type(source).__name__} is no stream")
        place, form, state = self._stored_node(source.node_name, node)
        if state is not None:
            written = self._written(source.node_name, state)
            return self._stored(source, node, place, form, written, stream)
        if stream.since is not None or stream.offset is not None:
            raise SourceChangedError(
                f"node `{source.node_name}` stores nothing any more at {place.uri}, and this "
                "stream has read from it",
                hint="run it again and this node with `--full-refresh`",
            )
        return ReadResult(None, ())

    def _place(self, source: FileSource | TableSource) -> tuple[Place, str]:
        if isinstance(source, FileSource):
            plan = self._session.plan
            return locations.file_place(plan, source.path, source.storage_options), source.format
        place = locations.table_place(self._session.plan, source, self._session.warehouse)
        return place, self._table_format(place)

    def _stored_node(self, upstream: str, node: PlanNode) -> tuple[Place, str, TableState | None]:
        session = self._session
        sink = session.plan.nodes[upstream].declared.sink
        place = locations.sink_place(session.plan, sink, session.warehouse)
        form = locations.sink_format(sink)
        return place, form, session.engine(node.engine).inspect(session.secrets.open(place), form)

    def _written(self, upstream: str, state: TableState) -> Written:
        columns = state.receipt.columns if state.receipt is not None else ()
        options = self._session.plan.nodes[upstream].declared.sink.writer_settings
        return Written(self._session.secrets.reveal(dict(options)), columns)

    def read_node(
        self, upstream: str, node: PlanNode, source: SourceOptions | None = None
    ) -> ReadResult:
        """Return what an upstream node stored, or the frame of an upstream view."""
        session = self._session
        options = source or NodeSource(node_name=upstream)
        declared = session.plan.nodes[upstream]
        if upstream in session.shared.handed and not session.options.write:
            handed = self._frame_of(upstream, node, session.shared.handed[upstream])
            return self._given(options, node, handed)
        if declared.is_view:
            frame = self._frame_of(upstream, node, session.view(upstream).frame)
            result = self._given(options, node, frame)
            return self._versioned(result, upstream)
        place, form, state = self._stored_node(upstream, node)
        if state is None:
            return self._missing_upstream(upstream, node, options, place)
        result = self._stored(options, node, place, form, self._written(upstream, state))
        return self._versioned(result, upstream, state)

    def _frame_of(self, upstream: str, node: PlanNode, frame: Frame) -> Frame:
        """Return a frame of an upstream node; between engines its rows pass through memory."""
        if self._session.plan.nodes[upstream].engine == node.engine:
            return frame
        return self._session.engine(node.engine).from_native(frame)

    def _missing_upstream(
        self, upstream: str, node: PlanNode, options: SourceOptions, place: Place
    ) -> ReadResult:
        session = self._session
        if not session.options.compute_missing:
            raise ReadError(
                f"node `{node.name}` reads node `{upstream}`, which has not been materialized: "
                f"nothing is stored at {place.label}",
                hint=f"run `{upstream}` first, or select `*{node.name}` to run it with its "
                "upstreams",
            )
        if upstream not in session.shared.handed:
            session.shared.handed[upstream] = session.node_frame(upstream).frame
        handed = self._frame_of(upstream, node, session.shared.handed[upstream])
        return self._given(options, node, handed)

    def _versioned(
        self, result: ReadResult, upstream: str, state: TableState | None = None
    ) -> ReadResult:
        """Return the result with the upstream's data version in place of its storage version."""
        version = self._session.shared.data_versions.get(upstream)
        if version is None and state is not None and state.receipt is not None:
            version = state.receipt.data_version
        if version is None:
            return result
        return replace(result, inputs=(InputVersion(f"node:{upstream}", version),))

    def _stored(
        self,
        source: SourceOptions,
        node: PlanNode,
        place: Place,
        form: str,
        written: Written | None = None,
        stream: StreamRead | None = None,
    ) -> ReadResult:
        request = ReadRequest(
            source=self._session.secrets.reveal_source(source),
            dialect=node.dialect,
            place=self._session.secrets.open(place),
            format=form,
            limit=self._session.options.limit,
            timestamp=self.moment,
            written=written,
            stream=stream,
        )
        result = self._session.engine(node.engine).read(request)
        if result.inputs:
            self._session.shared.place_versions[place.uri] = result.inputs[0].version
        return result

    def _given(self, source: SourceOptions, node: PlanNode, frame: Frame) -> ReadResult:
        request = ReadRequest(
            source=source,
            dialect=node.dialect,
            frame=frame,
            limit=self._session.options.limit,
            timestamp=self.moment,
        )
        return self._session.engine(node.engine).read(request)

    def _table_format(self, place: Place) -> str:
        if place.table is not None:
            return "DELTA"
        written = self._formats.get(place.uri)
        if written is not None:
            return written
        folder = Path(place.uri)
        if place.is_remote or not folder.is_dir() or (folder / "_delta_log").is_dir():
            return "DELTA"
        return "PARQUET"

    def _custom(self, source: CustomSource, node: PlanNode) -> Frame:
        call = source.custom_reader
        function = self._session.function(call.func_name)
        context = LaktoryContext(node.declared, self._session.plan.pipeline, source=source)
        args, kwargs = self._session.secrets.reveal((call.func_args, call.func_kwargs))
        try:
            made = call_in_context(function, args, kwargs, context)
        except Exception as error:
            raise ReadError(
                f"the reader `{call.func_name}` of node `{node.name}` failed: {error!r}"
            ) from error
        return self._session.engine(node.engine).from_native(made)

    def _asset(self, source: AssetSource, node: PlanNode) -> Frame:
        assets = self._session.assets
        if source.asset not in assets:
            raise ReadError(
                f"the asset `{source.asset}` is loaded by Dagster and is not there in this run",
                hint="materialize the node in Dagster, or give the frame as `assets={key: frame}`",
            )
        try:
            return self._session.engine(node.engine).from_native(assets[source.asset])
        except ReadError as error:
            raise ReadError(
                f"the asset `{source.asset}`: {error.message}",
                expected=error.expected,
                hint=error.hint,
            ) from error

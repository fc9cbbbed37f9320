"""Streams: a node reads only what is new, in batches each of which is committed exactly once.

The offset of a batch is stored before the batch is staged, and the receipt in the primary target
proves its commit. A batch without a commit is replayed as it was; a node with nothing new does
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from laktory_dagster.engines.base import BatchId, ReadResult, Receipt, StreamRead, Target
from laktory_dagster.engines.storage.checkpoints import (
    COMPACT_EVERY,
    Checkpoint,
    Metadata,
    Offset,
    is_of,
)
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.progress import (
    REFRESH_HINT,
    Progress,
    Standing,
    progress_of,
    written_by,
)
from laktory_dagster.engines.storage.store import open_store
from laktory_dagster.errors import CheckpointError, ReadError, SourceChangedError
from laktory_dagster.execution.batches import Batch, BatchReads
from laktory_dagster.execution.outcomes import PreparedNode
from laktory_dagster.execution.reading import Reader
from laktory_dagster.execution.results import NodeResult
from laktory_dagster.execution.stream_results import joined, nothing_new, waiting
from laktory_dagster.models.sources import FileSource, NodeSource, SourceOptions, TableSource
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode

if TYPE_CHECKING:
    from laktory_dagster.execution.session import RunSession

Commit = Callable[[PreparedNode], NodeResult]
_MERGES = ("MERGE", "UPDATE")


@dataclass(frozen=True)
class StreamSource:
    """A stream that a node reads, itself or through views: its key in offsets, and who names it."""

    key: str
    source: SourceOptions
    node: PlanNode


def stream_sources(plan: Plan, node: PlanNode) -> tuple[StreamSource, ...]:
    """Return the streams that a node reads; none for a node that reads everything each time.

    A view is no stream by itself: the streams that it reads are those of its consumer.
    """
    found: list[StreamSource] = []
    for source in node.declared.sources:
        if not source.as_stream or source.mock_df is not None:
            continue
        if isinstance(source, NodeSource) and plan.nodes[source.node_name].is_view:
            found += stream_sources(plan, plan.nodes[source.node_name])
        elif isinstance(source, (FileSource, TableSource, NodeSource)):
            found.append(StreamSource(_key(plan, source), source, node))
    return tuple(found)


def is_stream(plan: Plan, node: PlanNode) -> bool:
    """Return whether a node reads only what is new."""
    return not node.is_view and bool(stream_sources(plan, node))


def _key(plan: Plan, source: FileSource | TableSource | NodeSource) -> str:
    if isinstance(source, NodeSource):
        return f"node:{source.node_name}"
    if isinstance(source, TableSource):
        return f"table:{locations.table_name(plan, source)}"
    return f"{'delta' if source.format == 'DELTA' else 'files'}:{source.path}"


def run_stream(session: RunSession, name: str, commit: Commit) -> NodeResult:
    """Run what is new of a node and return its result; a batch left unfinished comes first.

    Raises:
        CheckpointError: checkpoint and table do not fit together.
        SourceChangedError: what was read is not there as it was.
        LaktoryDagsterError: anything else that went wrong; nothing of the batch is published.
    """
    stream = Stream(session, session.plan.nodes[name])
    results: list[NodeResult] = []
    for batch in stream.batches():
        try:
            prepared = session.prepare(name, batch)
        except BaseException:
            batch.abandon()
            raise
        results.append(commit(prepared))
    if results:
        return joined(results)
    if stream.awaited and not stream.is_stored():
        return waiting(stream.node, stream.awaited)
    return nothing_new(session, stream.node, stream.receipt())


def awaited_by_view(session: RunSession, node: PlanNode) -> tuple[str, ...]:
    """Return the streams without any data that a view reads; there is nothing to compute yet."""
    reader = Reader(session)
    return tuple(
        _place_in(found.key)
        for found in stream_sources(session.plan, node)
        if reader.read_stream(found.source, found.node, StreamRead()).frame is None
    )


def _place_in(key: str) -> str:
    return key.partition(":")[2]


def receipts_of_run(
    session: RunSession, node: PlanNode, targets: Sequence[Target]
) -> list[Receipt]:
    """Return the receipts of all targets of the last batch that a run which is resumed wrote.

    There are none if it wrote none, or if the node has changed since.
    """
    engine = session.engine(node.engine)
    found = [written_by(t.place, t.format, engine.log(t.place), node.name, t.key) for t in targets]
    receipts = [receipt for receipt in found if receipt is not None]
    attempt = session.options.attempt
    is_done = all(
        receipt.stream is not None
        and receipt.stream == receipts[-1].stream
        and (receipt.attempt_id, receipt.code_version) == (attempt, node.code_version)
        for receipt in receipts
    )
    return receipts if is_done and len(receipts) == len(found) else []


class Stream:
    """How far a node's streams have come, and what is new in them."""

    def __init__(self, session: RunSession, node: PlanNode) -> None:
        """Look at nothing yet; `awaited` are the sources of which nothing has come."""
        self.node = node
        self.awaited: tuple[str, ...] = ()
        self._session = session
        self._engine = session.engine(node.engine)
        self._sources = stream_sources(session.plan, node)
        self._targets = session.targets(node, full_refresh=False)
        self._primary = self._targets[-1]
        self._checkpoint = _checkpoint(session, node, self._primary)

    def is_stored(self) -> bool:
        """Return whether there is a table yet."""
        return self._engine.inspect(self._primary.place, self._primary.format) is not None

    def receipt(self) -> Receipt | None:
        """Return the newest receipt that the node left in its primary target."""
        target = self._primary
        log = self._engine.log(target.place)
        return written_by(target.place, target.format, log, self.node.name, target.key)

    def batches(self) -> Iterator[Batch]:
        """Yield the batches to run: one that was left unfinished, then one with what is new.

        Each has to be committed before the next one is asked for.
        """
        if self._session.options.full_refresh:
            refresh = self._refresh()
            if refresh is not None:
                yield refresh
            return
        interrupted = self._interrupted_refresh()
        if interrupted is not None:
            yield interrupted
        progress = self._progress()
        if progress.replay is not None:
            replay = self._replay(progress.replay)
            if replay is None:
                progress = Progress(progress.replay)
            else:
                yield replay
        new = self._new(progress.next_batch)
        if new is not None:
            yield new

    def _metadata(self) -> Metadata:
        sink = self.node.declared.sink
        target = self._primary.table_name or str(getattr(sink, "path", self._primary.place.uri))
        keys = tuple(sorted({source.key for source in self._sources}))
        return Metadata.new(self._session.plan.name, self.node.name, target, self.node.engine, keys)

    def _progress(self) -> Progress:
        stored = self._checkpoint.batches()
        return progress_of(
            Standing(
                checkpoint=self._checkpoint.uri,
                target=self._primary.table_name or self._primary.place.uri,
                metadata=self._checkpoint.metadata(),
                expected=self._metadata(),
                last_offset=stored[-1] if stored else None,
                receipt=self.receipt(),
                merges=self._primary.mode in _MERGES,
            )
        )

    def _new(self, number: int) -> Batch | None:
        """Begin a batch with what is new, None where nothing is."""
        metadata = self._checkpoint.metadata()
        states = {} if metadata is None else self._checkpoint.states(number)
        results = self._read({key: StreamRead(since=state) for key, state in states.items()})
        if self._is_waiting(results) or not any(result.is_new for result in results.values()):
            return None
        self._refuse_unknown_columns(results)
        if metadata is None:
            self._refuse_to_repeat()
            metadata = self._metadata()
            self._checkpoint.begin(metadata)
        before = states if number and number % COMPACT_EVERY == 0 else None
        offset = self._offset(metadata, number, results, before=before)
        self._checkpoint.open(offset)
        return self._batch(offset, results, self._targets, self._checkpoint)

    def _refuse_to_repeat(self) -> None:
        """Raise CheckpointError where a target holds batches, though the primary knows of none.

        Those of another pipeline with such a node do not count. So it is after the primary target was removed, or when the sinks have changed places.
        """
        for target in self._targets:
            log = self._engine.log(target.place)
            for key in (other.key for other in self._targets):
                found = written_by(target.place, target.format, log, self.node.name, key)
                stream = found.stream if found is not None else None
                if stream is not None and is_of(stream.checkpoint, self._session.plan.name):
                    raise CheckpointError(
                        f"{target.table_name or target.place.uri} holds batches of the stream, and "
                        f"there is no checkpoint at {self._checkpoint.uri}, where the first sink is; "
                        "everything would be read into it again",
                        hint=f"bring the first sink back as it was, or {REFRESH_HINT}",
                    )

    def _is_waiting(self, results: Mapping[int, ReadResult]) -> bool:
        """Return whether there is no table, and too little has come to make one; note for what."""
        is_new = any(result.is_new for result in results.values())
        self.awaited = tuple(
            _place_in(found.key)
            for found in self._sources
            if results[id(found.source)].frame is None or not is_new
        )
        return bool(self.awaited) and not self.is_stored()

    def _refresh(self) -> Batch | None:
        """Begin anew, beside the checkpoint that counts until the batch is committed.

        There is nothing to begin where nothing has come and nothing is stored.
        """
        results = self._read({})
        if self._is_waiting(results):
            return None
        if not any(result.is_new for result in results.values()):
            raise ReadError(
                f"there is nothing to read, and a full refresh would empty {self._primary.place.uri}",
                hint="check the sources of the node",
            )
        self._refuse_unknown_columns(results)
        checkpoint = self._checkpoint.refresh
        if self._is_half_committed(checkpoint):
            # Some targets hold what it has read, and what came before no longer fits to all of them.
            self._checkpoint.remove()
        checkpoint.remove()
        metadata = self._metadata()
        checkpoint.begin(metadata)
        offset = self._offset(metadata, 0, results, refresh=True)
        checkpoint.open(offset)
        targets = self._session.targets(self.node, full_refresh=True)
        batch = self._batch(offset, results, targets, checkpoint)
        return replace(batch, replaces=self._checkpoint)

    def _interrupted_refresh(self) -> Batch | None:
        """Settle a full refresh that was left unfinished; return its batch if some is committed."""
        checkpoint = self._checkpoint.refresh
        metadata = checkpoint.metadata()
        if metadata is None:
            return None
        if self._adopt_committed_refresh():
            return None
        if not self._has_begun(checkpoint):
            checkpoint.remove()
            return None
        offset = checkpoint.offset(0)
        results = self._read({k: StreamRead(offset=read) for k, read in offset.sources.items()})
        targets = self._session.targets(self.node, full_refresh=True)
        batch = self._batch(offset, results, targets, checkpoint)
        return replace(batch, replaces=self._checkpoint, begun_here=False)

    def _adopt_committed_refresh(self) -> bool:
        """Let the checkpoint of a full refresh count if its batch is committed, and return whether."""
        metadata, receipt = self._checkpoint.refresh.metadata(), self.receipt()
        if metadata is None or receipt is None or receipt.stream is None:
            return False
        if receipt.stream.checkpoint != metadata.id:
            return False
        self._checkpoint.adopt_refresh()
        return True

    def _replay(self, number: int) -> Batch | None:
        """Return a batch exactly as it was begun.

        Where its sources are no longer there as they were, and none of it is committed, its offset
        goes, and None is returned: what is new is then found out again.

        Raises:
            SourceChangedError: some of it is committed, so that nothing else may be read for it.
        """
        offset = self._checkpoint.offset(number)
        states = self._checkpoint.states(number)
        reads = {k: StreamRead(states.get(k), read) for k, read in offset.sources.items()}
        try:
            results = self._read(reads)
        except SourceChangedError:
            if self._is_begun(offset):
                raise
            self._checkpoint.drop(number)
            return None
        batch = self._batch(offset, results, self._targets, self._checkpoint)
        return replace(batch, begun_here=False)

    def _has_begun(self, refresh: Checkpoint) -> bool:
        """Return whether a target has been committed for a full refresh."""
        if refresh.metadata() is None or not refresh.batches():
            return False
        return self._is_begun(refresh.offset(0))

    def _is_half_committed(self, refresh: Checkpoint) -> bool:
        """Return whether a full refresh that another one replaces may be in some of the targets."""
        try:
            return not self._adopt_committed_refresh() and self._has_begun(refresh)
        except CheckpointError:  # Damaged: it cannot say.
            return True

    def _is_begun(self, offset: Offset) -> bool:
        """Return whether a target has been committed for a batch."""
        batch = BatchId(offset.checkpoint, offset.batch)
        stamp = replace(self._session.stamp(self.node), stream=batch)
        return any(
            self._engine.find_receipt(target.place, target.format, stamp.token(target))
            for target in self._targets
        )

    def _read(self, reads: Mapping[str, StreamRead]) -> dict[int, ReadResult]:
        """Return a result for each source, by its identity; sources of one key read the same."""
        reader = Reader(self._session)
        pinned = dict(reads)
        results: dict[int, ReadResult] = {}
        for found in self._sources:
            read = pinned.get(found.key, StreamRead())
            result = reader.read_stream(found.source, found.node, read)
            pinned[found.key] = StreamRead(read.since, result.offset)
            results[id(found.source)] = result
        return results

    def _refuse_unknown_columns(self, results: Mapping[int, ReadResult]) -> None:
        for found in self._sources:
            if results[id(found.source)].frame is None:
                raise ReadError(
                    f"nothing has come yet from `{found.key}`, so its columns are not known",
                    hint="declare its columns with `schema_definition`, or wait for its first rows",
                )

    def _offset(
        self,
        metadata: Metadata,
        number: int,
        results: Mapping[int, ReadResult],
        *,
        refresh: bool = False,
        before: Mapping[str, Mapping[str, object]] | None = None,
    ) -> Offset:
        return Offset(
            checkpoint=metadata.id,
            batch=number,
            moment=self._session.options.logical_time.isoformat(),
            sources={f.key: dict(results[id(f.source)].offset or {}) for f in self._sources},
            attempt=uuid4().hex,
            refresh=refresh,
            before=before,
        )

    def _batch(
        self,
        offset: Offset,
        results: Mapping[int, ReadResult],
        targets: tuple[Target, ...],
        checkpoint: Checkpoint,
    ) -> Batch:
        batch = BatchId(offset.checkpoint, offset.batch)
        moment = datetime.fromisoformat(offset.moment)
        reads = BatchReads(self._session, batch, moment, results)
        reader = Reader(self._session, reads)
        return Batch(batch, reader, targets, offset, checkpoint)


def _checkpoint(session: RunSession, node: PlanNode, primary: Target) -> Checkpoint:
    """Return the checkpoint of a node: beside its primary target, or where the declaration says."""
    declared = node.declared
    location = declared.sink.checkpoint_location
    if location is None and declared.root_path is not None:
        location = f"{declared.root_path}/checkpoint"
    if location is None:
        layout = layout_of(primary.place, primary.format)
        return Checkpoint(layout.store, layout.checkpoint)
    place = locations.file_place(session.plan, location, primary.place.storage_options)
    opened = session.secrets.open(place)
    return Checkpoint(open_store(opened.uri, opened.storage_options), "")


__all__ = [
    "REFRESH_HINT",
    "Stream",
    "awaited_by_view",
    "is_stream",
    "receipts_of_run",
    "run_stream",
]

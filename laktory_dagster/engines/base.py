"""What an engine is: six verbs over frames, and the plain data that goes in and out of them.

`read` and `transform` give lazy frames of the engine; `stage` runs the work and writes everything
where no reader sees it; `Staged.commit` publishes one target, `Staged.abort` removes what was
staged. The caller decides between the two (see `execution.quality`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Protocol

from laktory_dagster.engines.log import Log
from laktory_dagster.models import Expectation, MergeOptions
from laktory_dagster.models.calls import LaktoryContext
from laktory_dagster.models.place import Place as Place  # noqa: PLC0414 - also part of this contract
from laktory_dagster.models.sources import VERSION_OPTIONS, SourceOptions
from laktory_dagster.models.transformer import LeafStep

Frame = Any
"""A lazy frame of the engine: `polars.LazyFrame`, or a Spark DataFrame."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column and its type in portable spelling (`string`, `int64`, `timestamp[us, UTC]`)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class InputVersion:
    """What was read and in which version: a Delta version, or a file's size and time."""

    key: str
    version: str


@dataclass(frozen=True)
class Written:
    """How a node wrote what is read: the options of its writer, and the columns of its receipt."""

    options: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[ColumnType, ...] = ()


@dataclass(frozen=True)
class StreamRead:
    """Which part of a source a batch reads, in plain JSON data of the engine's own.

    `since` is what all batches before have read (None: nothing), `offset` what a batch that is
    replayed has to read again. Without an offset the batch reads whatever is new.
    """

    since: Mapping[str, Any] | None = None
    offset: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ReadRequest:
    """A source with everything resolved.

    Exactly one of `place` and `frame` is set: stored data in `format`, or a frame that is already
    there (a view, memory, a custom reader), to which the source's options apply all the same.
    `version` pins a Delta table; `stream` reads only what is new. `dialect` is that of the source's SQL strings, and `timestamp` the
    logical time (UTC) that `current_timestamp` gives in them. `written` is set for what a node
    stored: text then comes back in the types that it had.
    """

    source: SourceOptions
    dialect: str
    place: Place | None = None
    format: str | None = None
    frame: Frame = None
    version: int | None = None
    limit: int | None = None
    timestamp: datetime | None = None
    written: Written | None = None
    stream: StreamRead | None = None

    @property
    def pinned(self) -> int | None:
        """The version of a Delta table to read: what the run holds, else what the options name."""
        settings = getattr(self.source, "reader_settings", None) or {}
        named = next((settings[name] for name in VERSION_OPTIONS if name in settings), None)
        return self.version if self.version is not None or named is None else int(named)


@dataclass(frozen=True)
class ReadResult:
    """A lazy frame after the source's options, the versions read, and the files set aside.

    Of a stream `offset` is what this batch reads and `is_new` whether there is anything; where there
    is nothing the frame has no rows, and is None as long as the columns are not known.
    """

    frame: Frame
    columns: tuple[str, ...]
    inputs: tuple[InputVersion, ...] = ()
    bad_files: tuple[str, ...] = ()
    offset: Mapping[str, Any] | None = None
    is_new: bool = False


@dataclass(frozen=True)
class TransformRequest:
    """The chain of a node and what its steps may name.

    `frames` maps `sources.x` and `nodes.x` to frames; `read` gives the frame of a source among the
    arguments; `functions` are the project's own by the name used in `func_name`; `context` is what
    such a function gets as `laktory_context` if it asks for it; `dataframe_api` is that of steps
    which name none; `timestamp` is the logical time (UTC) that `current_timestamp` gives.
    """

    steps: Sequence[LeafStep]
    dialect: str
    frames: Mapping[str, Frame] = field(default_factory=dict)
    read: Callable[[SourceOptions], Frame] | None = None
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    context: LaktoryContext = field(default_factory=LaktoryContext)
    dataframe_api: str | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True)
class LayerRequest:
    """The layer steps of a node with what is known at run time.

    `source_columns` are the columns of the first source after its options; `timestamp` is the
    logical time (UTC) that the stamp column holds in every row. Steps run in the order time column,
    drop, dedupe, stamp; with `reference_order` as the reference runs them: time column, stamp,
    dedupe, drop.
    """

    time_expression: str | None
    drop_columns: tuple[str, ...]
    dedupe: bool
    dedupe_subset: tuple[str, ...]
    dedupe_order: str | None
    keep: str
    stamp: str | None
    timestamp: datetime
    dialect: str
    reference_order: bool = False


Role = Literal["quarantine", "other", "primary"]


@dataclass(frozen=True)
class Target:
    """One place to write, with everything resolved.

    `key` is unique in the node (`sink_0`, `quarantine`); `mode` one of the sink modes;
    `primary_keys` those of a merge; `partition_by` columns of folders; `cluster_by` those of Delta's
    liquid clustering (Spark); `replace_stored` makes a merge start from an empty table.
    """

    key: str
    role: Role
    place: Place
    format: str
    mode: str
    options: Mapping[str, Any] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    merge: MergeOptions | None = None
    primary_keys: tuple[str, ...] = ()
    schema_evolution: str | None = None
    schema_definition: Any = None
    null_keys: str = "error"
    on_empty: str = "write"
    dialect: str = "spark"
    custom_writer: Callable[[Any], Any] | None = None
    table_name: str | None = None
    comment: str | None = None
    replace_stored: bool = False


@dataclass(frozen=True, slots=True)
class BatchId:
    """A batch of a stream: the id of its checkpoint, and its number from 0."""

    checkpoint: str
    batch: int


AGAIN = ("OVERWRITE", "MERGE", "UPDATE")
"""The modes that a re-execution of everything writes again; any other writes once a root run."""


@dataclass(frozen=True)
class RunStamp:
    """Which run works: its id, the root run that re-executions inherit, node, logical time, partition.

    `stream` is set for a batch of a stream, which is the same write whichever run does it.
    `attempt_id` is the run that began what this one resumes, the root run if it is empty.
    """

    run_id: str
    root_run_id: str
    node: str
    code_version: str
    logical_time: datetime
    partition: str | None = None
    stream: BatchId | None = None
    attempt_id: str = ""

    def token(self, target: Target) -> str:
        """Return what makes a commit idempotent: run, node, sink and partition.

        The run is the one that is resumed, for an append the root run. Of a stream it is
        checkpoint, node, sink and batch.
        """
        if self.stream is not None:
            batch = f"batch-{self.stream.batch}"
            return "/".join((self.stream.checkpoint, self.node, target.key, batch))
        run = (self.attempt_id if target.mode in AGAIN else "") or self.root_run_id
        return "/".join((run, self.node, target.key, self.partition or "-"))


@dataclass(frozen=True)
class StageRequest:
    """A frame to check and to write to all targets in one pass over its source.

    `sources` say where the rows come from, for messages.
    """

    frame: Frame
    rules: Sequence[Expectation]
    targets: Sequence[Target]
    stamp: RunStamp
    dialect: str
    sample_rows: int = 20
    keep_samples: bool = True
    key_columns: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageSummary:
    """What one pass gave. Counts are rows.

    `failures` maps each ROW rule to the rows that fail it, `aggregates` each AGGREGATE rule to
    whether it holds (null counts as False). `samples` are failing rows as plain values with
    `_failed_rules`, at most 1,000. `rows_in == rows_out + rows_dropped + rows_quarantined`.
    """

    rows_in: int
    rows_out: int
    rows_dropped: int
    rows_quarantined: int
    failures: Mapping[str, int]
    aggregates: Mapping[str, bool]
    columns: tuple[ColumnType, ...]
    samples: tuple[Mapping[str, Any], ...] = ()
    preview: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Receipt:
    """Who wrote a target, stored with it. `table_version` is None where the format has none.

    `stream` is the batch that a stream wrote, None for any other write. `attempt_id` is the run that
    began what the writing one resumed.
    """

    token: str
    run_id: str
    root_run_id: str
    node: str
    code_version: str
    data_version: str
    logical_time: str
    written_at: str
    rows_in: int
    rows_out: int
    rows_dropped: int
    rows_quarantined: int
    columns: tuple[ColumnType, ...]
    checks: tuple[Mapping[str, Any], ...] = ()
    partition: str | None = None
    table_version: int | None = None
    stream: BatchId | None = None
    attempt_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Receipt:
        """Return the receipt of plain JSON data; what newer versions add to it is left out."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        columns = tuple(ColumnType(**column) for column in data["columns"])
        stream = BatchId(**data["stream"]) if data.get("stream") else None
        checks = tuple(data.get("checks", ()))
        return cls(**{**known, "columns": columns, "checks": checks, "stream": stream})


@dataclass(frozen=True)
class Commit:
    """What a commit published: rows written, version, bytes, and the published rows lazily."""

    target: Target
    rows: int
    version: int | None
    bytes: int | None
    published: Frame
    skipped: bool = False


@dataclass(frozen=True)
class TableState:
    """What a target holds now: version, columns and last receipt; its rows when they are asked for.

    `count` gives the number of rows, None where only reading them all would tell.
    """

    version: int | None
    columns: tuple[ColumnType, ...]
    receipt: Receipt | None
    count: Callable[[], int | None]


class Staged(Protocol):
    """All data of all targets, written where no reader sees it."""

    @property
    def summary(self) -> StageSummary:
        """Return counts, schema and samples of the pass."""
        ...

    def commit(self, target: Target, receipt: Receipt) -> Commit:
        """Publish one target with its receipt, atomically. Raises WriteError and its children."""
        ...

    def abort(self) -> None:
        """Remove what was staged and not committed; never raises."""
        ...

    def frames(self) -> tuple[Frame, Frame]:
        """Return the good and the quarantined rows as staged (None when there are none)."""
        ...

    def save_samples(self, target: Target, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rejected rows beside the target's receipt, in the place of earlier ones."""
        ...


class Engine(Protocol):
    """Reads, transforms, checks and writes. One instance serves one run; `close` ends it."""

    name: str

    def read(self, request: ReadRequest) -> ReadResult:
        """Return the source lazily. Raises ReadError."""
        ...

    def transform(self, frame: Frame, request: TransformRequest) -> Frame:
        """Return the frame after the chain. Raises TransformError, ExpressionError."""
        ...

    def apply_layer(self, frame: Frame, request: LayerRequest) -> Frame:
        """Return the frame after the layer steps. Raises TransformError."""
        ...

    def columns(self, frame: Frame) -> tuple[ColumnType, ...]:
        """Return the columns of a lazy frame without running it."""
        ...

    def stage(self, request: StageRequest) -> Staged:
        """Run the frame once, write all targets unseen, count all rules."""
        ...

    def cache(self, frame: Frame) -> Frame:
        """Return a frame that is computed once however many consumers it has in this run."""
        ...

    def head(self, frame: Frame, rows: int) -> tuple[Mapping[str, Any], ...]:
        """Return the first rows as plain values."""
        ...

    def inspect(self, place: Place, format: str) -> TableState | None:  # noqa: A002
        """Return what is stored, or None where nothing is."""
        ...

    def find_receipt(self, place: Place, format: str, token: str) -> Receipt | None:  # noqa: A002
        """Return the receipt of an earlier commit with this token, if there was one."""
        ...

    def log(self, place: Place) -> Log:
        """Return the commits of a Delta table."""
        ...

    def failures(self, place: Place, format: str) -> tuple[Mapping[str, Any], ...]:  # noqa: A002
        """Return the rejected rows that the last run stored beside the receipt."""
        ...

    def purge(self, place: Place, format: str) -> None:  # noqa: A002
        """Remove what is stored there, receipts included."""
        ...

    def from_native(self, frame: Any) -> Frame:
        """Return the engine's lazy frame of what a user's code returned or inline data holds."""
        ...

    def to_native(self, frame: Frame, wanted: type) -> Any:
        """Return a lazy frame as the type that a user's code asks for; as it is if not known."""
        ...

    def close(self) -> None:
        """Release everything; the engine is not used afterwards."""
        ...

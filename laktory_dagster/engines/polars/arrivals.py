"""What is new in a source of a stream: files that arrived, or rows that a Delta table got."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from laktory_dagster.engines.base import (
    InputVersion,
    Place,
    ReadRequest,
    ReadResult,
    StreamRead,
)
from laktory_dagster.engines.polars.opening import checked_files, open_version
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.scan import scan_stream, scan_written
from laktory_dagster.engines.polars.schemas import parse_schema
from laktory_dagster.engines.storage.arrivals import Found, choose, find_files, listing_of
from laktory_dagster.engines.storage.changes import CHOICES, added_files
from laktory_dagster.engines.storage.commits import FileLog
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.listing import EMPTY, Listing
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import ReadError, SourceChangedError, UnsupportedError
from laktory_dagster.models.sources import NodeSource

_CASTS = pl.ScanCastOptions(
    integer_cast="upcast",
    float_cast="upcast",
    datetime_cast=("nanosecond-downcast", "convert-timezone"),
    missing_struct_fields="insert",
    extra_struct_fields="ignore",
)


def open_stream(request: ReadRequest, place: Place, read: StreamRead) -> ReadResult:
    """Return what is new in a source before its options, with the offset of it.

    Raises:
        SourceChangedError: what was read is not there as it was, so that nothing can be said new.
        ReadError: it is not there, or damaged.
    """
    source = request.source
    subject = f"node `{source.node_name}`" if isinstance(source, NodeSource) else place.uri
    if request.format == "DELTA":
        return _open_table(place, read, subject)
    return _open_files(request, place, read, subject)


def _open_table(place: Place, read: StreamRead, subject: str) -> ReadResult:
    offset, since = read.offset, read.since or {}
    table = _version_to_read(place, read, subject)
    known = since.get("table") if offset is None else offset["table"]
    identity = table.metadata().id
    if known is not None and known != identity:
        raise SourceChangedError(
            f"{subject}: the table was made anew since this stream has read it", hint=CHOICES
        )
    after = since.get("version") if offset is None else offset["from"]
    to = table.version()
    inputs = (InputVersion(place.uri, str(to)),)
    if after is None:
        new = {"table": identity, "from": None, "version": to}
        return ReadResult(pl.scan_delta(table), (), inputs, offset=new, is_new=True)
    if to < after:
        raise SourceChangedError(
            f"{subject}: the table is at version {to}, and this stream has read up to version "
            f"{after}",
            hint=CHOICES,
        )
    store = layout_of(place, "DELTA").store
    files = added_files(FileLog(store), store, after, to, subject)
    frame = _scan_added(table, place, files, subject)
    new = {"table": identity, "from": after, "version": to}
    return ReadResult(frame, (), inputs, offset=new, is_new=bool(files))


def _version_to_read(place: Place, read: StreamRead, subject: str) -> DeltaTable:
    if read.since is None and read.offset is None:
        return open_version(place, None)
    try:
        return open_version(place, None if read.offset is None else read.offset["version"])
    except (ReadError, DeltaError) as error:
        raise SourceChangedError(
            f"{subject}: the version that this stream is to read is gone: {error}", hint=CHOICES
        ) from error


def _scan_added(table: DeltaTable, place: Place, files: list[str], subject: str) -> pl.LazyFrame:
    """Return the rows of some files of a table in its columns, as a scan of all would give them."""
    schema = pl.scan_delta(table).collect_schema()
    if not files:
        return pl.LazyFrame(schema=schema)
    metadata = table.metadata()
    features = table.protocol().reader_features or []
    mapping = metadata.configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none" or "deletionVectors" in features:
        raise UnsupportedError(
            f"{subject}: a table with column mapping or deletion vectors cannot be read as a "
            "stream here",
            hint="leave `as_stream` out, or read it on Spark (`dataframe_type: SPARK`)",
        )
    store = layout_of(place, "DELTA").store
    in_folders = set(metadata.partition_columns)
    return pl.scan_parquet(
        exactly([store.url(name) for name in files]),
        schema=pl.Schema({n: t for n, t in schema.items() if n not in in_folders}),
        hive_schema={n: schema[n] for n in schema if n in in_folders} or None,
        hive_partitioning=bool(in_folders),
        cast_options=_CASTS,
        missing_columns="insert",
        extra_columns="ignore",
        storage_options=store.storage_options or None,
    ).select(schema.names())


def _open_files(request: ReadRequest, place: Place, read: StreamRead, subject: str) -> ReadResult:
    found = find_files(place)
    chosen = choose(found, read, subject)
    known = _known_schema(read.since, "schema")
    inputs = (found.version,)
    if not chosen:
        nothing: dict[str, Any] = {"files": {}, "bad": {}}
        return ReadResult(_nothing(request, read.since), (), inputs, offset=nothing)
    listing = _with_rows(listing_of(found, chosen), request)
    damaged: tuple[str, ...] = ()
    if listing.files:
        listing, damaged = checked_files(listing, request, place)
    bad = {name: chosen.pop(name) for name in _names(found, damaged)}
    if read.offset is not None:
        bad |= read.offset.get("bad", {})
    frame, schema = _scan_new(listing, request, known)
    offset = {"files": chosen, "bad": bad, "schema": _packed(schema)}
    columns = frame.collect_schema()
    if columns != schema:
        offset["columns"] = _packed(columns)
    return ReadResult(frame, (), inputs, damaged, offset, is_new=True)


def _with_rows(listing: Listing, request: ReadRequest) -> Listing:
    """Return the listing without the files of a node that hold no row, of text not even a byte."""
    if request.written is None:
        return listing
    return replace(listing, files=tuple(f for f in listing.files if f.problem != EMPTY))


def _scan_new(
    listing: Listing, request: ReadRequest, known: pl.Schema | None
) -> tuple[pl.LazyFrame, pl.Schema]:
    form, written = str(request.format), request.written
    options = getattr(request.source, "reader_settings", None)
    if written is not None and form in TEXT and not options:
        if not listing.files:
            columns = {column.name: column.type for column in written.columns}
            empty = pl.LazyFrame(schema=parse_schema(columns))
            return empty, empty.collect_schema()
        frame = scan_written(listing, form, written)
        return frame, frame.collect_schema()
    return scan_stream(listing, form, request.source, known)


def _nothing(request: ReadRequest, since: Mapping[str, Any] | None) -> pl.LazyFrame | None:
    """Return the columns of the source without rows, None where they are not known yet."""
    declared = getattr(request.source, "schema_definition", None)
    schema = _known_schema(since, "columns") or _known_schema(since, "schema")
    if schema is None and declared is not None:
        schema = parse_schema(declared)
    return None if schema is None else pl.LazyFrame(schema=schema)


def _names(found: Found, paths: tuple[str, ...]) -> list[str]:
    start = len(found.base.rstrip("/")) + 1
    return [path[start:] for path in paths]


def _packed(schema: pl.Schema) -> str:
    """Return a schema as text that gives back every type as it is."""
    content = io.BytesIO()
    pl.DataFrame(schema=schema).write_ipc(content)
    return base64.b64encode(content.getvalue()).decode()


def _known_schema(since: Mapping[str, Any] | None, key: str) -> pl.Schema | None:
    packed = (since or {}).get(key)
    if packed is None:
        return None
    return pl.Schema(pl.read_ipc_schema(io.BytesIO(base64.b64decode(packed))))

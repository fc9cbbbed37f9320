"""What is new in a source of a stream: files that arrived, or rows that a Delta table got.

A batch is read as any other frame, so that it works on Connect as on a session of its own, and
its offset is the same as on every engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import (
    InputVersion,
    Place,
    ReadRequest,
    ReadResult,
    StreamRead,
)
from laktory_dagster.engines.spark.opening import checked_files, open_version
from laktory_dagster.engines.spark.problems import SPARK_ERRORS
from laktory_dagster.engines.spark.scan import scan_stream, scan_written
from laktory_dagster.engines.spark.schemas import parse_schema
from laktory_dagster.engines.spark.tables import table_of
from laktory_dagster.engines.storage.arrivals import choose, find_files, listing_of
from laktory_dagster.engines.storage.changes import CHOICES, added_files
from laktory_dagster.engines.storage.listing import EMPTY, Listing
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import ReadError, SourceChangedError
from laktory_dagster.models.sources import NodeSource


def open_stream(spark: Any, request: ReadRequest, place: Place, read: StreamRead) -> ReadResult:
    """Return what is new in a source before its options, with the offset of it.

    Raises:
        SourceChangedError: what was read is not there as it was, so that nothing can be said new.
        ReadError: it is not there, or damaged.
    """
    source = request.source
    subject = f"node `{source.node_name}`" if isinstance(source, NodeSource) else place.label
    if request.format == "DELTA":
        return _open_table(spark, place, read, subject)
    return _open_files(spark, request, place, read, subject)


def _open_table(spark: Any, place: Place, read: StreamRead, subject: str) -> ReadResult:
    offset, since = read.offset, read.since or {}
    frame, to = _version_to_read(spark, place, read, subject)
    known = since.get("table") if offset is None else offset["table"]
    identity = _identity(spark, place)
    if known is not None and known != identity:
        raise SourceChangedError(
            f"{subject}: the table was made anew since this stream has read it", hint=CHOICES
        )
    after = since.get("version") if offset is None else offset["from"]
    inputs = (InputVersion(place.uri, str(to)),)
    new = {"table": identity, "from": after, "version": to}
    if after is None:
        return ReadResult(frame, (), inputs, offset=new, is_new=True)
    if to < after:
        raise SourceChangedError(
            f"{subject}: the table is at version {to}, and this stream has read up to version "
            f"{after}",
            hint=CHOICES,
        )
    table = table_of(place, lambda: spark)
    files = added_files(table.log, table.files, after, to, subject)
    added = rows_of_files(frame, files)
    return ReadResult(added, (), inputs, offset=new, is_new=bool(files))


def _version_to_read(spark: Any, place: Place, read: StreamRead, subject: str) -> tuple[Any, int]:
    if read.since is None and read.offset is None:
        return open_version(spark, place, None)
    try:
        return open_version(spark, place, None if read.offset is None else read.offset["version"])
    except (ReadError, *SPARK_ERRORS) as error:
        raise SourceChangedError(
            f"{subject}: the version that this stream is to read is gone: {error}", hint=CHOICES
        ) from error


def _identity(spark: Any, place: Place) -> str:
    return str(spark.sql(f"DESCRIBE DETAIL {table_of(place, lambda: spark).sql}").first()["id"])


def rows_of_files(table: Any, files: list[str]) -> Any:
    """Return the rows of some files of a table.

    A file's own name has a random part, so that it stands for the whole path.
    """
    names = [name.rpartition("/")[2] for name in files]
    return table.filter(F.url_decode(F.col("_metadata.file_name")).isin(names))


def _open_files(
    spark: Any, request: ReadRequest, place: Place, read: StreamRead, subject: str
) -> ReadResult:
    found = find_files(place)
    chosen = choose(found, read, subject)
    known = _known_schema(read.since, "schema")
    inputs = (found.version,)
    if not chosen:
        nothing: dict[str, Any] = {"files": {}, "bad": {}}
        return ReadResult(_nothing(spark, request, read.since), (), inputs, offset=nothing)
    listing = _with_rows(listing_of(found, chosen), request)
    damaged: tuple[str, ...] = ()
    if listing.files:
        listing, damaged = checked_files(spark, listing, request, place)
    start = len(found.base.rstrip("/")) + 1
    bad = {path[start:]: chosen.pop(path[start:]) for path in damaged}
    if read.offset is not None:
        bad |= read.offset.get("bad", {})
    frame, schema = _scan_new(spark, listing, request, known)
    offset = {"files": chosen, "bad": bad, "schema": schema.json()}
    if frame.schema != schema:
        offset["columns"] = frame.schema.json()
    return ReadResult(frame, (), inputs, damaged, offset, is_new=True)


def _with_rows(listing: Listing, request: ReadRequest) -> Listing:
    """Return the listing without the files of a node that hold no row, of text not even a byte."""
    if request.written is None:
        return listing
    return replace(listing, files=tuple(f for f in listing.files if f.problem != EMPTY))


def _scan_new(
    spark: Any, listing: Listing, request: ReadRequest, known: st.StructType | None
) -> tuple[Any, st.StructType]:
    form, written = str(request.format), request.written
    options = getattr(request.source, "reader_settings", None)
    if written is not None and form in TEXT and not options:
        if not listing.files:
            columns = {column.name: column.type for column in written.columns}
            empty = spark.createDataFrame([], parse_schema(columns))
            return empty, empty.schema
        frame = scan_written(spark, listing, form, written)
        return frame, frame.schema
    return scan_stream(spark, listing, form, request.source, known)


def _nothing(spark: Any, request: ReadRequest, since: Mapping[str, Any] | None) -> Any:
    """Return the columns of the source without rows, None where they are not known yet."""
    declared = getattr(request.source, "schema_definition", None)
    schema = _known_schema(since, "columns") or _known_schema(since, "schema")
    if schema is None and declared is not None:
        schema = parse_schema(declared)
    return None if schema is None else spark.createDataFrame([], schema)


def _known_schema(since: Mapping[str, Any] | None, key: str) -> st.StructType | None:
    packed = (since or {}).get(key)
    return None if packed is None else st.StructType.fromJson(json.loads(packed))

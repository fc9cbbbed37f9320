"""Sources as Spark frames, with the versions that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import types as st

from laktory_dagster.engines.base import InputVersion, Place, ReadRequest, ReadResult
from laktory_dagster.engines.spark.options import apply_options
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, plain_text, unknown_column
from laktory_dagster.engines.spark.receipts import inspect
from laktory_dagster.engines.spark.scan import scan_listing, scan_written
from laktory_dagster.engines.spark.schemas import parse_type
from laktory_dagster.engines.storage import commits
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.listing import EMPTY, Listing, list_files
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import LaktoryDagsterError, ReadError
from laktory_dagster.expressions.suggest import hint_for

_LINES = ("JSON", "JSONL", "NDJSON")


def read(spark: Any, request: ReadRequest) -> ReadResult:
    """Return a source lazily: its files, its table or the frame that is already there.

    Raises:
        ReadError: it is not there, damaged, or lacks a column that its options name.
    """
    frame: Any = None
    try:
        frame, inputs, bad_files = _open(spark, request)
        if request.limit is not None:
            frame = frame.limit(request.limit)
        made = apply_options(frame, request.source, request.dialect, request.timestamp)
        columns = tuple(made.columns)
    except LaktoryDagsterError:
        raise
    except (OSError, *SPARK_ERRORS) as error:
        raise as_read_error(error, request, frame) from error
    return ReadResult(made, columns, inputs, bad_files)


def as_read_error(error: BaseException, request: ReadRequest, frame: Any = None) -> ReadError:
    """Return what Spark raised while reading as a ReadError."""
    where = f"{request.place.uri}: " if request.place is not None else ""
    missing = unknown_column(error)
    if missing is not None and frame is not None:
        return ReadError(
            f"{where}there is no column `{missing}`",
            expected=f"one of {', '.join(frame.columns)}",
            hint=hint_for(missing, frame.columns),
        )
    return ReadError(f"{where}{plain_text(error)}")


def _open(
    spark: Any, request: ReadRequest
) -> tuple[Any, tuple[InputVersion, ...], tuple[str, ...]]:
    if request.place is None:
        return request.frame, (), ()
    if request.format == "DELTA":
        return *_delta(spark, request.place, request.version), ()
    return _files(spark, request, request.place)


def _delta(spark: Any, place: Place, version: int | None) -> tuple[Any, tuple[InputVersion, ...]]:
    store = layout_of(place, "DELTA").store
    latest = commits.latest_version(store)
    if latest is None:
        raise ReadError(
            f"there is no Delta table at {place.uri}", hint="check the path, or run its node first"
        )
    at = latest if version is None else version
    frame = spark.read.format("delta").option("versionAsOf", at).load(place.uri)
    return frame, (InputVersion(place.uri, str(at)),)


def _files(
    spark: Any, request: ReadRequest, place: Place
) -> tuple[Any, tuple[InputVersion, ...], tuple[str, ...]]:
    listing = list_files(place)
    empty = _stored_empty(spark, listing, place, str(request.format))
    if empty is not None:
        return empty, (listing.version,), ()
    tolerant = getattr(request.source, "bad_files", "fail") == "quarantine"
    damaged = {file.path: file.problem for file in listing.files if file.problem is not None}
    if tolerant:
        damaged |= _unreadable(spark, listing, request, set(damaged))
    if damaged and not tolerant:
        path, problem = next(iter(damaged.items()))
        raise ReadError(
            f"{path}: {problem}",
            expected=f"a {request.format} file",
            hint="mend or remove it, or set `bad_files: quarantine` on the source",
        )
    readable = [file for file in listing.files if file.path not in damaged]
    if not readable:
        raise ReadError(f"none of the {len(damaged)} files at {place.uri} can be read")
    left = Listing(tuple(readable), listing.version, listing.is_folder, listing.storage_options)
    return _scan(spark, left, request), (listing.version,), tuple(damaged)


def _scan(spark: Any, listing: Listing, request: ReadRequest) -> Any:
    form, written = str(request.format), request.written
    if (
        written is None
        or not written.columns
        or form not in TEXT
        or getattr(request.source, "read_options", None)
    ):
        return scan_listing(spark, listing, form, request.source)
    return scan_written(spark, listing, form, written)


def _stored_empty(spark: Any, listing: Listing, place: Place, form: str) -> Any:
    """Return the columns of an empty result that a node stored as text, None for other files."""
    if form not in _LINES or {file.problem for file in listing.files} != {EMPTY}:
        return None
    state = inspect(spark, place, form)
    if state is None or state.receipt is None or state.receipt.rows_out:
        return None
    return spark.createDataFrame(
        [], st.StructType([st.StructField(c.name, parse_type(c.type)) for c in state.columns])
    )


def _unreadable(
    spark: Any, listing: Listing, request: ReadRequest, known: Sequence[str] | set[str]
) -> dict[str, str]:
    """Return the files that do not read to their end; each is read once for that."""
    found: dict[str, str] = {}
    for file in listing.files:
        if file.path in known:
            continue
        one = Listing((file,), listing.version, listing.is_folder, listing.storage_options)
        try:
            _scan(spark, one, request).write.format("noop").mode("overwrite").save()
        except (OSError, *SPARK_ERRORS, LaktoryDagsterError) as error:
            found[file.path] = str(error).splitlines()[0]
    return found

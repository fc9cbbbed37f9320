"""Stored data opened: a version of a Delta table, or files less those that cannot be read."""

from __future__ import annotations

from typing import Any

from pyspark.sql import types as st

from laktory_dagster.engines.base import InputVersion, Place, ReadRequest, ReadResult
from laktory_dagster.engines.spark.problems import SPARK_ERRORS
from laktory_dagster.engines.spark.receipts import inspect
from laktory_dagster.engines.spark.scan import scan_listing, scan_written
from laktory_dagster.engines.spark.schemas import parse_type
from laktory_dagster.engines.spark.tables import NotDeltaError, table_of
from laktory_dagster.engines.storage.listing import EMPTY, Listing, list_files, readable_files
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import LaktoryDagsterError, ReadError

_LINES = ("JSON", "JSONL", "NDJSON")


def open_version(spark: Any, place: Place, version: int | None) -> tuple[Any, int]:
    """Return a Delta table as it was in a version, or as it is now, and the version.

    Raises:
        ReadError: there is no table.
    """
    table = table_of(place, lambda: spark)
    latest = table.log.latest()
    if latest is None:
        raise ReadError(
            f"there is no Delta table at {place.label}"
            if place.table is None
            else f"there is no table {place.table} in the session's catalog",
            hint="check the path, or run its node first"
            if place.table is None
            else "check the name, or run its node first",
        )
    at = latest if version is None else version
    return table.rows(at), at


def open_table(spark: Any, place: Place, version: int | None) -> ReadResult:
    """Return a Delta table; of a catalog also a table of any format and a view. Raises ReadError."""
    try:
        frame, at = open_version(spark, place, version)
    except NotDeltaError:
        return ReadResult(spark.table(table_of(place, lambda: spark).sql), ())
    return ReadResult(frame, (), (InputVersion(place.uri, str(at)),))


def open_files(spark: Any, request: ReadRequest, place: Place) -> ReadResult:
    """Return the files of a place as one frame. Raises ReadError."""
    listing = list_files(place)
    empty = _stored_empty(spark, listing, place, str(request.format))
    if empty is not None:
        return ReadResult(empty, (), (listing.version,))
    readable, damaged = checked_files(spark, listing, request, place)
    return ReadResult(_scan(spark, readable, request), (), (listing.version,), damaged)


def checked_files(
    spark: Any, listing: Listing, request: ReadRequest, place: Place
) -> tuple[Listing, tuple[str, ...]]:
    """Return the files that can be read, and those that are set aside. Raises ReadError."""
    return readable_files(listing, request, place, lambda one: _problem_in(spark, one, request))


def _scan(spark: Any, listing: Listing, request: ReadRequest) -> Any:
    form, written = str(request.format), request.written
    if (
        written is None
        or not written.columns
        or form not in TEXT
        or getattr(request.source, "reader_settings", None)
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


def _problem_in(spark: Any, one: Listing, request: ReadRequest) -> str | None:
    """Return why a file does not read to its end, None where it does."""
    try:
        _scan(spark, one, request).write.format("noop").mode("overwrite").save()
    except (OSError, *SPARK_ERRORS, LaktoryDagsterError) as error:
        return str(error).splitlines()[0]
    return None

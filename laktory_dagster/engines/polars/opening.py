"""Stored data opened: a version of a Delta table, or files less those that cannot be read."""

from __future__ import annotations

import polars as pl
from deltalake.exceptions import TableNotFoundError

from laktory_dagster.engines.base import Place, ReadRequest, ReadResult
from laktory_dagster.engines.polars.problems import FAILURES
from laktory_dagster.engines.polars.receipts import inspect
from laktory_dagster.engines.polars.scan import scan_listing, scan_written
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.tables import Table
from laktory_dagster.engines.storage.listing import EMPTY, Listing, list_files, readable_files
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import LaktoryDagsterError, ReadError

_LINES = ("JSON", "JSONL", "NDJSON")


def open_version(place: Place, version: int | None) -> Table:
    """Return a Delta table as it was in a version, or as it is now. Raises ReadError."""
    try:
        return Table(
            place.uri, version=version, storage_options=dict(place.storage_options) or None
        )
    except TableNotFoundError as error:
        raise ReadError(
            f"there is no Delta table at {place.uri}", hint="check the path, or run its node first"
        ) from error


def open_files(request: ReadRequest, place: Place) -> ReadResult:
    """Return the files of a place as one lazy frame. Raises ReadError."""
    listing = list_files(place)
    empty = _stored_empty(listing, place, str(request.format))
    if empty is not None:
        return ReadResult(empty, (), (listing.version,))
    readable, damaged = checked_files(listing, request, place)
    return ReadResult(_scan(readable, request), (), (listing.version,), damaged)


def checked_files(
    listing: Listing, request: ReadRequest, place: Place
) -> tuple[Listing, tuple[str, ...]]:
    """Return the files that can be read, and those that are set aside. Raises ReadError."""
    return readable_files(listing, request, place, lambda one: _problem_in(one, request))


def _scan(listing: Listing, request: ReadRequest) -> pl.LazyFrame:
    form, written = str(request.format), request.written
    if written is None or form not in TEXT or getattr(request.source, "reader_settings", None):
        return scan_listing(listing, form, request.source)
    return scan_written(listing, form, written)


def _stored_empty(listing: Listing, place: Place, form: str) -> pl.LazyFrame | None:
    """Return the columns of an empty result that a node stored as text, None for other files."""
    if form not in _LINES or [file.problem for file in listing.files] != [EMPTY]:
        return None
    state = inspect(place, form)
    if state is None or state.receipt is None or state.receipt.rows_out:
        return None
    return pl.LazyFrame(schema={column.name: parse_type(column.type) for column in state.columns})


def _problem_in(one: Listing, request: ReadRequest) -> str | None:
    """Return why a file does not read to its end, None where it does."""
    try:
        _scan(one, request).select(pl.len(), pl.all().null_count()).collect()
    except (*FAILURES, LaktoryDagsterError) as error:
        return str(error).splitlines()[0]
    return None

"""Stored data opened: a version of a Delta table, or files less those that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from laktory_dagster.engines.base import Place, ReadRequest, ReadResult
from laktory_dagster.engines.polars.receipts import inspect
from laktory_dagster.engines.polars.scan import scan_listing, scan_written
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.storage.listing import EMPTY, DataFile, Listing, list_files
from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.errors import LaktoryDagsterError, ReadError

_LINES = ("JSON", "JSONL", "NDJSON")


def open_version(place: Place, version: int | None) -> DeltaTable:
    """Return a Delta table as it was in a version, or as it is now. Raises ReadError."""
    try:
        return DeltaTable(
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
    readable, damaged = readable_files(listing, request, place)
    return ReadResult(_scan(readable, request), (), (listing.version,), damaged)


def readable_files(
    listing: Listing, request: ReadRequest, place: Place
) -> tuple[Listing, tuple[str, ...]]:
    """Return the files that can be read, and the paths of those that are set aside.

    Raises:
        ReadError: a file is damaged and none may be set aside, or none is left.
    """
    tolerant = getattr(request.source, "bad_files", "fail") == "quarantine"
    damaged = {file.path: file.problem for file in listing.files if file.problem is not None}
    if tolerant:
        damaged |= _unreadable(listing, request, set(damaged))
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
    return files_of(listing, readable), tuple(damaged)


def _scan(listing: Listing, request: ReadRequest) -> pl.LazyFrame:
    form, written = str(request.format), request.written
    if written is None or form not in TEXT or getattr(request.source, "read_options", None):
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


def _unreadable(listing: Listing, request: ReadRequest, known: set[str]) -> dict[str, str]:
    """Return the files that do not read to their end; each is read once for that."""
    found: dict[str, str] = {}
    for file in listing.files:
        if file.path in known:
            continue
        try:
            one = _scan(files_of(listing, [file]), request)
            one.select(pl.len(), pl.all().null_count()).collect()
        except (OSError, pl.exceptions.PolarsError, LaktoryDagsterError) as error:
            found[file.path] = str(error).splitlines()[0]
    return found


def files_of(listing: Listing, readable: Sequence[DataFile]) -> Listing:
    """Return the listing with these files only."""
    return Listing(tuple(readable), listing.version, listing.is_folder, listing.storage_options)

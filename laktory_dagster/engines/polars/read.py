"""Sources as lazy frames, with the versions that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from laktory_dagster.engines.base import InputVersion, Place, ReadRequest, ReadResult
from laktory_dagster.engines.polars.options import apply_options
from laktory_dagster.engines.polars.receipts import inspect
from laktory_dagster.engines.polars.scan import files_of, scan_listing, scan_written
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.typed_text import TEXT
from laktory_dagster.engines.storage.listing import EMPTY, Listing, list_files
from laktory_dagster.errors import ExecutionError, LaktoryDagsterError, ReadError

E = TypeVar("E", bound=ExecutionError)
_LINES = ("JSON", "JSONL", "NDJSON")


def read(request: ReadRequest) -> ReadResult:
    """Return a source lazily: its files, its table or the frame that is already there.

    Raises:
        ReadError: it is not there, damaged, or lacks a column that its options name.
    """
    try:
        frame, inputs, bad_files = _open(request)
        if request.limit is not None:
            frame = frame.head(request.limit)
        frame = apply_options(frame, request.source, request.dialect, request.timestamp)
        columns = tuple(frame.collect_schema().names())
    except LaktoryDagsterError:
        raise
    except (OSError, pl.exceptions.PolarsError, DeltaError) as error:
        raise as_read_error(error, request) from error
    return ReadResult(frame, columns, inputs, bad_files)


def _open(
    request: ReadRequest,
) -> tuple[pl.LazyFrame, tuple[InputVersion, ...], tuple[str, ...]]:
    if request.place is None:
        return request.frame, (), ()
    if request.format == "DELTA":
        return *_delta(request.place, request.version), ()
    return _files(request, request.place)


def _delta(place: Place, version: int | None) -> tuple[pl.LazyFrame, tuple[InputVersion, ...]]:
    try:
        table = DeltaTable(
            place.uri, version=version, storage_options=dict(place.storage_options) or None
        )
    except TableNotFoundError as error:
        raise ReadError(
            f"there is no Delta table at {place.uri}", hint="check the path, or run its node first"
        ) from error
    inputs = (InputVersion(place.uri, str(table.version())),)
    return pl.scan_delta(table), inputs


def _files(
    request: ReadRequest, place: Place
) -> tuple[pl.LazyFrame, tuple[InputVersion, ...], tuple[str, ...]]:
    listing = list_files(place)
    empty = _stored_empty(listing, place, str(request.format))
    if empty is not None:
        return empty, (listing.version,), ()
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
    frame = _scan(files_of(listing, readable), request)
    return frame, (listing.version,), tuple(damaged)


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


def as_read_error(
    error: BaseException, request: ReadRequest | None, sources: Sequence[str] = ()
) -> ReadError:
    """Return what the engine raised while reading, or while running a frame, as a ReadError.

    Args:
        error: what was raised.
        request: what was read, where that is known.
        sources: what the frame reads, where it is run.
    """
    where = f"{request.place.uri}: " if request is not None and request.place is not None else ""
    found = explained(error, ReadError)
    told = [source for source in sources if source not in found.message]
    after = f" (while reading {', '.join(told)})" if told else ""
    return ReadError(f"{where}{found.message}{after}", hint=found.hint)


def explained(error: BaseException, kind: type[E]) -> E:
    """Return an engine's error as one of ours: its first line, and advice where there is some."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    hint = None
    if isinstance(error, pl.exceptions.ColumnNotFoundError):
        text = f"there is no column {text}" if "`" in text or '"' in text else f"no column `{text}`"
        hint = "check the names that the steps and options use"
    elif "cannot parse" in text or "could not parse" in text:
        hint = "declare the column's type with `schema_definition`, or set `infer_schema: true`"
    elif "conversion from" in text:
        hint = "cast with a type that holds every value, or in `with_column`, where it is null"
    return kind(text, hint=hint)

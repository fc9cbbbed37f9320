"""Sources as lazy frames, with the versions that were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import polars as pl

from laktory_dagster.engines.base import InputVersion, ReadRequest, ReadResult
from laktory_dagster.engines.polars.arrivals import open_stream
from laktory_dagster.engines.polars.opening import open_files, open_version
from laktory_dagster.engines.polars.options import apply_options
from laktory_dagster.engines.polars.problems import FAILURES
from laktory_dagster.errors import ExecutionError, LaktoryDagsterError, ReadError

E = TypeVar("E", bound=ExecutionError)


def read(request: ReadRequest) -> ReadResult:
    """Return a source lazily: its files, its table or the frame that is already there.

    Raises:
        ReadError: it is not there, damaged, or lacks a column that its options name.
    """
    try:
        if request.place is not None and request.stream is not None:
            opened = open_stream(request, request.place, request.stream)
        else:
            opened = _open(request)
        frame = opened.frame
        if frame is None:
            return replace(opened, columns=())
        if request.limit is not None:
            frame = frame.head(request.limit)
        frame = apply_options(frame, request.source, request.dialect, request.timestamp)
        return replace(opened, frame=frame, columns=tuple(frame.collect_schema().names()))
    except LaktoryDagsterError:
        raise
    except FAILURES as error:
        raise as_read_error(error, request) from error
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        if not getattr(request.source, "reader_settings", None):
            raise
        raise _refused_options(error, request) from error


def _refused_options(error: Exception, request: ReadRequest) -> ReadError:
    """Return what the engine's reader says about the options of a source."""
    text = str(error).splitlines()[0]
    problem = f"Polars' reader of {request.format} refuses its options: {text}"
    if "unexpected keyword argument" in text:
        name = text.rpartition("argument ")[2].strip("'")
        problem = f"Polars' reader of {request.format} has no option `{name}`"
    return ReadError(problem, hint="`read_options` are those of the engine's own reader")


def _open(request: ReadRequest) -> ReadResult:
    """Return the source before its options."""
    if request.place is None:
        return ReadResult(request.frame, ())
    if request.format == "DELTA":
        table = open_version(request.place, request.pinned)
        inputs = (InputVersion(request.place.uri, str(table.version())),)
        return ReadResult(pl.scan_delta(table), (), inputs)
    return open_files(request, request.place)


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
    elif "polars does not support" in text:
        hint = "read it on Spark (`dataframe_type: SPARK`)"
    elif "conversion from" in text:
        hint = "cast with a type that holds every value, or in `with_column`, where it is null"
    return kind(text, hint=hint)

"""The Polars engine: its verbs, each in a module of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from deltalake.exceptions import DeltaError
from pyarrow.lib import ArrowException

from laktory_dagster.engines.base import (
    ColumnType,
    Frame,
    LayerRequest,
    Place,
    ReadRequest,
    ReadResult,
    Receipt,
    Staged,
    StageRequest,
    TableState,
    TransformRequest,
)
from laktory_dagster.engines.log import Log
from laktory_dagster.engines.polars import layers, native, read, receipts, transform, write
from laktory_dagster.engines.polars.problems import plain_text
from laktory_dagster.engines.polars.rows import plain_rows
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.storage.commits import FileLog
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import failures
from laktory_dagster.errors import (
    LaktoryDagsterError,
    ReadError,
    TransformError,
    UnsupportedError,
)


class PolarsEngine:
    """Runs everything lazily in this process; `close` removes what `cache` wrote."""

    name = "polars"

    def __init__(self) -> None:
        """Hold nothing until a frame is cached."""
        self._cached: tempfile.TemporaryDirectory[str] | None = None

    def read(self, request: ReadRequest) -> ReadResult:
        """Return the source lazily, its options applied."""
        _require_files(request.place)
        return read.read(request)

    def transform(self, frame: Frame, request: TransformRequest) -> Frame:
        """Return the frame after the chain."""
        return transform.transform(frame, request)

    def apply_layer(self, frame: Frame, request: LayerRequest) -> Frame:
        """Return the frame after the layer steps."""
        return layers.STEPS.apply(frame, request)

    def columns(self, frame: Frame) -> tuple[ColumnType, ...]:
        """Return the columns of a frame without running it."""
        try:
            return column_types(frame.collect_schema())
        except pl.exceptions.PolarsError as error:
            raise read.explained(error, TransformError) from error

    def stage(self, request: StageRequest) -> Staged:
        """Run the frame once and write all targets where no reader sees them."""
        for target in request.targets:
            _require_files(target.place)
        return write.stage(request)

    def cache(self, frame: Frame) -> Frame:
        """Return the frame computed once into a temporary file."""
        if self._cached is None:
            self._cached = tempfile.TemporaryDirectory(prefix="laktory_dagster_")
        path = Path(self._cached.name) / f"{uuid4().hex}.arrow"
        try:
            frame.sink_ipc(path, compression="uncompressed")
        except pl.exceptions.PolarsError as error:
            raise read.explained(error, TransformError) from error
        return pl.scan_ipc(path)

    def head(self, frame: Frame, rows: int) -> tuple[Mapping[str, Any], ...]:
        """Return the first rows as plain values."""
        try:
            return tuple(plain_rows(frame.head(rows).collect()))
        except LaktoryDagsterError:
            raise
        except pl.exceptions.PolarsError as error:
            raise read.explained(error, TransformError) from error

    def inspect(self, place: Place, format: str) -> TableState | None:  # noqa: A002
        """Return what is stored, or None where nothing is."""
        _require_files(place)
        try:
            return receipts.inspect(place, format)
        except (OSError, pl.exceptions.PolarsError, DeltaError, ArrowException) as error:
            raise ReadError(
                f"what is stored at {place.uri} cannot be read: {plain_text(error)}",
                hint="restore it, or remove it and run the node again",
            ) from error

    def find_receipt(self, place: Place, format: str, token: str) -> Receipt | None:  # noqa: A002
        """Return the receipt of an earlier commit with this token."""
        return receipts.find_receipt(place, format, token)

    def log(self, place: Place) -> Log:
        """Return the commits of a Delta table."""
        return FileLog(layout_of(place, "DELTA").store)

    def failures(self, place: Place, format: str) -> tuple[Mapping[str, Any], ...]:  # noqa: A002
        """Return the rejected rows that the last run kept."""
        return failures(place, format)

    def purge(self, place: Place, format: str) -> None:  # noqa: A002
        """Remove what is stored there."""
        receipts.purge(place, format)

    def from_native(self, frame: Any) -> Frame:
        """Return the lazy frame of rows in memory."""
        return native.from_native(frame)

    def to_native(self, frame: Frame, wanted: type) -> Any:
        """Return a frame as the type that is asked for: lazy, or its rows in memory."""
        try:
            return native.to_native(frame, wanted)
        except pl.exceptions.PolarsError as error:
            raise read.explained(error, ReadError) from error

    def close(self) -> None:
        """Remove the temporary files."""
        if self._cached is not None:
            self._cached.cleanup()
            self._cached = None


def _require_files(place: Place | None) -> None:
    """Raise UnsupportedError for a table of another engine's catalog."""
    if place is not None and place.table is not None:
        raise UnsupportedError(
            f"the table {place.table} is in the Spark session's catalog, out of reach of Polars",
            hint="take the node to Spark (`dataframe_type: SPARK`), or leave "
            "LAKTORY_DAGSTER_SPARK_TABLES unset",
        )

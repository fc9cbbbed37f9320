"""Targets written by a function of the project."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import polars as pl

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.polars.receipts import find_receipt
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import write_receipt
from laktory_dagster.errors import LaktoryDagsterError, WriteError


class CustomWriter:
    """Hands the staged rows to a function, which writes them in its own way."""

    def __init__(self, target: Target, schema: pl.Schema, stamp: RunStamp) -> None:
        """Keep what to call; the function runs at `commit`."""
        self.target = target
        self.schema = schema
        self.stamp = stamp
        self.rows: int | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="laktory-"))

    @property
    def types(self) -> pl.Schema:
        """Return the types of the rows, as they are."""
        return self.schema

    @property
    def keeps_types(self) -> bool:
        """Return False: the function decides what becomes of the rows."""
        return False

    @property
    def _file(self) -> Path:
        return self._folder / "rows.parquet"

    def prepare(self) -> None:
        """Check nothing: the function knows its target."""

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the rows that the function will get."""
        sink: pl.LazyFrame = frame.sink_parquet(self._file, lazy=True)
        return [sink]

    def finish(self) -> None:
        """Complete nothing."""

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        if rows == 0 and self.target.on_empty == "fail":
            raise WriteError(f"{self.target.place.uri}: no rows came and `on_empty` is `fail`")

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged rows."""
        return pl.scan_parquet(self._file)

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Call the function with the rows, once per token.

        Raises:
            WriteError: the function failed.
        """
        try:
            return self._commit(receipt, rows)
        finally:
            self.abort()

    def _commit(self, receipt: Receipt, rows: int) -> Commit:
        place, form = self.target.place, self.target.format
        earlier = find_receipt(place, form, receipt.token)
        frame = pl.scan_parquet(self._file).collect().lazy()
        if earlier is not None:
            return Commit(self.target, 0, None, None, frame, skipped=True)
        if rows == 0 and self.target.on_empty == "skip":
            write_receipt(layout_of(place, form), receipt, skipped=True)
            return Commit(self.target, 0, None, None, frame, skipped=True)
        writer = self.target.custom_writer
        try:
            if writer is not None:
                writer(frame)
        except LaktoryDagsterError:
            raise
        except Exception as error:
            raise WriteError(f"the writer of {place.uri} failed: {error!r}") from error
        write_receipt(layout_of(place, form), receipt)
        return Commit(self.target, rows, None, None, frame)

    def break_off(self) -> None:
        """Remove what a failed pass has staged."""
        self.abort()

    def abort(self) -> None:
        """Remove what was staged; never raises."""
        shutil.rmtree(self._folder, ignore_errors=True)

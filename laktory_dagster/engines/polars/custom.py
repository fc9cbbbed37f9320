"""Targets written by a function of the project."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import polars as pl

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.polars.receipts import find_receipt
from laktory_dagster.engines.storage.custom import CustomTarget


class CustomWriter(CustomTarget):
    """Hands the staged rows to a function, which writes them in its own way."""

    def __init__(self, target: Target, schema: pl.Schema, stamp: RunStamp) -> None:
        """Keep what to call; the function runs at `commit`."""
        super().__init__(target, stamp)
        self.schema = schema
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

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the rows that the function will get."""
        sink: pl.LazyFrame = frame.sink_parquet(self._file, lazy=True)
        return [sink]

    def finish(self) -> None:
        """Complete nothing."""

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged rows."""
        return pl.scan_parquet(self._file)

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Call the function with the rows, once per token. Raises WriteError."""
        try:
            earlier = find_receipt(self.target.place, self.target.format, receipt.token)
            frame = pl.scan_parquet(self._file).collect().lazy()
            return self.hand_over(frame, receipt, rows, earlier)
        finally:
            self.abort()

    def break_off(self) -> None:
        """Remove what a failed pass has staged."""
        self.abort()

    def abort(self) -> None:
        """Remove what was staged; never raises."""
        shutil.rmtree(self._folder, ignore_errors=True)

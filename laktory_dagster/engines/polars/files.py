"""Targets that are one file: staged beside it, published by one rename or one copy."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Commit, Receipt, Written
from laktory_dagster.engines.polars.formats import (
    EAGER,
    EXTENSIONS,
    check_columns,
    convert,
    format_options,
    lazy_sink,
)
from laktory_dagster.engines.polars.receipts import find_receipt
from laktory_dagster.engines.polars.scanning import scan_files
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.polars.writer import StagingWriter
from laktory_dagster.engines.storage.receipts import settle_pending, write_pending
from laktory_dagster.errors import UnsupportedError, WriteError


class FileWriter(StagingWriter):
    """Writes one file by OVERWRITE, IGNORE or ERROR."""

    def exists(self) -> bool:
        """Return whether the file is there."""
        return self.layout.store.size(self.layout.data) is not None

    def is_own(self) -> bool:
        """Return whether an earlier attempt of this run wrote the file."""
        earlier = find_receipt(self.target.place, self.target.format, self.slot.token)
        return earlier is not None

    def is_published(self, staged_id: str) -> bool:
        """Return False: a published file is no longer among the staged ones."""
        return False

    @cached_property
    def options(self) -> dict[str, Any]:
        """Return the options of the format's writer. Raises UnsupportedError."""
        return format_options(self.target.format, self.target.options)

    def check(self) -> None:
        """Check mode, options and columns."""
        _ = self.options
        refuse_merge(self.target.mode, self.target.format, self.name)
        if self.target.mode == "APPEND":
            raise UnsupportedError(
                f"{self.name} is one {self.target.format} file, which cannot be appended to",
                hint="write a folder (a path without extension), or DELTA",
            )
        if self.target.partition_by:
            raise UnsupportedError(
                f"{self.name} is one file and cannot be partitioned",
                hint="write a folder (a path without extension), or DELTA",
            )
        check_columns(self.target.format, self.types, self.name)

    @cached_property
    def types(self) -> pl.Schema:
        """Return the types of the written columns."""
        return self.declared(pl.LazyFrame(schema=self.schema), self.schema)[1]

    @property
    def is_eager(self) -> bool:
        """Return whether the format has no lazy sink."""
        return self.target.format in EAGER

    @cached_property
    def staged_name(self) -> str:
        """Return the name of the staged file."""
        extension = EXTENSIONS[self.target.format]
        return f"{self.layout.staged}/{self.slot.id}.{extension}"

    @cached_property
    def pass_name(self) -> str:
        """Return the name of what the pass writes: the staged file, or Parquet to convert."""
        return f"{self.staged_name}.parquet" if self.is_eager else self.staged_name

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the staged file."""
        if self.is_ignored:
            return []
        store = self.layout.store
        self.slot.files += sorted({self.pass_name, self.staged_name})
        typed, _ = self.declared(frame, self.schema)
        url = store.url(self.pass_name)
        return [lazy_sink(typed, self.target.format, url, self.options, store.storage_options)]

    def finish(self) -> None:
        """Count the rows where the footer says them; convert what has no lazy sink."""
        frame = self.staged_frame()
        if frame is None:
            return
        self.rows = int(frame.select(pl.len()).collect().item())
        if self.is_eager:
            content = convert(frame.collect(), self.target.format, self.options)
            self.layout.store.write(self.staged_name, content)

    @property
    def keeps_types(self) -> bool:
        """Return whether the staged file is of a format that keeps types."""
        typed = self.is_eager or self.target.format in ("PARQUET", "IPC")
        return typed and not (self.is_ignored or self.target.partition_by)

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged rows of formats that keep types."""
        if not self.keeps_types:
            return None
        form = "IPC" if self.target.format == "IPC" else "PARQUET"
        return scan_files(self.layout, form, [self.pass_name])

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Put the staged file in the place of the old one."""
        skipped = self.skip(receipt, rows)
        if skipped is not None:
            return skipped
        store, layout = self.layout.store, self.layout
        identity = store.identity(self.staged_name, self.staged_name)
        if identity is None:
            raise WriteError(
                f"{store.url(self.staged_name)} was staged and is gone",
                hint="another attempt of this run removed it; run the node again",
            )
        size = store.size(self.staged_name)
        write_pending(layout, receipt, identity)
        store.publish(self.staged_name, layout.data)
        settle_pending(layout, self.staged_name)
        self.abort()
        published = self.published([layout.data])
        return Commit(self.target, rows, None, size, published)

    def published(self, names: list[str]) -> pl.LazyFrame:
        """Return the rows of files that are committed, in the types in which they were given."""
        written = Written(self.options, column_types(self.types))
        found = scan_files(self.layout, self.target.format, names, written)
        return found if found is not None else pl.LazyFrame(schema=self.types)


def refuse_merge(mode: str, form: str, name: str) -> None:
    """Raise UnsupportedError for a MERGE, and for the modes of streams."""
    if mode == "MERGE":
        raise UnsupportedError(
            f"{name}: MERGE needs a DELTA table, {form} has no rows to change",
            hint="use `format: DELTA`, or `mode: OVERWRITE`",
        )

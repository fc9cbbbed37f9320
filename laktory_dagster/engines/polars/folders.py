"""Targets that are a folder of files: new files first, then one switch of the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import polars as pl
from polars.io.partition import FileProviderArgs

from laktory_dagster.engines.base import Commit, InputVersion, Receipt, Written
from laktory_dagster.engines.polars.columns import cast_to, fit_schema, refuse_inexact
from laktory_dagster.engines.polars.delta_log import hive_part
from laktory_dagster.engines.polars.files import FileWriter, refuse_merge
from laktory_dagster.engines.polars.formats import EAGER, EXTENSIONS, check_columns, lazy_sink
from laktory_dagster.engines.polars.scan import scan_written
from laktory_dagster.engines.polars.scanning import scan_files
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.storage.listing import DataFile, Listing, partition_of
from laktory_dagster.engines.storage.publishing import publish_files
from laktory_dagster.engines.storage.receipts import (
    TEXT,
    current_files,
    read_manifest_data,
)
from laktory_dagster.engines.storage.target import refuse_delta
from laktory_dagster.errors import UnsupportedError, WriteError

TYPED = ("PARQUET", "IPC", "AVRO")


class FolderWriter(FileWriter):
    """Writes a folder of files by OVERWRITE, APPEND, IGNORE or ERROR."""

    inexact: Mapping[str, int] = {}

    def exists(self) -> bool:
        """Return whether the folder has data."""
        return current_files(self.layout) is not None

    def is_published(self, staged_id: str) -> bool:
        """Return whether the manifest names the files."""
        files = read_manifest_data(self.layout).get("files", ())
        return any(staged_id in name for name in files)

    def check(self) -> None:
        """Check mode, options, columns, and for an append the stored schema."""
        _ = self.options
        form = self.target.format
        refuse_merge(self.target.mode, form, self.name)
        refuse_delta(self.layout, form, self.name)
        if self.target.partition_by and form in EAGER:
            raise UnsupportedError(f"{self.name}: {form} files cannot be partitioned")
        missing = [name for name in self.target.partition_by if name not in self.schema]
        if missing:
            raise WriteError(
                f"{self.name} is partitioned by `{missing[0]}`, which the rows do not have",
                expected=f"one of {', '.join(self.schema.names())}",
            )
        check_columns(form, self.types, self.name)

    @cached_property
    def types(self) -> pl.Schema:
        """Return the types of the written columns: for an append those of the stored files."""
        types = self.declared(pl.LazyFrame(schema=self.schema), self.schema)[1]
        names = current_files(self.layout) if self.target.mode == "APPEND" else None
        if not names or self.target.format not in TYPED:
            return types
        stored = scan_files(self.layout, self.target.format, names[-1:])
        if stored is None:
            return types
        known = stored.collect_schema()
        evolution = self.target.schema_evolution or "freeze"
        spared = {name: known.get(name, types[name]) for name in self.target.partition_by}
        given = pl.Schema({**dict(types.items()), **spared})
        evolution = "add" if evolution == "widen" else evolution
        fit = fit_schema(given, known, evolution, self.name)
        self.inexact = fit.inexact
        # Each file has all columns, so that the last one tells them.
        return pl.Schema({**fit.batch, **{n: t for n, t in known.items() if n not in types}})

    def finish(self) -> None:
        """Complete the staged files and refuse integers that the stored float cannot tell apart."""
        super().finish()
        if not self.inexact or self.is_ignored:
            return
        names = self.slot.files if self.target.partition_by else [self.pass_name]
        form = "PARQUET" if self.is_eager else self.target.format
        refuse_inexact(scan_files(self.layout, form, names), self.inexact, self.name)

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the staged files."""
        if self.is_ignored:
            return []
        typed = self._typed(frame)
        if not self.target.partition_by:
            self.slot.files += sorted({self.pass_name, self.staged_name})
            return [self._sink(typed, self.layout.store.url(self.pass_name))]
        place = pl.PartitionBy(
            self.layout.store.url(f"{self.layout.staged}/{self.slot.id}"),
            key=list(self.target.partition_by),
            include_key=False,
            file_path_provider=self._name_files(),
        )
        return [self._sink(typed, place)]

    def _typed(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows with all columns of the stored files, in the types of those."""
        spared = self.target.partition_by
        lacking = {k: v for k, v in self.types.items() if k not in self.schema}
        unspared = {k: self.types[k] for k in self.schema if k not in spared}
        typed = cast_to(frame, self.schema, unspared, self.inexact)
        return typed.with_columns(pl.lit(None, dtype=v).alias(k) for k, v in lacking.items())

    def _sink(self, frame: pl.LazyFrame, place: Any) -> pl.LazyFrame:
        options = self.layout.store.storage_options
        return lazy_sink(frame, self.target.format, place, self.options, options)

    def _name_files(self) -> Callable[[FileProviderArgs], str]:
        extension = EXTENSIONS[self.target.format]

        def name_of(args: FileProviderArgs) -> str:
            values = args.partition_keys.row(0, named=True)
            folders = "/".join(f"{hive_part(k)}={hive_part(v)}" for k, v in values.items())
            name = f"{folders}/part-{self.slot.id}-{args.index_in_partition}.{extension}"
            self.slot.files.append(f"{self.layout.staged}/{self.slot.id}/{name}")
            return name

        return name_of

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Put the new files into the folder, then switch the manifest to them."""
        skipped = self.skip(receipt, rows)
        if skipped is not None:
            return skipped
        appends = self.target.mode == "APPEND"
        new = publish_files(self.layout, receipt, self._move_in, appends=appends)
        if new is None:
            self.abort()
            return self.skipped(receipt)
        size = sum(self.layout.store.size(name) or 0 for name in new)
        self.abort()
        return Commit(self.target, rows, None, size, self.published(new))

    def published(self, names: list[str]) -> pl.LazyFrame:
        """Return the rows of committed files; text has the columns of its folders as well."""
        store = self.layout.store
        names = [name for name in names if store.size(name)]
        if not names or not self.target.partition_by or self.target.format not in TEXT:
            return super().published(names)
        files = tuple(DataFile(store.url(name), partition_of(name)) for name in names)
        listing = Listing(files, InputVersion("", ""), True, dict(store.storage_options))
        written = Written(self.options, column_types(self.types))
        return scan_written(listing, self.target.format, written)

    def _move_in(self) -> list[str]:
        """Move the staged files into the folder and return their names there."""
        store = self.layout.store
        if not self.target.partition_by:
            new = f"part-{self.staged_name.rpartition('/')[2]}"
            store.publish(self.staged_name, new)
            return [new]
        prefix = f"{self.layout.staged}/{self.slot.id}/"
        moved = [(name, name.removeprefix(prefix)) for name in self.slot.files]
        for staged, new in moved:
            store.publish(staged, new)
        return [new for _, new in moved]

    def abort(self) -> None:
        """Remove what was staged; never raises."""
        super().abort()
        if self.target.partition_by and not self.is_ignored:
            self.layout.store.remove_tree(f"{self.layout.staged}/{self.slot.id}")

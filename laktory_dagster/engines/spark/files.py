"""Targets that are files: staged by Spark as part files, published by a rename or a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import ColumnType, Commit, InputVersion, Receipt, Written
from laktory_dagster.engines.spark.columns import (
    Types,
    cast_to,
    declared_types,
    fit_schema,
    types_of,
)
from laktory_dagster.engines.spark.formats import FORMATS, extension_of, writer_options
from laktory_dagster.engines.spark.receipts import find_receipt
from laktory_dagster.engines.spark.scan import scan_listing, scan_written
from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.engines.spark.writer import StagingWriter
from laktory_dagster.engines.storage.listing import DataFile, Listing, partition_of
from laktory_dagster.engines.storage.publishing import publish_files
from laktory_dagster.engines.storage.receipts import (
    TEXT,
    current_files,
    read_manifest_data,
    settle_pending,
    write_pending,
)
from laktory_dagster.engines.storage.target import refuse_delta
from laktory_dagster.errors import UnsupportedError, WriteError
from laktory_dagster.models.sources import FileSource

_TYPED = ("PARQUET", "AVRO", "ORC")


class FilesWriter(StagingWriter):
    """Writes one file, or a folder of files, by OVERWRITE, APPEND, IGNORE or ERROR."""

    inexact: Mapping[str, int] = {}

    @property
    def is_folder(self) -> bool:
        """Return whether the target is a folder of files."""
        return self.layout.kind == "folder"

    def exists(self) -> bool:
        """Return whether the target holds data."""
        if self.is_folder:
            return current_files(self.layout) is not None
        return self.layout.store.size(self.layout.data) is not None

    def is_own(self) -> bool:
        """Return whether an earlier attempt of this run wrote the files."""
        place, form = self.target.place, self.target.format
        return find_receipt(place, form, self.slot.token, lambda: self.spark) is not None

    def is_published(self, staged_id: str) -> bool:
        """Return whether the manifest names the files."""
        files = read_manifest_data(self.layout).get("files", ()) if self.is_folder else ()
        return any(staged_id in name for name in files)

    def check(self) -> None:
        """Check format, mode and columns, and for an append the stored schema."""
        form, mode = self.target.format, self.target.mode
        if form not in FORMATS:
            raise UnsupportedError(
                f"the Spark engine does not write {form}",
                expected=f"one of DELTA, {', '.join(FORMATS)}",
            )
        if mode == "MERGE":
            raise UnsupportedError(
                f"{self.name}: MERGE needs a DELTA table, {form} has no rows to change",
                hint="use `format: DELTA`, or `mode: OVERWRITE`",
            )
        if not self.is_folder and (mode == "APPEND" or self.target.partition_by):
            what = "cannot be appended to" if mode == "APPEND" else "cannot be partitioned"
            raise UnsupportedError(
                f"{self.name} is one {form} file, which {what}",
                hint="write a folder (a path without extension), or DELTA",
            )
        _ = self.options
        refuse_delta(self.layout, form, self.name)
        missing = [name for name in self.target.partition_by if name not in self.types]
        if missing:
            raise WriteError(
                f"{self.name} is partitioned by `{missing[0]}`, which the rows do not have",
                expected=f"one of {', '.join(self.types)}",
            )
        _ = self.written_types
        if form == "CSV":
            self._refuse_nested()

    def _refuse_nested(self) -> None:
        for name, dtype in self.types.items():
            if isinstance(dtype, st.ArrayType | st.StructType | st.MapType | st.BinaryType):
                raise WriteError(
                    f"{self.name}: CSV cannot hold the column `{name}` ({portable(dtype)})",
                    hint="write PARQUET or JSON, or make it text",
                )

    @cached_property
    def written_types(self) -> Types:
        """Return the types of the written columns: for an append those of the stored files."""
        types = {
            **self.types,
            **declared_types(self.target.schema_definition, self.types, self.name),
        }
        names = current_files(self.layout) if self.target.mode == "APPEND" else None
        if not names or self.target.format not in _TYPED:
            return types
        known = types_of(self._read(names[-1:]))
        evolution = self.target.schema_evolution or "freeze"
        spared = {name: known.get(name, types[name]) for name in self.target.partition_by}
        evolution = "add" if evolution == "widen" else evolution
        fit = fit_schema({**types, **spared}, known, evolution, self.name)
        self.inexact = fit.inexact
        # Each file has all columns, so that the last one tells them.
        return {**fit.batch, **{n: t for n, t in known.items() if n not in types}}

    @property
    def staged_folder(self) -> str:
        """Return the folder of staged part files."""
        return f"{self.layout.staged}/{self.slot.id}"

    def take(self, rows: Any) -> None:
        """Write the batch as part files where no reader looks.

        Raises:
            WriteError: it cannot be written.
        """
        if self.is_ignored:
            return
        spared = self.target.partition_by
        types = {n: t for n, t in self.written_types.items() if n not in spared}
        lacking = [name for name in types if name not in self.types]
        whole = rows.withColumns({name: F.lit(None) for name in lacking}) if lacking else rows
        frame = cast_to(whole, types, self.inexact)
        if not self.is_folder:
            frame = frame.coalesce(1)
        writer = frame.write.format(FORMATS[self.target.format]).mode("overwrite")
        for name, value in self.options.items():
            writer = writer.option(name, value)
        if spared:
            writer = writer.partitionBy(*spared)
        writer.save(self.layout.store.url(self.staged_folder))
        self.slot.files += self._staged_files()

    @cached_property
    def options(self) -> dict[str, str]:
        """Return the options of the format's writer. Raises UnsupportedError."""
        return writer_options(self.target.format, self.target.options)

    def _staged_files(self) -> list[str]:
        names = self.layout.store.names(self.staged_folder)
        return [name for name in names if name.rpartition("/")[2].startswith("part-")]

    def commit(self, receipt: Receipt, rows: int | None) -> Commit:
        """Put the staged files in place."""
        skipped = self.skip(receipt, 1 if rows is None else rows)
        if skipped is not None:
            return skipped
        if not self.slot.files:
            raise WriteError(f"{self.name}: nothing was staged", hint="run the node again")
        size = sum(self.layout.store.size(name) or 0 for name in self.slot.files)
        appends = self.target.mode == "APPEND"
        if self.is_folder:
            names = publish_files(self.layout, receipt, self._move_in, appends=appends)
        else:
            names = self._replace(receipt)
        self.abort()
        if names is None:
            return self.skipped(receipt)
        return Commit(self.target, rows or 0, None, size, self._read(names))

    def _replace(self, receipt: Receipt) -> list[str]:
        """Put the one staged file in the place of the old one."""
        store, layout = self.layout.store, self.layout
        staged = self.slot.files[0]
        identity = store.identity(staged, staged)
        if identity is None:
            raise WriteError(
                f"{store.url(staged)} was staged and is gone",
                hint="another attempt of this run removed it; run the node again",
            )
        write_pending(layout, receipt, identity)
        store.publish(staged, layout.data)
        settle_pending(layout, staged)
        return [layout.data]

    def _move_in(self) -> list[str]:
        """Move the staged files into the folder and return their names there."""
        moved = []
        for number, staged in enumerate(self.slot.files):
            relative = staged.removeprefix(f"{self.staged_folder}/")
            folder, _, name = relative.rpartition("/")
            extension = extension_of(self.target.format, name)
            new = f"part-{self.slot.id}-{number}.{extension}"
            new = f"{folder}/{new}" if folder else new
            self.layout.store.publish(staged, new)
            moved.append(new)
        return moved

    def _read(self, names: list[str]) -> Any:
        """Return the rows of stored files, in the types in which they were given."""
        store = self.layout.store
        files = tuple(DataFile(store.url(n), partition_of(n)) for n in names if store.size(n))
        if not files:
            return self.no_rows()
        listing = Listing(files, InputVersion(self.layout.uri, ""), True, {})
        form = self.target.format
        if form in TEXT:
            columns = tuple(ColumnType(n, portable(t)) for n, t in self.types.items())
            return scan_written(
                self.spark, listing, form, Written(dict(self.target.options), columns)
            )
        source = FileSource(path=self.layout.uri, format=form)
        return scan_listing(self.spark, listing, form, source)

    def abort(self) -> None:
        """Remove what was staged; never raises."""
        super().abort()
        if not self.is_ignored:
            self.layout.store.remove_tree(self.staged_folder)

"""Delta targets: Parquet files written into the table's folder, one commit that names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import polars as pl
from deltalake import DeltaTable
from polars.io.partition import FileProviderArgs

from laktory_dagster.engines.base import Commit, Receipt
from laktory_dagster.engines.columns import SchemaFit
from laktory_dagster.engines.polars.columns import (
    cast_to,
    fit_schema,
    refuse_inexact,
    stored_types,
)
from laktory_dagster.engines.polars.delta_log import (
    DataFile,
    LogChange,
    LogResult,
    busy,
    commit_change,
    hive_part,
    is_in_log,
    open_table,
    table_schema,
)
from laktory_dagster.engines.polars.delta_rules import hold_to, refuse_mapped, rules_of
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.receipts import find_receipt
from laktory_dagster.engines.polars.writer import StagingWriter, declared_types
from laktory_dagster.engines.storage.commits import FileLog, receipt_in
from laktory_dagster.engines.storage.receipts import stored_receipt, with_version, write_receipt
from laktory_dagster.engines.storage.tables import EVOLUTION_OPTIONS, TableTarget
from laktory_dagster.engines.storage.target import take_options
from laktory_dagster.errors import WriteError

OPTIONS = {
    "compression": "compression",
    "compression_level": "compression_level",
    "row_group_size": "row_group_size",
    "data_page_size": "data_page_size",
    "overwriteSchema": "",
    "overwrite_schema": "",
    "schema_mode": "",
    "engine": "",
}


class DeltaWriter(TableTarget, StagingWriter):
    """Writes a Delta table by OVERWRITE, APPEND, IGNORE or ERROR."""

    @cached_property
    def table(self) -> DeltaTable | None:
        """Return the table as it was when the work began."""
        return open_table(self.layout.store)

    def exists(self) -> bool:
        """Return whether there is a table."""
        return self.table is not None

    def is_own(self) -> bool:
        """Return whether an earlier attempt of this run made the table."""
        return self.table is not None and (
            self.table.transaction_version(self.slot.token) is not None
        )

    def is_published(self, staged_id: str) -> bool:
        """Return whether a commit refers to the files."""
        return is_in_log(self.layout.store, staged_id)

    @cached_property
    def file_options(self) -> dict[str, Any]:
        """Return the options of the Parquet writer. Raises UnsupportedError."""
        given = {k: v for k, v in self.target.options.items() if k not in EVOLUTION_OPTIONS}
        return take_options(given, OPTIONS, "DELTA", "Polars")

    @property
    def replaces(self) -> bool:
        """Return whether the batch takes the place of what is stored."""
        return self.target.mode != "APPEND" or self.table is None

    def stored_partitions(self) -> tuple[str, ...]:
        """Return the partition columns of the table that is there."""
        return () if self.table is None else tuple(self.table.metadata().partition_columns)

    def check(self) -> None:
        """Check options, the log of a table that is there, partition columns and schema."""
        _ = self.file_options
        if self.table is not None:
            refuse_mapped(self.table, self.name)
        self.check_partitions(self.schema.names(), self.fit.batch)

    @cached_property
    def fit(self) -> SchemaFit[pl.DataType]:
        """Return how the batch fits the table. Raises SchemaChangedError."""
        return self.fit_to(None if self.replaces else self.table)

    def fit_to(self, table: DeltaTable | None) -> SchemaFit[pl.DataType]:
        """Return how the batch fits a table; without one it makes its own schema."""
        if not len(self.schema):
            raise WriteError(f"{self.name}: there are no columns to write")
        stored = pl.Schema() if table is None else table_schema(table)
        wanted = {**dict(self.schema.items()), **declared_types(self.target, self.schema)}
        batch = stored_types(pl.Schema(wanted), self.name, stored)
        if table is None:
            return SchemaFit(batch, batch)
        return fit_schema(batch, stored, self.evolution, self.name)

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the batch, and for a table that widens that of its old rows."""
        if self.is_ignored:
            return []
        sinks = [
            self._sink(cast_to(frame, self.schema, self.fit.batch, self.fit.inexact), self.slot.id)
        ]
        if self.fit.widened and self.table is not None:
            stored = table_schema(self.table)
            widened = {name: self.fit.table[name] for name in self.fit.widened}
            rows = pl.scan_delta(self.table)
            old = cast_to(rows, stored, widened, self.fit.inexact_stored)
            sinks.append(self._sink(old, f"{self.slot.id}-old"))
        return sinks

    @cached_property
    def _files(self) -> list[DataFile]:
        return []

    def _sink(self, frame: pl.LazyFrame, label: str) -> pl.LazyFrame:
        store = self.layout.store
        options = {**self.file_options, "storage_options": store.storage_options or None}
        place: Any = None
        if self.partition_by:
            place = pl.PartitionBy(
                store.url(""),
                key=list(self.partition_by),
                include_key=False,
                file_path_provider=self._name_of(label),
            )
        else:
            name = f"part-{label}.parquet"
            self._note(DataFile(name, {}))
            place = store.url(name)
        sink: pl.LazyFrame = frame.sink_parquet(place, mkdir=True, lazy=True, **options)
        return sink

    def _note(self, file: DataFile) -> None:
        self._files.append(file)
        self.slot.files.append(file.name)

    def _name_of(self, label: str) -> Callable[[FileProviderArgs], str]:
        def name_of(args: FileProviderArgs) -> str:
            values = args.partition_keys.row(0, named=True)
            # Polars takes the name of a column in a folder's name as it stands.
            folders = "/".join(
                f"{key.replace('/', '%2F')}={hive_part(value)}" for key, value in values.items()
            )
            name = f"{folders}/part-{label}-{args.index_in_partition}.parquet"
            self._note(DataFile(name, values))
            return name

        return name_of

    @property
    def types(self) -> pl.Schema:
        """Return the types of the written columns."""
        return pl.Schema(self.fit.batch)

    @property
    def keeps_types(self) -> bool:
        """Return whether the batch is one file; the order of partitions says nothing."""
        return not (self.is_ignored or self.partition_by)

    def finish(self) -> None:
        """Count the rows of the batch out of the file's footer, where there is one file."""
        if self.keeps_types:
            frame = self._scan([file for file in self._files if not _is_old(file)])
            self.rows = int(frame.select(pl.len()).collect().item())
        self._refuse_inexact()
        if self.table is not None and not self.is_ignored:
            self.hold_to_rules(self.table)

    def hold_to_rules(self, table: DeltaTable) -> None:
        """Raise WriteError for staged rows that break what the table demands, once per demand."""
        rules = rules_of(table, replaced=self.target.mode != "APPEND")
        new = {what: rule for what, rule in rules.items() if self._held.get(what) != rule}
        if new:
            batch = self._scan([file for file in self._files if not _is_old(file)])
            lacking = [
                pl.lit(None, dtype=dtype).alias(name)
                for name, dtype in self.fit.table.items()
                if name not in self.fit.batch
            ]
            hold_to(new, batch.with_columns(lacking), self.name)
            self._held.update(new)

    @cached_property
    def _held(self) -> dict[str, str]:
        return {}

    def _refuse_inexact(self) -> None:
        """Raise SchemaChangedError for integers that the float they become cannot tell apart."""
        for file in () if self.is_ignored else self._files:
            limits = self.fit.inexact_stored if _is_old(file) else self.fit.inexact
            if limits:
                refuse_inexact(self._scan([file]), limits, self.name)

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged rows where the batch is one file."""
        if not self.keeps_types:
            return None
        return self._scan([file for file in self._files if not _is_old(file)])

    def _scan(self, files: list[DataFile]) -> pl.LazyFrame:
        store, batch = self.layout.store, self.fit.batch
        options = store.storage_options or None
        if not files:
            return pl.LazyFrame(schema=batch)
        if not self.partition_by:
            paths = exactly([store.url(file.name) for file in files])
            return pl.scan_parquet(paths, storage_options=options, hive_partitioning=False)
        parts = [
            pl.scan_parquet(
                exactly([store.url(f.name)]), storage_options=options, hive_partitioning=False
            )
            .with_columns(pl.lit(v, dtype=batch[k]).alias(k) for k, v in f.partition.items())
            .select(*batch)
            for f in files
        ]
        return pl.concat(parts)

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Publish the batch as one version of the table.

        Raises:
            SchemaChangedError: another run changed the schema meanwhile.
            TargetBusyError: another run replaced the data that this one started from.
        """
        skipped = self.skip(receipt, rows)
        if skipped is not None:
            return skipped
        if self.is_done_by_spark(receipt):
            return self._repeated(receipt)
        result = commit_change(
            self.layout.store, self._change(), receipt, self.slot.id, self._refit
        )
        if result.repeated:
            return self._repeated(receipt)
        self.is_open = False
        write_receipt(self.layout, with_version(receipt, result.version))
        self.slot.close(remove=False)
        return self._committed(result, rows)

    def is_done_by_spark(self, receipt: Receipt) -> bool:
        """Return whether this write is in the log though no transaction of delta-rs says so."""
        if self.table is None or self.replaces or self.target.replace_stored:
            return False
        log = FileLog(self.layout.store)
        stored = stored_receipt(self.layout, receipt.token)
        for version in {log.latest(), None if stored is None else stored.table_version} - {None}:
            found = receipt_in(log.info(int(version or 0)), int(version or 0))
            if found is not None and found.token == receipt.token:
                return True
        return False

    def _committed(self, result: LogResult, rows: int) -> Commit:
        published = self._published(result.version)
        return Commit(self.target, rows, result.version, result.bytes, published)

    def _published(self, version: int) -> pl.LazyFrame:
        if not self.replaces:
            return self._scan([file for file in self._files if not _is_old(file)])
        return self.scan_version(version)

    def scan_version(self, version: int) -> pl.LazyFrame:
        """Return the table's rows at a version."""
        table = open_table(self.layout.store, version)
        if table is None:
            raise WriteError(f"{self.name} was written and is gone", hint="run the node again")
        return pl.scan_delta(table)

    def _change(self) -> LogChange:
        rewrites = bool(self.fit.widened)
        return LogChange(
            files=self._files,
            schema=pl.Schema(self.fit.table),
            partition_by=self.partition_by,
            replace=rewrites or (self.target.mode != "APPEND"),
            added=() if rewrites else self.fit.added,
            version=self.table.version() if rewrites and self.table else None,
            comment=self.target.comment,
        )

    def _refit(self, table: DeltaTable) -> LogChange:
        """Return the change against a table that another run has made or changed."""
        change = self._change()
        if change.replace:
            return change
        fit = self.fit_to(table)
        if fit.batch != self.fit.batch or fit.widened:
            # The staged file has other types; staged again, it will fit.
            fit_schema(self.fit.batch, table_schema(table), "freeze", self.name)
            if fit.inexact:
                raise busy(self.layout.store, None)
        if tuple(table.metadata().partition_columns) != self.partition_by:
            # The staged files do not lie as the table's do.
            raise busy(self.layout.store, None)
        self.hold_to_rules(table)
        return replace(change, schema=pl.Schema(fit.table), added=fit.added)

    def _repeated(self, receipt: Receipt) -> Commit:
        """Return the commit of a token that is in the log: this attempt's files go."""
        self.abort()
        earlier = find_receipt(self.target.place, self.target.format, receipt.token)
        version = earlier.table_version if earlier else None
        table = open_table(self.layout.store)
        at = version if version is not None else (table.version() if table else 0)
        return Commit(self.target, 0, at, None, self.scan_version(at), skipped=True)


def _is_old(file: DataFile) -> bool:
    return "-old" in file.name.rpartition("/")[2]

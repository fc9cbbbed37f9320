"""MERGE into a Delta table: the latest change of each key updates, inserts or deletes its row."""

from __future__ import annotations

from functools import cached_property

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from laktory_dagster.engines.base import Commit, Receipt
from laktory_dagster.engines.columns import SchemaFit, quoted
from laktory_dagster.engines.polars.columns import (
    cast_to,
    fit_schema,
    refuse_inexact,
    stored_types,
)
from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.delta import DeltaWriter
from laktory_dagster.engines.polars.delta_log import (
    LogChange,
    busy,
    commit_change,
    commit_properties,
    is_done,
    open_table,
    table_schema,
)
from laktory_dagster.engines.polars.delta_rules import allow_times_without_zone
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.rows import plain_rows
from laktory_dagster.engines.polars.writer import declared_types
from laktory_dagster.engines.storage.merging import (
    ANEW,
    DELETE,
    DIFFERING_ROWS,
    FILL,
    NULL_HINT,
    NULL_KEYS,
    ORDER,
    ORDER_HINT,
    SHOWN_KEYS,
    STORED_ORDER,
    MergeTarget,
)
from laktory_dagster.engines.storage.receipts import with_version, write_receipt
from laktory_dagster.errors import WriteError


class MergeWriter(MergeTarget, DeltaWriter):
    """Writes a Delta table by MERGE. The batch is staged as one Parquet file beside the table."""

    @property
    def columns(self) -> list[str]:
        """Return the columns of the batch."""
        return self.schema.names()

    @property
    def replaces(self) -> bool:
        """Return whether the table is made anew from the batch."""
        return self.table is None or self.target.replace_stored

    @cached_property
    def batch_name(self) -> str:
        """Return the name of the staged batch."""
        return f"{self.layout.staged}/{self.slot.id}.parquet"

    @cached_property
    def batch_types(self) -> pl.Schema:
        """Return the types of the staged batch, unwritten columns included."""
        stored = pl.Schema() if self.replaces or self.table is None else table_schema(self.table)
        wanted = {**dict(self.schema.items()), **declared_types(self.target, self.schema)}
        return stored_types(pl.Schema(wanted), self.name, stored)

    def fit_to(self, table: DeltaTable | None) -> SchemaFit[pl.DataType]:
        """Return how the written columns fit the table."""
        batch = pl.Schema((name, self.batch_types[name]) for name in self.written)
        if table is None:
            return SchemaFit(batch, batch)
        evolution = "add" if self.evolution == "widen" else self.evolution
        return fit_schema(
            batch, table_schema(table), evolution, self.name, may_lack=self.is_partial
        )

    def check(self) -> None:
        """Check options and columns, and that a new table gets its partition columns."""
        super().check()
        left_out = [name for name in self.partition_by if name not in self.written]
        if left_out and self.replaces:
            raise WriteError(
                f"{self.name} is partitioned by `{left_out[0]}`, which the merge leaves out",
                expected=f"one of {', '.join(self.written)}",
            )

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the sink of the staged batch."""
        store = self.layout.store
        self.slot.files.append(self.batch_name)
        sink: pl.LazyFrame = cast_to(frame, self.schema, self.types, self.fit.inexact).sink_parquet(
            store.url(self.batch_name),
            mkdir=True,
            lazy=True,
            storage_options=store.storage_options or None,
        )
        return [sink]

    @property
    def types(self) -> pl.Schema:
        """Return the types of the staged columns."""
        return pl.Schema({**self.batch_types, **self.fit.batch})

    @property
    def keeps_types(self) -> bool:
        """Return True: the batch is one file."""
        return True

    @property
    def batch(self) -> pl.LazyFrame:
        """Return the staged batch as it came."""
        store = self.layout.store
        return pl.scan_parquet(
            exactly([store.url(self.batch_name)]),
            storage_options=store.storage_options or None,
            hive_partitioning=False,
        )

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged batch."""
        return self.batch

    def finish(self) -> None:
        """Check the keys of the batch.

        Raises:
            MergeKeyError: null keys, or rows of one key that differ and nothing orders them.
        """
        self.rows = int(self.batch.select(pl.len()).collect().item())
        refuse_inexact(self.batch, self.fit.inexact, self.name)
        self.refuse_null_keys()
        if self.rule.order_by is None:
            differing = self.batch.unique().group_by(self.keys).len().filter(pl.col("len") > 1)
            self.refuse(differing, DIFFERING_ROWS, ORDER_HINT)

    def refuse_null_keys(self) -> None:
        """Raise MergeKeyError for keys that are null, unless null is a key."""
        if not self.rule.null_equals_null:
            nulls = self.batch.filter(pl.any_horizontal(pl.col(self.keys).is_null()))
            self.refuse(nulls, NULL_KEYS, NULL_HINT)

    def refuse(self, frame: pl.LazyFrame, what: str, hint: str) -> None:
        """Raise MergeKeyError if there are rows."""
        found = frame.select(pl.len()).collect().item()
        if not found:
            return
        shown = frame.select(self.keys).unique().sort(self.keys).head(SHOWN_KEYS).collect()
        raise self.bad_keys(found, what, plain_rows(shown), hint)

    def changes(self) -> pl.LazyFrame:
        """Return one row a key, the latest, with whether it deletes or begins the row anew."""
        batch = self.batch.with_columns(self.deletes().alias(DELETE))
        if self.rule.order_by is None:
            latest = batch.unique().with_columns(pl.lit(value=False).alias(ANEW))
        else:
            latest = dedupe(batch, tuple(self.keys), self.rule.order_by, "first")
            if self.rule.ignore_null_updates:
                latest = self._filled(batch, latest)
            else:
                latest = latest.with_columns(pl.lit(value=False).alias(ANEW))
        written = [pl.col(name) for name in self.written]
        order = [] if self.rule.order_by is None else [pl.col(self.rule.order_by).alias(ORDER)]
        return latest.select(*written, *order, DELETE, ANEW)

    def first_rows(self) -> pl.LazyFrame:
        """Return the rows of a table that is made of this batch."""
        return self.changes().filter(~pl.col(DELETE)).select(self.written)

    def deletes(self) -> pl.Expr:
        """Return the condition under which a change deletes its row."""
        if self.rule.delete_where is None:
            return pl.lit(value=False)
        condition = compile_condition(
            self.rule.delete_where,
            self.target.dialect,
            self.stamp.logical_time,
            self.batch.collect_schema(),
        )
        return condition.fill_null(value=False)

    def _filled(self, batch: pl.LazyFrame, latest: pl.LazyFrame) -> pl.LazyFrame:
        """Return the latest changes, their nulls filled from earlier changes of the same batch.

        As if the changes had come one by one: those before a delete, and those that are older than
        the stored row, give nothing.
        """
        keys, order = self.keys, str(self.rule.order_by)
        newer = batch
        if self.table is not None and not self.replaces and order in table_schema(self.table):
            stored = pl.scan_delta(self.table).select(*keys, pl.col(order).alias(STORED_ORDER))
            newer = batch.join(stored, on=keys, how="left", nulls_equal=True).filter(
                pl.col(STORED_ORDER).is_null() | (pl.col(order) >= pl.col(STORED_ORDER))
            )
        deleted = pl.col(order).filter(pl.col(DELETE)).max().over(keys)
        values = [name for name in self.written if name not in keys]
        found = (
            newer.filter(deleted.is_null() | (pl.col(order) > deleted))
            .sort(order, nulls_last=False)
            .group_by(keys)
            .agg(pl.col(name).drop_nulls().last().alias(f"{FILL}{name}") for name in values)
        )
        anew = newer.group_by(keys).agg(pl.col(DELETE).any().alias(ANEW))
        fills = [pl.col(name).fill_null(pl.col(f"{FILL}{name}")) for name in values]
        return (
            latest.join(found, on=keys, how="left", nulls_equal=True)
            .join(anew, on=keys, how="left", nulls_equal=True)
            .with_columns(*fills, pl.col(ANEW).fill_null(value=False))
        )

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Merge the batch, once per token.

        Raises:
            TargetBusyError: another run changed the same rows meanwhile.
        """
        skipped = self.skip(receipt, rows)
        if skipped is not None:
            return skipped
        table = open_table(self.layout.store)
        is_known = table is not None and is_done(
            table, receipt, replaces=self.target.replace_stored
        )
        if is_known or self.is_done_by_spark(receipt):
            return self._repeated(receipt)
        if table is None or self.target.replace_stored:
            return self._make(receipt, rows)
        self.fit_to(table)
        try:
            allow_times_without_zone(table, self.fit.table)
            self.merge(table, receipt)
        except CommitFailedError as error:
            raise busy(self.layout.store, error) from error
        version = table.version()
        return self._finished(receipt, rows, version)

    def _finished(self, receipt: Receipt, rows: int, version: int) -> Commit:
        self.is_open = False
        write_receipt(self.layout, with_version(receipt, version))
        self.slot.keep()
        return Commit(self.target, rows, version, None, self.batch)

    def _make(self, receipt: Receipt, rows: int) -> Commit:
        """Make the table from the changes that do not delete."""
        self._files.clear()
        pl.collect_all([self._sink(self.first_rows(), self.slot.id)])
        if self.table is not None:
            self.hold_to_rules(self.table)
        change = LogChange(
            files=self._files,
            schema=pl.Schema(self.fit.table),
            partition_by=self.partition_by,
            replace=True,
            comment=self.target.comment,
        )
        result = commit_change(
            self.layout.store, change, receipt, self.slot.id, lambda _table: change
        )
        if result.repeated:
            return self._repeated(receipt)
        self.slot.files[:] = [self.batch_name]
        return self._finished(receipt, rows, result.version)

    def merge(self, table: DeltaTable, receipt: Receipt) -> None:
        """Bring the changes into the table as one commit."""
        source = self.changes().collect()
        grown = bool(self.fit.added)
        merger = table.merge(
            source.to_arrow(),
            predicate=" AND ".join(self.same(key) for key in self.keys),
            source_alias="source",
            target_alias="target",
            merge_schema=grown,
            commit_properties=commit_properties(receipt, self.slot.id),
        )
        known = table_schema(table)
        current = self.is_current(known)
        stored = [name for name in self.written if name in known]
        updates = {quoted(name): self.new_value(name, known) for name in self.written}
        kept = [name for name in stored if name not in self.keys]
        differs = " OR ".join(
            f"({self.new_value(name, known)} IS DISTINCT FROM target.{quoted(name)})"
            for name in kept
        )
        changed = differs if differs and not grown else "true"
        if self.rule.delete_where is not None:
            merger = merger.when_matched_delete(predicate=f"source.{DELETE} AND {current}")
        merger.when_matched_update(
            updates, predicate=f"NOT source.{DELETE} AND {current} AND ({changed})"
        ).when_not_matched_insert(
            {quoted(name): f"source.{quoted(name)}" for name in self.written},
            predicate=f"NOT source.{DELETE}",
        ).execute()

    def same(self, key: str) -> str:
        """Return the condition that source and target have the same key."""
        source, target = f"source.{quoted(key)}", f"target.{quoted(key)}"
        equal = f"{source} = {target}"
        if not self.rule.null_equals_null:
            return equal
        return f"({equal} OR ({source} IS NULL AND {target} IS NULL))"

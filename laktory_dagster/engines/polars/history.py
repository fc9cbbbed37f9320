"""MERGE that keeps history (SCD type 2): each version of a row has its start and its end."""

from __future__ import annotations

import polars as pl
from deltalake import DeltaTable

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.columns import SchemaFit, quoted
from laktory_dagster.engines.polars.columns import fit_schema, refuse_inexact
from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.delta_log import commit_properties, table_schema
from laktory_dagster.engines.polars.merge import MergeWriter
from laktory_dagster.engines.storage.history import (
    ACTION,
    AT,
    CLOSE,
    DROP,
    LAST,
    LIFE,
    NEW,
    NEXT,
    STORED,
    HistoryTarget,
)
from laktory_dagster.engines.storage.merging import DELETE

_REPLACED = "__laktory_replaced"


class HistoryWriter(HistoryTarget, MergeWriter):
    """Writes a Delta table by MERGE and keeps what was.

    The table has one open version of a key (its end is null) or none, and closed ones. Changes
    apply as if they came one by one in the order of `order_by`: what is older than the newest thing
    known of a key is ignored, what changes nothing makes no version, a delete closes the open one,
    and a change at the very moment at which the open version starts takes its place.
    """

    def fit_to(self, table: DeltaTable | None) -> SchemaFit[pl.DataType]:
        """Return how the written columns, and those of the history, fit the table."""
        moment = self.batch_types[self.order]
        batch = {name: self.batch_types[name] for name in self.written}
        whole = pl.Schema({**batch, self.start: moment, self.end: moment})
        if table is None:
            return SchemaFit(whole, whole)
        evolution = "add" if self.evolution == "widen" else self.evolution
        return fit_schema(
            whole, table_schema(table), evolution, self.name, may_lack=self.is_partial
        )

    @property
    def types(self) -> pl.Schema:
        """Return the types of the staged columns."""
        fit = {n: t for n, t in self.fit.batch.items() if n not in (self.start, self.end)}
        return pl.Schema({**self.batch_types, **fit})

    def finish(self) -> None:
        """Check the keys of the batch, and that every change says when it was.

        Raises:
            MergeKeyError: null keys, or a change without its moment.
        """
        self.rows = int(self.batch.select(pl.len()).collect().item())
        inexact = {n: limit for n, limit in self.fit.inexact.items() if n in self.schema}
        refuse_inexact(self.batch, inexact, self.name)
        self.refuse_null_keys()
        nulls = self.batch.filter(pl.col(self.order).is_null())
        self.refuse(nulls, *self.null_order)

    def first_rows(self) -> pl.LazyFrame:
        """Return the rows of a table that is made of this batch."""
        return self.versions(None).select(*self.fit.batch)

    def versions(self, table: DeltaTable | None) -> pl.LazyFrame:
        """Return what becomes of the table: new versions, and open ones to close or to drop."""
        changes = self._sequence(table).sort(AT, pl.col(STORED).not_(), maintain_order=True)
        if self.rule.ignore_null_updates:
            changes = self._filled_in(changes)
        kept = changes.filter(pl.col(STORED) | self._changes_something())
        following = pl.col(AT).shift(-1).over(self.keys)
        deleted_next = pl.col(DELETE).shift(-1).over(self.keys)
        replaced = pl.col(STORED) & (following == pl.col(AT)) & ~deleted_next
        made = kept.with_columns(
            following.alias(NEXT), replaced.fill_null(value=False).alias(_REPLACED)
        )
        action = (
            pl.when(~pl.col(STORED))
            .then(pl.lit(NEW))
            .when(pl.col(_REPLACED))
            .then(pl.lit(DROP))
            .when(pl.col(NEXT).is_not_null())
            .then(pl.lit(CLOSE))
        )
        return (
            made.filter(~pl.col(DELETE))
            .select(
                *self.written,
                pl.col(AT).alias(self.start),
                pl.col(NEXT).alias(self.end),
                action.alias(ACTION),
            )
            .filter(pl.col(ACTION).is_not_null())
        )

    def _sequence(self, table: DeltaTable | None) -> pl.LazyFrame:
        """Return the changes that count, with the open version of their keys before them."""
        marked = self.batch.with_columns(self.deletes().alias(DELETE))
        single = dedupe(marked, (*self.keys, self.order), None, "first")
        changes = single.select(
            *self.written,
            pl.col(self.order).alias(AT),
            DELETE,
            pl.lit(value=False).alias(STORED),
        )
        if table is None:
            return changes
        stored = pl.scan_delta(table).join(
            changes.select(self.keys).unique(), on=self.keys, how="semi", nulls_equal=True
        )
        newest = pl.coalesce(self.end, self.start).max().alias(LAST)
        last = stored.group_by(self.keys).agg(newest)
        current = (
            changes.join(last, on=self.keys, how="left", nulls_equal=True)
            .filter(pl.col(LAST).is_null() | (pl.col(AT) >= pl.col(LAST)))
            .drop(LAST)
        )
        have = table_schema(table)
        opened = stored.filter(pl.col(self.end).is_null()).select(
            *[name for name in self.written if name in have],
            pl.col(self.start).alias(AT),
            pl.lit(value=False).alias(DELETE),
            pl.lit(value=True).alias(STORED),
        )
        return pl.concat([opened, current], how="diagonal_relaxed").select(
            *self.written, AT, DELETE, STORED
        )

    def _filled_in(self, changes: pl.LazyFrame) -> pl.LazyFrame:
        """Return the changes with nulls as the row had them before; a delete ends a row's life."""
        life = pl.col(DELETE).cum_sum().shift(1, fill_value=0).over(self.keys).alias(LIFE)
        lives = [*self.keys, LIFE]
        fills = [pl.col(name).forward_fill().over(lives) for name in self.values]
        return changes.with_columns(life).with_columns(fills).drop(LIFE)

    def _changes_something(self) -> pl.Expr:
        was_gone = pl.col(DELETE).shift(1).over(self.keys).fill_null(value=True)
        differs = [
            pl.col(name).ne_missing(pl.col(name).shift(1).over(self.keys)) for name in self.values
        ]
        is_other = pl.any_horizontal(differs) if differs else pl.lit(value=False)
        return pl.when(DELETE).then(~was_gone).otherwise(was_gone | is_other)

    def merge(self, table: DeltaTable, receipt: Receipt) -> None:
        """Close, drop and add versions as one commit; nothing to do makes none."""
        source = self.versions(table).collect()
        if source.is_empty():
            return
        names = list(self.fit.batch)
        match = [self.same(key) for key in self.keys]
        match += [f"target.{quoted(self.end)} IS NULL", f"source.{ACTION} <> '{NEW}'"]
        merger = table.merge(
            source.to_arrow(),
            predicate=" AND ".join(match),
            source_alias="source",
            target_alias="target",
            merge_schema=bool(self.fit.added),
            commit_properties=commit_properties(receipt, self.slot.id),
        )
        (
            merger.when_matched_delete(predicate=f"source.{ACTION} = '{DROP}'")
            .when_matched_update(
                {quoted(self.end): f"source.{quoted(self.end)}"},
                predicate=f"source.{ACTION} = '{CLOSE}'",
            )
            .when_not_matched_insert(
                {quoted(name): f"source.{quoted(name)}" for name in names},
                predicate=f"source.{ACTION} = '{NEW}'",
            )
            .execute()
        )

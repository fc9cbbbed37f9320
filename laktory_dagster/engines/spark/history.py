"""MERGE that keeps history (SCD type 2): each version of a row has its start and its end."""

from __future__ import annotations

from functools import cached_property, reduce
from typing import Any

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.columns import SchemaFit, quoted
from laktory_dagster.engines.spark.columns import cast_to, fit_schema
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.merge import CHANGES, MergeWriter
from laktory_dagster.engines.spark.scope import column
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

_COUNTS = "__laktory_counts"
_NEXT_DELETE = "__laktory_next_delete"


class HistoryWriter(HistoryTarget, MergeWriter):
    """Writes a Delta table by MERGE and keeps what was, as the Polars engine's does."""

    @cached_property
    def fit(self) -> SchemaFit[st.DataType]:
        """Return how the written columns, and those of the history, fit the table."""
        moment = self.batch_types[self.order]
        batch = {name: self.batch_types[name] for name in self.written}
        whole = {**batch, self.start: moment, self.end: moment}
        if self.replaces:
            return SchemaFit(whole, whole)
        evolution = "add" if self.evolution == "widen" else self.evolution
        return fit_schema(whole, self.stored, evolution, self.name, may_lack=self.is_partial)

    def take(self, rows: Any) -> None:
        """Keep the batch, check its keys, and that every change says when it was.

        Raises:
            MergeKeyError: null keys, or a change without its moment.
        """
        fit = {n: t for n, t in self.fit.batch.items() if n not in (self.start, self.end)}
        self.frame = cast_to(rows, {**self.batch_types, **fit}, self.fit.inexact)
        self.refuse_null_keys()
        nulls = self.frame.filter(column(self.order).isNull())
        self.refuse(nulls, *self.null_order)

    def first_rows(self) -> Any:
        """Return the rows of a table that is made of this batch."""
        return self._versions().select(*map(column, self.fit.batch))

    def _versions(self) -> Any:
        """Return what becomes of the table: new versions, and open ones to close or to drop."""
        changes = self._sequence()
        if self.rule.ignore_null_updates:
            changes = self._filled_in(changes)
        kept = self._changing(changes)
        following = F.lead(AT).over(self._in_time)
        made = kept.withColumns({NEXT: following, _NEXT_DELETE: F.lead(DELETE).over(self._in_time)})
        replaced = (F.col(NEXT) == F.col(AT)) & ~F.col(_NEXT_DELETE)
        action = (
            F.when(~F.col(STORED), NEW).when(replaced, DROP).when(F.col(NEXT).isNotNull(), CLOSE)
        )
        return (
            made.filter(~F.col(DELETE))
            .select(
                *map(column, self.written),
                F.col(AT).alias(self.start),
                F.col(NEXT).alias(self.end),
                action.alias(ACTION),
            )
            .filter(F.col(ACTION).isNotNull())
        )

    @property
    def _in_time(self) -> Any:
        keys = [column(key) for key in self.keys]
        return Window.partitionBy(*keys).orderBy(F.col(AT).asc(), F.col(STORED).desc())

    def _sequence(self) -> Any:
        """Return the changes that count, with the open version of their keys before them."""
        marked = self.frame.withColumn(DELETE, self.deletes())
        single = dedupe(marked, (*self.keys, self.order), None, "first")
        changes = single.select(
            *map(column, self.written),
            column(self.order).alias(AT),
            DELETE,
            F.lit(False).alias(STORED),
        )
        if self.replaces:
            return changes
        touched = self.joined(
            self.table.rows(), changes.select(*map(column, self.keys)).distinct(), "leftsemi"
        )
        newest = F.max(F.coalesce(column(self.end), column(self.start))).alias(LAST)
        last = touched.groupBy(*map(column, self.keys)).agg(newest)
        current = self.joined(changes, last).filter(
            F.col(LAST).isNull() | (F.col(AT) >= F.col(LAST))
        )
        opened = touched.filter(column(self.end).isNull()).select(
            *[column(name) for name in self.written if name in self.stored],
            column(self.start).alias(AT),
            F.lit(False).alias(DELETE),
            F.lit(True).alias(STORED),
        )
        return current.drop(LAST).unionByName(opened, allowMissingColumns=True)

    def _filled_in(self, changes: Any) -> Any:
        """Return the changes with nulls as the row had them before; a delete ends a row's life."""
        before = self._in_time.rowsBetween(Window.unboundedPreceding, -1)
        deaths = F.coalesce(F.sum(F.col(DELETE).cast("int")).over(before), F.lit(0))
        lives = Window.partitionBy(*map(column, self.keys), F.col(LIFE))
        so_far = lives.orderBy(F.col(AT).asc(), F.col(STORED).desc()).rowsBetween(
            Window.unboundedPreceding, Window.currentRow
        )
        fills = {name: F.last(column(name), ignorenulls=True).over(so_far) for name in self.values}
        return changes.withColumn(LIFE, deaths).withColumns(fills).drop(LIFE)

    def _changing(self, changes: Any) -> Any:
        """Return the open versions, and the changes after which a row is another than before."""
        was_gone = F.coalesce(F.lag(DELETE).over(self._in_time), F.lit(True))
        differs = [
            ~column(name).eqNullSafe(F.lag(column(name)).over(self._in_time))
            for name in self.values
        ]
        is_other = reduce(Column.__or__, differs, F.lit(False))
        counts = F.when(F.col(DELETE), ~was_gone).otherwise(was_gone | is_other)
        return changes.withColumn(_COUNTS, counts).filter(F.col(STORED) | F.col(_COUNTS))

    def merge(self) -> None:
        """Close, drop and add versions as one commit; nothing to do makes none."""
        names = list(self.fit.batch)
        listed = ", ".join(quoted(name) for name in names)
        values = ", ".join(f"source.{quoted(name)}" for name in names)
        end = quoted(self.end)
        match = [self.same(key) for key in self.keys]
        match += [f"target.{end} IS NULL", f"source.{ACTION} <> '{NEW}'"]
        statement = f"""
            MERGE INTO {self.table.sql} AS target
            USING {CHANGES} AS source
            ON {" AND ".join(match)}
            WHEN MATCHED AND source.{ACTION} = '{DROP}' THEN DELETE
            WHEN MATCHED AND source.{ACTION} = '{CLOSE}' THEN UPDATE SET {end} = source.{end}
            WHEN NOT MATCHED AND source.{ACTION} = '{NEW}' THEN INSERT ({listed}) VALUES ({values})
        """
        self.run(statement, self._versions())

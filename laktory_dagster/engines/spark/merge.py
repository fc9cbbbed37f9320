"""MERGE into a Delta table: the latest change of each key updates, inserts or deletes its row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, reduce
from typing import Any

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.columns import SchemaFit, quoted
from laktory_dagster.engines.spark.clustering import SESSION_NOTE
from laktory_dagster.engines.spark.columns import (
    Types,
    cast_to,
    declared_types,
    fit_schema,
    stored_types,
)
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.delta import DeltaWriter, commit_note
from laktory_dagster.engines.spark.expressions import compile_condition
from laktory_dagster.engines.spark.rows import plain_rows
from laktory_dagster.engines.spark.scope import Scope, column
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

CHANGES = "laktory_changes"


class MergeWriter(MergeTarget, DeltaWriter):
    """Writes a Delta table by MERGE; the batch is computed once and kept until the commit."""

    @property
    def columns(self) -> list[str]:
        """Return the columns of the batch."""
        return list(self.types)

    @property
    def replaces(self) -> bool:
        """Return whether the table is made anew from the batch."""
        return self.version is None or self.target.replace_stored

    @cached_property
    def batch_types(self) -> Types:
        """Return the types of the batch, unwritten columns included."""
        wanted = {
            **self.types,
            **declared_types(self.target.schema_definition, self.types, self.name),
        }
        return stored_types(wanted, self.name, {} if self.replaces else self.stored)

    @cached_property
    def fit(self) -> SchemaFit[st.DataType]:
        """Return how the written columns fit the table."""
        batch = {name: self.batch_types[name] for name in self.written}
        if self.replaces:
            return SchemaFit(batch, batch)
        evolution = "add" if self.evolution == "widen" else self.evolution
        return fit_schema(batch, self.stored, evolution, self.name, may_lack=self.is_partial)

    def take(self, rows: Any) -> None:
        """Keep the batch and check its keys.

        Raises:
            MergeKeyError: null keys, or rows of one key that differ and nothing orders them.
        """
        self.frame = cast_to(rows, {**self.batch_types, **self.fit.batch}, self.fit.inexact)
        self.refuse_null_keys()
        if self.rule.order_by is None:
            keys = [column(key) for key in self.keys]
            differing = self.frame.distinct().groupBy(*keys).count().filter(F.col("count") > 1)
            self.refuse(differing, DIFFERING_ROWS, ORDER_HINT)

    def refuse_null_keys(self) -> None:
        """Raise MergeKeyError for keys that are null, unless null is a key."""
        if not self.rule.null_equals_null:
            is_null = reduce(Column.__or__, [column(key).isNull() for key in self.keys])
            nulls = self.frame.filter(is_null)
            self.refuse(nulls, NULL_KEYS, NULL_HINT)

    def refuse(self, frame: Any, what: str, hint: str) -> None:
        """Raise MergeKeyError if there are rows."""
        found = frame.count()
        if not found:
            return
        keys = [column(key) for key in self.keys]
        shown = plain_rows(frame.select(*keys).distinct().orderBy(*keys).limit(SHOWN_KEYS))
        raise self.bad_keys(found, what, shown, hint)

    def _changes(self) -> Any:
        """Return one row a key, the latest, with whether it deletes or begins the row anew."""
        batch = self.frame.withColumn(DELETE, self.deletes())
        never = F.lit(False)
        if self.rule.order_by is None:
            latest = batch.distinct().withColumn(ANEW, never)
        else:
            latest = dedupe(batch, self.keys, self.rule.order_by, "first")
            if self.rule.ignore_null_updates:
                latest = self._filled(batch, latest)
            else:
                latest = latest.withColumn(ANEW, never)
        written = [column(name) for name in self.written]
        order = [] if self.rule.order_by is None else [column(self.rule.order_by).alias(ORDER)]
        return latest.select(*written, *order, DELETE, ANEW)

    def deletes(self) -> Column:
        """Return the condition under which a change deletes its row."""
        if self.rule.delete_where is None:
            return F.lit(False)
        scope = Scope(self.frame, self.target.dialect, self.stamp.logical_time)
        condition = compile_condition(self.rule.delete_where, scope)
        return F.coalesce(condition, F.lit(False))

    def _filled(self, batch: Any, latest: Any) -> Any:
        """Return the latest changes, their nulls filled from earlier changes of the same batch.

        As if the changes had come one by one: those before a delete, and those that are older than
        the stored row, give nothing.
        """
        keys, order = self.keys, column(str(self.rule.order_by))
        newer = batch
        if not self.replaces and self.rule.order_by in self.stored:
            stored = self.table.rows().select(*map(column, keys), order.alias(STORED_ORDER))
            newer = self.joined(batch, stored).filter(
                F.col(STORED_ORDER).isNull() | (order >= F.col(STORED_ORDER))
            )
        groups = Window.partitionBy(*map(column, keys))
        deleted = F.max(F.when(F.col(DELETE), order)).over(groups)
        values = [name for name in self.written if name not in keys]
        since = newer.withColumn("__laktory_deleted", deleted).filter(
            F.col("__laktory_deleted").isNull() | (order > F.col("__laktory_deleted"))
        )
        last = [
            F.max_by(column(name), F.when(column(name).isNotNull(), order)).alias(f"{FILL}{name}")
            for name in values
        ]
        found = since.groupBy(*map(column, keys)).agg(*last) if last else since.select(*keys)
        anew = newer.groupBy(*map(column, keys)).agg(F.bool_or(DELETE).alias(ANEW))
        joined = self.joined(self.joined(latest, found), anew)
        fills = {name: F.coalesce(column(name), column(f"{FILL}{name}")) for name in values}
        return joined.withColumns({**fills, ANEW: F.coalesce(F.col(ANEW), F.lit(False))})

    def joined(self, left: Any, right: Any, how: str = "left") -> Any:
        """Return the left rows with columns of the right ones of the same key; null equals null."""
        renamed = right.withColumnsRenamed({key: f"__laktory_key_{key}" for key in self.keys})
        same = None
        for key in self.keys:
            equal = column(key).eqNullSafe(column(f"__laktory_key_{key}"))
            same = equal if same is None else same & equal
        joined = left.join(renamed, on=same, how=how)
        return joined.drop(*[f"__laktory_key_{key}" for key in self.keys])

    def _write(self, receipt: Receipt) -> None:
        """Make the table from the changes that do not delete, or merge them into it."""
        if self.replaces:
            self.frame = self.first_rows()
            super()._write(receipt)
            return
        with self._noted(receipt):
            self.merge()

    @contextmanager
    def _noted(self, receipt: Receipt) -> Iterator[None]:
        """Set the note of a commit by SQL: a setting of the session, and so one merge at a time."""
        settings = {"spark.databricks.delta.commitInfo.userMetadata": commit_note(receipt)}
        if self.fit.added:
            settings["spark.databricks.delta.schema.autoMerge.enabled"] = "true"
        with SESSION_NOTE:
            for name, value in settings.items():
                self.spark.conf.set(name, value)
            try:
                yield
            finally:
                for name in settings:
                    self.spark.conf.unset(name)

    def first_rows(self) -> Any:
        """Return the rows of a table that is made of this batch."""
        return self._changes().filter(~F.col(DELETE)).select(*map(column, self.written))

    def merge(self) -> None:
        """Bring the changes into the table as one commit."""
        changes = self._changes()
        stored = [name for name in self.written if name in self.stored]
        current = self.is_current(self.stored)
        kept = [name for name in stored if name not in self.keys]
        differs = " OR ".join(
            f"NOT ({self.new_value(name, self.stored)} <=> target.{quoted(name)})" for name in kept
        )
        changed = differs if differs and not self.fit.added else "true"
        updates = ", ".join(
            f"{quoted(name)} = {self.new_value(name, self.stored)}" for name in self.written
        )
        names = ", ".join(quoted(name) for name in self.written)
        values = ", ".join(f"source.{quoted(name)}" for name in self.written)
        deletes = f"WHEN MATCHED AND source.{DELETE} AND {current} THEN DELETE"
        statement = f"""
            MERGE INTO {self.table.sql} AS target
            USING {CHANGES} AS source
            ON {" AND ".join(self.same(key) for key in self.keys)}
            {deletes if self.rule.delete_where is not None else ""}
            WHEN MATCHED AND NOT source.{DELETE} AND {current} AND ({changed})
              THEN UPDATE SET {updates}
            WHEN NOT MATCHED AND NOT source.{DELETE} THEN INSERT ({names}) VALUES ({values})
        """
        self.run(statement, changes)

    def run(self, statement: str, changes: Any) -> None:
        """Run a statement that reads the changes as `CHANGES`; braces of its names mean themselves."""
        plain = statement.replace("{", "{{").replace("}", "}}")
        self.spark.sql(plain.replace(CHANGES, f"{{{CHANGES}}}"), **{CHANGES: changes}).collect()

    def same(self, key: str) -> str:
        """Return the condition that source and target have the same key."""
        operator = "<=>" if self.rule.null_equals_null else "="
        return f"source.{quoted(key)} {operator} target.{quoted(key)}"

    def _published(self, version: int) -> Any:
        return self.frame

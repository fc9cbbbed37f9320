"""Delta targets: one commit of Delta's own, which carries the receipt."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from typing import Any
from urllib.parse import unquote

from pyspark.sql import types as st

from laktory_dagster.engines.base import Commit, Receipt
from laktory_dagster.engines.columns import SchemaFit
from laktory_dagster.engines.spark.arrivals import rows_of_files
from laktory_dagster.engines.spark.clustering import check_clustering, cluster
from laktory_dagster.engines.spark.columns import (
    Types,
    cast_to,
    declared_types,
    fit_schema,
    inexact_problem,
    stored_types,
    types_of,
)
from laktory_dagster.engines.spark.formats import writer_options
from laktory_dagster.engines.spark.paths import literal
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, condition_of, plain_text
from laktory_dagster.engines.spark.receipts import find_receipt
from laktory_dagster.engines.spark.scope import column
from laktory_dagster.engines.spark.tables import Table, table_of
from laktory_dagster.engines.spark.writer import StagingWriter
from laktory_dagster.engines.storage import commits
from laktory_dagster.engines.storage.receipts import with_version, write_receipt
from laktory_dagster.engines.storage.tables import EVOLUTION_OPTIONS, TableTarget
from laktory_dagster.errors import ReadError, TargetBusyError, WriteError

ATTEMPTS = 10
PAUSE_SECONDS = 0.2
SAMPLED_FILES = 4
_PARTITIONS = "# Partition Information"
_CONFLICTS = ("CONCURRENT", "Concurrent", "ProtocolChangedException", "MetadataChangedException")
_NO_FEATURE = "DELTA_FEATURES_REQUIRE_MANUAL_ENABLEMENT"
_OURS = ("overwriteSchema", "overwrite_schema", *EVOLUTION_OPTIONS)


class DeltaWriter(TableTarget, StagingWriter):
    """Writes a Delta table by OVERWRITE, APPEND, IGNORE or ERROR."""

    @cached_property
    def table(self) -> Table:
        """Return the table as Spark names it."""
        return table_of(self.target.place, lambda: self.spark)

    @cached_property
    def version(self) -> int | None:
        """Return the table's version when the work began, None where there was no table."""
        return self.table.log.latest()

    def exists(self) -> bool:
        """Return whether there is a table."""
        return self.version is not None

    def is_own(self) -> bool:
        """Return whether an earlier attempt of this run made the table."""
        return commits.find_token(self.table.log, self.slot.token) is not None

    def is_published(self, staged_id: str) -> bool:
        """Return whether the table has these files, which another engine staged."""
        if not self.exists():
            return False
        log = self.table.log
        noted = (log.info(at).get(commits.STAGED_KEY) for at in log.versions())
        return staged_id in noted or any(
            staged_id in name for name in self.table.rows().inputFiles()
        )

    @cached_property
    def file_options(self) -> dict[str, str]:
        """Return the options of Delta's writer. Raises UnsupportedError."""
        given = {k: v for k, v in self.target.options.items() if k not in _OURS}
        return writer_options("DELTA", given)

    @property
    def replaces(self) -> bool:
        """Return whether the batch takes the place of what is stored."""
        return self.target.mode != "APPEND" or self.version is None

    @cached_property
    def stored(self) -> Types:
        """Return the stored columns; none where there is no table."""
        return {} if self.version is None else types_of(self.table.rows())

    def stored_partitions(self) -> tuple[str, ...]:
        """Return the partition columns of the table that is there."""
        # `DESCRIBE DETAIL` says it as well, and computes the table's state for it: ten times slower.
        rows = self.spark.sql(f"DESCRIBE TABLE {self.table.sql}").collect()
        names = [row["col_name"] for row in rows]
        if _PARTITIONS not in names:
            return ()
        # A heading of its own, the columns in their order, and then maybe another part.
        below = names[names.index(_PARTITIONS) + 2 :]
        return tuple(takewhile(bool, below))

    def check(self) -> None:
        """Look at the table as it is before the work; check partition columns and schema."""
        _ = self.version, self.file_options
        self.check_partitions(self.types, self.fit.batch)
        columns = {**self.fit.table, **self.fit.batch}
        check_clustering(self.target.cluster_by, self.partition_by, columns, self.name)

    @cached_property
    def fit(self) -> SchemaFit[st.DataType]:
        """Return how the batch fits the table. Raises SchemaChangedError."""
        if not self.types:
            raise WriteError(f"{self.name}: there are no columns to write")
        stored = {} if self.replaces else self.stored
        wanted = {
            **self.types,
            **declared_types(self.target.schema_definition, self.types, self.name),
        }
        batch = stored_types(wanted, self.name, stored)
        if self.replaces:
            return SchemaFit(batch, batch)
        return fit_schema(batch, stored, self.evolution, self.name)

    def commit(self, receipt: Receipt, rows: int | None) -> Commit:
        """Publish the batch as one version of the table.

        Raises:
            SchemaChangedError: another run changed the schema meanwhile.
            TargetBusyError: another run replaced the data that this one started from.
        """
        skipped = self.skip(receipt, 1 if rows is None else rows)
        if skipped is not None:
            return skipped
        earlier = self._earlier(receipt)
        if earlier is not None:
            self._cluster()
            return self._repeated(earlier)
        for attempt in range(ATTEMPTS):
            self._refit()
            try:
                self._write(receipt)
            except SPARK_ERRORS as error:
                if attempt == 0 and self._allow_times_without_zone(error):
                    continue
                if not self._may_repeat(error, attempt):
                    raise self.explained(error) from error
                time.sleep(PAUSE_SECONDS * (attempt + 1))
            else:
                break
        commit = self.finished(receipt, rows)
        self._cluster()
        return commit

    def _cluster(self) -> None:
        try:
            cluster(self.spark, self.table, self.target.cluster_by)
        except SPARK_ERRORS as error:
            raise WriteError(f"{self.name} could not be clustered: {plain_text(error)}") from error

    def _refit(self) -> None:
        """Fit the batch to what another run made of the table meanwhile.

        Raises:
            SchemaChangedError: the columns do not fit any more.
            TargetBusyError: the stored rows were to be rewritten and are others by now.
        """
        now = self.table.log.latest()
        if now == self.version or (self.replaces and self.version is not None):
            return
        if self.fit.widened:
            raise self._busy()
        for name in ("version", "stored", "fit"):
            self.__dict__.pop(name, None)
        self.check()

    def _allow_times_without_zone(self, error: BaseException) -> bool:
        """Give a table made before them the feature of times without a zone, if it lacks that.

        It is a commit of its own, which harms nobody if no other follows.
        """
        said = f"{condition_of(error)} {error}"
        if _NO_FEATURE not in said or "timestampNtz" not in said:
            return False
        self.spark.sql(
            f"ALTER TABLE {self.table.sql} "
            "SET TBLPROPERTIES ('delta.feature.timestampNtz' = 'supported')"
        )
        return True

    def _may_repeat(self, error: BaseException, attempt: int) -> bool:
        is_added = self.target.mode == "APPEND" and not self.fit.widened
        return is_added and _is_conflict(error) and attempt + 1 < ATTEMPTS

    def _busy(self) -> TargetBusyError:
        return TargetBusyError(
            f"{self.name}: another run changed the table meanwhile", hint="run the node again"
        )

    def _earlier(self, receipt: Receipt) -> Receipt | None:
        """Return the receipt of an earlier attempt that stands, None where there is work to do."""
        found = find_receipt(
            self.target.place, self.target.format, receipt.token, lambda: self.spark
        )
        if found is None or not self.exists():
            return None
        adds = self.target.mode in ("APPEND", "MERGE") and not self.target.replace_stored
        stands = adds or found.code_version == receipt.code_version
        return found if stands and found.table_version is not None else None

    def _repeated(self, earlier: Receipt) -> Commit:
        self.abort()
        at = earlier.table_version
        return Commit(self.target, 0, at, None, self.table.rows(at), skipped=True)

    def _write(self, receipt: Receipt) -> None:
        frame = cast_to(self.frame, self.fit.batch, self.fit.inexact)
        rewrites = bool(self.fit.widened)
        if rewrites:
            widened = {name: self.fit.table[name] for name in self.fit.widened}
            old = cast_to(self.table.rows(), widened, self.fit.inexact_stored)
            frame = old.unionByName(frame, allowMissingColumns=True)
        replaces = self.replaces or rewrites
        writer = frame.write.format("delta").mode("overwrite" if replaces else "append")
        if replaces:
            writer = writer.option("overwriteSchema", "true")
        elif self.fit.added or len(self.fit.batch) < len(self.stored):
            writer = writer.option("mergeSchema", "true")
        for name, value in self.file_options.items():
            writer = writer.option(name, value)
        if self.partition_by:
            writer = writer.partitionBy(*self.partition_by)
        self.table.save(writer.option("userMetadata", commit_note(receipt)))

    def explained(self, error: BaseException) -> Exception:
        """Return what Delta raised while committing, in the words of the product."""
        if _is_conflict(error):
            return self._busy()
        inexact = inexact_problem(error, self.name)
        if inexact is not None:
            return inexact
        return WriteError(f"{self.name} could not be written: {plain_text(error)}")

    def finished(self, receipt: Receipt, rows: int | None) -> Commit:
        """Return the commit that was made, its receipt stored with the version it got."""
        found = commits.commit_of(self.table.log, receipt.token, self.version)
        if found is None:
            return self._unchanged(receipt, rows)
        version, info = found
        metrics = info.get("operationMetrics", {})
        written = rows if rows is not None else int(metrics.get("numOutputRows", 0))
        if rows is None:
            receipt = replace(receipt, rows_in=written, rows_out=written)
        write_receipt(self.layout, with_version(receipt, version))
        self.abort()
        size = metrics.get("numOutputBytes")
        published = self._published(version)
        return Commit(self.target, written, version, int(size) if size else None, published)

    def _unchanged(self, receipt: Receipt, rows: int | None) -> Commit:
        """Return the commit of a batch for which Delta made none: it changed no row."""
        version = self.table.log.latest()
        if version is None:
            raise WriteError(f"{self.name}: Delta made no table of the rows")
        if rows is None:
            receipt = replace(receipt, rows_in=0, rows_out=0)
        write_receipt(self.layout, with_version(receipt, version), skipped=rows is None)
        self.abort()
        published = self.no_rows() if not rows else self._published(version)
        return Commit(self.target, rows or 0, version, None, published, skipped=rows is None)

    def sample(self, commit: Commit) -> Any:
        """Return rows of the first files of a commit, past Delta: its snapshot costs far more."""
        if commit.version is None:
            return self.no_rows()
        try:
            added = self.table.log.actions(commit.version, "add")
            folder = self.table.files.url("") if added else ""
        except ReadError:
            return commit.published
        if not added:
            return self.no_rows()
        if not all(self._has_own_names(file) for file in added[:SAMPLED_FILES]):
            return commit.published
        paths = [f"{folder}/{unquote(file['path'])}" for file in added[:SAMPLED_FILES]]
        schema = st.StructType([st.StructField(n, t) for n, t in self.fit.batch.items()])
        reader = self.spark.read.schema(schema).option("basePath", folder)
        return reader.parquet(*map(literal, paths)).select(*map(column, self.fit.batch))

    def _has_own_names(self, file: Mapping[str, Any]) -> bool:
        """Return whether the columns of a file have the table's names, by what is counted in it.

        With column mapping only Delta knows which column of a file is which.
        """
        counted = json.loads(file.get("stats") or "{}").get("nullCount")
        return bool(counted) and set(counted) <= set(self.fit.batch)

    def _published(self, version: int) -> Any:
        if self.fit.widened:
            return cast_to(self.frame, self.fit.batch)
        if self.replaces:
            return self.table.rows(version)
        added = added_rows(self.table, version)
        return added.select(*map(column, self.fit.batch))


def added_rows(table: Table, version: int) -> Any:
    """Return the rows of the files that a version added to a table."""
    rows = table.rows(version)
    try:
        added = [unquote(action["path"]) for action in table.log.actions(version, "add")]
    except ReadError:
        before = set(table.rows(version - 1).inputFiles()) if version else set()
        added = [unquote(file) for file in rows.inputFiles() if file not in before]
    return rows_of_files(rows, added)


def _is_conflict(error: BaseException) -> bool:
    """Return whether Delta refused a commit because another one came first."""
    said = f"{condition_of(error)} {error}"
    return any(sign in said for sign in _CONFLICTS)


def commit_note(receipt: Receipt) -> str:
    """Return what a commit says of itself: the receipt that proves who made it."""
    return json.dumps({commits.RECEIPT_KEY: json.dumps(receipt.to_dict())})

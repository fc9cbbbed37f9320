"""A Delta table as Spark names it: by its folder, or in the catalog of the session."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from laktory_dagster.engines.base import Place
from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.log import Log
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, condition_of
from laktory_dagster.engines.storage.commits import FileLog
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.staging import is_in_use
from laktory_dagster.engines.storage.store import Store, open_store
from laktory_dagster.errors import ReadError

_NOT_THERE = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")
_NOT_DELTA = ("DELTA_ONLY_OPERATION", "EXPECT_TABLE_NOT_VIEW")


class Table(Protocol):
    """One Delta table. `sql` is how a statement names it."""

    sql: str
    log: Log

    @property
    def files(self) -> Store:
        """Return the folder of the table's files. Raises ReadError where it is out of reach."""
        ...

    def rows(self, version: int | None = None) -> Any:
        """Return the rows, as they are or as they were in a version."""
        ...

    def save(self, writer: Any) -> None:
        """Let a writer of a frame write the table."""
        ...

    def drop(self) -> None:
        """Remove the table."""
        ...


def table_of(place: Place, spark: Callable[[], Any]) -> Table:
    """Return the table of a place; the session is asked for when it is needed."""
    if place.table is not None:
        return CatalogTable(place.table, spark)
    return FolderTable(layout_of(place, "DELTA").store, spark)


class FolderTable:
    """A table that is known by its folder."""

    def __init__(self, files: Store, spark: Callable[[], Any]) -> None:
        """Look at nothing yet."""
        self.files = files
        self.uri = files.url("")
        self.sql = f"delta.{quoted(self.uri)}"
        self.log: Log = FileLog(files)
        self._spark = spark

    def rows(self, version: int | None = None) -> Any:
        """Return the rows, as they are or as they were in a version."""
        return _at(self._spark(), version).load(self.uri)

    def save(self, writer: Any) -> None:
        """Let a writer of a frame write the folder."""
        writer.save(self.uri)

    def drop(self) -> None:
        """Remove the table's files; what this process stages there stays."""
        if self.log.latest() is None or "://" in self.files.root:
            return
        shutil.rmtree(Path(self.files.root, "_delta_log"), ignore_errors=True)
        for name in self.files.names(""):
            if not is_in_use(name):
                self.files.delete(name)


class CatalogTable:
    """A table that the session's catalog knows by its name."""

    def __init__(self, name: str, spark: Callable[[], Any]) -> None:
        """Look at nothing yet.

        Args:
            name: one to three parts with dots between them.
            spark: gives the session.
        """
        self._name = name
        self._schema = ".".join(map(quoted, name.split(".")[:-1]))
        self.sql = ".".join(map(quoted, name.split(".")))
        self.log: Log = _History(self)
        self._spark = spark

    @cached_property
    def files(self) -> Store:
        """Return the folder of the table's files. Raises ReadError where it is out of reach."""
        detail = self._spark().sql(f"DESCRIBE DETAIL {self.sql}").select("location").first()
        location = str(detail[0])
        if not location.startswith(("file:", "/")):
            raise ReadError(
                f"the files of {self._name} lie at {location}, out of reach of this process",
                hint="leave `as_stream` out to read the whole table at each run",
            )
        return open_store(unquote(location.removeprefix("file:")), {})

    def history(self, limit: str = "") -> list[Any]:
        """Return the commits as the catalog tells them, newest first; none without a table.

        Raises:
            NotDeltaError: there is a view, or a table of another format.
        """
        try:
            return list(self._spark().sql(f"DESCRIBE HISTORY {self.sql} {limit}").collect())
        except SPARK_ERRORS as error:
            if condition_of(error).startswith(_NOT_THERE):
                return []
            if condition_of(error).startswith(_NOT_DELTA):
                raise NotDeltaError(
                    f"{self._name} of the session's catalog is no Delta table",
                    hint="write to another table, or drop this one",
                ) from error
            raise

    def rows(self, version: int | None = None) -> Any:
        """Return the rows, as they are or as they were in a version."""
        return _at(self._spark(), version).table(self.sql)

    def save(self, writer: Any) -> None:
        """Let a writer of a frame write the table; a new schema is made."""
        if self._schema and self.log.latest() is None:
            self._spark().sql(f"CREATE SCHEMA IF NOT EXISTS {self._schema}").collect()
        writer.saveAsTable(self.sql)

    def drop(self) -> None:
        """Remove the table from the catalog, and its files where they are the catalog's."""
        self._spark().sql(f"DROP TABLE IF EXISTS {self.sql}").collect()


class NotDeltaError(ReadError):
    """A name of the catalog stands for something else than a Delta table."""


class _History:
    """The log of a table as its catalog tells it."""

    def __init__(self, table: CatalogTable) -> None:
        self._table = table
        self._infos: dict[int, dict[str, Any]] = {}

    def latest(self) -> int | None:
        """Return the table's version, None where there is no table."""
        return next((int(row["version"]) for row in self._table.history("LIMIT 1")), None)

    def versions(self) -> list[int]:
        """Return the versions whose commits are still known, newest first."""
        rows = [row.asDict(recursive=True) for row in self._table.history()]
        self._infos = {int(row["version"]): row for row in rows}
        return sorted(self._infos, reverse=True)

    def info(self, version: int) -> dict[str, Any]:
        """Return what a commit says of itself; empty where it is cleaned up."""
        if version not in self._infos:
            self.versions()
        return self._infos.get(version, {})

    def actions(self, version: int, kind: str) -> list[dict[str, Any]]:
        """Return the actions of one kind of a commit. Raises ReadError where files are unseen."""
        return FileLog(self._table.files).actions(version, kind)


def _at(spark: Any, version: int | None) -> Any:
    """Return a reader of Delta for a version, or for the newest."""
    reader = spark.read.format("delta")
    return reader if version is None else reader.option("versionAsOf", version)

"""The Spark engine: its verbs, each in a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from laktory_dagster.engines.base import (
    ColumnType,
    Frame,
    LayerRequest,
    Place,
    ReadRequest,
    ReadResult,
    Receipt,
    Staged,
    StageRequest,
    TableState,
    TransformRequest,
)
from laktory_dagster.engines.log import Log
from laktory_dagster.engines.spark import layers, native, read, receipts, transform, write
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained, plain_text, reported
from laktory_dagster.engines.spark.rows import plain_rows
from laktory_dagster.engines.spark.schemas import column_types
from laktory_dagster.engines.spark.session import Session, open_session
from laktory_dagster.engines.spark.tables import table_of
from laktory_dagster.engines.storage.receipts import failures
from laktory_dagster.errors import ReadError
from laktory_dagster.settings import SparkSettings


class SparkEngine:
    """Runs everything on one session, which starts with the first frame; `close` ends it."""

    name = "spark"

    def __init__(self, spark: Any = None, settings: SparkSettings | None = None) -> None:
        """Start nothing yet.

        Args:
            spark: the session to use, or a resource that has it as `spark_session` and is asked
                for it when it is needed; it stays open.
            settings: how a session starts where none is given.
        """
        self._given = spark
        self._settings = settings
        self._cached: list[Frame] = []
        self._views: list[write.SparkStaged] = []

    @cached_property
    def _session(self) -> Session:
        given = getattr(self._given, "spark_session", self._given)
        return open_session(given, self._settings or SparkSettings.from_environment())

    @property
    def spark(self) -> Any:
        """Return the session. Raises ExecutionError where it does not start."""
        return self._session.spark

    @reported
    def read(self, request: ReadRequest) -> ReadResult:
        """Return the source lazily, its options applied."""
        return read.read(self.spark, request)

    @reported
    def transform(self, frame: Frame, request: TransformRequest) -> Frame:
        """Return the frame after the chain."""
        return transform.transform(frame, request)

    @reported
    def apply_layer(self, frame: Frame, request: LayerRequest) -> Frame:
        """Return the frame after the layer steps."""
        return layers.STEPS.apply(frame, request)

    def columns(self, frame: Frame) -> tuple[ColumnType, ...]:
        """Return the columns of a frame without running it."""
        try:
            return column_types(frame.schema)
        except SPARK_ERRORS as error:
            raise explained(error) from error

    @reported
    def stage(self, request: StageRequest) -> Staged:
        """Run the frame once and prepare all targets; a view's rows are kept until `close`."""
        staged = write.stage(request)
        if not request.targets:
            self._views.append(staged)
        return staged

    def cache(self, frame: Frame) -> Frame:
        """Return the frame, which is computed once with its first consumer."""
        self._cached.append(frame.persist())
        return frame

    def head(self, frame: Frame, rows: int) -> tuple[Mapping[str, Any], ...]:
        """Return the first rows as plain values."""
        try:
            return tuple(plain_rows(frame.limit(rows)))
        except SPARK_ERRORS as error:
            raise explained(error, frame.columns) from error

    def inspect(self, place: Place, format: str) -> TableState | None:  # noqa: A002
        """Return what is stored, or None where nothing is."""
        try:
            return receipts.inspect(self.spark, place, format)
        except (OSError, *SPARK_ERRORS) as error:
            raise ReadError(
                f"what is stored at {place.uri} cannot be read: {plain_text(error)}",
                hint="restore it, or remove it and run the node again",
            ) from error

    def find_receipt(self, place: Place, format: str, token: str) -> Receipt | None:  # noqa: A002
        """Return the receipt of an earlier commit with this token."""
        return receipts.find_receipt(place, format, token, lambda: self.spark)

    def log(self, place: Place) -> Log:
        """Return the commits of a Delta table."""
        return table_of(place, lambda: self.spark).log

    def failures(self, place: Place, format: str) -> tuple[Mapping[str, Any], ...]:  # noqa: A002
        """Return the rejected rows that the last run kept."""
        return failures(place, format)

    def purge(self, place: Place, format: str) -> None:  # noqa: A002
        """Remove what is stored there."""
        receipts.purge(place, format, lambda: self.spark)

    @reported
    def from_native(self, frame: Any) -> Frame:
        """Return the frame of rows in memory."""
        return native.from_native(frame, self.spark)

    @reported
    def to_native(self, frame: Frame, wanted: type) -> Any:
        """Return a frame as the type that is asked for: Spark's, or its rows in memory."""
        return native.to_native(frame, wanted)

    def close(self) -> None:
        """Let go of cached frames, and end a session that was started here."""
        # The rows of a view first: they come from what is cached.
        for view in reversed(self._views):
            view.release()
        self._views.clear()
        with suppress(*SPARK_ERRORS):
            for frame in reversed(self._cached):
                frame.unpersist()
        self._cached.clear()
        if "_session" in self.__dict__:
            self._session.close()
            del self.__dict__["_session"]

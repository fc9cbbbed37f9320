"""The shared half of Spark's writers."""

from __future__ import annotations

from typing import Any, Protocol

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.spark.columns import types_of
from laktory_dagster.engines.storage.target import StagingTarget


class TargetWriter(Protocol):
    """Writes one target: unseen until `commit`."""

    target: Target
    is_ignored: bool

    def prepare(self) -> None:
        """Check all that can be known before the work, remove leftovers, open the staging."""
        ...

    def take(self, rows: Any) -> None:
        """Take the rows of the batch: stage them, or keep the frame until the commit."""
        ...

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        ...

    def commit(self, receipt: Receipt, rows: int | None) -> Commit:
        """Publish the batch. `rows` is None where it is counted while it is written."""
        ...

    def abort(self) -> None:
        """Remove what was staged and not committed."""
        ...


class StagingWriter(StagingTarget):
    """Where a batch goes, with the columns that it has."""

    def __init__(self, target: Target, frame: Any, stamp: RunStamp) -> None:
        """Decide nothing yet; `prepare` looks at the target.

        Args:
            target: what to write.
            frame: the rows that come, of which only the columns are looked at.
            stamp: the run.
        """
        super().__init__(target, stamp)
        self.frame = frame
        self.types = types_of(frame)
        self.spark = frame.sparkSession

    def no_rows(self) -> Any:
        """Return a frame of the batch's columns without rows."""
        return self.spark.createDataFrame([], self.frame.schema)

    def take(self, rows: Any) -> None:
        """Keep the rows until they are written."""
        self.frame = rows

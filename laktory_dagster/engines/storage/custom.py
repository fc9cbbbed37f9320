"""Targets written by a function of the project, whatever the engine."""

from __future__ import annotations

from laktory_dagster.engines.base import Commit, Frame, Receipt, RunStamp, Target
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import write_receipt
from laktory_dagster.errors import LaktoryDagsterError, WriteError


class CustomTarget:
    """A target whose rows a function writes in its own way."""

    def __init__(self, target: Target, stamp: RunStamp) -> None:
        """Keep what to call; the function runs at `commit`."""
        self.target = target
        self.stamp = stamp

    def prepare(self) -> None:
        """Check nothing: the function knows its target."""

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        if rows == 0 and self.target.on_empty == "fail":
            raise WriteError(f"{self.target.place.label}: no rows came and `on_empty` is `fail`")

    def hand_over(
        self, frame: Frame, receipt: Receipt, rows: int, earlier: Receipt | None
    ) -> Commit:
        """Call the function with the rows, unless there is an `earlier` receipt of this write.

        Raises:
            WriteError: the function failed.
        """
        layout = layout_of(self.target.place, self.target.format)
        skips = rows == 0 and self.target.on_empty == "skip"
        if earlier is not None or skips:
            if earlier is None:
                write_receipt(layout, receipt, skipped=True)
            return Commit(self.target, 0, None, None, frame, skipped=True)
        writer = self.target.custom_writer
        try:
            if writer is not None:
                writer(frame)
        except LaktoryDagsterError:
            raise
        except Exception as error:
            raise WriteError(
                f"the writer of {self.target.place.label} failed: {error!r}"
            ) from error
        write_receipt(layout, receipt)
        return Commit(self.target, rows, None, None, frame)

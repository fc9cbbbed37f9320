"""Targets written by a function of the project."""

from __future__ import annotations

from typing import Any

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.spark.receipts import find_receipt
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import write_receipt
from laktory_dagster.errors import LaktoryDagsterError, WriteError


class CustomWriter:
    """Hands the rows to a function, which writes them in its own way."""

    is_ignored = False

    def __init__(self, target: Target, frame: Any, stamp: RunStamp) -> None:
        """Keep what to call; the function runs at `commit`."""
        self.target = target
        self.frame = frame
        self.stamp = stamp

    def prepare(self) -> None:
        """Check nothing: the function knows its target."""

    def take(self, rows: Any) -> None:
        """Keep the rows that the function will get."""
        self.frame = rows

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        if rows == 0 and self.target.on_empty == "fail":
            raise WriteError(f"{self.target.place.uri}: no rows came and `on_empty` is `fail`")

    def commit(self, receipt: Receipt, rows: int | None) -> Commit:
        """Call the function with the rows, once per token.

        Raises:
            WriteError: the function failed.
        """
        place, form = self.target.place, self.target.format
        if find_receipt(place, form, receipt.token, lambda: self.frame.sparkSession) is not None:
            return Commit(self.target, 0, None, None, self.frame, skipped=True)
        if rows == 0 and self.target.on_empty == "skip":
            write_receipt(layout_of(place, form), receipt, skipped=True)
            return Commit(self.target, 0, None, None, self.frame, skipped=True)
        writer = self.target.custom_writer
        try:
            if writer is not None:
                writer(self.frame)
        except LaktoryDagsterError:
            raise
        except Exception as error:
            raise WriteError(f"the writer of {place.label} failed: {error!r}") from error
        write_receipt(layout_of(place, form), receipt)
        return Commit(self.target, rows or 0, None, None, self.frame)

    def abort(self) -> None:
        """Leave nothing behind: nothing was staged."""

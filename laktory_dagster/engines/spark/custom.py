"""Targets written by a function of the project."""

from __future__ import annotations

from typing import Any

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.spark.receipts import find_receipt
from laktory_dagster.engines.storage.custom import CustomTarget


class CustomWriter(CustomTarget):
    """Hands the rows to a function, which writes them in its own way."""

    is_ignored = False

    def __init__(self, target: Target, frame: Any, stamp: RunStamp) -> None:
        """Keep what to call; the function runs at `commit`."""
        super().__init__(target, stamp)
        self.frame = frame

    def take(self, rows: Any) -> None:
        """Keep the rows that the function will get."""
        self.frame = rows

    def commit(self, receipt: Receipt, rows: int | None) -> Commit:
        """Call the function with the rows, once per token. Raises WriteError."""
        place, form = self.target.place, self.target.format
        earlier = find_receipt(place, form, receipt.token, lambda: self.frame.sparkSession)
        return self.hand_over(self.frame, receipt, rows or 0, earlier)

    def abort(self) -> None:
        """Leave nothing behind: nothing was staged."""

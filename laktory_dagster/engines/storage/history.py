"""What a table with history (SCD type 2) needs on every engine."""

from __future__ import annotations

from laktory_dagster.engines.storage.merging import MergeTarget
from laktory_dagster.errors import WriteError

NEW, CLOSE, DROP = "new", "close", "drop"
"""What becomes of a version: it is added, it gets an end, another one takes its place."""

ACTION = "__laktory_action"
AT = "__laktory_at"
LAST = "__laktory_last"
LIFE = "__laktory_life"
NEXT = "__laktory_next"
STORED = "__laktory_stored"
"""Columns that versions have beside their own while they are put in order."""


class HistoryTarget(MergeTarget):
    """A target that keeps what was.

    The table has one open version of a key (its end is null) or none, and closed ones. Changes
    apply as if they came one by one in the order of `order_by`: what is older than the newest thing
    known of a key is ignored, what changes nothing makes no version, a delete closes the open one,
    and a change at the very moment at which the open version starts takes its place.
    """

    @property
    def start(self) -> str:
        """Return the column in which a version starts."""
        return self.rule.start_at_column_name

    @property
    def end(self) -> str:
        """Return the column in which a version ends."""
        return self.rule.end_at_column_name

    @property
    def order(self) -> str:
        """Return the column that orders the changes of a key."""
        return str(self.rule.order_by)

    @property
    def values(self) -> list[str]:
        """Return the columns whose change makes a version."""
        return [name for name in self.written if name not in (*self.keys, self.order)]

    @property
    def null_order(self) -> tuple[str, str]:
        """Return what is wrong with a change without its moment, and what to do about it."""
        what = f"rows with a null in `{self.order}`, which orders them"
        return what, "drop such rows, or set them aside by an expectation"

    def check(self) -> None:
        """Check options and columns.

        Raises:
            WriteError: the changes have no order, or there are columns where the history goes.
        """
        if self.rule.order_by is None:
            raise WriteError(
                f"{self.name}: `scd_type: 2` needs the column that says when a change was made",
                expected="`merge_cdc_options: {order_by: column}`",
            )
        for taken in (self.start, self.end):
            if taken in self.columns:
                raise WriteError(
                    f"{self.name}: the rows have a column `{taken}`, in which the history is kept",
                    hint="name others with `start_at_column_name` and `end_at_column_name`",
                )
        super().check()

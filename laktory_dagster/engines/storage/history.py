"""What a table with history (SCD type 2) needs on every engine."""

from __future__ import annotations

from collections.abc import Sequence

from laktory_dagster.errors import WriteError
from laktory_dagster.models import MergeOptions

NEW, CLOSE, DROP = "new", "close", "drop"
"""What becomes of a version: it is added, it gets an end, another one takes its place."""
NULL_ORDER_HINT = "drop such rows, or set them aside by an expectation"


def check_history(rule: MergeOptions, columns: Sequence[str], name: str) -> None:
    """Raise WriteError if the changes have no order, or columns where the history goes."""
    if rule.order_by is None:
        raise WriteError(
            f"{name}: `scd_type: 2` needs the column that says when a change was made",
            expected="`merge_cdc_options: {order_by: column}`",
        )
    for taken in (rule.start_at_column_name, rule.end_at_column_name):
        if taken in columns:
            raise WriteError(
                f"{name}: the rows have a column `{taken}`, in which the history is kept",
                hint="name others with `start_at_column_name` and `end_at_column_name`",
            )

"""What a merge means on every engine: its keys, the columns it writes, which change counts."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import cached_property

from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.storage.target import StagingTarget
from laktory_dagster.errors import MergeKeyError, WriteError
from laktory_dagster.models import MergeOptions

DELETE = "__laktory_delete"
ORDER = "__laktory_order"
ANEW = "__laktory_anew"
STORED_ORDER = "__laktory_stored_order"
FILL = "__laktory_fill_"
"""Columns that a batch of changes has beside its own while it is merged."""

SHOWN_KEYS = 5
NULL_KEYS = "rows with a null in the merge key"
NULL_HINT = (
    "`null_keys: quarantine` sets such rows aside; `merge_cdc_options: {null_equals_null: true}` "
    "takes null as a key"
)
DIFFERING_ROWS = "merge keys with several rows that differ"
ORDER_HINT = "`merge_cdc_options: {order_by: column}` says which row of a key is the latest"


class MergeTarget(StagingTarget):
    """A target whose stored rows are changed by key. The engine's writer says `columns`."""

    @property
    def columns(self) -> Sequence[str]:
        """Return the columns of the batch."""
        raise NotImplementedError

    @property
    def rule(self) -> MergeOptions:
        """Return how changes apply."""
        return self.target.merge or MergeOptions()

    @property
    def keys(self) -> list[str]:
        """Return the columns that identify a row."""
        return list(self.target.primary_keys or self.rule.primary_keys)

    @cached_property
    def written(self) -> list[str]:
        """Return the columns that the merge writes; the keys always do."""
        if self.rule.include_columns is not None:
            kept = set(self.rule.include_columns) | set(self.keys)
            return [name for name in self.columns if name in kept]
        dropped = set(self.rule.exclude_columns or ()) - set(self.keys)
        return [name for name in self.columns if name not in dropped]

    @property
    def is_partial(self) -> bool:
        """Return whether the merge leaves columns of the table as they are."""
        return self.rule.include_columns is not None or self.rule.exclude_columns is not None

    def check(self) -> None:
        """Check options and columns. Raises WriteError."""
        if not self.keys:
            raise WriteError(
                f"{self.name}: MERGE needs `primary_keys` on the node or in `merge_cdc_options`"
            )
        named = [*self.keys, *([self.rule.order_by] if self.rule.order_by else [])]
        named += [*(self.rule.include_columns or ()), *(self.rule.exclude_columns or ())]
        missing = [name for name in named if name not in self.columns]
        if missing:
            raise WriteError(
                f"{self.name}: the merge names the column `{missing[0]}`, which the rows do not "
                "have",
                expected=f"one of {', '.join(self.columns)}",
            )
        super().check()

    def bad_keys(self, rows: int, what: str, examples: Sequence[object], hint: str) -> Exception:
        """Return the error for rows that cannot be merged."""
        shown = ", ".join(map(str, examples))
        return MergeKeyError(f"{self.name}: {rows:,} {what}: {shown}", hint=hint)

    def is_current(self, stored: Container[str]) -> str:
        """Return the condition, in SQL, that a change is not older than the stored row."""
        order = self.rule.order_by
        if order is None or order not in stored:
            return "true"
        at = f"target.{quoted(order)}"
        return f"({at} IS NULL OR source.{ORDER} >= {at})"

    def new_value(self, name: str, stored: Container[str]) -> str:
        """Return, in SQL, what a column becomes in a row that changes."""
        source = f"source.{quoted(name)}"
        if self.rule.ignore_null_updates and name in stored:
            # What a delete of the same batch took away does not come back.
            kept = f"coalesce({source}, target.{quoted(name)})"
            return f"CASE WHEN source.{ANEW} THEN {source} ELSE {kept} END"
        return source

"""What a Delta target says of itself on every engine: what may change, and its partition columns."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from laktory_dagster.engines.storage.target import StagingTarget
from laktory_dagster.errors import WriteError

EVOLUTION_OPTIONS = {"mergeSchema": "add", "merge_schema": "add"}


class TableTarget(StagingTarget):
    """A Delta table. The engine's writer says whether it is replaced, and what is stored."""

    @property
    def replaces(self) -> bool:
        """Return whether the batch takes the place of what is stored."""
        raise NotImplementedError

    def stored_partitions(self) -> tuple[str, ...]:
        """Return the partition columns of the table that is there."""
        raise NotImplementedError

    @property
    def evolution(self) -> str:
        """Return what may change in the stored schema."""
        options = self.target.options
        given = [
            EVOLUTION_OPTIONS[name]
            for name, on in options.items()
            if name in EVOLUTION_OPTIONS and str(on).lower() == "true"
        ]
        given += ["add"] if options.get("schema_mode") == "merge" else []
        return self.target.schema_evolution or (given[0] if given else "freeze")

    @cached_property
    def partition_by(self) -> tuple[str, ...]:
        """Return the partition columns: the declared ones, for an append those of the table."""
        declared = self.target.partition_by
        if self.replaces:
            return declared
        stored = self.stored_partitions()
        if declared and declared != stored:
            raise WriteError(
                f"{self.name} is partitioned by {_listed(stored)}, the sink says "
                f"{_listed(declared)}",
                hint="rewrite the table with `mode: OVERWRITE` to partition it otherwise",
            )
        return stored

    def check_partitions(self, columns: Collection[str], written: Collection[str]) -> None:
        """Raise WriteError for partition columns that the rows lack, or beside which none is left."""
        missing = [name for name in self.partition_by if name not in columns]
        if missing:
            raise WriteError(
                f"{self.name} is partitioned by `{missing[0]}`, which the rows do not have",
                expected=f"one of {', '.join(columns)}",
            )
        if len(self.partition_by) == len(written):
            raise WriteError(f"{self.name}: every column is a partition column; none is left")


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns) or "nothing"

"""What every kind of target has in common: staging, the checks before it, and clean-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.columns import require_declared
from laktory_dagster.engines.polars.columns import cast_to
from laktory_dagster.engines.polars.schemas import parse_schema
from laktory_dagster.engines.storage.target import StagingTarget


class TargetWriter(Protocol):
    """Writes one target: unseen while the pass runs, visible at `commit`."""

    target: Target
    rows: int | None

    @property
    def keeps_types(self) -> bool:
        """Return whether one staged file gives back rows and values as they were."""
        ...

    @property
    def types(self) -> pl.Schema:
        """Return the types in which the columns are staged."""
        ...

    def prepare(self) -> None:
        """Check all that can be known before the work, remove leftovers, open the staging."""
        ...

    def sinks(self, frame: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the lazy sinks of the pass; none when nothing is to be written."""
        ...

    def finish(self) -> None:
        """Complete the staging after the pass and check what only the data shows."""
        ...

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        ...

    def staged_frame(self) -> pl.LazyFrame | None:
        """Return the staged rows where they can be read back in their own types."""
        ...

    def commit(self, receipt: Receipt, rows: int) -> Commit:
        """Publish what was staged."""
        ...

    def break_off(self) -> None:
        """Remove what a failed pass has staged."""
        ...

    def abort(self) -> None:
        """Remove what was staged and not committed."""
        ...


class StagingWriter(StagingTarget):
    """The shared half of Polars' writers."""

    def __init__(self, target: Target, schema: pl.Schema, stamp: RunStamp) -> None:
        """Decide nothing yet; `prepare` looks at the target.

        Args:
            target: what to write.
            schema: columns of the rows that come.
            stamp: the run.
        """
        super().__init__(target, stamp)
        self.schema = schema

    def no_rows(self) -> pl.LazyFrame:
        """Return a frame of the batch's columns without rows."""
        return pl.LazyFrame(schema=self.schema)

    def declared(self, frame: pl.LazyFrame, schema: pl.Schema) -> tuple[pl.LazyFrame, pl.Schema]:
        """Return the frame in the types that the sink declares."""
        wanted = declared_types(self.target, schema)
        return cast_to(frame, schema, wanted), pl.Schema({**dict(schema.items()), **wanted})


def declared_types(target: Target, schema: pl.Schema) -> Mapping[str, pl.DataType]:
    """Return the types that a sink declares for columns of the batch.

    Raises:
        WriteError: a declared column is not there.
    """
    if target.schema_definition is None:
        return {}
    wanted = dict(parse_schema(target.schema_definition).items())
    require_declared(wanted, schema.names(), target.table_name or target.place.uri)
    return wanted

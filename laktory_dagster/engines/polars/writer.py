"""What every kind of target has in common: staging, the checks before it, and clean-up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from laktory_dagster.engines.base import Commit, Receipt, RunStamp, Target
from laktory_dagster.engines.polars.columns import cast_to
from laktory_dagster.engines.polars.schemas import parse_schema
from laktory_dagster.engines.storage.layout import Layout, layout_of
from laktory_dagster.engines.storage.receipts import write_receipt
from laktory_dagster.engines.storage.staging import Slot, sweep
from laktory_dagster.errors import TargetExistsError, UnsupportedError, WriteError
from laktory_dagster.expressions.suggest import hint_for


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


class StagingWriter:
    """The shared half of a writer: where to stage, when to skip, how to leave no trace."""

    def __init__(self, target: Target, schema: pl.Schema, stamp: RunStamp) -> None:
        """Decide nothing yet; `prepare` looks at the target.

        Args:
            target: what to write.
            schema: columns of the rows that come.
            stamp: the run.
        """
        self.target = target
        self.schema = schema
        self.stamp = stamp
        self.layout: Layout = layout_of(target.place, target.format)
        self.slot = Slot(self.layout, stamp.token(target.key))
        self.rows: int | None = None
        self.is_ignored = False
        self.is_open = False

    @property
    def name(self) -> str:
        """Return what errors call the target."""
        return self.target.table_name or self.layout.uri

    def prepare(self) -> None:
        """Check, sweep, open.

        Raises:
            TargetExistsError: mode ERROR and there is something.
            WriteError: the place cannot be written, or the columns do not fit.
        """
        if self.target.mode in ("ERROR", "IGNORE") and self.exists():
            if self.target.mode == "ERROR" and not self.is_own():
                raise TargetExistsError(
                    f"{self.name} exists and its mode is ERROR",
                    hint="use OVERWRITE to replace it, IGNORE to leave it as it is",
                )
            self.is_ignored = True
            return
        check_writable(self.layout, self.name)
        self.check()
        sweep(self.layout, self.slot.token, self.is_published)
        self.slot.open(self.stamp)
        self.is_open = True

    def exists(self) -> bool:
        """Return whether the target holds data."""
        raise NotImplementedError

    def is_own(self) -> bool:
        """Return whether the stored data come from an earlier attempt of this very write."""
        raise NotImplementedError

    def check(self) -> None:
        """Check columns and options against what is stored."""
        raise NotImplementedError

    def is_published(self, staged_id: str) -> bool:
        """Return whether staged files of another run belong to the target by now."""
        raise NotImplementedError

    def declared(self, frame: pl.LazyFrame, schema: pl.Schema) -> tuple[pl.LazyFrame, pl.Schema]:
        """Return the frame in the types that the sink declares."""
        wanted = declared_types(self.target, schema)
        return cast_to(frame, schema, wanted), pl.Schema({**dict(schema.items()), **wanted})

    def skip(self, receipt: Receipt, rows: int) -> Commit | None:
        """Return the commit that publishes nothing on purpose, None when there is work to do.

        Raises:
            WriteError: no rows came and `on_empty` is `fail`.
        """
        if self.is_ignored:
            return self.skipped(receipt)
        if rows:
            return None
        adds = self.target.mode in ("APPEND", "MERGE") and self.exists()
        if self.target.on_empty == "skip" or adds:
            write_receipt(self.layout, receipt, skipped=True)
            self.abort()
            return self.skipped(receipt)
        return None

    def skipped(self, receipt: Receipt) -> Commit:
        """Return the commit of a target that stays as it is."""
        empty = pl.LazyFrame(schema=self.schema)
        return Commit(self.target, 0, None, None, empty, skipped=True)

    def refuse_empty(self, rows: int) -> None:
        """Raise WriteError when no rows came and `on_empty` says that this is a failure."""
        if rows == 0 and self.target.on_empty == "fail" and not self.is_ignored:
            raise WriteError(
                f"{self.name}: there are no rows to write and `on_empty` is `fail`",
                hint="use `on_empty: skip` to keep the stored rows, `write` to store none",
            )

    def break_off(self) -> None:
        """Remove what a failed pass has staged; never raises."""
        if self.is_open:
            with suppress(Exception):
                self.slot.break_off()
            self.is_open = False

    def abort(self) -> None:
        """Remove what was staged and not committed; never raises."""
        if self.is_open:
            with suppress(Exception):
                self.slot.close(remove=True)
            self.is_open = False


def declared_types(target: Target, schema: pl.Schema) -> Mapping[str, pl.DataType]:
    """Return the types that a sink declares for columns of the batch.

    Raises:
        WriteError: a declared column is not there.
    """
    if target.schema_definition is None:
        return {}
    wanted = dict(parse_schema(target.schema_definition).items())
    missing = [name for name in wanted if name not in schema]
    if missing:
        raise WriteError(
            f"{target.table_name or target.place.uri}: the sink declares the column "
            f"`{missing[0]}`, which the rows do not have",
            expected=f"one of {', '.join(schema.names())}",
        )
    return wanted


def check_writable(layout: Layout, name: str) -> None:
    """Raise WriteError when the nearest existing folder of a local target refuses writing."""
    if "://" in layout.store.root:
        return
    folder = Path(layout.store.root)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise WriteError(f"{name} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(
            f"{name} cannot be written: no permission to write in {folder}",
            hint="give this user the permission, or choose another place",
        )
    if shutil.disk_usage(folder).free == 0:
        raise WriteError(f"{name} cannot be written: no space left on the disk of {folder}")


def take_options(given: Mapping[str, Any], allowed: Mapping[str, str], what: str) -> dict[str, Any]:
    """Return the writer options under Polars' names.

    Args:
        given: options as declared.
        allowed: accepted spelling to Polars' parameter; an empty one is accepted without effect.
        what: what errors call the writer.

    Raises:
        UnsupportedError: an option that this writer does not have.
    """
    taken: dict[str, Any] = {}
    for option, value in given.items():
        if option not in allowed:
            raise UnsupportedError(
                f"the {what} writer of the Polars engine has no option `{option}`",
                expected=f"one of {', '.join(sorted(allowed))}",
                hint=hint_for(option, allowed),
            )
        if allowed[option]:
            taken[allowed[option]] = value
    return taken

"""What every kind of target has in common: the checks before the work, staging, and clean-up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from laktory_dagster.engines.base import Commit, Frame, Receipt, RunStamp, Target
from laktory_dagster.engines.storage.commits import FileLog
from laktory_dagster.engines.storage.layout import Layout, layout_of
from laktory_dagster.engines.storage.receipts import write_receipt
from laktory_dagster.engines.storage.staging import Slot, sweep
from laktory_dagster.errors import TargetExistsError, UnsupportedError, WriteError
from laktory_dagster.expressions.suggest import hint_for

Way = Literal["custom", "delta", "merge", "history", "folder", "file"]


class StagingTarget:
    """The half of a writer that no engine is needed for: where to stage, when to skip."""

    def __init__(self, target: Target, stamp: RunStamp) -> None:
        """Decide nothing yet; `prepare` looks at the target."""
        self.target = target
        self.stamp = stamp
        self.layout: Layout = layout_of(target.place, target.format)
        self.slot = Slot(self.layout, stamp.token(target))
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

    def no_rows(self) -> Frame:
        """Return a frame of the batch's columns without rows."""
        raise NotImplementedError

    def skip(self, receipt: Receipt, rows: int) -> Commit | None:
        """Return the commit that publishes nothing on purpose, None when there is work to do."""
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
        return Commit(self.target, 0, None, None, self.no_rows(), skipped=True)

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


def without_state(target: Target) -> Target:
    """Return the target with UPDATE by key as what it is where no state is kept: a MERGE."""
    keys = target.primary_keys or (target.merge.primary_keys if target.merge else ())
    return replace(target, mode="MERGE") if target.mode == "UPDATE" and keys else target


def way_of(target: Target) -> Way:
    """Return which of an engine's writers a target needs.

    Raises:
        UnsupportedError: its mode needs state.
        WriteError: it is a table, and the place a file.
    """
    if target.custom_writer is not None:
        return "custom"
    if target.mode in ("COMPLETE", "UPDATE"):
        raise UnsupportedError(
            f"mode {target.mode} is for streams with state, which no engine here keeps",
            hint="use APPEND or MERGE, or OVERWRITE without `as_stream`",
        )
    kind = layout_of(target.place, target.format).kind
    if target.table_name and kind == "file":
        raise WriteError(
            f"the table {target.table_name} is a file, not a folder: {target.place.uri}"
        )
    if kind == "delta" and target.mode == "MERGE":
        keeps_history = target.merge is not None and target.merge.scd_type == 2
        return "history" if keeps_history else "merge"
    return kind


def refuse_delta(layout: Layout, form: str, name: str) -> None:
    """Raise WriteError where files would go between those of a Delta table."""
    if layout.kind == "folder" and FileLog(layout.store).latest() is not None:
        raise WriteError(
            f"{name} is a Delta table, and the sink writes {form} files",
            hint="use `format: DELTA`, or another folder",
        )


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


def take_options(
    given: Mapping[str, Any], allowed: Mapping[str, str], what: str, engine: str
) -> dict[str, Any]:
    """Return the writer options under the engine's names.

    Args:
        given: options as declared.
        allowed: accepted spelling to the engine's parameter; an empty one is accepted without
            effect.
        what: what errors call the writer.
        engine: what errors call the engine.

    Raises:
        UnsupportedError: an option that this writer does not have.
    """
    taken: dict[str, Any] = {}
    for option, value in given.items():
        if option not in allowed:
            raise UnsupportedError(
                f"the {what} writer of the {engine} engine has no option `{option}`",
                expected=f"one of {', '.join(sorted(allowed))}",
                hint=hint_for(option, allowed),
            )
        if allowed[option]:
            taken[allowed[option]] = value
    return taken

"""What the commits of a Delta table added, read out of its log."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from laktory_dagster.engines.log import Log
from laktory_dagster.engines.storage import commits
from laktory_dagster.engines.storage.store import Store
from laktory_dagster.errors import SourceChangedError

CHOICES = (
    "read everything again with `--full-refresh`, or leave `as_stream` out to read the whole table "
    "at each run"
)


def added_files(log: Log, store: Store, after: int, to: int, subject: str) -> list[str]:
    """Return the files, relative to the table, with rows that came after one version up to another.

    Files that were only rewritten (OPTIMIZE) hold no new rows.

    Raises:
        SourceChangedError: rows were deleted, updated or replaced, or a commit is no longer there.
    """
    there = set(log.versions())
    found: list[str] = []
    for version in range(after + 1, to + 1):
        if version not in there:
            raise SourceChangedError(
                f"{subject}: its log no longer has version {version}, and this stream has read up "
                f"to version {after}",
                hint=CHOICES,
            )
        removed = [a for a in log.actions(version, "remove") if a.get("dataChange")]
        if removed:
            raise _rewritten(log, version, after, subject)
        added = [a for a in log.actions(version, "add") if a.get("dataChange")]
        found += [unquote(str(action["path"])) for action in added]
    gone = [name for name in found if store.size(name) is None]
    if gone:
        raise SourceChangedError(
            f"{subject}: {store.url(gone[0])} was added after version {after} and is gone "
            "(VACUUM removes what is rewritten)",
            hint=CHOICES,
        )
    return found


def _rewritten(log: Log, version: int, after: int, subject: str) -> SourceChangedError:
    info: dict[str, Any] = log.info(version)
    receipt = commits.receipt_in(info, version)
    who = f" by run {receipt.run_id}" if receipt is not None else ""
    operation = info.get("operation", "a commit")
    return SourceChangedError(
        f"{subject}: rows were deleted, updated or replaced in version {version} ({operation}{who}); "
        f"this stream has read up to version {after} and takes only rows that are added",
        hint=CHOICES,
    )

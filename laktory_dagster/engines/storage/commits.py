"""The commits of a Delta table as its log has them."""

from __future__ import annotations

import json
import re
from typing import Any

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.log import Log
from laktory_dagster.engines.storage.store import Store

RECEIPT_KEY = "laktory.receipt"
STAGED_KEY = "laktory.staged"
_COMMIT = re.compile(r"_delta_log/(\d{20})\.json$")
_VERSION = re.compile(r"_delta_log/(\d{20})\.(?:json|checkpoint.*parquet)$")


class FileLog:
    """The log in the table's own folder, read without any engine."""

    def __init__(self, store: Store) -> None:
        """Keep the store whose root is the table."""
        self._store = store

    def latest(self) -> int | None:
        """Return the table's version, None where there is no table."""
        found = [m for name in self._store.names("_delta_log") if (m := _VERSION.search(name))]
        return max((int(m.group(1)) for m in found), default=None)

    def versions(self) -> list[int]:
        """Return the versions whose commits are still in the log, newest first."""
        names = self._store.names("_delta_log")
        return sorted((int(m.group(1)) for n in names if (m := _COMMIT.search(n))), reverse=True)

    def info(self, version: int) -> dict[str, Any]:
        """Return what a commit says of itself (`commitInfo`); empty where it is cleaned up."""
        return next(iter(self.actions(version, "commitInfo")), {})

    def actions(self, version: int, kind: str) -> list[dict[str, Any]]:
        """Return the actions of one kind of a commit, as the log spells them."""
        content = self._store.read(f"_delta_log/{version:020d}.json") or b""
        found = [json.loads(line) for line in content.splitlines() if line.strip()]
        return [action[kind] for action in found if kind in action]


def receipt_in(info: dict[str, Any], version: int) -> Receipt | None:
    """Return the receipt in a commit's own words; None where another tool committed."""
    text = info.get(RECEIPT_KEY)
    if text is None:
        try:
            noted = json.loads(info.get("userMetadata") or "{}")
        except ValueError:
            return None
        text = noted.get(RECEIPT_KEY) if isinstance(noted, dict) else None
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return None
    if not isinstance(data, dict) or not data:
        return None
    written = info.get("operationMetrics", {}).get("numOutputRows")
    if written and not data.get("rows_in"):
        # The rows of this commit were counted while they were written.
        data = {**data, "rows_in": int(written), "rows_out": int(written)}
    try:
        return Receipt.from_dict({**data, "table_version": version})
    except (TypeError, KeyError):
        return None


def find_token(log: Log, token: str) -> Receipt | None:
    """Return the receipt of the commit with this token, None where the log has none."""
    for version in log.versions():
        receipt = receipt_in(log.info(version), version)
        if receipt is not None and receipt.token == token:
            return receipt
    return None


def commit_of(log: Log, token: str, above: int | None) -> tuple[int, dict[str, Any]] | None:
    """Return version and `commitInfo` of the commit with this token, newer than `above`."""
    for version in log.versions():
        if above is not None and version <= above:
            return None
        info = log.info(version)
        receipt = receipt_in(info, version)
        if receipt is not None and receipt.token == token:
            return version, info
    return None

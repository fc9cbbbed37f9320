"""The commits of a Delta table as its log has them, read without any engine."""

from __future__ import annotations

import json
import re
from typing import Any

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.storage.store import Store

RECEIPT_KEY = "laktory.receipt"
STAGED_KEY = "laktory.staged"
_COMMIT = re.compile(r"_delta_log/(\d{20})\.json$")
_VERSION = re.compile(r"_delta_log/(\d{20})\.(?:json|checkpoint.*parquet)$")


def is_table(store: Store) -> bool:
    """Return whether there is a Delta table."""
    return latest_version(store) is not None


def latest_version(store: Store) -> int | None:
    """Return the table's version, None where there is no table."""
    found = [m for name in store.names("_delta_log") if (m := _VERSION.search(name))]
    return max((int(m.group(1)) for m in found), default=None)


def commit_info(store: Store, version: int) -> dict[str, Any]:
    """Return what a commit says of itself (`commitInfo`); empty where it is cleaned up."""
    return next(iter(actions(store, version, "commitInfo")), {})


def actions(store: Store, version: int, kind: str) -> list[dict[str, Any]]:
    """Return the actions of one kind of a commit, as the log spells them."""
    content = store.read(f"_delta_log/{version:020d}.json") or b""
    found = [json.loads(line) for line in content.splitlines() if line.strip()]
    return [action[kind] for action in found if kind in action]


def versions(store: Store) -> list[int]:
    """Return the versions whose commits are still in the log, newest first."""
    names = store.names("_delta_log")
    return sorted((int(m.group(1)) for n in names if (m := _COMMIT.search(n))), reverse=True)


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
    if not data:
        return None
    written = info.get("operationMetrics", {}).get("numOutputRows")
    if written and not data.get("rows_in"):
        # The rows of this commit were counted while they were written.
        data = {**data, "rows_in": int(written), "rows_out": int(written)}
    return Receipt.from_dict({**data, "table_version": version})


def find_token(store: Store, token: str) -> Receipt | None:
    """Return the receipt of the commit with this token, None where the log has none."""
    for version in versions(store):
        receipt = receipt_in(commit_info(store, version), version)
        if receipt is not None and receipt.token == token:
            return receipt
    return None


def commit_of(store: Store, token: str, above: int | None) -> tuple[int, dict[str, Any]] | None:
    """Return version and `commitInfo` of the commit with this token, newer than `above`."""
    for version in versions(store):
        if above is not None and version <= above:
            return None
        info = commit_info(store, version)
        receipt = receipt_in(info, version)
        if receipt is not None and receipt.token == token:
            return version, info
    return None

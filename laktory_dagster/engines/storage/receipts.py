"""Who wrote a target: receipts beside the data, announcements, manifests and rejected rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from laktory_dagster.engines.base import Place, Receipt
from laktory_dagster.engines.storage.layout import LOCK, MANIFEST, SKIPPED, Layout, layout_of

PENDING = "pending.json"
IDENTITY = "file_identity"
"""What an announcement says of the file that it is about, beside the receipt to be."""
TEXT = ("CSV", "JSON", "JSONL", "NDJSON")
"""Formats that keep no types: the receipt has them."""


def write_receipt(layout: Layout, receipt: Receipt, *, skipped: bool = False) -> None:
    """Store the receipt of a commit; `skipped` for a run that published nothing on purpose."""
    name = _receipt_name(layout, receipt, skipped=skipped)
    layout.store.write(name, json.dumps(receipt.to_dict(), indent=1).encode())


def _receipt_name(layout: Layout, receipt: Receipt, *, skipped: bool = False) -> str:
    if receipt.stream is None:
        return layout.receipt(receipt.partition, skipped=skipped)
    return layout.stream_receipt(*_writer_parts(receipt.token), skipped=skipped)


def write_pending(layout: Layout, receipt: Receipt, identity: str) -> None:
    """Announce the replacement of a single file by the one with this identity."""
    content = {IDENTITY: identity, **receipt.to_dict()}
    layout.store.write(f"{layout.home}/{PENDING}", json.dumps(content, indent=1).encode())


def settle_pending(layout: Layout, staged_name: str = "") -> None:
    """Turn an announcement into a receipt if its file was published, else remove it."""
    name = f"{layout.home}/{PENDING}"
    pending = parsed(layout.store.read(name))
    if pending is None:
        return
    if layout.store.identity(layout.data, staged_name) == pending.pop(IDENTITY):
        layout.store.publish(name, _receipt_name(layout, Receipt.from_dict(pending)))
    layout.store.delete(name)


def read_manifest_data(layout: Layout) -> dict[str, Any]:
    """Return the manifest of a folder of files; empty where there is none."""
    return parsed(layout.store.read(MANIFEST)) or {}


def _writer_parts(token: str) -> tuple[str, str]:
    """Return the node and the sink in the token of a batch of a stream."""
    _, node, target_key, _ = token.rsplit("/", 3)
    return node, target_key


def is_by(receipt: Receipt, node: str, target_key: str) -> bool:
    """Return whether a node wrote this as that target."""
    return receipt.node == node and f"/{node}/{target_key}/" in receipt.token


def writer_of(receipt: Receipt) -> str:
    """Return whose entry in a manifest a receipt is: node and sink, with partition or as a stream.

    All batches of a stream have one entry.
    """
    if receipt.stream is not None:
        return _stream_writer(*_writer_parts(receipt.token))
    return receipt.token.partition("/")[2]


def _stream_writer(node: str, target_key: str) -> str:
    return f"{node}/{target_key}//stream"


def stored_receipt(layout: Layout, token: str) -> Receipt | None:
    """Return the receipt with this token that lies beside the data, None if there is none."""
    partition = token.split("/", 3)[-1]
    for skipped in (False, True):
        names = [layout.receipt(None if partition == "-" else partition, skipped=skipped)]
        if token.count("/") == 3:
            names.append(layout.stream_receipt(*_writer_parts(token), skipped=skipped))
        for name in names:
            found = parsed_receipt(layout.store.read(name))
            if found is not None and found.token == token:
                return found
    return None


def receipts_of_writer(layout: Layout, node: str, target_key: str) -> list[Receipt]:
    """Return what lies beside the data of what a node wrote as one target.

    A batch of a stream that had no rows is among it: it published nothing. Of a folder of files the
    manifest counts, which is what publishes.
    """
    names = [layout.stream_receipt(node, target_key, skipped=True)]
    entries: Iterable[Mapping[str, Any]] = ()
    if layout.kind == "folder":
        entries = read_manifest_data(layout).get("receipts", {}).values()
    else:
        names += _receipt_names(layout)
    stored = [parsed_receipt(layout.store.read(name)) for name in names]
    stored += [Receipt.from_dict(data) for data in entries]
    return [r for r in stored if r is not None and is_by(r, node, target_key)]


def newest(found: Iterable[Receipt]) -> Receipt | None:
    """Return the newest receipt; of batches of one stream the last one, whatever clocks say."""
    receipts = list(found)
    latest = max(receipts, key=lambda receipt: receipt.written_at, default=None)
    if latest is None or latest.stream is None:
        return latest
    same = [r for r in receipts if r.stream and r.stream.checkpoint == latest.stream.checkpoint]
    return max(same, key=lambda receipt: receipt.stream.batch if receipt.stream else -1)


def receipt_of_files(layout: Layout, token: str) -> Receipt | None:
    """Return the receipt that the manifest of a folder, or the announcement of a file, proves."""
    if layout.kind == "folder":
        entries = read_manifest_data(layout).get("receipts", {}).values()
        data = next((data for data in entries if data["token"] == token), None)
        return Receipt.from_dict(data) if data else None
    pending = parsed(layout.store.read(f"{layout.home}/{PENDING}"))
    if pending is None or pending["token"] != token:
        return None
    settle_pending(layout, pending[IDENTITY].rpartition("-")[0])
    return parsed_receipt(layout.store.read(layout.receipt(pending["partition"])))


def last_receipt(layout: Layout) -> Receipt | None:
    """Return the newest receipt of all partitions."""
    found = [parsed_receipt(layout.store.read(name)) for name in _receipt_names(layout)]
    return max((r for r in found if r is not None), key=lambda r: r.written_at, default=None)


def _receipt_names(layout: Layout) -> list[str]:
    names = layout.store.names(f"{layout.home}/receipts")
    return [
        name
        for name in names
        if name.endswith(".json") and not name.rpartition("/")[2].startswith(SKIPPED)
    ]


def pending_identity(layout: Layout) -> str:
    """Return the staged name in the identity of an announcement; empty without one."""
    pending = parsed(layout.store.read(f"{layout.home}/{PENDING}"))
    return "" if pending is None else str(pending[IDENTITY]).rpartition("-")[0]


def current_files(layout: Layout) -> list[str] | None:
    """Return the data files of a folder: by its manifest, else all; None where there are none.

    A first write that was killed leaves a manifest without files that nobody signed: nothing is
    there yet.
    """
    manifest = read_manifest_data(layout)
    if manifest:
        files = list(manifest["files"])
        return files if files or manifest.get("receipts") else None
    found = [name for name in layout.store.names("") if not _is_hidden(name)]
    return found or None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def save_failures(layout: Layout, samples: Iterable[Mapping[str, Any]]) -> None:
    """Store the rejected rows of the latest run, a JSON document a line; none removes earlier ones."""
    lines = [json.dumps(row, default=_plain, allow_nan=True) for row in samples]
    if lines:
        layout.store.write(layout.failures, "\n".join(lines).encode())
    else:
        layout.store.delete(layout.failures)


def failures(place: Place, form: str) -> tuple[Mapping[str, Any], ...]:
    """Return the rejected rows that the last run stored; dates and numbers as JSON has them."""
    layout = layout_of(place, form)
    content = layout.store.read(layout.failures)
    return tuple(json.loads(line) for line in content.splitlines() if line) if content else ()


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if hasattr(value, "to_list"):
        return value.to_list()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)


def purge_files(layout: Layout) -> None:
    """Remove a stored file, or the files of a folder, with their receipts."""
    store = layout.store
    if layout.kind == "file":
        store.delete(layout.data)
    else:
        for name in read_manifest_data(layout).get("files", ()):
            store.delete(name)
        store.delete(MANIFEST)
        store.delete(LOCK)
    store.remove_tree(f"{layout.home}/receipts")
    store.remove_tree(layout.checkpoint)
    store.delete(layout.failures)


def with_version(receipt: Receipt, version: int) -> Receipt:
    """Return the receipt with the table version that its commit got."""
    return replace(receipt, table_version=version)


def parsed_receipt(content: bytes | None) -> Receipt | None:
    """Return the receipt that a file holds, None where it holds none."""
    data = parsed(content)
    if data is None:
        return None
    data.pop(IDENTITY, None)
    try:
        return Receipt.from_dict(data)
    except (TypeError, KeyError):
        return None


def parsed(content: bytes | None) -> dict[str, Any] | None:
    """Return the JSON mapping that a file holds, None where it is missing or half written."""
    if not content:
        return None
    try:
        data = json.loads(content)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None

"""Who wrote a target: receipts beside the data, their proof in it, and the rejected rows."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Place, Receipt, TableState
from laktory_dagster.engines.polars.delta_log import (
    open_table,
    read_footer,
    receipt_of_commit,
    table_schema,
)
from laktory_dagster.engines.polars.layout import LOCK, MANIFEST, Layout, layout_of
from laktory_dagster.engines.polars.scanning import scan_files
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.polars.staging import is_in_use
from laktory_dagster.engines.polars.typed_text import TEXT

PENDING = "pending.json"


def write_receipt(layout: Layout, receipt: Receipt, *, skipped: bool = False) -> None:
    """Store the receipt of a commit; `skipped` for a run that published nothing on purpose."""
    name = layout.receipt(receipt.partition, skipped=skipped)
    layout.store.write(name, json.dumps(receipt.to_dict(), indent=1).encode())


def write_pending(layout: Layout, receipt: Receipt, identity: str) -> None:
    """Announce the replacement of a single file by the one with this identity."""
    content = {"identity": identity, "receipt": receipt.to_dict()}
    layout.store.write(f"{layout.home}/{PENDING}", json.dumps(content).encode())


def settle_pending(layout: Layout, staged_name: str = "") -> None:
    """Turn an announcement into a receipt if its file was published, and remove it."""
    name = f"{layout.home}/{PENDING}"
    pending = _parsed(layout.store.read(name))
    if pending is None:
        return
    if layout.store.identity(layout.data, staged_name) == pending["identity"]:
        write_receipt(layout, Receipt.from_dict(pending["receipt"]))
    layout.store.delete(name)


def read_manifest_data(layout: Layout) -> dict[str, Any]:
    """Return the manifest of a folder of files; empty where there is none."""
    return _parsed(layout.store.read(MANIFEST)) or {}


def writer_of(token: str) -> str:
    """Return the token without its run: node, sink and partition."""
    return token.partition("/")[2]


def find_receipt(place: Place, form: str, token: str) -> Receipt | None:
    """Return the receipt of an earlier commit with this token, None if there was none.

    The proof is in the data itself, so that a crash between commit and receipt changes nothing.
    """
    layout = layout_of(place, form)
    partition = token.split("/", 3)[-1]
    for skipped in (False, True):
        name = layout.receipt(None if partition == "-" else partition, skipped=skipped)
        found = _receipt(layout.store.read(name))
        if found is not None and found.token == token:
            return found
    if layout.kind == "delta":
        return _receipt_in_log(layout, token)
    if layout.kind == "folder":
        data = read_manifest_data(layout).get("receipts", {}).get(writer_of(token))
        return Receipt.from_dict(data) if data and data["token"] == token else None
    pending = _parsed(layout.store.read(f"{layout.home}/{PENDING}"))
    if pending is None or pending["receipt"]["token"] != token:
        return None
    settle_pending(layout, pending["identity"].rpartition("-")[0])
    return _receipt(layout.store.read(layout.receipt(pending["receipt"]["partition"])))


def _receipt_in_log(layout: Layout, token: str) -> Receipt | None:
    table = open_table(layout.store)
    if table is None or table.transaction_version(token) is None:
        return None
    for entry in table.history():
        data = receipt_of_commit(entry)
        if data.get("token") == token:
            receipt = Receipt.from_dict(data)
            write_receipt(layout, receipt)
            return receipt
    return None


def _last_receipt(layout: Layout) -> Receipt | None:
    """Return the newest receipt of all partitions."""
    folder = f"{layout.home}/receipts"
    names = [
        name
        for name in layout.store.names(folder)
        if name.endswith(".json") and not name.rpartition("/")[2].startswith("skipped-")
    ]
    found = [_receipt(layout.store.read(name)) for name in names]
    return max((r for r in found if r is not None), key=lambda r: r.written_at, default=None)


def inspect(place: Place, form: str) -> TableState | None:
    """Return version, columns, rows and last receipt of what is stored, None if nothing is."""
    layout = layout_of(place, form)
    if layout.kind == "delta":
        return _inspect_table(layout)
    if layout.kind == "file":
        if layout.store.size(layout.data) is None:
            return None
        settle_pending(layout, _pending_identity(layout))
        names = [layout.data]
    else:
        found = current_files(layout)
        if found is None:
            return None
        names = found
    rows = None
    if form == "PARQUET":
        rows = sum(read_footer(layout.store, name).num_rows for name in names)
    receipt = _last_receipt(layout)
    columns = receipt.columns if receipt is not None else ()
    if not columns or form not in TEXT:
        frame = scan_files(layout, form, names)
        columns = column_types(frame.collect_schema()) if frame is not None else columns
    return TableState(None, columns, rows, receipt)


def _pending_identity(layout: Layout) -> str:
    pending = _parsed(layout.store.read(f"{layout.home}/{PENDING}"))
    return "" if pending is None else str(pending["identity"]).rpartition("-")[0]


def _inspect_table(layout: Layout) -> TableState | None:
    table = open_table(layout.store)
    if table is None:
        return None
    version = table.version()
    receipt = _last_receipt(layout)
    if receipt is None or (receipt.table_version is not None and receipt.table_version < version):
        newest = receipt_of_commit({**table.history(1)[0], "version": version})
        receipt = Receipt.from_dict(newest) if newest else receipt
    return TableState(version, column_types(table_schema(table)), table.count(), receipt)


def current_files(layout: Layout) -> list[str] | None:
    """Return the data files of a folder: by its manifest, else all; None where there are none."""
    manifest = read_manifest_data(layout)
    if manifest:
        return list(manifest["files"])
    found = [name for name in layout.store.names("") if not _is_hidden(name)]
    return found or None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def save_failures(layout: Layout, samples: Iterable[Mapping[str, Any]]) -> None:
    """Store the rejected rows of the latest run, a JSON document a line."""
    lines = [json.dumps(row, default=_plain, allow_nan=True) for row in samples]
    layout.store.write(layout.failures, "\n".join(lines).encode())


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
    if isinstance(value, pl.Series):
        return value.to_list()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)


def purge(place: Place, form: str) -> None:
    """Remove what is stored there with its receipts; what this process stages there stays."""
    layout = layout_of(place, form)
    store = layout.store
    if layout.kind == "file":
        store.delete(layout.data)
        store.remove_tree(f"{layout.home}/receipts")
    elif layout.kind == "folder":
        for name in read_manifest_data(layout).get("files", ()):
            store.delete(name)
        store.delete(MANIFEST)
        store.delete(LOCK)
        store.remove_tree(f"{layout.home}/receipts")
    elif open_table(store) is not None:
        _purge_table(layout)
    store.delete(layout.failures)


def _purge_table(layout: Layout) -> None:
    store = layout.store
    if not store.storage_options and "://" not in store.root:
        # The table disappears with one rename, however many files it has.
        trash = Path(store.root, f"_laktory/trash-{uuid.uuid4().hex[:16]}")
        trash.parent.mkdir(exist_ok=True)
        os.replace(Path(store.root, "_delta_log"), trash)  # noqa: PTH105
        shutil.rmtree(trash, ignore_errors=True)
    for name in store.names(""):
        if not is_in_use(name):
            store.delete(name)


def with_version(receipt: Receipt, version: int) -> Receipt:
    """Return the receipt with the table version that its commit got."""
    return replace(receipt, table_version=version)


def _receipt(content: bytes | None) -> Receipt | None:
    data = _parsed(content)
    return None if data is None else Receipt.from_dict(data)


def _parsed(content: bytes | None) -> dict[str, Any] | None:
    if not content:
        return None
    try:
        data: dict[str, Any] = json.loads(content)
    except ValueError:
        return None
    return data

"""What is stored and who wrote it, as Polars and delta-rs read it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from laktory_dagster.engines.base import Place, Receipt, TableState
from laktory_dagster.engines.polars.delta_log import (
    open_table,
    receipt_of_commit,
    table_schema,
)
from laktory_dagster.engines.polars.scanning import scan_files
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.polars.statistics import read_footer
from laktory_dagster.engines.polars.transactions import is_committed
from laktory_dagster.engines.storage.layout import Layout, layout_of
from laktory_dagster.engines.storage.receipts import (
    TEXT,
    current_files,
    last_receipt,
    pending_identity,
    purge_files,
    receipt_of_files,
    settle_pending,
    stored_receipt,
    write_receipt,
)
from laktory_dagster.engines.storage.staging import is_in_use


def find_receipt(place: Place, form: str, token: str) -> Receipt | None:
    """Return the receipt of an earlier commit with this token, None if there was none.

    The proof is in the data itself, so that a crash between commit and receipt changes nothing.
    """
    layout = layout_of(place, form)
    found = stored_receipt(layout, token)
    if found is not None:
        return found
    return (_receipt_in_log if layout.kind == "delta" else receipt_of_files)(layout, token)


def _receipt_in_log(layout: Layout, token: str) -> Receipt | None:
    table = open_table(layout.store)
    if table is None or not is_committed(table, token):
        return None
    for entry in table.history():
        data = receipt_of_commit(entry)
        if data.get("token") == token:
            receipt = Receipt.from_dict(data)
            write_receipt(layout, receipt)
            return receipt
    return None


def inspect(place: Place, form: str) -> TableState | None:
    """Return version, columns, rows and last receipt of what is stored, None if nothing is."""
    layout = layout_of(place, form)
    if layout.kind == "delta":
        return _inspect_table(layout)
    if layout.kind == "file":
        if layout.store.size(layout.data) is None:
            return None
        settle_pending(layout, pending_identity(layout))
        names = [layout.data]
    else:
        found = current_files(layout)
        if found is None:
            return None
        names = found
    receipt = last_receipt(layout)
    columns = receipt.columns if receipt is not None else ()
    if not columns or form not in TEXT:
        frame = scan_files(layout, form, names)
        columns = column_types(frame.collect_schema()) if frame is not None else columns
    return TableState(None, columns, receipt, lambda: _rows_in_footers(layout, form, names))


def _rows_in_footers(layout: Layout, form: str, names: Sequence[str]) -> int | None:
    if form != "PARQUET":
        return None
    return sum(int(read_footer(layout.store, name).num_rows) for name in names)


def _inspect_table(layout: Layout) -> TableState | None:
    table = open_table(layout.store)
    if table is None:
        return None
    version = table.version()
    receipt = last_receipt(layout)
    if receipt is None or (receipt.table_version is not None and receipt.table_version < version):
        newest = receipt_of_commit({**table.history(1)[0], "version": version})
        receipt = Receipt.from_dict(newest) if newest else receipt
    return TableState(version, column_types(table_schema(table)), receipt, lambda: _count(table))


def _count(table: DeltaTable) -> int:
    """Return the rows of a table: by the statistics of its log, unless single rows are deleted."""
    if "deletionVectors" in (table.protocol().reader_features or ()):
        return int(pl.scan_delta(table).select(pl.len()).collect().item())
    return int(table.count())


def purge(place: Place, form: str) -> None:
    """Remove what is stored there with its receipts; what this process stages there stays."""
    layout = layout_of(place, form)
    if layout.kind != "delta":
        purge_files(layout)
        return
    if open_table(layout.store) is not None:
        _purge_table(layout)
    layout.store.delete(layout.failures)


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

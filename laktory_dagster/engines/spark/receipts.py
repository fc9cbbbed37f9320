"""What is stored and who wrote it, as Spark reads it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from laktory_dagster.engines.base import Place, Receipt, TableState
from laktory_dagster.engines.spark.schemas import column_types
from laktory_dagster.engines.storage import commits
from laktory_dagster.engines.storage.layout import Layout, layout_of
from laktory_dagster.engines.storage.receipts import (
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
    if layout.kind != "delta":
        return receipt_of_files(layout, token)
    found = commits.find_token(layout.store, token)
    if found is not None:
        write_receipt(layout, found)
    return found


def inspect(spark: Any, place: Place, form: str) -> TableState | None:
    """Return version, columns and last receipt of what is stored, None if nothing is."""
    layout = layout_of(place, form)
    if layout.kind == "delta":
        return _inspect_table(spark, layout)
    if layout.kind == "file":
        if layout.store.size(layout.data) is None:
            return None
        settle_pending(layout, pending_identity(layout))
    elif current_files(layout) is None:
        return None
    receipt = last_receipt(layout)
    columns = receipt.columns if receipt is not None else ()
    return TableState(None, columns, receipt, lambda: receipt.rows_out if receipt else None)


def _inspect_table(spark: Any, layout: Layout) -> TableState | None:
    version = commits.latest_version(layout.store)
    if version is None:
        return None
    receipt = last_receipt(layout)
    if receipt is None or (receipt.table_version is not None and receipt.table_version < version):
        newest = commits.receipt_in(commits.commit_info(layout.store, version), version)
        receipt = newest or receipt
    table = spark.read.format("delta").load(layout.uri)
    # Delta counts by the statistics of its log: a job, and so only when it is asked for.
    return TableState(version, column_types(table.schema), receipt, table.count)


def purge(place: Place, form: str) -> None:
    """Remove what is stored there with its receipts; what this process stages there stays."""
    layout = layout_of(place, form)
    if layout.kind != "delta":
        purge_files(layout)
        return
    store = layout.store
    if commits.is_table(store) and "://" not in store.root:
        shutil.rmtree(Path(store.root, "_delta_log"), ignore_errors=True)
        for name in store.names(""):
            if not is_in_use(name):
                store.delete(name)
    store.delete(layout.failures)

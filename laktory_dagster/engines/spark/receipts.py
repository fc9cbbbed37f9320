"""What is stored and who wrote it, as Spark reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laktory_dagster.engines.base import Place, Receipt, TableState
from laktory_dagster.engines.spark.schemas import column_types
from laktory_dagster.engines.spark.tables import Table, table_of
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


def find_receipt(place: Place, form: str, token: str, spark: Callable[[], Any]) -> Receipt | None:
    """Return the receipt of an earlier commit with this token, None if there was none.

    The proof is in the data itself, so that a crash between commit and receipt changes nothing. The
    session is asked for only where a catalog has the table.
    """
    layout = layout_of(place, form)
    found = stored_receipt(layout, token)
    if found is not None:
        return found
    if layout.kind != "delta":
        return receipt_of_files(layout, token)
    found = commits.find_token(table_of(place, spark).log, token)
    if found is not None:
        write_receipt(layout, found)
    return found


def inspect(spark: Any, place: Place, form: str) -> TableState | None:
    """Return version, columns and last receipt of what is stored, None if nothing is."""
    layout = layout_of(place, form)
    if layout.kind == "delta":
        return _inspect_table(table_of(place, lambda: spark), layout)
    if layout.kind == "file":
        if layout.store.size(layout.data) is None:
            return None
        settle_pending(layout, pending_identity(layout))
    elif current_files(layout) is None:
        return None
    receipt = last_receipt(layout)
    columns = receipt.columns if receipt is not None else ()
    return TableState(None, columns, receipt, lambda: receipt.rows_out if receipt else None)


def _inspect_table(table: Table, layout: Layout) -> TableState | None:
    version = table.log.latest()
    if version is None:
        return None
    receipt = last_receipt(layout)
    if receipt is None or (receipt.table_version is not None and receipt.table_version < version):
        newest = commits.receipt_in(table.log.info(version), version)
        receipt = newest or receipt
    rows = table.rows()
    # Delta counts by the statistics of its log: a job, and so only when it is asked for.
    return TableState(version, column_types(rows.schema), receipt, rows.count)


def purge(place: Place, form: str, spark: Callable[[], Any]) -> None:
    """Remove what is stored there with its receipts; what this process stages there stays."""
    layout = layout_of(place, form)
    if layout.kind != "delta":
        purge_files(layout)
        return
    table_of(place, spark).drop()
    layout.store.delete(layout.failures)

"""Delta commits made of Parquet files that are already written."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.polars.storage import Store
from laktory_dagster.errors import TargetBusyError

RECEIPT_KEY = "laktory.receipt"
STAGED_KEY = "laktory.staged"
MAX_ATTEMPTS = 12
MAX_TEXT_STATISTIC = 32


@dataclass(frozen=True)
class DataFile:
    """A written Parquet file: name below the table, and the values of its partition columns."""

    name: str
    partition: Mapping[str, Any]


def open_table(store: Store) -> DeltaTable | None:
    """Return the table as it is now, None where there is none."""
    try:
        return DeltaTable(store.url(""), storage_options=store.storage_options or None)
    except TableNotFoundError:
        return None


def table_schema(table: DeltaTable) -> pl.Schema:
    """Return the stored columns in Polars' types."""
    return pl.Schema(table.schema().to_arrow())


def delta_schema(schema: pl.Schema) -> Schema:
    """Return the Delta schema of these columns."""
    return Schema.from_arrow(pl.DataFrame(schema=schema).to_arrow().schema)


def commit_properties(receipt: Receipt, staged_id: str) -> CommitProperties:
    """Return the proof that goes into the commit: the receipt, and its token as a transaction."""
    now = int(time.time() * 1000)
    return CommitProperties(
        custom_metadata={RECEIPT_KEY: json.dumps(receipt.to_dict()), STAGED_KEY: staged_id},
        app_transactions=[Transaction(receipt.token, 1, now)],
    )


def add_action(store: Store, file: DataFile) -> tuple[AddAction, int]:
    """Return the log entry of a written file with its statistics, and its rows."""
    import pyarrow.parquet as pq

    size = store.size(file.name)
    if size is None:
        raise TargetBusyError(
            f"{store.url(file.name)} was staged and is gone",
            hint="another attempt of this run removed it; run the node again",
        )
    if store.storage_options:
        footer = pl.read_parquet_metadata
    with _opened(store, file.name) as source:
        footer = pq.read_metadata(source)
    statistics = footer_statistics(footer)
    values = {name: partition_text(value) for name, value in file.partition.items()}
    now = int(time.time() * 1000)
    return AddAction(file.name, size, values, now, True, json.dumps(statistics)), footer.num_rows

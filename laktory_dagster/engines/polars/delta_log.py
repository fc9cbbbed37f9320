"""Delta commits made of Parquet files that are already written."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.polars.delta_rules import allow_times_without_zone
from laktory_dagster.engines.polars.statistics import footer_statistics, read_footer
from laktory_dagster.engines.polars.tables import Table
from laktory_dagster.engines.polars.transactions import is_committed, transaction_of
from laktory_dagster.engines.storage.commits import RECEIPT_KEY, STAGED_KEY, receipt_in
from laktory_dagster.engines.storage.listing import NO_VALUE
from laktory_dagster.engines.storage.store import Store
from laktory_dagster.errors import TargetBusyError, WriteError

MAX_ATTEMPTS = 12
MAX_FOLDER_NAME = 120
_UNSUPPORTED = "Unsupported table features required:"


@dataclass(frozen=True)
class DataFile:
    """A written Parquet file: name below the table, and the values of its partition columns."""

    name: str
    partition: Mapping[str, Any]


def open_table(store: Store, version: int | None = None) -> Table | None:
    """Return the table as it is now, or was in a version; None where there is none."""
    try:
        return Table(store.url(""), version=version, storage_options=store.storage_options or None)
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
        app_transactions=[Transaction(*transaction_of(receipt), now)],
    )


def add_action(store: Store, file: DataFile) -> tuple[AddAction, int]:
    """Return the log entry of a written file with its statistics, and its rows.

    Raises:
        TargetBusyError: the file is gone.
    """
    size = store.size(file.name)
    if size is None:
        raise TargetBusyError(
            f"{store.url(file.name)} was staged and is gone",
            hint="another attempt of this run removed it; run the node again",
        )
    footer = read_footer(store, file.name)
    statistics = json.dumps(footer_statistics(footer))
    values = {name: partition_text(value) for name, value in file.partition.items()}
    action = AddAction(file.name, size, values, int(time.time() * 1000), True, statistics)
    return action, footer.num_rows


def partition_text(value: Any) -> str | None:
    """Return a partition value as Delta's log spells it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, bytes):
        raise WriteError(
            "bytes cannot be partition values: the log and the names of folders are text",
            hint="partition by another column, or by `hex` of this one",
        )
    return str(value)


def hive_part(value: Any) -> str:
    """Return a partition column or value as part of a folder name, as every reader decodes it.

    Raises:
        WriteError: the value is longer than a file name may be, or is how null is spelt.
    """
    text = partition_text(value)
    part = NO_VALUE if text is None else quote(text, safe="")
    if text == NO_VALUE:
        raise WriteError(
            f"the text `{text}` cannot be a partition value: folders spell null like that",
            hint="set such rows aside, or partition by another column",
        )
    if len(part) > MAX_FOLDER_NAME:
        raise WriteError(
            f"the partition value {text!r:.60}... is too long for the name of a folder",
            hint="partition by a shorter column",
        )
    return part


@dataclass(frozen=True)
class LogChange:
    """What one commit does: `replace` what is there, or add to it.

    `schema` is the table's afterwards, `partition_by` its partition columns. `version` pins the
    table that the change was computed from, None where it does not matter.
    """

    files: Sequence[DataFile]
    schema: pl.Schema
    partition_by: tuple[str, ...]
    replace: bool
    added: tuple[str, ...] = ()
    version: int | None = None
    comment: str | None = None


@dataclass(frozen=True)
class LogResult:
    """The version that holds the change, its rows and bytes; `repeated` if it was there before."""

    version: int
    rows: int
    bytes: int
    repeated: bool = False


def commit_change(
    store: Store,
    change: LogChange,
    receipt: Receipt,
    staged_id: str,
    refit: Callable[[DeltaTable], LogChange],
) -> LogResult:
    """Commit once: a token that is in the log already changes nothing.

    An append that meets another commit tries again, with jitter, after `refit` has compared the
    schemas anew.

    Raises:
        TargetBusyError: another run changed what this one replaces, or kept committing.
        SchemaChangedError: from `refit`.
    """
    entries = [add_action(store, file) for file in change.files]
    actions = [action for action, _ in entries]
    rows, size = sum(rows for _, rows in entries), sum(action.size for action in actions)
    for attempt in range(MAX_ATTEMPTS):
        table = open_table(store)
        if table is not None and is_done(table, receipt, replaces=change.replace):
            return LogResult(table.version(), 0, 0, repeated=True)
        try:
            if table is not None:
                change = refit(table) if attempt or not change.replace else change
                version = _write(store, table, actions, change, receipt, staged_id)
            else:
                version = _create(store, actions, change, receipt, staged_id)
        except CommitFailedError as error:
            if change.replace or attempt == MAX_ATTEMPTS - 1:
                raise busy(store, error) from error
        except DeltaError as error:
            if table is not None or "already exists" not in str(error):
                raise
        else:
            return LogResult(version, rows, size)
        time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 6)))  # noqa: S311
    raise busy(store, None)


def is_done(table: DeltaTable, receipt: Receipt, *, replaces: bool) -> bool:
    """Return whether the log has this commit; a replacement made by other code does not count."""
    if not is_committed(table, receipt.token):
        return False
    if receipt.stream is not None or not replaces:
        return True
    earlier = (receipt_of_commit(entry) for entry in table.history())
    found = next((data for data in earlier if data.get("token") == receipt.token), None)
    return found is None or found["code_version"] == receipt.code_version


def busy(store: Store, error: Exception | None) -> WriteError:
    """Return the error for a table that another run changed meanwhile, or that takes no change."""
    if error is not None and "append-only" in str(error):
        return WriteError(
            f"{store.url('')} is append-only (`delta.appendOnly`): its rows cannot be changed",
            hint="use `mode: APPEND`, or change the property of the table",
        )
    if error is not None and _UNSUPPORTED in str(error):
        features = str(error).partition(_UNSUPPORTED)[2].splitlines()[0].strip(" []")
        return WriteError(
            f"{store.url('')} has features that Polars does not write: {features}",
            hint="write the table with `dataframe_type: SPARK`",
        )
    cause = "" if error is None else f": {str(error).splitlines()[0]}"
    return TargetBusyError(
        f"another run changed {store.url('')} while this one was writing it{cause}",
        hint="nothing of this run was published; run the node again",
    )


def _create(
    store: Store,
    actions: Sequence[AddAction],
    change: LogChange,
    receipt: Receipt,
    staged_id: str,
    replaced: DeltaTable | None = None,
) -> int:
    """Make a table, or make it anew in the place of one, whose name and properties it keeps."""
    kept = None if replaced is None else replaced.metadata()
    create_table_with_add_actions(
        store.url(""),
        delta_schema(change.schema),
        list(actions),
        mode="error" if kept is None else "overwrite",
        partition_by=list(change.partition_by),
        name=None if kept is None else kept.name,
        description=change.comment or (None if kept is None else kept.description),
        configuration=None if kept is None else kept.configuration,
        storage_options=store.storage_options or None,
        commit_properties=commit_properties(receipt, staged_id),
    )
    return 0 if kept is None else _version_of(store, receipt.token)


def _write(
    store: Store,
    table: DeltaTable,
    actions: Sequence[AddAction],
    change: LogChange,
    receipt: Receipt,
    staged_id: str,
) -> int:
    if change.version is not None and table.version() != change.version:
        raise busy(store, None)
    partitions = tuple(table.metadata().partition_columns)
    if change.replace and partitions != change.partition_by:
        return _create(store, actions, change, receipt, staged_id, replaced=table)
    allow_times_without_zone(table, change.schema)
    if change.added:
        fields = {field.name: field for field in delta_schema(change.schema).fields}
        table.alter.add_columns([_nullable(fields[name]) for name in change.added])
        table = Table(store.url(""), storage_options=store.storage_options or None)
    table.create_write_transaction(
        list(actions),
        "overwrite" if change.replace else "append",
        delta_schema(change.schema),
        list(change.partition_by),
        commit_properties=commit_properties(receipt, staged_id),
    )
    return _version_of(store, receipt.token, at_least=table.version())


def _nullable(field: Field) -> Field:
    return Field(field.name, field.type, nullable=True)


def _version_of(store: Store, token: str, at_least: int = 0) -> int:
    """Return the version that a token was committed with."""
    table = Table(store.url(""), storage_options=store.storage_options or None)
    if table.version() <= at_least + 1:
        return table.version()
    for entry in table.history():
        if receipt_of_commit(entry).get("token") == token:
            return int(entry["version"])
    return table.version()


def receipt_of_commit(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the receipt in an entry of the history; empty where another tool committed."""
    version = int(entry["version"])
    receipt = receipt_in(dict(entry), version)
    return {} if receipt is None else receipt.to_dict()


def is_in_log(store: Store, staged_id: str) -> bool:
    """Return whether the table has these staged files, or a commit of its log refers to them.

    The files themselves count, since old commits are cleaned out of the log.
    """
    table = open_table(store)
    if table is None:
        return False
    if any(staged_id in file for file in table.file_uris()):
        return True
    return any(entry.get(STAGED_KEY) == staged_id for entry in table.history())

"""What every materialization says of its node: one contract for both step modes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from laktory_dagster.engines.base import ColumnType
from laktory_dagster.execution.results import NodeResult, TargetResult
from laktory_dagster.expressions.secret_text import is_private, without_login

NODE = "laktory/node"
TABLE = "laktory/table"
MODE = "laktory/mode"
STATUS = "laktory/status"
MESSAGE = "laktory/message"
TARGETS = "laktory/targets"
RUN = "laktory/root_run"
ROWS_IN = "rows_in"
ROWS_OUT = "rows_out"
ROWS_DROPPED = "rows_dropped"
ROWS_QUARANTINED = "rows_quarantined"
ROW_COUNT = "dagster/row_count"
TABLE_NAME = "dagster/table_name"
URI = "dagster/uri"
STORAGE_KIND = "dagster/storage_kind"
COLUMN_SCHEMA = "dagster/column_schema"
IO_MANAGER_KEY = "dagster/io_manager_key"
DURATION = "duration_seconds"
TABLE_VERSION = "table_version"
SIZE = "size_bytes"
BATCH = "batch"
BAD_FILES = "bad_files"
BAD_FILE_COUNT = "bad_file_count"
PREVIEW = "preview"

_STORAGE = {"DELTA": "deltalake", "JSONL": "json", "NDJSON": "json"}


def storage_kind(form: str) -> str:
    """Return the storage kind of a format; those with an icon in the UI under its name."""
    return _STORAGE.get(form, form.lower())


def shown_uri(uri: str) -> str:
    """Return a path or a URL without the login in it, and without a query that holds a signature."""
    if "://" not in uri:
        return uri
    shown = without_login(uri)
    place, _, query = shown.partition("?")
    return place if is_private(query) else shown


def table_schema(columns: Sequence[ColumnType]) -> dg.TableSchema:
    """Return the column schema that the UI shows."""
    return dg.TableSchema([dg.TableColumn(column.name, column.type) for column in columns])


def materialization_metadata(result: NodeResult, rows: int | None = None) -> dict[str, Any]:
    """Return the metadata of a node's materialization; numbers come from the write itself.

    Args:
        result: how the node ended.
        rows: how many rows what it stores holds now, if that is known.
    """
    primary = next((t for t in result.targets if t.role == "primary"), None)
    found: dict[str, Any] = {
        STATUS: result.status.value,
        DURATION: round(result.seconds, 3),
        COLUMN_SCHEMA: table_schema(result.columns),
    }
    counts = {
        ROWS_IN: result.rows_in,
        ROWS_OUT: result.rows_out,
        ROWS_DROPPED: result.rows_dropped,
        ROWS_QUARANTINED: result.rows_quarantined,
    }
    found |= {name: count for name, count in counts.items() if count is not None}
    if rows is not None:
        found[ROW_COUNT] = rows
    if primary is not None:
        found |= _target_metadata(primary)
    if len(result.targets) > 1:
        records = [dg.TableRecord(_target_record(target)) for target in result.targets]
        found[TARGETS] = dg.MetadataValue.table(records)
    if result.bad_files:
        found[BAD_FILES] = dg.MetadataValue.json(list(result.bad_files))
        found[BAD_FILE_COUNT] = dg.MetadataValue.int(len(result.bad_files))
    if result.batch is not None:
        found[BATCH] = result.batch
    if result.message:
        found[MESSAGE] = result.message
    if result.preview:
        found[PREVIEW] = dg.MetadataValue.md(markdown_table(result.preview))
    return found


def _target_record(target: TargetResult) -> dict[str, str | int]:
    return {
        "role": target.role,
        "name": target.table_name or shown_uri(target.uri),
        "format": target.format,
        "rows": target.rows,
        "version": "" if target.version is None else str(target.version),
        "uri": shown_uri(target.uri),
    }


def _target_metadata(target: TargetResult) -> dict[str, Any]:
    found: dict[str, Any] = {
        URI: shown_uri(target.uri),
        STORAGE_KIND: storage_kind(target.format),
    }
    if target.table_name is not None:
        found[TABLE_NAME] = target.table_name
    if target.version is not None:
        found[TABLE_VERSION] = target.version
    if target.bytes is not None:
        found[SIZE] = target.bytes
    return found


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a markdown table; cells are cut at 80 characters."""
    names = list(rows[0])
    heads = (_cell(name) for name in names)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (_cell(row.get(name)) for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return str(value)[:80].replace("|", "\\|").replace("\n", " ")


def plain_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON data; values that JSON lacks become texts."""
    text = json.dumps(list(rows), default=str)
    # Python writes NaN and Infinity, which no other reader of JSON takes.
    found: list[dict[str, Any]] = json.loads(text, parse_constant=str)
    return found

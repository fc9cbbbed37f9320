"""What Delta's log says of a Parquet file that is already written, out of the file's footer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from laktory_dagster.engines.storage.store import Store

MAX_TEXT = 32
_LAST = "\U0010ffff"
"""The last of all characters."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_footer(store: Store, name: str) -> Any:
    """Return the footer of a Parquet file of the store (a pyarrow FileMetaData)."""
    import pyarrow.parquet as pq

    with store.open(name) as source:
        return pq.read_metadata(source)


def footer_statistics(footer: Any) -> dict[str, Any]:
    """Return Delta's statistics of a Parquet footer: rows, and bounds of flat columns.

    Floats get no bounds, since those of Parquet leave NaN out, which is greater than all others.
    """
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for i in range(footer.num_columns):
        leaf = footer.schema.column(i)
        if leaf.max_repetition_level or leaf.name != leaf.path:
            continue
        groups = [footer.row_group(g).column(i).statistics for g in range(footer.num_row_groups)]
        if not groups or any(group is None for group in groups):
            continue
        if all(group.has_null_count for group in groups):
            nulls[leaf.name] = sum(group.null_count for group in groups)
        bounded = [group for group in groups if group.has_min_max]
        full = [group for group in groups if group.num_values or group.has_min_max]
        if not bounded or len(bounded) < len(full):
            continue
        bounds = _bounds(bounded)
        if None not in bounds:
            lowest[leaf.name], highest[leaf.name] = bounds
    return {
        "numRecords": footer.num_rows,
        "minValues": lowest,
        "maxValues": highest,
        "nullCount": nulls,
    }


def _bounds(groups: Sequence[Any]) -> tuple[Any, Any]:
    """Return the least and the greatest value of a column, None where it gets no bound."""
    try:
        ends = [_ends(group) for group in groups]
        least = min(low for low, _ in ends)
        greatest = max(high for _, high in ends)
    except (OverflowError, ValueError):
        # Parquet has dates that Python has not: years beyond 1 to 9999.
        return None, None
    return _bound(least, is_least=True), _bound(greatest, is_least=False)


def _ends(group: Any) -> tuple[Any, Any]:
    logical = json.loads(group.logical_type.to_json())
    unit = logical.get("timeUnit") if logical["Type"] == "Timestamp" else None
    if unit != "microseconds" or not logical["isAdjustedToUTC"]:
        return group.min, group.max
    # Arrow makes a time with a zone by importing pandas, which takes longer than a small table.
    low, high = (_EPOCH + timedelta(microseconds=raw) for raw in (group.min_raw, group.max_raw))
    return low, high


def _bound(value: Any, *, is_least: bool) -> Any:
    """Return a bound as Delta's JSON spells it, None for a type or value that gets none."""
    if isinstance(value, float):
        return None
    if isinstance(value, str):
        return _text_bound(value, is_least=is_least)
    if isinstance(value, Decimal):
        return _decimal_bound(value)
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{text}Z" if value.tzinfo else text
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) else None


def _text_bound(value: str, *, is_least: bool) -> str | None:
    """Return a text that is not longer than others are: the start of it, and for the greatest more."""
    if is_least or len(value) <= MAX_TEXT:
        # Parquet cuts texts off too, and cannot make one greater that has only last characters.
        return value[:MAX_TEXT] if is_least or _LAST not in value else None
    return None if _LAST in value else value[:MAX_TEXT] + _LAST


def _decimal_bound(value: Decimal) -> int | float | None:
    """Return a number whose digits are those of the decimal: readers take them as they stand."""
    number = int(value) if value == value.to_integral_value() else float(value)
    is_same = Decimal(str(number)) == value and "e" not in str(number)
    return number if is_same else None

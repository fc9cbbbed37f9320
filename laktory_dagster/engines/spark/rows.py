"""A few rows as plain values, for previews and samples."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def plain_rows(frame: Any) -> list[dict[str, Any]]:
    """Return a dict for each row of a small frame; times that Python cannot hold are text."""
    table = frame.toArrow()
    try:
        return [dict(row) for row in table.to_pylist()]
    except (ValueError, OverflowError):
        columns = [_as_text(table.column(i)) for i in range(table.num_columns)]
        return [dict(row) for row in pa.table(columns, names=table.column_names).to_pylist()]


def _as_text(column: Any) -> Any:
    return pc.cast(column, pa.string()) if pa.types.is_temporal(column.type) else column

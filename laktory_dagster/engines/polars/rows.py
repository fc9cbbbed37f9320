"""A few rows as plain values, for previews and samples."""

from __future__ import annotations

from typing import Any

import polars as pl
from polars import selectors as cs


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a dict for each row; times that Python cannot hold become their text.

    Polars, Spark and Parquet have years beyond 1 to 9999, Python's `date` and `datetime` have not.
    """
    try:
        return frame.to_dicts()
    except (ValueError, OverflowError):
        return frame.with_columns(cs.temporal().cast(pl.String)).to_dicts()

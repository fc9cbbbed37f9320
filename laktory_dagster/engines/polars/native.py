"""What a user's code or a YAML file holds as rows, as a lazy frame."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.errors import ReadError


def from_native(frame: Any) -> pl.LazyFrame:
    """Return the rows lazily.

    Takes Polars and Spark frames, narwhals frames around them, Arrow tables, pandas frames, a list of
    mappings and a mapping of lists. Columns of a list are those of all its rows, in the order they
    appear; a missing value is null.

    Raises:
        ReadError: it is nothing of these, or the values of a column do not fit together.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if type(frame).__module__.startswith("pyspark.sql"):
        return _from_spark(frame)
    if hasattr(frame, "to_native"):
        return from_native(frame.to_native())
    if isinstance(frame, (Mapping, list, tuple)):
        return _from_plain(frame)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return pl.from_pandas(frame).lazy()
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame).lazy()
    raise ReadError(
        f"{type(frame).__name__} is no frame that the Polars engine reads",
        expected="a Polars, pandas or Arrow frame, a list of mappings, or a mapping of lists",
    )


def to_native(frame: pl.LazyFrame, wanted: type) -> Any:
    """Return the rows as a Polars, pandas or Arrow frame in memory; lazily for any other type."""
    if wanted is pl.DataFrame:
        return frame.collect()
    if wanted is getattr(sys.modules.get("pandas"), "DataFrame", None):
        return frame.collect().to_pandas()
    if wanted is getattr(sys.modules.get("pyarrow"), "Table", None):
        return frame.collect().to_arrow()
    return frame


def _from_spark(frame: Any) -> pl.LazyFrame:
    try:
        return pl.DataFrame(frame.toArrow()).lazy()
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise ReadError(f"the rows that Spark gives cannot be read: {first}") from error


def _from_plain(rows: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> pl.LazyFrame:
    try:
        if isinstance(rows, Mapping):
            return pl.DataFrame({name: list(values) for name, values in rows.items()}).lazy()
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
        return pl.DataFrame(columns).lazy()
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"the inline rows make no table: {error}") from error

"""Frames of any engine, as the tests look at them."""

from __future__ import annotations

from typing import Any

import polars as pl


def collected(frame: Any) -> pl.DataFrame:
    """Return the rows of an engine's lazy frame."""
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    found = pl.from_arrow(frame.toArrow())
    assert isinstance(found, pl.DataFrame)
    return found


def failing(engine: Any) -> Any:
    """Return a lazy frame of one row that cannot be computed."""
    if engine.name == "spark":
        return engine.spark.range(1).selectExpr("CAST(raise_error('no') AS BIGINT) AS s")
    return pl.LazyFrame({"s": ["x"]}).with_columns(pl.col("s").cast(pl.Int64))


def never(engine: Any) -> Any:
    """Return a lazy frame of symbols and closes that nobody may compute."""
    if engine.name == "spark":
        return engine.spark.range(1).selectExpr(
            "raise_error('the frame was computed') AS symbol", "CAST(id AS DOUBLE) AS close"
        )

    def run(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("the frame was computed")

    rows = pl.LazyFrame({"symbol": ["A"], "close": [1.0]})
    return rows.map_batches(run, schema=rows.collect_schema())

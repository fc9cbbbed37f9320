"""The types of expressions, of which few columns of a wide frame need to be known."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import polars.selectors as cs
import pytest

from laktory_dagster.engines.polars.scope import Scope

SCHEMA = pl.Schema({"a": pl.Int32, "b": pl.Float64, "o": pl.Struct({"k": pl.Date})})
TYPES: list[tuple[pl.Expr, pl.DataType | None]] = [
    (pl.col("a") + pl.col("b"), pl.Float64()),
    (pl.col("o").struct.field("k"), pl.Date()),
    (pl.col("a").sum().over("b"), pl.Int32()),
    (pl.lit("x"), pl.String()),
    (pl.struct(pl.all()), pl.Struct(SCHEMA)),
    (pl.sum_horizontal(cs.numeric()), pl.Float64()),
    (pl.col("^a.*$"), pl.Int32()),
    (pl.nth(2), SCHEMA["o"]),
    (pl.col("absent"), None),
    (pl.all(), None),
]


@pytest.mark.parametrize("place", range(len(TYPES)))
def test_type_of_an_expression(place: int) -> None:
    value, expected = TYPES[place]
    assert Scope(datetime(2024, 1, 1, tzinfo=UTC), SCHEMA).type_of(value) == expected

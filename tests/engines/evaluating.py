"""Many SQL expressions over the same few rows, computed in one query of an engine."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Engine
from tests.engines.transforming import rows, types

Found = dict[str, tuple[Any, ...]]

AFTERNOON = datetime(2024, 1, 31, 13, 45, 10, 123456, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "g": ["a", "B", None],
        "s": ["12", "foo", None],
        "i": [7, -7, None],
        "j": [2, -2, None],
        "n": [10, 0, None],
        "x": [2.5, -0.5, None],
        "f": [0.1, 2.0, None],
        "m": [Decimal("1.25"), Decimal("-0.05"), None],
        "p": [True, False, None],
        "d": [date(2024, 1, 31), date(2023, 12, 31), None],
        "e": [date(2024, 2, 29), date(2020, 2, 29), None],
        "z": [AFTERNOON, datetime(2023, 12, 31, tzinfo=UTC), None],
        "t": [AFTERNOON.replace(tzinfo=None), datetime(1970, 1, 1, 10), None],  # noqa: DTZ001
        "xs": [[1, 2, 2], [None, 5], None],
        "ws": [["a", "b"], [], None],
        "o": [{"k": 1, "v": "q"}, {"k": None, "v": "w"}, None],
        "os": [[{"k": 1, "v": "q"}, {"k": 2, "v": None}], [], None],
    },
    schema_overrides={
        "i": pl.Int32,
        "j": pl.Int16,
        "f": pl.Float32,
        "m": pl.Decimal(10, 2),
        "t": pl.Datetime("us"),
        "z": pl.Datetime("us", "UTC"),
    },
)
"""Two rows with a value of every type and one of nulls."""

OTHER = pl.DataFrame(
    {
        "g": ["a", "b", None, "a"],
        "i": [7, -7, 7, None],
        "w": [10, 20, 30, 40],
        "r": ["7", "x", None, "8"],
    }
)
"""Rows that share `g` and `i` with them."""


def queried(
    engine: Engine, expressions: Collection[str], query: str = "SELECT ITEMS FROM {df}"
) -> Found:
    """Return type and values of each expression as the ITEMS of one query, by expression."""
    listed = ", ".join(f"{text} AS c{place}" for place, text in enumerate(expressions))
    ordered = f"{query.replace('ITEMS', listed)} ORDER BY id"
    return _by_expression(engine, expressions, {"sql_expr": ordered})


def as_columns(engine: Engine, expressions: Collection[str]) -> Found:
    """Return type and values of each expression as a column that a step adds, by expression."""
    added = [
        {"name": f"c{place}", "type": None, "sql_expr": text}
        for place, text in enumerate(expressions)
    ]
    kept = [f"c{place}" for place in range(len(added))]
    return _by_expression(
        engine, expressions, {"with_columns": added}, {"func_name": "select", "func_args": kept}
    )


def _by_expression(engine: Engine, expressions: Collection[str], *steps: Any) -> Found:
    kinds = types(engine, ROWS, *steps).values()
    values = zip(*rows(engine, ROWS, *steps), strict=True)
    found = zip(expressions, kinds, values, strict=True)
    return {text: (kind, *column) for text, kind, column in found}

"""Rows of an engine beside the rows that DuckDB gives: random frames, and how values are equal."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from laktory_dagster.engines.base import Engine
from tests.engines.transforming import chained

ROWS = 120
_TEXTS = ("", "a", "abc", "Ab c", " pad ", "äöü", "日本", "x,y", "100", "-7", "a_c", "a%c")
_FIELDS = {
    "id": pa.int64(),
    "g": pa.string(),
    "i": pa.int64(),
    "j": pa.int32(),
    "x": pa.float64(),
    "y": pa.float64(),
    "s": pa.string(),
    "r": pa.string(),
    "b": pa.bool_(),
    "d": pa.date32(),
    "e": pa.date32(),
    "t": pa.timestamp("us"),
    "z": pa.timestamp("us", "UTC"),
    "m": pa.decimal128(10, 2),
    "l": pa.list_(pa.int64()),
    "w": pa.list_(pa.string()),
    "o": pa.struct({"k": pa.int64(), "v": pa.string()}),
}
_OTHER = {"k": pa.int64(), "g": pa.string(), "i": pa.int64(), "label": pa.string()}


def frame(seed: int, rows: int = ROWS) -> pa.Table:
    """Return rows of every type; each value but `id` is null at times."""
    dice = random.Random(seed)
    return _table([_row(dice, number) for number in range(rows)], _FIELDS)


def other(seed: int, rows: int = 40) -> pa.Table:
    """Return rows that share `g` and `i` with `frame`, some keys twice, some null."""
    dice = random.Random(seed)
    found = [
        {
            "k": number,
            "g": _maybe(dice, dice.choice("abcxyz")),
            "i": _maybe(dice, dice.randint(-9, 9)),
            "label": _maybe(dice, dice.choice(_TEXTS)),
        }
        for number in range(rows)
    ]
    return _table(found, _OTHER)


def _maybe(dice: random.Random, value: Any, share: float = 0.15) -> Any:
    return None if dice.random() < share else value


def _row(dice: random.Random, number: int) -> dict[str, Any]:
    day = date(2023, 12, 25) + timedelta(days=dice.randint(-800, 800))
    time = datetime(2024, 2, 28, 22, tzinfo=UTC).replace(tzinfo=None) + timedelta(
        microseconds=dice.randint(-(10**14), 10**14)
    )
    special = [math.nan, 0.0, -0.0, 1e6, -2.5, 0.5, 1.5, 2.5]
    values = {
        "g": dice.choice("abcd"),
        "i": dice.randint(-9, 9),
        "j": dice.choice([-7, -3, -1, 1, 2, 3, 5]),
        "x": dice.choice(special) if dice.random() < 0.4 else round(dice.uniform(-99, 99), 3),
        "y": round(dice.uniform(-9, 9), 2),
        "s": dice.choice(_TEXTS),
        "r": dice.choice(_TEXTS),
        "b": dice.random() < 0.5,
        "d": day,
        "e": day + timedelta(days=dice.randint(-70, 70)),
        "t": time,
        "z": (time + timedelta(minutes=dice.randint(0, 900))).replace(tzinfo=UTC),
        "m": Decimal(dice.randint(-99999, 99999)) / 100,
        "l": [_maybe(dice, dice.randint(-5, 5)) for _ in range(dice.randint(0, 4))],
        "w": [dice.choice(_TEXTS) for _ in range(dice.randint(0, 3))],
        "o": {"k": _maybe(dice, dice.randint(0, 9)), "v": _maybe(dice, dice.choice(_TEXTS))},
    }
    return {"id": number, **{name: _maybe(dice, value) for name, value in values.items()}}


def _table(rows: Sequence[Mapping[str, Any]], fields: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=pa.schema(list(fields.items())))


def run_steps(
    engine: Engine, data: pa.Table, *steps: Mapping[str, Any], **options: Any
) -> list[dict[str, Any]]:
    """Return the engine's rows after the steps."""
    return [dict(row) for row in engine.head(chained(engine, data, *steps, **options), 1_000_000)]


def run_duckdb(query: str, **tables: pa.Table) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows that DuckDB gives, nulls ordered as Spark orders them."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET default_null_order = 'nulls_first_on_asc_last_on_desc'")
        for name, table in tables.items():
            connection.register(name, table)
        found = connection.execute(query)
        return [column[0] for column in found.description or []], found.fetchall()


def plain(value: Any) -> Any:
    """Return a value so that equal ones compare equal: times in UTC, NaN as text, -0.0 as 0."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float | Decimal | int):
        return _number(float(value))
    if isinstance(value, datetime) and value.tzinfo is not None:
        return ("utc", value.astimezone(UTC).replace(tzinfo=None))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _number(value: float) -> Any:
    if math.isnan(value):
        return "NaN"
    return float(f"{value:.10g}") + 0.0


def plain_rows(rows: Sequence[Any], *, ordered: bool) -> list[Any]:
    """Return rows ready to compare; sorted by their text unless their order counts."""
    found = [[plain(value) for value in row] for row in rows]
    return found if ordered else sorted(found, key=repr)

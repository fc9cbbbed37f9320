"""Numbers of SQL: whole quotients, digits of decimals, casts, constants."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from laktory_dagster.engines.base import Engine
from tests.engines.evaluating import ROWS, as_columns, queried
from tests.engines.transforming import rows

NUMBERS: dict[str, tuple[Any, ...]] = {
    "i div 2": ("int64", 3, -3, None),
    "i div j": ("int64", 3, 3, None),
    "-7 div 2": ("int64", -3, -3, -3),
    "7 div -2": ("int64", -3, -3, -3),
    "i div 0": ("int64", None, None, None),
    "s + 1": ("float64", 13.0, None, None),
    "s + s": ("float64", 24.0, None, None),
    "s / i": ("float64", 12 / 7, None, None),
    "-s": ("float64", -12.0, None, None),
    "n div 3": ("int64", 3, 0, None),
    "i % 3": ("int32", 1, -1, None),
    "-7 % 3": ("int32", -1, -1, -1),
    "i % 0": ("int32", None, None, None),
    "i / 0": ("float64", None, None, None),
    "x / 0": ("float64", None, None, None),
    "i / 2": ("float64", 3.5, -3.5, None),
    "7 / 2": ("float64", 3.5, 3.5, 3.5),
    "pmod(i, 3)": ("int32", 1, 2, None),
    "ln(0)": ("float64", None, None, None),
    "ln(n)": ("float64", 2.302585092994046, None, None),
    "log10(n)": ("float64", 1.0, None, None),
    "bround(x)": ("float64", 2.0, 0.0, None),
    "bround(x, 1)": ("float64", 2.5, -0.5, None),
    "round(x)": ("float64", 3.0, -1.0, None),
    "round(x, 1)": ("float64", 2.5, -0.5, None),
    "floor(x)": ("int64", 2, -1, None),
    "ceil(x)": ("int64", 3, 0, None),
    "abs(i) + 1": ("int32", 8, 8, None),
    "sign(m)": ("float64", 1.0, -1.0, None),
    "greatest(i, j, 0)": ("int32", 7, 0, 0),
    "least(i, x)": ("float64", 2.5, -7.0, None),
    "nullif(x, 2.5)": ("float64", None, -0.5, None),
    "coalesce(x, 0.0)": ("float64", 2.5, -0.5, 0.0),
    "coalesce(NULL, i)": ("int32", 7, -7, None),
    "size(sequence(5, 1))": ("int32", 5, 5, 5),
    "sequence(id, id + 2)": ("list<int64>", [1, 2, 3], [2, 3, 4], [3, 4, 5]),
    "CAST(1e10 AS STRING)": ("string", "1.0E10", "1.0E10", "1.0E10"),
    "CAST(i AS TIMESTAMP)": (
        "timestamp[us, UTC]",
        datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 53, tzinfo=UTC),
        None,
    ),
    "CAST('t' AS BOOLEAN)": ("bool", True, True, True),
    "boolean('yes')": ("bool", True, True, True),
    "CAST('2024' AS DATE)": ("date", date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 1)),
    "CAST('2024-2' AS DATE)": ("date", date(2024, 2, 1), date(2024, 2, 1), date(2024, 2, 1)),
    "CAST('202' AS DATE)": ("date", None, None, None),
    "CAST('20240101' AS DATE)": ("date", None, None, None),
    "to_date('2024-01-05 10:00:00')": (
        "date",
        date(2024, 1, 5),
        date(2024, 1, 5),
        date(2024, 1, 5),
    ),
    "from_unixtime(1700000000 + i)": ("string", "2023-11-14 22:13:27", "2023-11-14 22:13:13", None),
    "CAST(1700000000 + i AS TIMESTAMP)": (
        "timestamp[us, UTC]",
        datetime(2023, 11, 14, 22, 13, 27, tzinfo=UTC),
        datetime(2023, 11, 14, 22, 13, 13, tzinfo=UTC),
        None,
    ),
    "timestamp_seconds(1700000000 + i)": (
        "timestamp[us, UTC]",
        datetime(2023, 11, 14, 22, 13, 27, tzinfo=UTC),
        datetime(2023, 11, 14, 22, 13, 13, tzinfo=UTC),
        None,
    ),
    "timestamp_millis(2000000000 + i)": (
        "timestamp[us, UTC]",
        datetime(1970, 1, 24, 3, 33, 20, 7000, tzinfo=UTC),
        datetime(1970, 1, 24, 3, 33, 19, 993000, tzinfo=UTC),
        None,
    ),
}

DECIMALS: dict[str, tuple[Any, ...]] = {
    "m * m": ("decimal(21,4)", Decimal("1.5625"), Decimal("0.0025"), None),
    "m * 2": ("decimal(12,2)", Decimal("2.50"), Decimal("-0.10"), None),
    "m * 1.5": ("decimal(13,3)", Decimal("1.875"), Decimal("-0.075"), None),
    "m + 0.5": ("decimal(11,2)", Decimal("1.75"), Decimal("0.45"), None),
    "m - 1": ("decimal(11,2)", Decimal("0.25"), Decimal("-1.05"), None),
    "-m * 2": ("decimal(12,2)", Decimal("-2.50"), Decimal("0.10"), None),
    "m / 3": ("decimal(14,6)", Decimal("0.416667"), Decimal("-0.016667"), None),
    "m / 2": ("decimal(14,6)", Decimal("0.625000"), Decimal("-0.025000"), None),
    "m / m": ("decimal(23,13)", Decimal("1.0000000000000"), Decimal("1.0000000000000"), None),
    "1 / m": ("decimal(14,11)", Decimal("0.80000000000"), Decimal("-20.00000000000"), None),
    "(m + 1) / (m + 2)": (
        "decimal(25,14)",
        Decimal("0.69230769230769"),
        Decimal("0.48717948717949"),
        None,
    ),
    "m / j": ("decimal(16,8)", Decimal("0.62500000"), Decimal("0.02500000"), None),
    "m / 0": ("decimal(14,6)", None, None, None),
    "m % 0.5": ("decimal(2,2)", Decimal("0.25"), Decimal("-0.05"), None),
    "m % 0": ("decimal(3,2)", None, None, None),
    "m * i": ("decimal(21,2)", Decimal("8.75"), Decimal("0.35"), None),
    "m + n": ("decimal(23,2)", Decimal("11.25"), Decimal("-0.05"), None),
    "m * x": ("float64", 3.125, 0.025, None),
    "m div 1": ("int64", 1, 0, None),
    "abs(m * m)": ("decimal(21,4)", Decimal("1.5625"), Decimal("0.0025"), None),
    "i * 1.5": ("decimal(13,1)", Decimal("10.5"), Decimal("-10.5"), None),
    "j / 2.5": ("decimal(12,6)", Decimal("0.800000"), Decimal("-0.800000"), None),
    "i + 0.1": ("decimal(12,1)", Decimal("7.1"), Decimal("-6.9"), None),
    "0.1 + 0.2": ("decimal(2,1)", Decimal("0.3"), Decimal("0.3"), Decimal("0.3")),
    "1.10 * 3": ("decimal(5,2)", Decimal("3.30"), Decimal("3.30"), Decimal("3.30")),
    "CAST(m AS DECIMAL(30, 10)) * CAST(m AS DECIMAL(30, 10))": (
        "decimal(38,6)",
        Decimal("1.562500"),
        Decimal("0.002500"),
        None,
    ),
    "CAST(m AS DECIMAL(38, 18)) / 3": (
        "decimal(38,18)",
        Decimal("0.416666666666666667"),
        Decimal("-0.016666666666666667"),
        None,
    ),
    "n * CAST(m AS DECIMAL(38, 10))": (
        "decimal(38,6)",
        Decimal("12.500000"),
        Decimal("0.000000"),
        None,
    ),
    "CAST(i AS DECIMAL(10, 2)) / 3": (
        "decimal(14,6)",
        Decimal("2.333333"),
        Decimal("-2.333333"),
        None,
    ),
    "(m + 1) * 2.50": ("decimal(15,4)", Decimal("5.6250"), Decimal("2.3750"), None),
    "m > 1.2": ("bool", True, False, None),
    "m * 1e2": ("float64", 125.0, -5.0, None),
    "CAST('12.345' AS DECIMAL(5, 2))": (
        "decimal(5,2)",
        Decimal("12.35"),
        Decimal("12.35"),
        Decimal("12.35"),
    ),
    "CAST('12345.6' AS DECIMAL(5, 2))": ("decimal(5,2)", None, None, None),
    "CAST(m AS DECIMAL(3, 2))": ("decimal(3,2)", Decimal("1.25"), Decimal("-0.05"), None),
    "CAST(m * 1000 AS DECIMAL(3, 0))": ("decimal(3,0)", None, Decimal(-50), None),
    "CAST(m AS STRING) || '!'": ("string", "1.25!", "-0.05!", None),
}


def test_numbers_are_those_of_spark(engine: Engine) -> None:
    """Seconds in 32 bits become times, whatever is constant is computed as for columns."""
    assert queried(engine, NUMBERS) == NUMBERS
    if engine.name == "polars":
        assert as_columns(engine, NUMBERS) == NUMBERS


def test_texts_are_added_up_as_numbers(engine: Engine) -> None:
    query = "SELECT sum(s), avg(s), max(s), sum(-s), sum(DISTINCT s) FROM {df}"
    assert rows(engine, ROWS, {"sql_expr": query}) == [(12.0, 12.0, "foo", -12.0, 12.0)]


def test_decimals_have_the_digits_that_spark_gives_them(engine: Engine) -> None:
    """A product has the digits of both sides, a ratio six or more behind the point."""
    assert queried(engine, DECIMALS) == DECIMALS
    if engine.name == "polars":
        assert as_columns(engine, DECIMALS) == DECIMALS

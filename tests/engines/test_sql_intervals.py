"""Intervals and units of time in SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from laktory_dagster.engines.base import Engine
from tests.engines.evaluating import as_columns, queried

# ruff: noqa: DTZ001 - times without a zone are what is tested

INTERVALS: dict[str, tuple[Any, ...]] = {
    "d + INTERVAL 1 DAY": ("date", date(2024, 2, 1), date(2024, 1, 1), None),
    "d + INTERVAL 1 HOUR": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 1, tzinfo=UTC),
        datetime(2023, 12, 31, 1, tzinfo=UTC),
        None,
    ),
    "d + INTERVAL 90 MINUTES": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 1, 30, tzinfo=UTC),
        datetime(2023, 12, 31, 1, 30, tzinfo=UTC),
        None,
    ),
    "d - INTERVAL 1 MONTH": ("date", date(2023, 12, 31), date(2023, 11, 30), None),
    "INTERVAL 1 YEAR + d": ("date", date(2025, 1, 31), date(2024, 12, 31), None),
    "d + INTERVAL '1-2' YEAR TO MONTH": ("date", date(2025, 3, 31), date(2025, 2, 28), None),
    "d - INTERVAL '-1' DAY": ("date", date(2024, 2, 1), date(2024, 1, 1), None),
    "d + INTERVAL 2 WEEKS": ("date", date(2024, 2, 14), date(2024, 1, 14), None),
    "z + INTERVAL '1 02:03:04' DAY TO SECOND": (
        "timestamp[us, UTC]",
        datetime(2024, 2, 1, 15, 48, 14, 123456, tzinfo=UTC),
        datetime(2024, 1, 1, 2, 3, 4, tzinfo=UTC),
        None,
    ),
    "z - INTERVAL '1 02:03' DAY TO MINUTE": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 30, 11, 42, 10, 123456, tzinfo=UTC),
        datetime(2023, 12, 29, 21, 57, tzinfo=UTC),
        None,
    ),
    "z + INTERVAL '10:20.5' MINUTE TO SECOND": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 13, 55, 30, 623456, tzinfo=UTC),
        datetime(2023, 12, 31, 0, 10, 20, 500000, tzinfo=UTC),
        None,
    ),
    "z + INTERVAL 1 DAY 2 HOURS": (
        "timestamp[us, UTC]",
        datetime(2024, 2, 1, 15, 45, 10, 123456, tzinfo=UTC),
        datetime(2024, 1, 1, 2, tzinfo=UTC),
        None,
    ),
    "z - INTERVAL 1 DAY 2 HOURS": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 30, 11, 45, 10, 123456, tzinfo=UTC),
        datetime(2023, 12, 29, 22, tzinfo=UTC),
        None,
    ),
    "z - INTERVAL 1 MONTH - INTERVAL 1 DAY": (
        "timestamp[us, UTC]",
        datetime(2023, 12, 30, 13, 45, 10, 123456, tzinfo=UTC),
        datetime(2023, 11, 29, tzinfo=UTC),
        None,
    ),
    "z + INTERVAL '1.5' SECOND": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 13, 45, 11, 623456, tzinfo=UTC),
        datetime(2023, 12, 31, 0, 0, 1, 500000, tzinfo=UTC),
        None,
    ),
    "z + INTERVAL -3 DAYS": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 28, 13, 45, 10, 123456, tzinfo=UTC),
        datetime(2023, 12, 28, tzinfo=UTC),
        None,
    ),
    "z + INTERVAL 100 MILLISECONDS": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 13, 45, 10, 223456, tzinfo=UTC),
        datetime(2023, 12, 31, 0, 0, 0, 100000, tzinfo=UTC),
        None,
    ),
    "t + INTERVAL 1 MONTH": (
        "timestamp[us]",
        datetime(2024, 2, 29, 13, 45, 10, 123456),
        datetime(1970, 2, 1, 10),
        None,
    ),
    "DATE '2024-01-31' + INTERVAL 1 MONTH": (
        "date",
        date(2024, 2, 29),
        date(2024, 2, 29),
        date(2024, 2, 29),
    ),
    "d + INTERVAL 1 YEAR > e": ("bool", True, True, None),
    "d + 1": ("date", date(2024, 2, 1), date(2024, 1, 1), None),
    "d - 31": ("date", date(2023, 12, 31), date(2023, 11, 30), None),
    "DATE '2024-02-28' + 1": ("date", date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)),
}

UNITS: dict[str, tuple[Any, ...]] = {
    "timestampadd(HOUR, 2, z)": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 15, 45, 10, 123456, tzinfo=UTC),
        datetime(2023, 12, 31, 2, tzinfo=UTC),
        None,
    ),
    "timestampadd(MONTH, 1, d)": (
        "timestamp[us, UTC]",
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(2024, 1, 31, tzinfo=UTC),
        None,
    ),
    "timestampadd(MONTH, -1, z)": (
        "timestamp[us, UTC]",
        datetime(2023, 12, 31, 13, 45, 10, 123456, tzinfo=UTC),
        datetime(2023, 11, 30, tzinfo=UTC),
        None,
    ),
    "timestampadd(QUARTER, 1, t)": (
        "timestamp[us]",
        datetime(2024, 4, 30, 13, 45, 10, 123456),
        datetime(1970, 4, 1, 10),
        None,
    ),
    "timestampadd(MINUTE, i, z)": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 13, 52, 10, 123456, tzinfo=UTC),
        datetime(2023, 12, 30, 23, 53, tzinfo=UTC),
        None,
    ),
    "dateadd(DAY, 1, d)": (
        "timestamp[us, UTC]",
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        None,
    ),
    "dateadd(MONTH, j, d)": (
        "timestamp[us, UTC]",
        datetime(2024, 3, 31, tzinfo=UTC),
        datetime(2023, 10, 31, tzinfo=UTC),
        None,
    ),
    "date_add(YEAR, -1, e)": (
        "timestamp[us, UTC]",
        datetime(2023, 2, 28, tzinfo=UTC),
        datetime(2019, 2, 28, tzinfo=UTC),
        None,
    ),
    "dateadd(WEEK, 1, t)": (
        "timestamp[us]",
        datetime(2024, 2, 7, 13, 45, 10, 123456),
        datetime(1970, 1, 8, 10),
        None,
    ),
    "dateadd(SECOND, 90, z)": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 31, 13, 46, 40, 123456, tzinfo=UTC),
        datetime(2023, 12, 31, 0, 1, 30, tzinfo=UTC),
        None,
    ),
    "timestampdiff(MONTH, e, d)": ("int64", 0, 46, None),
    "timestampdiff(MONTH, z, TIMESTAMP '2024-02-29 13:45:10')": ("int64", 0, 1, None),
    "timestampdiff(MONTH, z, TIMESTAMP '2024-03-31 13:45:10')": ("int64", 1, 3, None),
    "timestampdiff(MONTH, TIMESTAMP '2024-03-31 10:00:00', z)": ("int64", -1, -3, None),
    "timestampdiff(YEAR, e, d)": ("int64", 0, 3, None),
    "timestampdiff(QUARTER, e, d)": ("int64", 0, 15, None),
    "timestampdiff(HOUR, e, z)": ("int64", -682, 33624, None),
    "timestampdiff(SECOND, t, z)": ("int64", 0, 1703944800, None),
    "datediff(MONTH, e, d)": ("int64", 0, 46, None),
    "datediff(YEAR, d, e)": ("int64", 0, -3, None),
    "datediff(WEEK, e, d)": ("int64", -4, 200, None),
    "date_diff(HOUR, e, z)": ("int64", -682, 33624, None),
    "datediff(MINUTE, z, d)": ("int64", -825, 0, None),
    "datediff(d, e)": ("int32", -29, 1401, None),
    "months_between(d, e)": ("float64", -1.0, 46.0, None),
    "trunc(d, 'quarter')": ("date", date(2024, 1, 1), date(2023, 10, 1), None),
    "date_trunc('week', z)": (
        "timestamp[us, UTC]",
        datetime(2024, 1, 29, tzinfo=UTC),
        datetime(2023, 12, 25, tzinfo=UTC),
        None,
    ),
    "extract(WEEK FROM d)": ("int32", 5, 52, None),
    "date_format(z, \"yyyy-MM-dd'T'HH:mm:ss.SSS\")": (
        "string",
        "2024-01-31T13:45:10.123",
        "2023-12-31T00:00:00.000",
        None,
    ),
    "date_format(d, 'd/M/yy')": ("string", "31/1/24", "31/12/23", None),
}


def test_times_move_by_intervals(engine: Engine) -> None:
    """Hours make a time of a date; the day is cut to the last of its month."""
    assert queried(engine, INTERVALS) == INTERVALS
    if engine.name == "polars":
        assert as_columns(engine, INTERVALS) == INTERVALS


def test_units_of_time_are_added_and_counted(engine: Engine) -> None:
    """`timestampadd` gives times, `timestampdiff` whole units cut towards zero."""
    assert queried(engine, UNITS) == UNITS
    if engine.name == "polars":
        assert as_columns(engine, UNITS) == UNITS

"""Cron expressions and time zones."""

from __future__ import annotations

import pytest

from laktory_dagster.plan.schedule import cron_problem, is_time_zone


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "0 6 * * *",
        "*/15 0-6 1,15 * mon-fri",
        "0 0 1 JAN,jul 0",
        "59 23 31 12 7",
        "0-30/10 */2 * 1-12/3 *",
        "  0   6 * * *  ",
        "0 0 29 2 *",
        "0 0 28,30 2 *",
        "0 0 31 2,3 *",
    ],
)
def test_right(cron: str) -> None:
    assert cron_problem(cron) is None


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("0 6 * *", "`0 6 * *` has 4 fields"),
        ("0 0 6 * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("60 * * * *", "`60` is no minute"),
        ("* 24 * * *", "`24` is no hour"),
        ("* * 0 * *", "`0` is no day of month"),
        ("* * * 13 *", "`13` is no month"),
        ("* * * mai *", "`mai` is no month"),
        ("* * * * 8", "`8` is no day of week"),
        ("* * * * jan", "`jan` is no day of week"),
        ("*/0 * * * *", "`*/0` is no minute"),
        ("30-10 * * * *", "`30-10` is no minute"),
        ("1, * * * *", "`1,` is no minute"),
        ("-1 * * * *", "`-1` is no minute"),
        ("a * * * *", "`a` is no minute"),
        ("٣ * * * *", "is no minute"),
        # Dagster refuses a whole code location for a schedule that never comes.
        ("0 0 31 2 *", "February has no day `31`"),
        ("0 0 30,31 FEB *", "February has no day `30,31`"),
        ("0 0 30-31 02 1", "February has no day `30-31`"),
    ],
)
def test_wrong(cron: str, problem: str) -> None:
    assert problem in (cron_problem(cron) or "")


def test_time_zones() -> None:
    assert is_time_zone("UTC")
    assert is_time_zone("America/New_York")
    for name in ("Mars/Base", "", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b"):
        assert not is_time_zone(name), name

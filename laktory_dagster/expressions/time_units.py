"""The units in which SQL counts time."""

from __future__ import annotations

from collections.abc import Mapping

MICROS: Mapping[str, int] = {
    "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000, "MILLISECOND": 1_000,
    "MICROSECOND": 1,
}  # fmt: skip
DAYS: Mapping[str, int] = {"WEEK": 7, "DAY": 1}
MONTHS: Mapping[str, int] = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
UNITS = frozenset({*MICROS, *DAYS, *MONTHS})


def plain_unit(name: str) -> str:
    """Return a unit in capitals and without the ending of several: `HOUR` of `hours`."""
    upper = name.upper()
    return upper if upper in UNITS else upper.removesuffix("S")

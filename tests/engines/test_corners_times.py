"""Functions of times: ends of months, before 1970, hours that a clock skips, texts of another shape."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3],
    "d": [date(2024, 1, 31), date(2023, 2, 28), None, date(1969, 12, 31)],
    "e": [date(2024, 2, 29), date(2024, 2, 28), date(2024, 1, 1), date(1970, 1, 1)],
    "t": [
        at(2024, 3, 31, 1, 30),
        at(2024, 10, 27, 1, 30, 15, 999999),
        None,
        at(1969, 12, 31, 23, 59, 59, 500000),
    ],
    "u": [at(2024, 1, 31, 12), at(2024, 11, 3, 1, 30), at(2024, 1, 1), at(1900, 1, 1)],
    "s": ["2024-02-30", "2024-2-9", "", " 2024-02-03 "],
    "f": ["31/01/2024 23:05", "1/2/2024 3:4", None, "32/01/2024 00:00"],
    "n": [1, -1, None, 13],
    "x": [1.5, -0.5, None, 1e9],
}

# The values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.date_add('d',-1)", [date(2024, 1, 30), date(2023, 2, 27), None, date(1969, 12, 30)]),
    ("F.date_add('t',1)", [date(2024, 4, 1), date(2024, 10, 28), None, date(1970, 1, 1)]),
    ("F.add_months('d',1)", [date(2024, 2, 29), date(2023, 3, 28), None, date(1970, 1, 31)]),
    ("F.add_months('e',-12)", [date(2023, 2, 28), date(2023, 2, 28), date(2023, 1, 1), date(1969, 1, 1)]),
    ("F.add_months('e',12)", [date(2025, 2, 28), date(2025, 2, 28), date(2025, 1, 1), date(1971, 1, 1)]),
    ("F.last_day('d')", [date(2024, 1, 31), date(2023, 2, 28), None, date(1969, 12, 31)]),
    ("F.next_day('d','Sun')", [date(2024, 2, 4), date(2023, 3, 5), None, date(1970, 1, 4)]),
    ("F.next_day('d','TU')", [date(2024, 2, 6), date(2023, 3, 7), None, date(1970, 1, 6)]),
    ("F.next_day('d','wednesday')", [date(2024, 2, 7), date(2023, 3, 1), None, date(1970, 1, 7)]),
    ("F.next_day('d','Sa')", [date(2024, 2, 3), date(2023, 3, 4), None, date(1970, 1, 3)]),
    ("F.trunc('d','week')", [date(2024, 1, 29), date(2023, 2, 27), None, date(1969, 12, 29)]),
    ("F.trunc('d','quarter')", [date(2024, 1, 1), date(2023, 1, 1), None, date(1969, 10, 1)]),
    ("F.trunc('d','MON')", [date(2024, 1, 1), date(2023, 2, 1), None, date(1969, 12, 1)]),
    ("F.trunc('d','year')", [date(2024, 1, 1), date(2023, 1, 1), None, date(1969, 1, 1)]),
    ("F.date_trunc('week','t')", [at(2024, 3, 25, 0, 0), at(2024, 10, 21, 0, 0), None, at(1969, 12, 29, 0, 0)]),
    ("F.date_trunc('quarter','t')", [at(2024, 1, 1, 0, 0), at(2024, 10, 1, 0, 0), None, at(1969, 10, 1, 0, 0)]),
    ("F.date_trunc('millisecond','t')", [at(2024, 3, 31, 1, 30), at(2024, 10, 27, 1, 30, 15, 999000), None, at(1969, 12, 31, 23, 59, 59, 500000)]),
    ("F.date_trunc('second','t')", [at(2024, 3, 31, 1, 30), at(2024, 10, 27, 1, 30, 15), None, at(1969, 12, 31, 23, 59, 59)]),
    ("F.date_trunc('day','d')", [at(2024, 1, 31, 0, 0), at(2023, 2, 28, 0, 0), None, at(1969, 12, 31, 0, 0)]),
    ("F.datediff('d','e')", [-29, -365, None, -1]),
    ("F.months_between('d','e')", [-1.0, -12.0, None, -0.03225806]),
    ("F.months_between('t','u',False)", [2.0, -0.22580085125448024, None, 839.9999996266428]),
    ("F.months_between('e','d')", [1.0, 12.0, None, 0.03225806]),
    ("F.weekofyear('d')", [5, 9, None, 1]),
    ("F.weekofyear('e')", [9, 9, 1, 1]),
    ("F.dayofweek('d')", [4, 3, None, 4]),
    ("F.weekday('d')", [2, 1, None, 2]),
    ("F.dayofyear('e')", [60, 59, 1, 1]),
    ("F.quarter('t')", [1, 4, None, 4]),
    ("F.second('t')", [0, 15, None, 59]),
    ("F.hour('t')", [1, 1, None, 23]),
    ("F.dayname('d')", ["Wed", "Tue", None, "Wed"]),
    ("F.unix_timestamp('t')", [1711848600, 1729992615, None, 0]),
    ("F.unix_seconds('t')", [1711848600, 1729992615, None, -1]),
    ("F.unix_millis('t')", [1711848600000, 1729992615999, None, -500]),
    ("F.unix_micros('t')", [1711848600000000, 1729992615999999, None, -500000]),
    ("F.unix_date('d')", [19753, 19416, None, -1]),
    ("F.from_unixtime('n','yyyy')", ["1970", "1969", None, "1970"]),
    ("F.timestamp_seconds('x')", [at(1970, 1, 1, 0, 0, 1, 500000), at(1969, 12, 31, 23, 59, 59, 500000), None, at(2001, 9, 9, 1, 46, 40)]),
    ("F.from_utc_timestamp('t','Europe/Berlin')", [at(2024, 3, 31, 3, 30), at(2024, 10, 27, 2, 30, 15, 999999), None, at(1970, 1, 1, 0, 59, 59, 500000)]),
    ("F.from_utc_timestamp('t','+02:00')", [at(2024, 3, 31, 3, 30), at(2024, 10, 27, 3, 30, 15, 999999), None, at(1970, 1, 1, 1, 59, 59, 500000)]),
    ("F.from_utc_timestamp('t','UTC')", [at(2024, 3, 31, 1, 30), at(2024, 10, 27, 1, 30, 15, 999999), None, at(1969, 12, 31, 23, 59, 59, 500000)]),
    ("F.from_utc_timestamp('t','America/Los_Angeles')", [at(2024, 3, 30, 18, 30), at(2024, 10, 26, 18, 30, 15, 999999), None, at(1969, 12, 31, 15, 59, 59, 500000)]),
    ("F.to_utc_timestamp('t','Europe/Berlin')", [at(2024, 3, 31, 0, 30), at(2024, 10, 26, 23, 30, 15, 999999), None, at(1969, 12, 31, 22, 59, 59, 500000)]),
    ("F.to_utc_timestamp('u','America/New_York')", [at(2024, 1, 31, 17, 0), at(2024, 11, 3, 5, 30), at(2024, 1, 1, 5, 0), at(1900, 1, 1, 5, 0)]),
    ("F.to_utc_timestamp(F.lit('2024-03-31 02:30:00'),'Europe/Berlin')", [at(2024, 3, 31, 1, 30), at(2024, 3, 31, 1, 30), at(2024, 3, 31, 1, 30), at(2024, 3, 31, 1, 30)]),
    ("F.to_utc_timestamp(F.lit('2024-10-27 02:30:00'),'Europe/Berlin')", [at(2024, 10, 27, 0, 30), at(2024, 10, 27, 0, 30), at(2024, 10, 27, 0, 30), at(2024, 10, 27, 0, 30)]),
    ("F.make_date(F.lit(2023),'n',F.lit(29))", [date(2023, 1, 29), None, None, None]),
    ("F.try_to_timestamp('f',F.lit('dd/MM/yyyy HH:mm'))", [at(2024, 1, 31, 23, 5), None, None, None]),
    ("F.try_to_timestamp('f',F.lit('d/M/yyyy H:m'))", [at(2024, 1, 31, 23, 5), at(2024, 2, 1, 3, 4), None, None]),
    ("F.try_to_date('f','dd/MM/yyyy HH:mm')", [date(2024, 1, 31), None, None, None]),
    ("F.date_format('t','yyyy-MM-dd HH:mm:ss.SSSSSS')", ["2024-03-31 01:30:00.000000", "2024-10-27 01:30:15.999999", None, "1969-12-31 23:59:59.500000"]),
    ("F.date_format('t','yy/M/d h:m a')", ["24/3/31 1:30 AM", "24/10/27 1:30 AM", None, "69/12/31 11:59 PM"]),
    ("F.date_format('t','EEEE, MMMM')", ["Sunday, March", "Sunday, October", None, "Wednesday, December"]),
    ("F.date_format('t','DDD')", ["091", "301", None, "365"]),
    ('F.date_format(\'t\',"yyyy\'\'MM")', ["2024'03", "2024'10", None, "1969'12"]),
    ("F.date_format('t','XXX z')", ["Z UTC", "Z UTC", None, "Z UTC"]),
    ("F.date_format('t','Z')", ["+0000", "+0000", None, "+0000"]),
    ("F.month('t')", [3, 10, None, 12]),
    ("F.dayofmonth('e')", [29, 28, 1, 1]),
    ("F.date_format('u','yyyyMMdd')", ["20240131", "20241103", "20240101", "19000101"]),
    ("F.unix_timestamp('f','dd/MM/yyyy HH:mm')", [1706742300, None, None, None]),
    ("F.to_timestamp('f','d/M/yyyy H:m')", [at(2024, 1, 31, 23, 5), at(2024, 2, 1, 3, 4), None, None]),
    ("F.to_date(F.lit('2024'),'yyyy')", [date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 1)]),
    ("F.to_date(F.lit('202402'),'yyyyMM')", [date(2024, 2, 1), date(2024, 2, 1), date(2024, 2, 1), date(2024, 2, 1)]),
    ("F.to_timestamp(F.lit('12:30'),'HH:mm')", [at(1970, 1, 1, 12, 30), at(1970, 1, 1, 12, 30), at(1970, 1, 1, 12, 30), at(1970, 1, 1, 12, 30)]),
    ("F.to_date(F.lit('29Feb2024'),'ddMMMyyyy')", [date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)]),
    ("F.to_date(F.lit('29feb2024'),'ddMMMyyyy')", [date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)]),
    ("F.to_timestamp(F.lit('2024-02-29 01:02:03 PM'),'yyyy-MM-dd hh:mm:ss a')", [at(2024, 2, 29, 13, 2, 3), at(2024, 2, 29, 13, 2, 3), at(2024, 2, 29, 13, 2, 3), at(2024, 2, 29, 13, 2, 3)]),
    ('F.to_timestamp(F.lit(\'2024-02-29T01:02:03.123+0530\'),"yyyy-MM-dd\'T\'HH:mm:ss.SSSZ")', [at(2024, 2, 28, 19, 32, 3, 123000), at(2024, 2, 28, 19, 32, 3, 123000), at(2024, 2, 28, 19, 32, 3, 123000), at(2024, 2, 28, 19, 32, 3, 123000)]),
    ("F.to_timestamp(F.lit('2024-02-29 01:02:03.5'),'yyyy-MM-dd HH:mm:ss.SSS')", [at(2024, 2, 29, 1, 2, 3, 500000), at(2024, 2, 29, 1, 2, 3, 500000), at(2024, 2, 29, 1, 2, 3, 500000), at(2024, 2, 29, 1, 2, 3, 500000)]),
    ("F.to_date(F.lit('24-1-5'),'yy-M-d')", [date(2024, 1, 5), date(2024, 1, 5), date(2024, 1, 5), date(2024, 1, 5)]),
    ("F.date_trunc('YEAR','t')", [at(2024, 1, 1, 0, 0), at(2024, 1, 1, 0, 0), None, at(1969, 1, 1, 0, 0)]),
    ("F.to_date(F.lit('2024-02-29 extra'),'yyyy-MM-dd')", [None, None, None, None]),
    ("F.to_timestamp('x')", [at(1970, 1, 1, 0, 0, 1, 500000), at(1969, 12, 31, 23, 59, 59, 500000), None, at(2001, 9, 9, 1, 46, 40)]),
    ("F.date_trunc('minute','d')", [at(2024, 1, 31, 0, 0), at(2023, 2, 28, 0, 0), None, at(1969, 12, 31, 0, 0)]),
    ("F.date_diff('s','e')", [None, -19, None, 19756]),
    ("F.add_months('d',-1)", [date(2023, 12, 31), date(2023, 1, 28), None, date(1969, 11, 30)]),
    ("F.add_months('d',13)", [date(2025, 2, 28), date(2024, 3, 28), None, date(1971, 1, 31)]),
    ("F.date_add('d',60)", [date(2024, 3, 31), date(2023, 4, 29), None, date(1970, 3, 1)]),
    ("F.last_day('e')", [date(2024, 2, 29), date(2024, 2, 29), date(2024, 1, 31), date(1970, 1, 31)]),
    ("F.to_date('s')", [None, date(2024, 2, 9), None, date(2024, 2, 3)]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_times(engine: Engine, expression: str, expected: list[Any]) -> None:
    VALUES.check(engine, expression, expected)

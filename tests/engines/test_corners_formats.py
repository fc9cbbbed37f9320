"""Letters of time formats that count: quarters, days of the year, hours from 1, parts of seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.together import Together
from tests.engines.transforming import step, types


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3],
    "t": [at(2024, 1, 31, 23, 59, 59, 999999), at(1969, 12, 31, 1, 0, 0, 1), None, at(2024, 2, 29)],
    "d": [date(2024, 10, 1), date(1970, 4, 2), None, date(2024, 12, 31)],
    "e": [0, 86399, None, -1],
}

# Type and values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, str, list[Any]]] = [
    ("F.date_format('t', 'Q')", "string", ["1", "4", None, "1"]),
    ("F.date_format('t', 'QQ')", "string", ["01", "04", None, "01"]),
    ("F.date_format('t', 'q')", "string", ["1", "4", None, "1"]),
    ("F.date_format('t', 'qq')", "string", ["01", "04", None, "01"]),
    ("F.date_format('t', 'D')", "string", ["31", "365", None, "60"]),
    ("F.date_format('t', 'DD')", "string", ["31", "365", None, "60"]),
    ("F.date_format('t', 'DDD')", "string", ["031", "365", None, "060"]),
    ("F.date_format('t', 'S')", "string", ["9", "0", None, "0"]),
    ("F.date_format('t', 'SS')", "string", ["99", "00", None, "00"]),
    ("F.date_format('t', 'SSS')", "string", ["999", "000", None, "000"]),
    ("F.date_format('t', 'SSSS')", "string", ["9999", "0000", None, "0000"]),
    ("F.date_format('t', 'SSSSS')", "string", ["99999", "00000", None, "00000"]),
    ("F.date_format('t', 'SSSSSS')", "string", ["999999", "000001", None, "000000"]),
    ("F.date_format('t', 'k')", "string", ["23", "1", None, "24"]),
    ("F.date_format('t', 'kk')", "string", ["23", "01", None, "24"]),
    ("F.date_format('t', 'K')", "string", ["11", "1", None, "0"]),
    ("F.date_format('t', 'KK')", "string", ["11", "01", None, "00"]),
    ("F.date_format('t', 'L')", "string", ["1", "12", None, "2"]),
    ("F.date_format('t', 'LL')", "string", ["01", "12", None, "02"]),
    ("F.date_format('t', 'LLL')", "string", ["Jan", "Dec", None, "Feb"]),
    ("F.date_format('t', 'LLLL')", "string", ["January", "December", None, "February"]),
    ("F.date_format('t', 'yyyyDDD')", "string", ["2024031", "1969365", None, "2024060"]),
    ("F.date_format('t', 'HH:mm:ss.S')", "string", ["23:59:59.9", "01:00:00.0", None, "00:00:00.0"]),
    ("F.date_format('t', 'H.k.K')", "string", ["23.23.11", "1.1.1", None, "0.24.0"]),
    ("F.date_format('t', 'yyyyMMddHHmmssSSS')", "string", ["20240131235959999", "19691231010000000", None, "20240229000000000"]),
    ("F.date_format('t', 'kk:mm')", "string", ["23:59", "01:00", None, "24:00"]),
    ("F.date_format('t', 'QyyyyQ')", "string", ["120241", "419694", None, "120241"]),
    ("F.date_format('d', 'yyyy Q')", "string", ["2024 4", "1970 2", None, "2024 4"]),
    ("F.date_format('d', 'D')", "string", ["275", "92", None, "366"]),
    ("F.from_unixtime('e', 'k:mm:ss')", "string", ["24:00:00", "23:59:59", None, "23:59:59"]),
    ("F.from_unixtime('e', 'D Q S')", "string", ["1 1 0", "1 1 0", None, "365 4 0"]),
    ("F.to_timestamp(F.lit('2024-02-03 04:05:06.7'), 'yyyy-MM-dd HH:mm:ss.S')", "timestamp[us, UTC]", [at(2024, 2, 3, 4, 5, 6, 700000), at(2024, 2, 3, 4, 5, 6, 700000), at(2024, 2, 3, 4, 5, 6, 700000), at(2024, 2, 3, 4, 5, 6, 700000)]),
    ("F.to_timestamp(F.lit('2024-02-03 04:05:06.78'), 'yyyy-MM-dd HH:mm:ss.SS')", "timestamp[us, UTC]", [at(2024, 2, 3, 4, 5, 6, 780000), at(2024, 2, 3, 4, 5, 6, 780000), at(2024, 2, 3, 4, 5, 6, 780000), at(2024, 2, 3, 4, 5, 6, 780000)]),
    ("F.to_timestamp(F.lit('2024-02-03 04:05:06.78'), 'yyyy-MM-dd HH:mm:ss.S')", "timestamp[us, UTC]", [None, None, None, None]),
    ("F.to_date(F.lit('3/2/2024'), 'd/L/yyyy')", "date", [date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3)]),
    ("F.to_date(F.lit('03/02/2024'), 'dd/LL/yyyy')", "date", [date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3)]),
    ("F.to_date(F.lit('3 Feb 2024'), 'd LLL yyyy')", "date", [date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3), date(2024, 2, 3)]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "_kind", "expected"), CASES)
def test_value_of_a_format(
    engine: Engine, expression: str, _kind: str, expected: list[Any]
) -> None:
    VALUES.check(engine, expression, expected)


def test_the_types_of_the_results(engine: Engine) -> None:
    VALUES.check_types(engine, {text: kind for text, kind, _ in CASES})


@pytest.mark.lacks("spark", "DID NOT RAISE")
@pytest.mark.parametrize("pattern", ["yyyy-QQ", "D", "kk:mm"])
def test_letters_that_polars_writes_and_does_not_read_are_named(
    engine: Engine, pattern: str
) -> None:
    with pytest.raises(TransformError, match="has no equal on Polars"):
        types(engine, {"s": ["1"]}, step("withColumn", "t", f"F.to_timestamp('s', '{pattern}')"))

"""Python's time formats as Spark's patterns, with its letters and quotes."""

from __future__ import annotations

import pytest

from laktory_dagster.engines.spark.time_formats import spark_pattern
from laktory_dagster.errors import ExpressionError


@pytest.mark.parametrize(
    ("python", "spark"),
    [
        ("%Y-%m-%d", "yyyy-MM-dd"), ("%d.%m.%y", "dd.MM.yy"), ("%Y%m%d", "yyyyMMdd"),
        ("%H:%M:%S", "HH:mm:ss"), ("%I:%M %p", "hh:mm a"), ("%F %T", "yyyy-MM-dd HH:mm:ss"),
        ("%FT%T%.6f", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"), ("%FT%T%.3fZ", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"),
        ("%F %R %z", "yyyy-MM-dd HH:mm XX"), ("%F%#z", "yyyy-MM-ddXXX"), ("%F%:z", "yyyy-MM-ddXXX"),
        ("%a, %d %b %Y", "EEE, dd MMM yyyy"), ("%A %B", "EEEE MMMM"), ("%Y/%j", "yyyy/DDD"),
        ("%-d/%-m", "d/M"), ("day %d", "'day' dd"), ("%d o'clock", "dd 'o''clock'"),
        ("100%%", "100%"), ("[%H]", "'['HH']'"), ("%D", "MM/dd/yy"), ("", ""),
    ],
)  # fmt: skip
def test_each_part_has_its_letters(python: str, spark: str) -> None:
    assert spark_pattern(python) == spark


@pytest.mark.parametrize("text", ["%Q", "%U", "%Y-%W", "%c", "%1"])
def test_a_part_that_spark_has_not_is_named(text: str) -> None:
    with pytest.raises(ExpressionError, match=f"no equal of `{text[-2:]}` in the format `{text}`"):
        spark_pattern(text)

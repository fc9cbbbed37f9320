"""Python's time formats (`%Y-%m-%d`), which narwhals and Polars use, as patterns of Spark."""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.errors import ExpressionError

_PATTERNS = {
    "Y": "yyyy",
    "y": "yy",
    "m": "MM",
    "d": "dd",
    "e": "d",
    "H": "HH",
    "I": "hh",
    "M": "mm",
    "S": "ss",
    "f": "SSSSSS",
    "p": "a",
    "b": "MMM",
    "B": "MMMM",
    "a": "EEE",
    "A": "EEEE",
    "j": "DDD",
    "z": "XX",
    "#z": "XXX",
    ":z": "XXX",
    "Z": "VV",
    "F": "yyyy-MM-dd",
    "T": "HH:mm:ss",
    "D": "MM/dd/yy",
    "R": "HH:mm",
    "%": "%",
    ".f": ".SSSSSS",
    ".3f": ".SSS",
    ".6f": ".SSSSSS",
    ".9f": ".SSSSSSSSS",
    "-d": "d",
    "-m": "M",
    "-H": "H",
    "-I": "h",
    "-M": "m",
    "-S": "s",
}
_PART = re.compile(r"%(#z|:z|-[a-zA-Z]|\.\d?f|.)|([^%]+)", re.DOTALL)
_ZONES = ("z", "#z", ":z", "Z")


def spark_pattern(text: str) -> str:
    """Return a Python format as a pattern of Spark, its literal letters in quotes.

    Raises:
        ExpressionError: Spark has no equal of a part of it.
    """
    found = []
    for directive, literal in _PART.findall(text):
        if literal:
            found.append(_quoted(literal))
        elif directive in _PATTERNS:
            found.append(_PATTERNS[directive])
        else:
            raise ExpressionError(f"Spark has no equal of `%{directive}` in the format `{text}`")
    return "".join(found)


def _quoted(literal: str) -> str:
    return re.sub(r"[A-Za-z'#\[\]{}]+", lambda m: "'" + m.group().replace("'", "''") + "'", literal)


def to_datetime(value: Column, text: str | None) -> Column:
    """Return a text read by a Python format, null where it does not fit.

    With a zone in the format the time is UTC, else it has no zone. Without a format it is ISO.
    """
    if text is None:
        return value.try_cast("timestamp_ntz")
    pattern = F.lit(spark_pattern(text))
    if any(f"%{zone}" in text for zone in _ZONES):
        return F.try_to_timestamp(value, pattern)
    return F.try_to_timestamp(value, pattern).cast("timestamp_ntz")


def to_date(value: Column, text: str | None) -> Column:
    """Return a text read as a day by a Python format, null where it does not fit."""
    if text is None:
        return value.try_cast("date")
    return F.try_to_timestamp(value, F.lit(spark_pattern(text))).cast("date")


def to_text(value: Column, text: str) -> Column:
    """Return a time written by a Python format."""
    return F.date_format(value, spark_pattern(text))

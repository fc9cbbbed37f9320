"""What SQL compares, it compares in the type in which Spark does, in a query and as a column."""

from __future__ import annotations

from typing import Any

from laktory_dagster.engines.base import Engine
from tests.engines.evaluating import as_columns, queried

COMPARISONS: dict[str, tuple[Any, ...]] = {
    "i = '7'": ("bool", True, False, None),
    "i = '7.9'": ("bool", True, False, None),
    "i > '-7'": ("bool", True, False, None),
    "i <> '7'": ("bool", False, True, None),
    "i <=> '7'": ("bool", True, False, False),
    "i IN ('7', '8')": ("bool", True, False, None),
    "i IN (7, NULL)": ("bool", True, None, None),
    "i NOT IN ('7')": ("bool", False, True, None),
    "i BETWEEN '0' AND '8'": ("bool", True, False, None),
    "n >= '10'": ("bool", True, False, None),
    "x = '2.5'": ("bool", True, False, None),
    "x < '3'": ("bool", True, True, None),
    "x IN ('2.5', '9')": ("bool", True, False, None),
    "m = '1.25'": ("bool", True, False, None),
    "s = 12": ("bool", True, None, None),
    "s > 5": ("bool", True, None, None),
    "s < 100.5": ("bool", True, None, None),
    "s <=> 12": ("bool", True, False, False),
    "s IN (12, 13)": ("bool", True, False, None),
    "NOT (s = 12)": ("bool", False, None, None),
    "p = 'true'": ("bool", True, False, None),
    "p = 'no'": ("bool", False, True, None),
    "d = '2024-01-31'": ("bool", True, False, None),
    "d > '2024'": ("bool", True, False, None),
    "d >= '2023-12'": ("bool", True, True, None),
    "d <=> '2024-01-31'": ("bool", True, False, False),
    "d IN ('2024-01-31', '2024')": ("bool", True, False, None),
    "d BETWEEN '2024-01-01' AND '2024-12-31'": ("bool", True, False, None),
    "d < TIMESTAMP '2024-01-31 12:00:00'": ("bool", True, True, None),
    "z > '2024-01-31'": ("bool", True, False, None),
    "z > '2024-01-31 13:45:10'": ("bool", True, False, None),
    "z = d": ("bool", False, True, None),
    "t = z": ("bool", True, False, None),
    "t < z": ("bool", False, True, None),
    "t > TIMESTAMP '2024-01-01 00:00:00'": ("bool", True, False, None),
    "t < current_timestamp()": ("bool", True, True, None),
    "z BETWEEN d AND e": ("bool", True, False, None),
    "f = 0.1": ("bool", False, False, None),
    "f > 0.1": ("bool", True, True, None),
    "f = CAST(0.1 AS FLOAT)": ("bool", True, False, None),
    "x = 2.5": ("bool", True, False, None),
    "x <=> 2.5": ("bool", True, False, False),
    "m = 1.25": ("bool", True, False, None),
    "m > 1": ("bool", True, False, None),
    "m > x": ("bool", False, True, None),
    "i = 7.0": ("bool", True, False, None),
    "i = x": ("bool", False, False, None),
    "j = i": ("bool", False, False, None),
    "n = i": ("bool", False, False, None),
    "(i, g) = (7, 'a')": ("bool", True, False, False),
    "(i, g) IN ((7, 'a'), (1, 'b'))": ("bool", True, False, False),
    "p <=> (i > 0) AND id > 1": ("bool", False, True, True),
    "i <=> NULL OR p": ("bool", True, False, True),
    "i <=> 7 AND p": ("bool", True, False, False),
    "i IS DISTINCT FROM 7 AND id < 3": ("bool", False, True, False),
    "CASE i WHEN '7' THEN 'seven' ELSE 'other' END": ("string", "seven", "other", "other"),
    "CASE s WHEN 12 THEN 'twelve' END": ("string", "twelve", None, None),
    "CASE d WHEN '2024-01-31' THEN 1 ELSE 0 END": ("int32", 1, 0, 0),
    "g > 'B'": ("bool", True, False, None),
    "g = 'A'": ("bool", False, False, None),
    "g IN ('a', NULL)": ("bool", True, None, None),
    "g NOT IN ('a', NULL)": ("bool", False, None, None),
    "NULL = NULL": ("bool", None, None, None),
    "NULL <=> NULL": ("bool", True, True, True),
    "2 NOT IN (1, NULL)": ("bool", None, None, None),
}

TEXTS: dict[str, tuple[Any, ...]] = {
    "left(s, -1)": ("string", "", "", None),
    "left(s, 0)": ("string", "", "", None),
    "right(s, -1)": ("string", "", "", None),
    "right(s, 2)": ("string", "12", "oo", None),
    "substring(s, 2, -1)": ("string", "", "", None),
    "substring(s, -2, 1)": ("string", "1", "o", None),
    "instr(s, g)": ("int32", 0, 0, None),
    "instr(s, NULL)": ("int32", None, None, None),
    "locate('o', s)": ("int32", 0, 2, None),
    "s || z": ("string", "122024-01-31 13:45:10.123456", "foo2023-12-31 00:00:00", None),
    "s || x": ("string", "122.5", "foo-0.5", None),
    "s || d": ("string", "122024-01-31", "foo2023-12-31", None),
    "s || p": ("string", "12true", "foofalse", None),
    "s || i || '-' || m": ("string", "127-1.25", "foo-7--0.05", None),
    "s || NULL": ("string", None, None, None),
    "'a' || 1": ("string", "a1", "a1", "a1"),
    "'a_b' LIKE 'a\\_b'": ("bool", True, True, True),
    "'axb' LIKE 'a\\_b'": ("bool", False, False, False),
    "'50%' LIKE '50\\%'": ("bool", True, True, True),
    "s LIKE '%o'": ("bool", False, True, None),
    "s NOT LIKE '%o%'": ("bool", True, False, None),
    "s ILIKE 'F%'": ("bool", False, True, None),
    "upper(s) NOT LIKE 'F%'": ("bool", True, False, None),
    "i LIKE '7'": ("bool", True, False, None),
    "d LIKE '2024%'": ("bool", True, False, None),
    "s LIKE '1.'": ("bool", False, False, None),
    "s RLIKE '^[0-9]+$'": ("bool", True, False, None),
    "NOT s RLIKE 'o'": ("bool", True, False, None),
    "upper(NULL)": ("string", None, None, None),
    "concat('a', 1, 2.5)": ("string", "a12.5", "a12.5", "a12.5"),
    "translate('äöü', 'ä', 'a')": ("string", "aöü", "aöü", "aöü"),
    "repeat('ab', 2)": ("string", "abab", "abab", "abab"),
    "initcap('hello wORLD')": ("string", "Hello World", "Hello World", "Hello World"),
}


def test_values_of_two_types_are_compared_as_on_spark(engine: Engine) -> None:
    """A text beside a number is a number, beside a date a date; null-safe ones end where AND begins."""
    assert queried(engine, COMPARISONS) == COMPARISONS
    if engine.name == "polars":
        assert as_columns(engine, COMPARISONS) == COMPARISONS


def test_texts_are_those_of_spark(engine: Engine) -> None:
    """A negative length is an empty text, what is joined is written as Spark writes it."""
    assert queried(engine, TEXTS) == TEXTS
    if engine.name == "polars":
        assert as_columns(engine, TEXTS) == TEXTS

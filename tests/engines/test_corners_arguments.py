"""Functions given columns where a constant is usual, nested arrays, and the order of sets."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.together import Together
from tests.engines.transforming import step, types

NAN = math.nan


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


COLUMNS: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3],
    "s": ["a,b", "", None, "éa B"],
    "p": [",", "", None, "a"],
    "bin": [b"ab", "é".encode(), None, b"\xff"],
    "l": [[3, 1, None, 3], [], None, [5, 4, 5]],
    "m": [[3], [1], [2], [4]],
    "nn": [[[1], [2]], [[]], None, [None]],
    "w": ["2024-01-31 10:00:00", "2024-1-5", "x", None],
    "x": [1.9, -0.5, NAN, None],
    "d": [date(2024, 1, 31), date(1969, 12, 31), None, date(2024, 2, 29)],
}
DATA = pa.table(
    {
        **COLUMNS,
        "k": pa.array([1, 2, 3, None], pa.int32()),
        "n": pa.array([-1, 0, 9, None], pa.int32()),
    }
)

# Type and values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, str, list[Any]]] = [
    ("F.substring('s', 1, 1)", "string", ["a", "", None, "é"]),
    ("F.col('s').substr(F.lit(1), F.col('k'))", "string", ["a", "", None, None]),
    ("F.col('s').substr(F.col('k'), F.col('k'))", "string", ["a", "", None, None]),
    ("F.col('s').substr(F.col('n'), F.lit(2))", "string", ["b", "", None, None]),
    ("F.left('s', F.col('k'))", "string", ["a", "", None, None]),
    ("F.left('s', F.col('n'))", "string", ["", "", None, None]),
    ("F.right('s', F.col('k'))", "string", ["b", "", None, None]),
    ("F.right('s', F.col('n'))", "string", ["", "", None, None]),
    ("F.split_part('s', F.lit(','), F.col('k'))", "string", ["a", "", None, None]),
    ("F.split_part('s', F.lit(','), F.lit(2))", "string", ["b", "", None, ""]),
    ("F.split_part('s', F.lit(','), F.lit(-1))", "string", ["b", "", None, "éa B"]),
    ("F.rlike('s', F.col('p'))", "bool", [True, True, None, True]),
    ("F.regexp_like('s', F.col('p'))", "bool", [True, True, None, True]),
    ("F.contains('s', F.col('p'))", "bool", [True, True, None, True]),
    ("F.col('s').contains(F.col('p'))", "bool", [True, True, None, True]),
    ("F.col('s').startswith(F.col('p'))", "bool", [False, True, None, False]),
    ("F.endswith('s', F.col('p'))", "bool", [False, True, None, False]),
    ("F.repeat('s', F.col('k'))", "string", ["a,b", "", None, None]),
    ("F.length('bin')", "int32", [2, 2, None, 1]),
    ("F.length('s')", "int32", [3, 0, None, 4]),
    ("F.char_length('s')", "int32", [3, 0, None, 4]),
    ("F.octet_length('s')", "int32", [3, 0, None, 5]),
    ("F.array_except('l', 'm')", "list<int64>", [[1, None], [], None, [5]]),
    ("F.array_except('l', F.array(F.lit(3)))", "list<int64>", [[1, None], [], None, [5, 4]]),
    ("F.array_intersect('l', 'l')", "list<int64>", [[3, 1, None], [], None, [5, 4]]),
    ("F.array_intersect('m', 'l')", "list<int64>", [[3], [], None, [4]]),
    ("F.array_union('m', 'l')", "list<int64>", [[3, 1, None], [1], None, [4, 5]]),
    ("F.array_union('l', F.array(F.lit(0)))", "list<int64>", [[3, 1, None, 0], [0], None, [5, 4, 0]]),
    ("F.array('l', 'm')", "list<list<int64>>", [[[3, 1, None, 3], [3]], [[], [1]], [None, [2]], [[5, 4, 5], [4]]]),
    ("F.array('l')", "list<list<int64>>", [[[3, 1, None, 3]], [[]], [None], [[5, 4, 5]]]),
    ("F.array('k', 'n')", "list<int32>", [[1, -1], [2, 0], [3, 9], [None, None]]),
    ("F.flatten(F.array('l', 'm'))", "list<int64>", [[3, 1, None, 3, 3], [1], None, [5, 4, 5, 4]]),
    ("F.size(F.array('l', 'm', 'l'))", "int32", [3, 3, 3, 3]),
    ("F.array('nn', 'nn')", "list<list<list<int64>>>", [[[[1], [2]], [[1], [2]]], [[[]], [[]]], [None, None], [[None], [None]]]),
    ("F.sequence('k', F.lit(4))", "list<int32>", [[1, 2, 3, 4], [2, 3, 4], [3, 4], None]),
    ("F.sequence(F.lit(5), F.lit(1), F.lit(-2))", "list<int32>", [[5, 3, 1], [5, 3, 1], [5, 3, 1], [5, 3, 1]]),
    ("F.sequence(F.col('k').cast('bigint'), F.lit(3))", "list<int64>", [[1, 2, 3], [2, 3], [3], None]),
    ("F.lit([1, 2])", "list<int32>", [[1, 2], [1, 2], [1, 2], [1, 2]]),
    ("F.lit(['a'])", "list<string>", [["a"], ["a"], ["a"], ["a"]]),
    ("F.lit([2**40])", "list<int64>", [[1099511627776], [1099511627776], [1099511627776], [1099511627776]]),
    ("F.unix_timestamp('w')", "int64", [1706695200, None, None, None]),
    ("F.unix_timestamp('w', 'yyyy-M-d')", "int64", [None, 1704412800, None, None]),
    ("F.timestamp_seconds('x')", "timestamp[us, UTC]", [at(1970, 1, 1, 0, 0, 1, 900000), at(1969, 12, 31, 23, 59, 59, 500000), None, None]),
    ("F.trunc('d', 'day')", "date", [None, None, None, None]),
    ("F.trunc('d', 'week')", "date", [date(2024, 1, 29), date(1969, 12, 29), None, date(2024, 2, 26)]),
    ("F.trunc('d', 'hour')", "date", [None, None, None, None]),
    ("F.trunc('d', 'MM')", "date", [date(2024, 1, 1), date(1969, 12, 1), None, date(2024, 2, 1)]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "_kind", "expected"), CASES)
def test_value_of_an_argument(
    engine: Engine, expression: str, _kind: str, expected: list[Any]
) -> None:
    VALUES.check(engine, expression, expected)


def test_the_types_of_the_results(engine: Engine) -> None:
    VALUES.check_types(engine, {text: kind for text, kind, _ in CASES})


@pytest.mark.lacks("spark", "DID NOT RAISE")
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("F.replace('s', F.col('p'), F.lit('z'))", "`F.replace` takes a constant on Polars"),
        ("F.lpad('s', F.col('k'), F.lit('z'))", "`F.lpad` takes a constant on Polars"),
        ("F.split_part('s', F.col('p'), F.lit(1))", "`F.split_part` takes a constant on Polars"),
        ("F.like('s', F.col('p'))", "the pattern of `like` is a constant on Polars"),
        ("F.ilike('s', F.col('p'))", "the pattern of `like` is a constant on Polars"),
    ],
)
def test_a_column_where_polars_needs_a_constant_is_named(
    engine: Engine, expression: str, message: str
) -> None:
    """No column is taken for the text that Python writes for it."""
    with pytest.raises(TransformError, match=message):
        types(engine, DATA, step("withColumn", "r", expression))

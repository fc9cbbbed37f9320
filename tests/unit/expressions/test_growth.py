"""Numbers in a declaration that ask for gigabytes a row are refused, others are not."""

from __future__ import annotations

import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.expressions.sql import parse_sql_expression


@pytest.mark.parametrize(
    "text",
    [
        "repeat(s, 1000000000)", "lpad(s, 1000 * 1000 * 1000, 'x')", "rpad(s, 2000000, ' ')",
        "space(1000000000)", "array_repeat(s, 100000001)", "sequence(1, 1000000000)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["spark", "duckdb", "polars"])
def test_sql(text: str, dialect: str) -> None:
    with pytest.raises(ExpressionError, match="more than 1,000,000 characters or items"):
        parse_sql_expression(text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "pl.lit('a').str.pad_end(10**10)", "F.lpad('a', 10000000000, 'x')",
        "pl.col('a').repeat_by(10**8)", "pl.int_range(0, 10**9)", "nw.col('a').str.zfill(10**9)",
    ],
)  # fmt: skip
def test_calls(text: str) -> None:
    with pytest.raises(ExpressionError, match="more than 1,000,000 characters or items"):
        parse_argument(text)


@pytest.mark.parametrize(
    "text", ["repeat(s, 100)", "sequence(1700000000, 1700000060)", "lpad(s, n, ' ')"]
)
def test_ordinary_sql_passes(text: str) -> None:
    assert parse_sql_expression(text, "spark").columns <= {"s", "n"}


@pytest.mark.parametrize(
    "text", ["pl.col('a').str.zfill(5)", "pl.int_range(2_000_000_000, 2_000_000_010)"]
)
def test_ordinary_calls_pass(text: str) -> None:
    assert parse_argument(text) is not None

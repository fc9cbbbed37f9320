"""The same Spark SQL on Polars and on DuckDB, two engines that share no code, gives the same.

Only functions that mean the same in DuckDB as in Spark are here; the others have their expected
values written out in `test_polars_sql`.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl
import pytest

from laktory_dagster.expressions.sql import parse_sql_expression

# ruff: noqa: DTZ001 - times without zone are what is tested
FRAME = pl.DataFrame(
    {
        "a": [1, 2, None, -4, 5],
        "b": [1.5, None, 0.0, -2.25, 1e6],
        "s": ["abc", "", None, "Ab c", "äöü"],
        "r": ["b", "x", "y", None, "ü"],
        "d": [date(2024, 2, 29), None, date(1999, 12, 31), date(2025, 1, 1), date(1970, 1, 1)],
        "t": [
            datetime(2024, 2, 29, 23, 59, 59),
            None,
            datetime(1970, 1, 1),
            *[datetime(2025, 7, 1, 6)] * 2,
        ],
        "p": [True, False, None, True, False],
    }
)

EXPRESSIONS = [
    "a + b",
    "a - b * 2",
    "(a - b) * 2",
    "-a",
    "a % 3",
    "abs(a)",
    "a / 4",
    "a = b",
    "a <> 1",
    "a <= b",
    "a <=> b",
    "a IS NULL",
    "a IS NOT NULL AND b IS NULL",
    "NOT p",
    "NOT (p AND a > 0)",
    "p OR a IS NULL",
    "p = true",
    "a BETWEEN 1 AND 3",
    "a NOT BETWEEN 1 AND 3",
    "a IN (1, 5)",
    "a NOT IN (1, 5)",
    "s IN ('abc', '')",
    "coalesce(b, a, 0)",
    "nvl(a, 0)",
    "nvl2(a, b, 0)",
    "nullif(a, 1)",
    "if(a > 1, s, r)",
    "CASE WHEN a > 1 THEN 'big' WHEN a > 0 THEN 'small' END",
    "CASE a WHEN 1 THEN 'one' ELSE s END",
    "greatest(a, 2)",
    "least(a, 2)",
    "floor(b)",
    "ceil(b)",
    "sqrt(abs(b))",
    "exp(a)",
    "ln(abs(a))",
    "log10(abs(a))",
    "log(2, abs(a))",
    "power(a, 2)",
    "sign(b)",
    "round(b)",
    "round(b, 1)",
    "upper(s)",
    "lower(s)",
    "length(s)",
    "trim(s)",
    "ltrim(s)",
    "rtrim(s)",
    "trim(BOTH 'ac' FROM s)",
    "reverse(s)",
    "left(s, 2)",
    "right(s, 2)",
    "substring(s, 2)",
    "substring(s, 1, 2)",
    "substr(s, -2)",
    "s || r",
    "concat(s, '-', r)",
    "concat_ws('-', s, r)",
    "replace(s, 'b', 'XX')",
    "instr(s, 'b')",
    "contains(s, 'b')",
    "startswith(s, 'ab')",
    "endswith(s, 'c')",
    "s LIKE '%b%'",
    "s NOT LIKE 'a_c'",
    "s ILIKE 'AB%'",
    "s RLIKE '^[a-z]+$'",
    "regexp_replace(s, '[bc]', '.')",
    "lpad(s, 5, '*')",
    "rpad(s, 5, '*')",
    "CAST(a AS STRING)",
    "CAST(a AS DOUBLE)",
    "CAST(a AS BOOLEAN)",
    "CAST(p AS INT)",
    "CAST(d AS STRING)",
    "CAST(t AS DATE)",
    "TRY_CAST(s AS INT)",
    "TRY_CAST('17' AS INT) + a",
    "year(d)",
    "month(d)",
    "day(d)",
    "quarter(d)",
    "dayofyear(d)",
    "weekofyear(d)",
    "hour(t)",
    "minute(t)",
    "second(t)",
    "date_add(d, 1)",
    "date_sub(d, 60)",
    "date_add(d, a)",
    "add_months(d, 1)",
    "add_months(d, -1)",
    "datediff(d, DATE '2000-01-01')",
    "last_day(d)",
    "d + INTERVAL 1 DAY",
    "t + INTERVAL 3 HOUR",
    "t - INTERVAL '1' MONTH",
    "d > DATE '2000-01-01'",
    "d > '2000-01-01'",
    "date_trunc('month', t)",
    "date_trunc('HOUR', t)",
    "date_format(t, 'yyyy-MM-dd HH:mm:ss')",
    "date_format(t, 'dd/MM/yy')",
    "to_date('2024-03-01', 'yyyy-MM-dd') > d",
    "sum(a) OVER (PARTITION BY p ORDER BY d)",
    "row_number() OVER (ORDER BY a)",
    "row_number() OVER (ORDER BY a DESC)",
    "rank() OVER (ORDER BY p)",
    "dense_rank() OVER (ORDER BY p DESC)",
    "lag(a) OVER (ORDER BY d)",
    "lead(a, 2) OVER (ORDER BY d)",
    "lag(a, 1, 0) OVER (ORDER BY d)",
    "first_value(a) OVER (PARTITION BY p ORDER BY d)",
    "avg(b) OVER (PARTITION BY p)",
    "count(*) OVER ()",
    "max(a) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
]

AGGREGATES = [
    "count(*)",
    "count(a)",
    "count(DISTINCT p)",
    "sum(a)",
    "sum(DISTINCT a)",
    "avg(b)",
    "min(s)",
    "max(d)",
    "stddev(a)",
    "stddev_pop(a)",
    "variance(a)",
    "var_pop(a)",
    "median(b)",
    "bool_and(p)",
    "bool_or(p)",
    "count_if(a > 1)",
    "sum(a) FILTER (WHERE b > 0)",
    "corr(a, b)",
    "covar_samp(a, b)",
    "max(a) - min(a)",
    "sum(CASE WHEN p THEN 1 ELSE 0 END) / count(*)",
]


def on_polars(sql: str) -> list[Any]:
    text = parse_sql_expression(sql, "spark").render("polars")
    return pl.SQLContext(f=FRAME).execute(f"SELECT {text} AS r FROM f").collect()["r"].to_list()


def on_duckdb(sql: str) -> list[Any]:
    text = parse_sql_expression(sql, "spark").render("duckdb")
    connection = duckdb.connect()
    connection.register("source", FRAME.with_row_index("row").to_arrow())
    inner = f"SELECT row, {text} AS r FROM source"
    rows = connection.execute(f"SELECT r FROM ({inner}) ORDER BY row").fetchall()
    return [row[0] for row in rows]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, datetime) and isinstance(right, date) and not isinstance(right, datetime):
        return left == datetime(right.year, right.month, right.day)
    if isinstance(right, datetime) and isinstance(left, date) and not isinstance(left, datetime):
        return same(right, left)
    if isinstance(left, float) or isinstance(right, float):
        if left is None or right is None:
            return left is right
        return math.isclose(float(left), float(right), rel_tol=1e-12, abs_tol=1e-12)
    return bool(left == right)


@pytest.mark.parametrize("sql", EXPRESSIONS)
def test_row_by_row(sql: str) -> None:
    got, expected = on_polars(sql), on_duckdb(sql)
    assert len(got) == len(expected)
    assert all(map(same, got, expected)), f"{got} != {expected}"


@pytest.mark.parametrize("sql", AGGREGATES)
def test_all_rows(sql: str) -> None:
    [got] = on_polars(sql)
    text = parse_sql_expression(sql, "spark").render("duckdb")
    connection = duckdb.connect()
    connection.register("source", FRAME.to_arrow())
    row = connection.execute(f"SELECT {text} FROM source").fetchone()
    assert row is not None
    assert same(got, row[0]), f"{got} != {row[0]}"

"""Names that Spark gives to results without an alias, read from SQL and from calls of `F.`."""

from __future__ import annotations

import pytest

from laktory_dagster.expressions.spark_labels import function_label, sql_label
from laktory_dagster.expressions.sql import parse_sql_expression


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("a + b * 2", "(a + (b * 2))"),
        ("(a + b) * 2", "((a + b) * 2)"),
        ("a - 1.5 / b", "(a - (1.5 / b))"),
        ("a | (b & c)", "(a | (b & c))"),
        ("a ^ b", "(a ^ b)"),
        ("- (a + 1)", "(- (a + 1))"),
        ("a >= 1 AND NOT b", "((a >= 1) AND (NOT b))"),
        ("a IS NOT NULL OR b IS NULL", "((NOT (a IS NULL)) OR (b IS NULL))"),
        ("a IS NOT TRUE", "(NOT (a <=> true))"),
        ("a NOT IN ('x', NULL)", "(NOT (a IN (x, NULL)))"),
        ("s.f.g > 1", "(s.f.g > 1)"),
        ("sum(DISTINCT a)", "sum(DISTINCT a)"),
        ("count(*) / 2", "(count(1) / 2)"),
        ("count(1)", "count(1)"),
        ("pow(a, 2)", "POWER(a, 2)"),
        ("round(avg(a))", "round(avg(a), 0)"),
        ("split(a, ',')", "split(a, ,, -1)"),
        ("ifnull(a, b)", "coalesce(a, b)"),
        ("CASE WHEN a > 1 THEN 'x' WHEN b THEN 'y' END", "CASE WHEN (a > 1) THEN x WHEN b THEN y END"),
        ("sum(CASE WHEN a THEN 1 ELSE 0 END)", "sum(CASE WHEN a THEN 1 ELSE 0 END)"),
        ("max(CAST(a AS INT))", "max(CAST(a AS INT))"),
        ("CAST(a AS DOUBLE)", "a"),
        ("a AS other", "other"),
        ("`odd name`", "odd name"),
        ("`odd name` + 1", "(odd name + 1)"),
    ],
)  # fmt: skip
def test_sql_is_named_as_spark_names_it(sql: str, name: str) -> None:
    assert sql_label(parse_sql_expression(sql, "spark")) == name


@pytest.mark.parametrize(
    "sql", ["sum(a) OVER (PARTITION BY b)", "CASE a WHEN 1 THEN 2 END", "a[0] + 1"]
)
def test_what_has_no_known_name_has_none(sql: str) -> None:
    """It keeps the name that the engine gives it."""
    assert sql_label(parse_sql_expression(sql, "spark")) is None


def test_the_dialect_of_the_text_does_not_count() -> None:
    """Names are Spark's, whatever SQL was written in."""
    assert sql_label(parse_sql_expression("a::INT + 1", "duckdb")) == "(CAST(a AS INT) + 1)"


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        ("upper", ["a"], "upper(a)"),
        ("sqrt", ["a"], "SQRT(a)"),
        ("log", ["a"], "ln(a)"),
        ("log", ["2.0", "a"], "LOG(2.0, a)"),
        ("mean", ["a"], "avg(a)"),
        ("countDistinct", ["a", "b"], "count(DISTINCT a, b)"),
        ("sum_distinct", ["a"], "sum(DISTINCT a)"),
        ("first", ["a", "true"], "first(a)"),
        ("isnull", ["a"], "(a IS NULL)"),
        ("like", ["a", "x%"], "a LIKE x%"),
        ("locate", ["x", "a"], "locate(x, a, 1)"),
        ("locate", ["x", "a", "3"], "locate(x, a, 3)"),
        ("listagg", ["a"], "listagg(a, NULL)"),
        ("listagg", ["a", "-"], "listagg(a, -)"),
        ("current_date", [], "current_date()"),
    ],
)
def test_calls_show_what_spark_fills_in(function: str, arguments: list[str], name: str) -> None:
    assert function_label(function, arguments) == name

"""Scalar SQL: of filters, expectations and columns."""

from __future__ import annotations

import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import Expression
from laktory_dagster.expressions.sql import (
    SqlExpression,
    parse_condition,
    parse_sql_expression,
    unsupported,
)


@pytest.mark.parametrize(
    ("text", "columns", "name", "is_aggregate"),
    [
        ("close > 0", {"close"}, None, False),
        ("data.close", {"data"}, "close", False),
        ("data.a.b + 1", {"data"}, None, False),
        ("`my col` = 'x'", {"my col"}, None, False),
        ("a + 1 AS b", {"a"}, "b", False),
        ("count(*) > 2", set(), None, True),
        ("max(x1) <= 10", {"x1"}, None, True),
        ("sum(a) OVER (PARTITION BY b ORDER BY c) > 0", {"a", "b", "c"}, None, False),
        ("a IN ('x', 'y') AND b IS NOT NULL", {"a", "b"}, None, False),
        ("1 = 1", set(), None, False),
        ("date > '2020-01-01'", {"date"}, None, False),
        ("set = 1 OR show = 2", {"set", "show"}, None, False),
        ("CASE WHEN a THEN b ELSE c END", {"a", "b", "c"}, None, False),
        ("a -- note", {"a"}, "a", False),
        ("collect_list(a)", {"a"}, None, True),
    ],
)
def test_what_it_reads(text: str, columns: set[str], name: str | None, is_aggregate: bool) -> None:
    expression = parse_sql_expression(text, "spark")
    assert expression.columns == columns
    assert expression.output_name == name
    assert expression.is_aggregate is is_aggregate


@pytest.mark.parametrize("dialect", ["spark", "polars", "duckdb"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "*",
        "t.*",
        "a, b",
        "a; DROP TABLE x",
        "a FROM t",
        "a WHERE b",
        "a LIMIT 1",
        "DISTINCT a",
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "a IN (SELECT b FROM t)",
        "1) FROM x WHERE (1 = 1",
        "a UNION SELECT b",
        "a INTO t",
        "{df}.a > 1",
        "{nodes.x}",
        "a >",
        "'a",
        ")",
        "a b c",
        "read_csv('x')",
        "java_method('a', 'b')",
        ":x > 1",
        "? > 1",
        "(" * 2000 + "a",
        "a" + " + a" * 60_000,
        "NOT " * 3000 + "a",
        "\ue000",
    ],
)
def test_hostile_expressions_are_refused(text: str, dialect: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_sql_expression(text, dialect)
    offset = caught.value.offset
    assert offset is None or 0 <= offset <= len(text)


def test_a_long_chain_of_conditions_is_fine() -> None:
    text = " OR ".join(f"a = {number}" for number in range(300))
    assert parse_sql_expression(text, "spark").render("polars").count("OR") == 299


@pytest.mark.parametrize("text", ["nw.col('a') > 0", 'pl.col("a").is_not_null()', "F.col('a') > 1"])
def test_conditions_in_python(text: str) -> None:
    assert isinstance(parse_condition(text, "spark"), Expression)


@pytest.mark.parametrize("text", ["a > 0", "length(a) > 1", "a", "coalesce(a, b) == 1"])
def test_conditions_in_sql(text: str) -> None:
    assert isinstance(parse_condition(text, "spark"), SqlExpression)


def test_a_forbidden_call_does_not_become_sql() -> None:
    with pytest.raises(ExpressionError, match="map_elements"):
        parse_condition('pl.col("a").map_elements(1)', "spark")


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("a + 1", []),
        ("SELECT upper(a) FROM {df}", []),
        ("repeat(a, 2)", ["`repeat`", "pl.concat_str"]),
        ("SELECT struct(a, b) AS s FROM {df}", ["a struct", "pl.struct"]),
        ("uper(a)", ["`uper`", "did you mean `upper`?"]),
        ("get_json_object(a, '$.x')", ["`get_json_object`", "json_path_match"]),
        ("max_by(a, b)", ["`max_by`", "max_by"]),
        ("a LIKE 'x!%' ESCAPE '!'", ["ESCAPE", "rlike"]),
        ("SELECT a FROM {df} TABLESAMPLE (10 PERCENT)", ["TABLESAMPLE", "func_name: sample"]),
        ("regexp_extract(a, b, 1)", ["regexp_extract", "str.extract"]),
        ("round(a, b)", ["`round`"]),
        ("split(a, '[0-9]+')", ["`split`"]),
        ("add_months(d, n)", ["months", "offset_by"]),
    ],
)
def test_what_polars_cannot_express(sql: str, parts: list[str]) -> None:
    problems = unsupported(sql, "spark", "polars")
    assert bool(problems) == bool(parts)
    for part in parts:
        assert part in problems[0]


def test_all_problems_are_found_at_once() -> None:
    assert (
        len(unsupported("SELECT repeat(a, 2), hash(b), uper(c) FROM {df}", "spark", "polars")) == 3
    )


def test_rendering_says_the_first_problem() -> None:
    with pytest.raises(ExpressionError, match="`repeat`") as caught:
        parse_sql_expression("repeat(a, 2)", "spark").render("polars")
    assert "pl.concat_str" in (caught.value.hint or "")


def test_spark_needs_no_translation() -> None:
    assert unsupported("repeat(a, 2)", "spark", "spark") == []


def test_polars_sql_stays_as_it_is_written() -> None:
    text = "STRPOS(s, 'b') > 0 AND ROUND(x, 1) = 2.5 AND CONCAT(a, b) = 'c'"
    shown = parse_sql_expression(text, "polars").render("polars")
    assert shown.replace('"', "") == text


def test_exists_of_an_array_is_a_function_and_exists_of_a_query_is_none() -> None:
    assert parse_sql_expression("exists(items, x -> x > 3)", "spark").columns is not None
    with pytest.raises(ExpressionError, match="a query inside an expression"):
        parse_sql_expression("EXISTS (SELECT 1)", "spark")

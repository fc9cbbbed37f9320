"""What Polars cannot run is named when a pipeline is validated, with what to write instead."""

from __future__ import annotations

import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.sql import check_for, parse_query, parse_sql_expression

IN_QUERIES = {
    "sum(a) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)": "this frame of a window",
    "sum(a) OVER (ORDER BY b ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)": "this frame of a window",
    "sum(a) OVER (ORDER BY b RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)": "this frame of a window",
    "avg(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)": "this frame",
    "collect_list(a) OVER (PARTITION BY b)": "`collect_list` over a window",
    "collect_set(a) OVER (PARTITION BY b)": "`collect_list` over a window",
    "lag(a) IGNORE NULLS OVER (ORDER BY b)": "IGNORE NULLS",
    "last_value(a, true) OVER (ORDER BY b)": "IGNORE NULLS",
    "percentile(a, array(0.25, 0.75))": "several percentiles at once",
    "count(DISTINCT a, b)": "`count(DISTINCT a, b)`",
    "sort_array(array_distinct(collect_list(a)))": "`array_sort`",
    "array_sort(array_distinct(collect_set(a)))": "`array_sort`",
    "max_by(a, b)": "`max_by`",
    "skewness(a)": "`skewness`",
    "try_sum(a)": "`try_sum`",
    "a LIKE b": "LIKE with a pattern that is no plain text",
    "a LIKE NULL": "LIKE with a pattern that is no plain text",
    "a LIKE 'x!%' ESCAPE '!'": "LIKE ... ESCAPE",
    "exists(a, x -> x > 1)": "`exists` of an array",
    "transform(a, x -> x + 1)": "`transform`",
    "filter(a, x -> x > 1)": "`filter`",
    "aggregate(a, 0, (x, y) -> x + y)": "`reduce`",
    "map('a', 1)": "a map",
    "a << 2": "a shift of bits",
    "levenshtein(a, b)": "`levenshtein`",
    "upper(levenshtein(a, b))": "`levenshtein`",
    "timestampadd(FORTNIGHT, 1, a)": "timestamp_add",
    "initcap(a) LIKE levenshtein(a, b)": "LIKE with a pattern",
}


@pytest.mark.parametrize("text", list(IN_QUERIES))
def test_what_polars_cannot_run_is_named(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_for(parse_query(f"SELECT {text} AS c FROM {{df}}", "spark"), "polars")
    assert IN_QUERIES[text] in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["a LIKE b", "exists(a, x -> x > 1)", "map('a', 1)", "a << 2"])
def test_it_is_named_in_expressions_too(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_for(parse_sql_expression(text, "spark"), "polars")
    assert IN_QUERIES[text] in caught.value.message


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("SELECT a FROM {df} WHERE (a, b) IN (SELECT c, d FROM {nodes.u})", "LEFT SEMI JOIN"),
        ("SELECT a FROM {df} TABLESAMPLE (10 PERCENT)", "func_name: sample"),
        ("SELECT * FROM {df} PIVOT (sum(a) FOR b IN ('x'))", "func_name: pivot"),
        ("SELECT posexplode(a) FROM {df}", "func_name: explode"),
        ("SELECT a FROM {df} LATERAL VIEW posexplode(b) v AS i, x", "func_name: explode"),
    ],
)
def test_clauses_that_polars_has_not_say_what_to_write(query: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_for(parse_query(query, "spark"), "polars")
    assert part in (caught.value.hint or "")


RUN = [
    "a LIKE 'x'",
    "a NOT LIKE '%x'",
    "a LIKE ANY ('x', 'y')",
    "a || b",
    "a div b",
    "xs[a]",
    "xs[0].k",
    "d + INTERVAL 1 DAY 2 HOURS",
    "d - INTERVAL '1-2' YEAR TO MONTH",
    "timestampadd(MONTH, n, d)",
    "dateadd(DAY, 1, d)",
    "datediff(MONTH, d, e)",
    "(a, b) IN ((1, 2))",
    "(a, b) = (1, 2)",
    "concat_ws(',', collect_list(a))",
    "sort_array(collect_set(a), false)",
    "array_contains(xs, a)",
    "EXISTS (SELECT 1 FROM {nodes.u})",
    "sum(a) OVER (ORDER BY b ROWS 2 PRECEDING)",
    "sum(a) OVER (ORDER BY b ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
    "sum(a) OVER (ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
]


@pytest.mark.parametrize("text", RUN)
def test_what_polars_runs_passes(text: str) -> None:
    check_for(parse_query(f"SELECT {text} AS c FROM {{df}}", "spark"), "polars")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM {df} SORT BY a",
        "SELECT a FROM {df} CLUSTER BY a",
        "SELECT a FROM {df} DISTRIBUTE BY b SORT BY a",
        "SELECT x.a FROM {df} x LEFT SEMI JOIN {nodes.u} y ON x.a = y.a AND y.b > 1",
        "SELECT x.a FROM {df} x LEFT ANTI JOIN {nodes.u} y ON x.a = y.a OR x.b < y.b",
    ],
)
def test_queries_that_polars_runs_in_other_words_pass(query: str) -> None:
    check_for(parse_query(query, "spark"), "polars")


@pytest.mark.parametrize(
    ("text", "near", "place"),
    [
        ("SELECT a FROM {df} WHERE", "WHERE", "WHERE"),
        ("SELECT a FORM {df}", "{df}", "{df}"),
        ("SELECT a FORM {nodes.some_name} WHERE b", "{nodes.some_name}", "{nodes.some_name}"),
        ("SELECT a\nFROM {df}\nWHERE b AND AND c", "AND", "AND c"),
        ("SELECT (a FROM {df}", "FROM", "FROM"),
        ("SELECT CAST(a AS NOTATYPE) FROM {df}", "NOTATYPE", "NOTATYPE"),
        ("SELECT CAST(a INT) FROM {df}", "INT", "INT"),
        ("SELECT CASE WHEN a THEN 1 FROM {df}", "1", "1 FROM"),
        ("SELECT a b c FROM {df}", "c", "c FROM"),
        ("SELECT a FROM {nodes.a} JOIN {nodes.b} USING k z", "z", "z"),
        ("SELECT é, ü FROM {nodes.é} WHERE a AND AND b", "AND", "AND b"),
        ("SELECT a FROM {df} LIMIT x y", "y", "y"),
        ("SELECT sum(a OVER () FROM {df}", "OVER", "OVER"),
        ("WITH x AS SELECT 1 SELECT * FROM x", "SELECT", "SELECT 1"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, near: str, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_query(text, "spark")
    assert f"near `{near}`" in caught.value.message
    assert caught.value.offset is not None
    assert text[caught.value.offset :].startswith(place)


@pytest.mark.parametrize(
    ("text", "place"),
    [("a +", "+"), ("a AND AND b", "AND b"), ("sum(a", "a"), ("a b c", "c"), ("x IN (1,", ",")],
)
def test_a_mistake_in_an_expression_is_shown_where_it_is(text: str, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_sql_expression(text, "spark")
    assert caught.value.offset is not None
    assert text[caught.value.offset :].startswith(place)

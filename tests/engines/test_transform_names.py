"""What columns are called that have no alias: Spark's names on every engine."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.transforming import chained, rows, step, types

DATA: dict[str, list[Any]] = {
    "n": [1, 2],
    "x": [1.5, None],
    "k": ["a", None],
    "b": [True, None],
    "d": [date(2024, 1, 1), None],
    "l": [[1], [2]],
    "st": [{"p": 1}, {"p": 2}],
}

# fmt: off
EXPRESSIONS: dict[str, str] = {
    "F.col('n') + 1": "(n + 1)", "1 - F.col('n')": "(1 - n)",
    "F.col('n') + F.col('x') * 2": "(n + (x * 2))", "-F.col('n')": "negative(n)", "F.col('n') / 2": "(n / 2)",
    "F.col('n') % 2": "(n % 2)", "F.col('n') ** 2": "POWER(n, 2)", "F.col('n') + 2.5": "(n + 2.5)",
    "F.col('n') > 1": "(n > 1)", "2 < F.col('n')": "(n > 2)", "3 >= F.col('n')": "(n <= 3)", "4 == F.col('n')": "(n = 4)",
    "F.col('k') != 'a'": "(NOT (k = a))", "~F.col('b')": "(NOT b)", "~(F.col('n') > 1)": "(NOT (n > 1))",
    "(F.col('n') > 1) & (F.col('x') < 2)": "((n > 1) AND (x < 2))", "F.col('b') | True": "(b OR true)",
    "F.col('d') + 1": "date_add(d, 1)", "F.col('d') - 1": "date_sub(d, 1)",
    "F.col('k').isNull()": "(k IS NULL)", "F.col('x').isNotNull()": "(x IS NOT NULL)", "F.col('x').isNaN()": "isnan(x)",
    "F.col('k').like('a%')": "k LIKE a%", "F.col('k').ilike('a%')": "ilike(k, a%)", "F.col('k').rlike('^a')": "RLIKE(k, ^a)",
    "F.col('k').contains('a')": "contains(k, a)", "F.col('k').startswith('a')": "startswith(k, a)",
    "F.col('k').endswith('a')": "endswith(k, a)", "F.col('k').substr(1, 2)": "substr(k, 1, 2)",
    "F.col('n').between(1, 2)": "((n >= 1) AND (n <= 2))", "F.col('n').isin(1, 2)": "(n IN (1, 2))",
    "F.col('k').isin(['a', 'b'])": "(k IN (a, b))", "F.col('n').eqNullSafe(1)": "(n <=> 1)",
    "F.col('n').bitwiseAND(1)": "(n & 1)", "F.col('n').bitwiseOR(1)": "(n | 1)", "F.col('n').bitwiseXOR(1)": "(n ^ 1)",
    "F.col('n').cast('double')": "n", "F.col('st.p')": "p", "F.lit(7)": "7", "F.lit('q')": "q", "F.lit(None)": "NULL",
    "F.upper(F.concat('k', F.lit('x')))": "upper(concat(k, x))", "F.abs(F.col('n') - 2)": "abs((n - 2))",
    "F.isnull('n')": "(n IS NULL)", "F.isnotnull('n')": "(n IS NOT NULL)", "F.bitwise_not('n')": "~n", "F.positive('n')": "(+ n)",
    "F.negate('x')": "negative(x)", "F.like('k', F.lit('b%'))": "k LIKE b%", "F.regexp('k', F.lit('b'))": "REGEXP(k, b)",
    "F.sqrt('n')": "SQRT(n)", "F.pow('n', 3)": "POWER(n, 3)", "F.log('x')": "ln(x)", "F.log(2.0, 'x')": "LOG(2.0, x)",
    "F.ceil('x')": "CEIL(x)", "F.floor('x')": "FLOOR(x)", "F.exp('x')": "EXP(x)", "F.toDegrees('x')": "DEGREES(x)",
    "F.hypot('x', 'n')": "HYPOT(x, n)", "F.round('x')": "round(x, 0)", "F.round('x', 1)": "round(x, 1)",
    "F.split('k', ',')": "split(k, ,, -1)", "F.regexp_replace('k', 'a', 'b')": "regexp_replace(k, a, b, 1)",
    "F.locate('a', 'k')": "locate(a, k, 1)", "F.locate('a', 'k', 2)": "locate(a, k, 2)", "F.sort_array('l')": "sort_array(l, true)",
    "F.months_between('d', 'd')": "months_between(d, d, true)", "F.struct('n', 'k')": "struct(n, k)",
    "F.from_json('k', 'a INT')": "from_json(k)", "F.unix_timestamp('k')": "unix_timestamp(k, yyyy-MM-dd HH:mm:ss)",
    "F.coalesce('k', F.lit('z'))": "coalesce(k, z)", "F.ucase('k')": "ucase(k)", "F.dateadd('d', 2)": "date_add(d, 2)",
}
AGGREGATES: dict[str, str] = {
    "F.sum('n')": "sum(n)", "F.mean(F.col('n') + 1)": "avg((n + 1))", "F.sum(F.col('x') * 2)": "sum((x * 2))",
    "F.sum('n') / F.count('*')": "(sum(n) / count(1))", "F.round(F.avg('x'), 2)": "round(avg(x), 2)",
    "F.countDistinct('k', 'n')": "count(DISTINCT k, n)", "F.sum_distinct('n')": "sum(DISTINCT n)", "F.first('k', True)": "first(k)",
    "F.last('k')": "last(k)", "F.array_agg('n')": "collect_list(n)", "F.percentile('n', 0.5)": "percentile(n, 0.5, 1)",
    "F.percentile_approx('n', 0.5)": "percentile_approx(n, 0.5, 10000)", "F.count(F.lit(1))": "count(1)",
    "F.max('d')": "max(d)", "F.listagg('k')": "listagg(k, NULL)",
}
SQL: dict[str, str] = {
    "n * 2": "(n * 2)", "n + x * 2 - 1": "((n + (x * 2)) - 1)", "(n + 1) * 2": "((n + 1) * 2)", "-n": "(- n)", "n % 2": "(n % 2)",
    "n > 1": "(n > 1)", "n <> 1": "(NOT (n = 1))", "n <=> 1": "(n <=> 1)", "NOT (n > 1)": "(NOT (n > 1))", "NOT b": "(NOT b)",
    "n > 1 AND x < 2": "((n > 1) AND (x < 2))", "n > 1 OR b": "((n > 1) OR b)", "x IS NULL": "(x IS NULL)",
    "x IS NOT NULL": "(NOT (x IS NULL))", "b IS TRUE": "(b <=> true)", "n IN (1, 2)": "(n IN (1, 2))",
    "n NOT IN (1, 2)": "(NOT (n IN (1, 2)))", "n BETWEEN 1 AND 2": "between(n, 1, 2)", "k LIKE 'a%'": "k LIKE a%",
    "k NOT LIKE 'a%'": "(NOT k LIKE a%)", "k RLIKE 'a'": "RLIKE(k, a)", "k || 'a'": "concat(k, a)", "n & 1": "(n & 1)", "~n": "~n",
    "CASE WHEN n > 1 THEN 1 ELSE 0 END": "CASE WHEN (n > 1) THEN 1 ELSE 0 END", "CASE WHEN b THEN k END": "CASE WHEN b THEN k END",
    "if(n > 1, 'a', 'b')": "(IF((n > 1), a, b))", "coalesce(k, 'z')": "coalesce(k, z)", "nvl(k, 'y')": "coalesce(k, y)",
    "CAST(n AS STRING)": "n", "k": "k", "st.p": "p", "st.p + 1": "(st.p + 1)", "'a'": "a", "1": "1", "1.5": "1.5", "true": "true",
    "NULL": "NULL", "upper(k)": "upper(k)", "length(k) + 1": "(length(k) + 1)", "sqrt(n)": "SQRT(n)", "round(x, 1)": "round(x, 1)",
    "n AS q": "q", "x y": "y",
}
# fmt: on


def test_expressions_are_called_as_on_spark(engine: Engine) -> None:
    found = types(engine, DATA, step("select", *EXPRESSIONS))
    assert list(found) == list(EXPRESSIONS.values())


def test_aggregates_are_called_as_on_spark(engine: Engine) -> None:
    found = types(engine, DATA, step("agg", *AGGREGATES))
    assert list(found) == list(AGGREGATES.values())
    by_key = types(engine, DATA, step("groupBy", "b"), step("agg", *AGGREGATES))
    assert list(by_key) == ["b", *AGGREGATES.values()]


def test_sql_is_called_as_on_spark(engine: Engine) -> None:
    found = types(engine, DATA, step("selectExpr", *SQL))
    assert list(found) == list(SQL.values())


@pytest.mark.parametrize(
    ("texts", "names", "values"),
    [
        (["sum(n)", "count(*) AS c"], ["sum(n)", "c"], [(3, 2)]),
        (["max(n + 1)", "count(DISTINCT k)"], ["max((n + 1))", "count(DISTINCT k)"], [(3, 1)]),
        (["sum(n) / count(*)"], ["(sum(n) / count(1))"], [(1.5,)]),
    ],
)
def test_aggregates_may_be_texts_of_sql(
    engine: Engine, texts: list[str], names: list[str], values: list[Any]
) -> None:
    frame = chained(engine, DATA, step("agg", *texts))
    assert [column.name for column in engine.columns(frame)] == names
    assert [tuple(row.values()) for row in engine.head(frame, 9)] == values
    assert rows(engine, DATA, step("selectExpr", *texts)) == values


def test_groups_take_texts_of_sql_beside_expressions(engine: Engine) -> None:
    steps = [step("groupBy", "b"), step("agg", "sum(n) AS s", "F.max('n')", "avg(x)")]
    assert list(types(engine, DATA, *steps)) == ["b", "s", "max(n)", "avg(x)"]
    assert sorted(rows(engine, DATA, *steps), key=str) == [(None, 2, 2, None), (True, 1, 1, 1.5)]


def test_a_computed_key_is_called_as_it_is_computed(engine: Engine) -> None:
    steps = [step("groupBy", "F.col('n') % 2", "F.year('d')"), step("count")]
    assert list(types(engine, DATA, *steps)) == ["(n % 2)", "year(d)", "count"]


def test_a_window_gives_a_value_for_each_row(engine: Engine) -> None:
    """Alone too: without its window it would be one total."""
    found = rows(engine, DATA, step("selectExpr", "sum(n) OVER () AS total"))
    assert found == [(3,), (3,)]


@pytest.mark.parametrize("root", ["pl", "nw"])
def test_other_libraries_name_as_they_do(engine: Engine, root: str) -> None:
    """Both call a sum by its first column."""
    found = types(engine, DATA, step("select", f"{root}.col('n') * 2", f"{root}.col('x') > 1"))
    assert list(found) == ["n", "x"]

"""Spark's SQL on Polars: expected values are Spark's, written by hand from its documentation."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from laktory_dagster.expressions.sql import Reference, parse_query, parse_sql_expression

# ruff: noqa: DTZ001 - times without zone are what is tested
FRAME = pl.DataFrame(
    {
        "i": [7, -7, None],
        "x": [2.5, -0.125, None],
        "s": ["Hello ", "foo12bar", None],
        "csv": ["a,b", "c", None],
        "d": [date(2024, 1, 31), date(2023, 12, 31), None],
        "t": [datetime(2024, 1, 31, 13, 45, 10), datetime(2023, 12, 31), None],
        "ds": ["2024-01-31", "2023-12-31", None],
        "eu": ["31/01/2024", "01/02/2024", None],
        "xs": [[1, 2, 2], [3], None],
        "st": [{"a": 1, "b": {"c": "q"}}, {"a": 2, "b": {"c": "r"}}, {"a": None, "b": None}],
        "p": [True, False, None],
    }
)


def evaluated(sql: str) -> list[Any]:
    text = parse_sql_expression(sql, "spark").render("polars")
    query = f"SELECT {text} AS r FROM frame"
    return pl.SQLContext(frame=FRAME).execute(query).collect()["r"].to_list()


TEXT = [
    ("concat(s, '!')", ["Hello !", "foo12bar!", None]),
    ("concat(csv, s, 'x')", ["a,bHello x", "cfoo12barx", None]),
    ("concat_ws('-', csv, 'x')", ["a,b-x", "c-x", "x"]),
    ("csv || '!'", ["a,b!", "c!", None]),
    ("length(s)", [6, 8, None]),
    ("length(s) - 7", [-1, 1, None]),
    ("upper(s)", ["HELLO ", "FOO12BAR", None]),
    ("lower(s)", ["hello ", "foo12bar", None]),
    ("trim(s)", ["Hello", "foo12bar", None]),
    ("rtrim(s)", ["Hello", "foo12bar", None]),
    ("trim('o ' FROM s)", ["Hell", "foo12bar", None]),
    ("substring(s, 2, 3)", ["ell", "oo1", None]),
    ("substring(s, 0, 2)", ["He", "fo", None]),
    ("substr(s, -3)", ["lo ", "bar", None]),
    ("substring(s, -3, 2)", ["lo", "ba", None]),
    ("substr(s, 4)", ["lo ", "12bar", None]),
    ("left(s, 2)", ["He", "fo", None]),
    ("right(s, 3)", ["lo ", "bar", None]),
    ("replace(s, 'o', '0')", ["Hell0 ", "f0012bar", None]),
    ("reverse(csv)", ["b,a", "c", None]),
    ("lpad(csv, 4, '*')", ["*a,b", "***c", None]),
    ("locate('o', s)", [5, 2, None]),
    ("instr(s, 'z')", [0, 0, None]),
    ("position('12' IN s)", [0, 4, None]),
    ("contains(s, 'oo')", [False, True, None]),
    ("startswith(s, 'He')", [True, False, None]),
    ("endswith(s, 'bar')", [False, True, None]),
    ("s LIKE 'H%'", [True, False, None]),
    ("s NOT LIKE 'H%'", [False, True, None]),
    ("s ILIKE 'h%'", [True, False, None]),
    ("s LIKE ANY ('H%', 'z%')", [True, False, None]),
    ("s RLIKE '[0-9]+'", [False, True, None]),
    ("s RLIKE '\\\\d'", [False, True, None]),
    ("regexp_like(s, '^foo')", [False, True, None]),
    ("regexp_replace(s, 'o', '0')", ["Hell0 ", "f0012bar", None]),
    ("regexp_replace(s, '([a-z]+)12', '$1-')", ["Hello ", "foo-bar", None]),
    ("regexp_extract(s, '([0-9]+)', 1)", ["", "12", None]),
    ("regexp_extract(s, '([a-z]+)([0-9]+)', 2)", ["", "12", None]),
    ("regexp_extract(s, 'o+', 0)", ["o", "oo", None]),
    ("split(csv, ',')", [["a", "b"], ["c"], None]),
    ("split(csv, '[,]')[0]", ["a", "c", None]),
    ("split(csv, ',')[1]", ["b", None, None]),
]

NUMBERS = [
    ("i + 1", [8, -6, None]),
    ("i / 2", [3.5, -3.5, None]),
    ("i % 4", [3, -3, None]),
    ("mod(i, 4)", [3, -3, None]),
    ("pmod(i, 4)", [3, 1, None]),
    ("i div 2", [3, -3, None]),
    ("abs(i)", [7, 7, None]),
    ("round(x)", [3.0, -0.0, None]),
    ("round(x, 2)", [2.5, -0.13, None]),
    ("round(2.675D + 0 * i, 2)", [2.68, 2.68, None]),
    ("round(1.005D + 0 * i, 2)", [1.01, 1.01, None]),
    ("round(1e300 + 0 * i, 1)", [1e300, 1e300, None]),
    ("round(i, 1)", [7.0, -7.0, None]),
    ("round(x * 100, -1)", [250.0, -10.0, None]),
    ("bround(x)", [2.0, -0.0, None]),
    ("floor(x)", [2, -1, None]),
    ("ceil(x)", [3, 0, None]),
    ("power(i, 2)", [49, 49, None]),
    ("log10(100 + 0 * i)", [2.0, 2.0, None]),
    ("log(2, 8 + 0 * i)", [3.0, 3.0, None]),
    ("sign(x)", [1.0, -1.0, None]),
    ("greatest(i, 1)", [7, 1, 1]),
    ("nullif(i, 7)", [None, -7, None]),
    ("nvl(i, 0)", [7, -7, 0]),
    ("ifnull(i, 0)", [7, -7, 0]),
    ("coalesce(i, x, 1)", [7.0, -7.0, 1.0]),
    ("nvl2(i, 'y', 'n')", ["y", "y", "n"]),
    ("zeroifnull(i)", [7, -7, 0]),
    ("if(i > 0, 'pos', 'neg')", ["pos", "neg", "neg"]),
    ("try_divide(i, 0)", [None, None, None]),
    ("isnan(x)", [False, False, False]),
    ("isnull(i)", [False, False, True]),
    ("isnotnull(i)", [True, True, False]),
    ("i <=> NULL", [False, False, True]),
    ("i == 7", [True, False, None]),
    ("i != 7", [False, True, None]),
    ("i BETWEEN 0 AND 10", [True, False, None]),
    ("i IN (7, 8)", [True, False, None]),
    ("NOT p", [False, True, None]),
    ("p OR i < 0", [True, True, None]),
    ("i ^ 1", [6, -8, None]),
    ("i & 3", [3, 1, None]),
    ("bit_count(7 + 0 * i)", [3, 3, None]),
    ("CASE i WHEN 7 THEN 'seven' ELSE 'other' END", ["seven", "other", "other"]),
]

CASTS = [
    ("CAST(i AS STRING)", ["7", "-7", None]),
    ("string(i)", ["7", "-7", None]),
    ("CAST(x AS INT)", [2, 0, None]),
    ("CAST(i AS DOUBLE)", [7.0, -7.0, None]),
    ("CAST(i AS DECIMAL(10, 2))", [Decimal("7.00"), Decimal("-7.00"), None]),
    ("CAST(x AS DECIMAL)", [Decimal(3), Decimal(0), None]),
    ("CAST(x AS DECIMAL(10, 2))", [Decimal("2.50"), Decimal("-0.13"), None]),
    ("CAST('1.005' AS DECIMAL(10, 2)) + 0 * i", [Decimal("1.01"), Decimal("1.01"), None]),
    ("TRY_CAST(s AS DECIMAL(10, 2))", [None, None, None]),
    ("CAST(i AS BOOLEAN)", [True, True, None]),
    ("CAST(d AS STRING)", ["2024-01-31", "2023-12-31", None]),
    ("CAST(t AS DATE)", [date(2024, 1, 31), date(2023, 12, 31), None]),
    ("CAST(ds AS DATE)", [date(2024, 1, 31), date(2023, 12, 31), None]),
    (
        "CAST(ds AS TIMESTAMP)",
        [datetime(2024, 1, 31, tzinfo=UTC), datetime(2023, 12, 31, tzinfo=UTC), None],
    ),
    ("CAST(ds AS TIMESTAMP_NTZ)", [datetime(2024, 1, 31), datetime(2023, 12, 31), None]),
    ("TRY_CAST(s AS INT)", [None, None, None]),
    ("TRY_CAST('12' AS INT) + 0 * i", [12, 12, None]),
    ("TRY_CAST('2024-13-01' AS DATE)", [None, None, None]),
    ("CAST(xs AS ARRAY<DOUBLE>)", [[1.0, 2.0, 2.0], [3.0], None]),
    ("i::string", ["7", "-7", None]),
]

TIMES = [
    ("year(d)", [2024, 2023, None]),
    ("month(ds)", [1, 12, None]),
    ("day(d)", [31, 31, None]),
    ("dayofweek(d)", [4, 1, None]),
    ("weekday(d)", [2, 6, None]),
    ("dayofyear(d)", [31, 365, None]),
    ("quarter(d)", [1, 4, None]),
    ("weekofyear(d)", [5, 52, None]),
    ("hour(t)", [13, 0, None]),
    ("minute(t)", [45, 0, None]),
    ("second(t)", [10, 0, None]),
    ("extract(MONTH FROM t)", [1, 12, None]),
    ("date_part('year', d)", [2024, 2023, None]),
    ("date_trunc('month', t)", [datetime(2024, 1, 1), datetime(2023, 12, 1), None]),
    ("date_trunc('HOUR', t)", [datetime(2024, 1, 31, 13), datetime(2023, 12, 31), None]),
    ("trunc(d, 'MM')", [date(2024, 1, 1), date(2023, 12, 1), None]),
    ("trunc(d, 'year')", [date(2024, 1, 1), date(2023, 1, 1), None]),
    ("last_day(d)", [date(2024, 1, 31), date(2023, 12, 31), None]),
    ("date_add(d, 1)", [date(2024, 2, 1), date(2024, 1, 1), None]),
    ("date_sub(d, 31)", [date(2023, 12, 31), date(2023, 11, 30), None]),
    ("date_add(ds, i)", [date(2024, 2, 7), date(2023, 12, 24), None]),
    ("date_add(d, -1)", [date(2024, 1, 30), date(2023, 12, 30), None]),
    ("add_months(d, 1)", [date(2024, 2, 29), date(2024, 1, 31), None]),
    ("add_months(d, -2)", [date(2023, 11, 30), date(2023, 10, 31), None]),
    ("datediff(d, '2024-01-01')", [30, -1, None]),
    ("datediff(t, d)", [0, 0, None]),
    ("d + INTERVAL 1 DAY", [date(2024, 2, 1), date(2024, 1, 1), None]),
    (
        "t - INTERVAL '2' HOUR",
        [datetime(2024, 1, 31, 11, 45, 10), datetime(2023, 12, 30, 22), None],
    ),
    ("to_date(ds)", [date(2024, 1, 31), date(2023, 12, 31), None]),
    ("to_date(eu, 'dd/MM/yyyy')", [date(2024, 1, 31), date(2024, 2, 1), None]),
    (
        "to_timestamp(ds)",
        [datetime(2024, 1, 31, tzinfo=UTC), datetime(2023, 12, 31, tzinfo=UTC), None],
    ),
    ("date_format(t, 'yyyy/MM')", ["2024/01", "2023/12", None]),
    ("date_format(ds, 'dd.MM.yyyy')", ["31.01.2024", "31.12.2023", None]),
    ("unix_timestamp(t)", [1706708710, 1703980800, None]),
    ("unix_timestamp(eu, 'dd/MM/yyyy')", [1706659200, 1706745600, None]),
    ("from_unixtime(1706708710 + 0 * i)", ["2024-01-31 13:45:10"] * 2 + [None]),
    (
        "timestamp_seconds(i)",
        [
            datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 53, tzinfo=UTC),
            None,
        ],
    ),
    ("d > '2024-01-01'", [True, False, None]),
    ("d >= DATE '2023-12-31'", [True, True, None]),
    ("t > TIMESTAMP '2024-01-01 00:00:00'", [True, False, None]),
    ("t < TIMESTAMP '2024-01-01'", [False, True, None]),
    ("TIMESTAMP '2024-01-01' <= t", [True, False, None]),
]

NESTED = [
    ("st.a", [1, 2, None]),
    ("st.b.c", ["q", "r", None]),
    ("st['a'] + 1", [2, 3, None]),
    ("xs[0]", [1, 3, None]),
    ("xs[5]", [None, None, None]),
    ("element_at(xs, 1)", [1, 3, None]),
    ("size(xs) - 5", [-2, -4, None]),
    ("cardinality(xs)", [3, 1, None]),
    ("array_contains(xs, 2)", [True, False, None]),
    ("array_distinct(xs)", [[1, 2], [3], None]),
    ("array_max(xs)", [2, 3, None]),
    ("array_min(xs)", [1, 3, None]),
    ("array_join(xs, '-')", ["1-2-2", "3", None]),
    ("array(1, 2)", [[1, 2]] * 3),
]

AGGREGATES = [
    ("count(*)", 3),
    ("count(i)", 2),
    ("count(i, x)", 2),
    ("count(DISTINCT abs(i))", 1),
    ("sum(i)", 0),
    ("avg(x)", 1.1875),
    ("mean(x)", 1.1875),
    ("max(d)", date(2024, 1, 31)),
    ("count_if(i > 0)", 1),
    ("bool_and(p)", False),
    ("bool_or(p)", True),
    ("some(p)", True),
    ("every(p)", False),
    ("any_value(i)", 7),
    ("first(s)", "Hello "),
    ("collect_list(i)", [7, -7]),
    ("collect_list(nullif(i, i))", []),
    ("sort_array(collect_set(p))", None),
    ("median(x)", 1.1875),
    ("percentile(x, 0.5)", 1.1875),
    ("stddev_pop(i)", 7.0),
    ("var_pop(i)", 49.0),
    ("var_pop(nullif(i, 7))", 0.0),
    ("stddev(i)", math.sqrt(98)),
    ("approx_count_distinct(i)", 2),
    ("sum(i) FILTER (WHERE i > 0)", 7),
]


@pytest.mark.parametrize(("sql", "expected"), TEXT + NUMBERS + CASTS + TIMES + NESTED)
def test_meaning_of_spark(sql: str, expected: list[Any]) -> None:
    assert evaluated(sql) == expected


@pytest.mark.parametrize(("sql", "expected"), [case for case in AGGREGATES if case[1] is not None])
def test_aggregates_of_spark(sql: str, expected: Any) -> None:
    [got] = evaluated(sql)
    assert got == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("length(s)", pl.Int32),
        ("year(d)", pl.Int32),
        ("month(d)", pl.Int32),
        ("dayofweek(d)", pl.Int32),
        ("size(xs)", pl.Int32),
        ("instr(s, 'a')", pl.Int32),
        ("datediff(d, d)", pl.Int32),
        ("unix_timestamp(t)", pl.Int64),
        ("CAST(x AS FLOAT)", pl.Float32),
        ("CAST(i AS TIMESTAMP)", pl.Datetime("us", "UTC")),
        ("CAST(s AS BINARY)", pl.Binary),
        ("CAST(i AS TINYINT)", pl.Int8),
        ("current_timestamp()", pl.Datetime("us", "UTC")),
        ("current_date()", pl.Date),
        ("count(*)", pl.Int64),
    ],
)
def test_types_of_spark(sql: str, kind: pl.DataType) -> None:
    text = parse_sql_expression(sql, "spark").render("polars")
    frame = pl.SQLContext(frame=FRAME).execute(f"SELECT {text} AS r FROM frame").collect_schema()
    assert frame["r"] == kind


def queried(sql: str) -> list[tuple[Any, ...]]:
    query = parse_query(sql, "spark")
    text = query.render("polars", {Reference("df"): "frame"})
    return pl.SQLContext(frame=FRAME).execute(text).collect().rows()


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT i FROM {df} ORDER BY i", [(None,), (-7,), (7,)]),
        ("SELECT i FROM {df} ORDER BY i DESC", [(7,), (-7,), (None,)]),
        ("SELECT i, explode(xs) FROM {df}", [(7, 1), (7, 2), (7, 2), (-7, 3)]),
        (
            "SELECT i, explode_outer(xs) AS e FROM {df}",
            [(7, 1), (7, 2), (7, 2), (-7, 3), (None, None)],
        ),
        (
            "SELECT i, e FROM {df} LATERAL VIEW explode(xs) v AS e WHERE e > 1",
            [(7, 2), (7, 2), (-7, 3)],
        ),
        (
            "SELECT d.i, v.e FROM {df} d LATERAL VIEW OUTER explode(xs) v AS e WHERE d.i IS NULL",
            [(None, None)],
        ),
        ("SELECT st.a FROM {df} WHERE st.b.c = 'q'", [(1,)]),
        ("SELECT x.st.a FROM {df} x WHERE i = 7", [(1,)]),
        ("SELECT rank() OVER (ORDER BY i) FROM {df} ORDER BY 1", [(1,), (2,), (3,)]),
        ("SELECT i FROM {df} QUALIFY row_number() OVER (ORDER BY i DESC) = 1", [(7,)]),
        ("SELECT * EXCEPT (s, csv, d, t, ds, eu, xs, st, p) FROM {df} WHERE i = 7", [(7, 2.5)]),
    ],
)
def test_queries_of_spark(sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert queried(sql) == rows


def test_results_without_alias_are_named_as_in_spark() -> None:
    query = parse_query("SELECT count(*), max(i), upper('a'), i + 1 FROM {df} GROUP BY i", "spark")
    text = query.render("polars", {Reference("df"): "frame"})
    got = pl.SQLContext(frame=FRAME).execute(text).collect_schema().names()
    assert tuple(got) == query.output_names == ("count(1)", "max(i)", "upper(a)", "(i + 1)")


def test_duckdb_is_translated_too() -> None:
    text = parse_sql_expression("list_contains(xs, 3) OR strlen(s) > 7", "duckdb")
    assert text.columns == {"xs", "s"}

"""Scalar SQL means on every engine what it means on Spark, as a column and inside of a query."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.expressions.sql import check_for, parse_query, parse_sql_expression
from tests.engines.transforming import rows, sorted_rows, types
from tests.sessions import SPARK_KINDS

MOMENT = datetime(2024, 2, 29, 13, 45, 6, 789000, tzinfo=UTC)
DATA = pl.DataFrame(
    {
        "id": [1, 2],
        "g": ["a b", "A B"],
        "s": ["12.5", "n/a"],
        "n": [2**31, 90],
        "x": [12345678.9, float("nan")],
        "y": [0.0, 2.0],
        "z": [MOMENT, None],
        "d": [date(2024, 1, 31), None],
        "m": [Decimal("1.25"), None],
        "o": [{"k": 1, "v": None}, None],
        "l": [[1, None], [2]],
    },
    schema_overrides={"z": pl.Datetime("us", "UTC"), "m": pl.Decimal(10, 2)},
)
CASES: dict[str, tuple[str, Any, Any]] = {
    # Casts: what does not fit is null, nothing wraps, and a text is Spark's.
    "CAST(s AS DOUBLE)": ("float64", 12.5, None),
    "CAST(s AS INT)": ("int32", None, None),
    "CAST(n AS INT)": ("int32", None, 90),
    "CAST(x AS BIGINT)": ("int64", 12345678, None),
    "CAST(m AS DECIMAL(5, 1))": ("decimal(5,1)", Decimal("1.3"), None),
    "CAST(x AS STRING)": ("string", "1.23456789E7", "NaN"),
    "CAST(z AS STRING)": ("string", "2024-02-29 13:45:06.789", None),
    "CAST(z AS BIGINT)": ("int64", 1709214306, None),
    "CAST(o AS STRING)": ("string", "{1, null}", None),
    "CAST(n AS TIMESTAMP)": (
        "timestamp[us, UTC]",
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC),
    ),
    # Times.
    "date_trunc('month', z)": ("timestamp[us, UTC]", datetime(2024, 2, 1, tzinfo=UTC), None),
    "trunc(d, 'year')": ("date", date(2024, 1, 1), None),
    "add_months(d, 1)": ("date", date(2024, 2, 29), None),
    "last_day(z)": ("date", date(2024, 2, 29), None),
    "date_format(z, 'HH:mm:ss.SSS')": ("string", "13:45:06.789", None),
    "from_unixtime(n)": ("string", "2038-01-19 03:14:08", "1970-01-01 00:01:30"),
    "to_date(s, 'yyyy-MM-dd')": ("date", None, None),
    "to_utc_timestamp(z, 'America/New_York')": (
        "timestamp[us, UTC]",
        datetime(2024, 2, 29, 18, 45, 6, 789000, tzinfo=UTC),
        None,
    ),
    # Numbers.
    "ln(y)": ("float64", None, 0.6931471805599453),
    "floor(y)": ("int64", 0, 2),
    "power(id, 2)": ("float64", 1.0, 4.0),
    "1 / CAST(y AS DOUBLE)": ("float64", None, 0.5),
    "greatest(y, x) = CAST('NaN' AS DOUBLE)": ("bool", False, True),
    "hex(n)": ("string", "80000000", "5A"),
    "CAST(z AS DOUBLE)": ("float64", 1709214306.789, None),
    "unix_timestamp(timestamp_millis(-1500 * id))": ("int64", -1, -3),
    "extract(dow FROM z)": ("int32", 5, None),
    "extract(second FROM z)": ("decimal(8,6)", Decimal("6.789000"), None),
    "date_part('SECOND', z)": ("decimal(8,6)", Decimal("6.789000"), None),
    # JSON, checksums, and what texts and arrays share.
    "to_json(struct(id AS id, d AS d, l AS l, x AS x))": (
        "string",
        '{"id":1,"d":"2024-01-31","l":[1,null],"x":1.23456789E7}',
        '{"id":2,"l":[2],"x":"NaN"}',
    ),
    "from_json(s, 'a INT').a": ("int32", None, None),
    "from_json(concat('{\"a\": ', CAST(id AS STRING), if(id = 2, '', '}')), 'a INT')": (
        "struct<a: int32>",
        {"a": 1},
        {"a": None},
    ),
    """from_json(if(id = 1, '{"a": "x", "b": 5, "c": {"d": 1, "e": "y"}}', '{"a": [1], "b": 6}'),
        'a INT, b INT, c STRUCT<d: INT, e: INT>')""": (
        "struct<a: int32, b: int32, c: struct<d: int32, e: int32>>",
        {"a": None, "b": 5, "c": {"d": 1, "e": None}},
        {"a": None, "b": 6, "c": None},
    ),
    "to_json(struct(CAST(0.1 * id AS FLOAT) AS f, array(CAST(3.4e7 AS FLOAT)) AS l))": (
        "string",
        '{"f":0.1,"l":[3.4E7]}',
        '{"f":0.2,"l":[3.4E7]}',
    ),
    "concat(l, l)": ("list<int64>", [1, None, 1, None], [2, 2]),
    "reverse(l)": ("list<int64>", [None, 1], [2]),
    "md5(g)": ("string", "0cc9cd4dd26c5137b675a0d819cb9ab0", "5ae395e8ab6a4121fc3445afdde6b13f"),
    "sha2(g, 256)": ("string", sha256(b"a b").hexdigest(), sha256(b"A B").hexdigest()),
    "crc32(g)": ("int64", zlib.crc32(b"a b"), zlib.crc32(b"A B")),
    # Texts, structs and arrays that Polars SQL has no functions for.
    "initcap(g)": ("string", "A B", "A B"),
    "translate(g, ' ', '_')": ("string", "a_b", "A_B"),
    "repeat(g, 2)": ("string", "a ba b", "A BA B"),
    "struct(id, upper(g) AS u).u": ("string", "A B", "A B"),
    "array_contains(l, 2)": ("bool", None, True),
    "row_number() OVER (ORDER BY id)": ("int32", 1, 2),
}


def test_a_scalar_expression_means_what_it_means_on_spark(engine: Engine) -> None:
    listed = ", ".join(f"{text} AS c{place}" for place, text in enumerate(CASES))
    query = {"sql_expr": f"SELECT id, {listed} FROM {{df}}"}
    columns = {
        "with_columns": [
            {"name": f"c{place}", "type": None, "sql_expr": text}
            for place, text in enumerate(CASES)
        ]
    }
    kept = {"func_name": "select", "func_args": [f"c{place}" for place in range(len(CASES))]}
    for steps in ((query, kept), (columns, kept)):
        found = dict(
            zip(
                CASES,
                zip(types(engine, DATA, *steps).values(), *rows(engine, DATA, *steps), strict=True),
                strict=True,
            )
        )
        assert found == CASES


QUERIES: dict[str, list[tuple[Any, ...]]] = {
    "SELECT date_trunc('year', z) AS t, count(*) AS n, sum(CAST(s AS DOUBLE)) AS v FROM {df}"
    " GROUP BY date_trunc('year', z)": [
        (None, 1, None),
        (datetime(2024, 1, 1, tzinfo=UTC), 1, 12.5),
    ],
    # What is grouped by a column may use a function of it, and be sorted by it.
    "SELECT initcap(g) AS t, count(*) AS n FROM {df} GROUP BY initcap(g) ORDER BY initcap(g)": [
        ("A B", 2)
    ],
    "SELECT upper(g) AS u, sum(y) FILTER (WHERE CAST(s AS DOUBLE) > 1) AS v FROM {df} GROUP BY g": [
        ("A B", 0.0),
        ("A B", None),
    ],
    # The columns that a table gets for it show in no `*`, also where a table stands twice.
    "WITH c AS (SELECT * FROM (SELECT id, s FROM {df}) WHERE id < 9) SELECT c.*, CAST(b.s AS DOUBLE)"
    " AS v FROM c JOIN {df} b ON c.id = b.id AND CAST(b.s AS DOUBLE) IS NOT NULL": [
        (1, "12.5", 12.5)
    ],
    "SELECT id FROM {df} ORDER BY CAST(s AS DOUBLE) DESC": [(1,), (2,)],
    "SELECT id, CAST(t AS INT) AS t FROM (SELECT id, concat(s, '') AS t FROM {df})": [
        (1, None),
        (2, None),
    ],
}


def test_a_query_holds_such_expressions_anywhere(engine: Engine) -> None:
    found = {text: sorted_rows(engine, DATA, {"sql_expr": text}) for text in QUERIES}
    assert found == {text: sorted(wanted, key=str) for text, wanted in QUERIES.items()}


METHODS: dict[str, tuple[Any, Any]] = {
    "pl.col('m').is_not_null()": (True, False),
    "pl.col('s').cast(pl.Float64, strict=False)": (12.5, None),
    "pl.col('z').dt.truncate('15m')": (datetime(2024, 2, 29, 13, 45, tzinfo=UTC), None),
    "pl.col('z').dt.truncate('1w')": (datetime(2024, 2, 26, tzinfo=UTC), None),
    "pl.col('d').dt.truncate('1q')": (date(2024, 1, 1), None),
    "pl.col('z').dt.strftime('%d/%m/%Y')": ("29/02/2024", None),
    "pl.col('z').dt.epoch('s')": (1709214306, None),
    "(pl.col('z') - pl.col('z').dt.truncate('1d')).dt.total_hours()": (13, None),
    "pl.col('z').dt.replace_time_zone(None).dt.replace_time_zone('UTC')": (MOMENT, None),
    "pl.col('l').list.get(1, null_on_oob=True)": (None, None),
    "pl.col('z').dt.month()": (2, None),
    "F.col('id') / F.col('y')": (None, 1.0),
    "F.col('n').cast('int')": (None, 90),
    "F.floor('x')": (12345678, 0),
}


def test_methods_of_polars_columns_mean_the_same_on_every_engine(engine: Engine) -> None:
    steps = [
        {
            "with_columns": [
                {"name": f"c{i}", "type": None, "expr": t} for i, t in enumerate(METHODS)
            ]
        },
        {"func_name": "select", "func_args": [f"c{i}" for i in range(len(METHODS))]},
    ]
    found = dict(zip(METHODS, zip(*rows(engine, DATA, *steps), strict=True), strict=True))
    assert found == METHODS
    names = types(engine, DATA, *steps)
    assert (names["c4"], names["c10"]) == ("date", "int8")


TYPED: dict[str, tuple[str, Any, Any]] = {
    # On Polars a method of a column keeps its type, and a small integer beside a number stays one.
    "pl.col('n') ** 2": ("int64", 2**62, 8100),
    "nw.col('x') ** 2 > 1": ("bool", True, True),
    "pl.col('y').ceil()": ("float64", 0.0, 2.0),
    "pl.col('x').floor().is_nan()": ("bool", False, True),
    "pl.col('l').list.sum()": ("int64", 1, 2),
    "pl.col('n').rank('dense').over('g').cast(pl.Int64)": ("int64", 1, 1),
    "pl.col('d').dt.month() * 2 + 1": ("int8", 3, None),
    "nw.col('d') + pl.duration(days=1)": ("date", date(2024, 2, 1), None),
    "pl.col('d') - pl.duration(hours=1)": ("date", date(2024, 1, 30), None),
    "pl.col('z').dt.millisecond()": ("int32", 789, None),
    "pl.col('e').dt.microsecond()": ("int32", 250000, None),
    "pl.col('e').dt.convert_time_zone('UTC')": (
        "timestamp[us, UTC]",
        datetime(1969, 12, 31, 23, 59, 58, 250000, tzinfo=UTC),
        None,
    ),
    # Aggregates as columns.
    "pl.col('n').first().over(order_by='n')": ("int64", 90, 90),
    "nw.col('id').last().over('g', order_by='n')": ("int64", 1, 2),
    "pl.col('d').n_unique().cast(pl.Int64)": ("int64", 2, 2),
    "(pl.col('d').n_unique().over('g') > 1) | pl.col('d').is_null()": ("bool", False, True),
    "(pl.col('n') > 100).sum().cast(pl.Int64)": ("int64", 1, 1),
    "(pl.col('n') > 100).mean()": ("float64", 0.5, 0.5),
    "pl.col('n').is_first_distinct().over(order_by='n')": ("bool", True, True),
    # Parts that mean something in their window only.
    "(pl.col('n').shift(1) + 1).over(order_by='n')": ("int64", 91, None),
    "(nw.col('n').cum_sum() * 2).over(order_by='n')": ("int64", 2**32 + 180, 180),
    "pl.col('d').n_unique().over(partition_by='id').cast(pl.Int64)": ("int64", 1, 1),
}


def test_expressions_of_polars_have_the_types_of_polars(engine: Engine) -> None:
    earlier = datetime(1969, 12, 31, 23, 59, 58, 250000, tzinfo=UTC).replace(tzinfo=None)
    data = DATA.with_columns(e=pl.Series([earlier, None], dtype=pl.Datetime("us")))
    steps = [
        {
            "with_columns": [
                {"name": f"c{i}", "type": None, "expr": text} for i, text in enumerate(TYPED)
            ]
        },
        {"func_name": "order_by", "func_args": ["id"]},
        {"func_name": "select", "func_args": [f"c{i}" for i in range(len(TYPED))]},
    ]
    kinds, values = types(engine, data, *steps).values(), rows(engine, data, *steps)
    assert dict(zip(TYPED, zip(kinds, *values, strict=True), strict=True)) == TYPED


@pytest.mark.parametrize("engine", SPARK_KINDS, indirect=True)
def test_what_depends_on_an_order_that_rows_have_not_is_refused_on_spark(engine: Engine) -> None:
    step = {"with_column": {"name": "c", "type": None, "expr": "pl.col('n').is_first_distinct()"}}
    with pytest.raises(TransformError, match="depends on the order of the rows"):
        rows(engine, DATA, step)


def test_what_polars_cannot_say_is_named_before_a_run() -> None:
    for text in ("initcap(g)", "months_between(d, z) > 1 AND CAST(s AS INT) IS NULL"):
        check_for(parse_sql_expression(text, "spark"), "polars")
        check_for(parse_query(f"SELECT {text} AS c FROM {{df}}", "spark"), "polars")
    for text in ("levenshtein(g, s)", "initcap(levenshtein(g, s))"):
        with pytest.raises(ExpressionError, match="levenshtein"):
            check_for(parse_sql_expression(text, "spark"), "polars")
        with pytest.raises(ExpressionError, match="levenshtein"):
            check_for(parse_query(f"SELECT {text} AS c FROM {{df}}", "spark"), "polars")


@pytest.mark.parametrize("query", ["SELECT *, 1 AS y FROM {df}", "SELECT id AS y, y FROM {df}"])
def test_a_query_that_gives_a_column_twice_is_refused(engine: Engine, query: str) -> None:
    with pytest.raises(TransformError, match="gives the column `y` twice"):
        rows(engine, DATA, {"sql_expr": query})

"""Columns that steps add: types, order, expressions of every language, SQL that needs types."""

# ruff: noqa: DTZ001 - times without a zone are part of what is tested

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import MOMENT, column, rows, step, types


def with_type(engine: Engine, values: list[Any], kind: str | None) -> tuple[str, list[Any]]:
    """Return the type and the values of a column cast to a declared type."""
    added = {"with_column": {"name": "r", "type": kind, "sql_expr": "v"}}
    data = {"v": values}
    found = [row[-1] for row in rows(engine, data, added)]
    return types(engine, data, added)["r"], found


# fmt: off
CASTS: list[tuple[list[Any], str, str, list[Any]]] = [
    (["1", " 2 ", "x", None, "1.5"], "int", "int32", [1, 2, None, None, None]),
    (["9999999999"], "int", "int32", [None]),
    ([3.9, -3.9, float("nan")], "long", "int64", [3, -3, None]),
    (["1.5", "1e3", "nope"], "double", "float64", [1.5, 1000.0, None]),
    ([1, 300], "tinyint", "int8", [1, None]),
    (["12.345", "x"], "decimal(10,2)", "decimal(10,2)", [Decimal("12.35"), None]),
    ([True, False, None], "string", "string", ["true", "false", None]),
    ([1, None], "string", "string", ["1", None]),
    ([1.0, 0.1], "string", "string", ["1.0", "0.1"]),
    ([date(2024, 2, 1)], "string", "string", ["2024-02-01"]),
    ([datetime(2024, 2, 1, 3, 0, 50, 120000)], "string", "string", ["2024-02-01 03:00:50.12"]),
    ([datetime(2024, 2, 1, 3, 0, 50, tzinfo=UTC)], "string", "string", ["2024-02-01 03:00:50"]),
    ([[1, None]], "string", "string", ["[1, null]"]),
    (["true", "F", "YES", "0", "maybe", None], "boolean", "bool", [True, False, True, False, None, None]),
    ([0, 2, None], "boolean", "bool", [False, True, None]),
    (["2024-02-01", "2024-2-1", "2024-02-01T10:00:00Z", "2024-02-30", "x"], "date", "date", [date(2024, 2, 1)] * 3 + [None, None]),
    ([datetime(2024, 2, 1, 23)], "date", "date", [date(2024, 2, 1)]),
    (["2024-02-01 10:20:30.5", "2024-02-01T10:20", "2024-02-01", "2024-02-01T10:20:30+02:00", "x"], "timestamp", "timestamp[us, UTC]",
     [datetime(2024, 2, 1, 10, 20, 30, 500000, UTC), datetime(2024, 2, 1, 10, 20, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC),
      datetime(2024, 2, 1, 8, 20, 30, tzinfo=UTC), None]),
    ([1_706_745_600], "timestamp", "timestamp[us, UTC]", [datetime(2024, 2, 1, tzinfo=UTC)]),
    ([1_706_745_600.5], "timestamp", "timestamp[us, UTC]", [datetime(2024, 2, 1, 0, 0, 0, 500000, UTC)]),
    ([date(2024, 2, 1)], "timestamp", "timestamp[us, UTC]", [datetime(2024, 2, 1, tzinfo=UTC)]),
    ([datetime(2024, 2, 1, tzinfo=UTC)], "timestamp_ntz", "timestamp[us]", [datetime(2024, 2, 1)]),
    ([datetime(2024, 2, 1, tzinfo=UTC)], "long", "int64", [1_706_745_600]),
    pytest.param(["10:20:30"], "time", "time", [time(10, 20, 30)], marks=pytest.mark.lacks("spark", "`time` is no type of Spark")),
    (["ab"], "binary", "binary", [b"ab"]),
    ([["1", "x"], None], "array<int>", "list<int32>", [[1, None], None]),
    ([{"a": "1", "z": 2}, None], "struct<a: int, b: string>", "struct<a: int32, b: string>", [{"a": 1, "b": None}, None]),
    ([[{"d": "2024-02-01"}]], "array<struct<d: date>>", "list<struct<d: date>>", [[{"d": date(2024, 2, 1)}]]),
    (["1"], "pl.Float32", "float32", [1.0]),
    pytest.param(["2024-02-01"], "pl.Datetime('ms')", "timestamp[ms]", [datetime(2024, 2, 1)], marks=pytest.mark.lacks("spark", r"timestamp\[us\]")),
    ([None], "double", "float64", [None]),
]
# fmt: on


@pytest.mark.parametrize(("values", "kind", "portable", "expected"), CASTS)
def test_declared_types(
    engine: Engine, values: list[Any], kind: str, portable: str, expected: list[Any]
) -> None:
    assert with_type(engine, values, kind) == (portable, expected)


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("byte", "int8"), ("int8", "int8"), ("short", "int16"), ("smallint", "int16"), ("int32", "int32"),
        ("integer", "int32"), ("bigint", "int64"), ("int64", "int64"), ("float", "float32"), ("float32", "float32"),
        ("float64", "float64"), ("utf8", "string"), ("datetime", "timestamp[us, UTC]"), ("string", "string"),
    ],
)  # fmt: skip
def test_names_of_types(engine: Engine, name: str, portable: str) -> None:
    assert with_type(engine, ["1"], name)[0] == portable


def test_a_column_is_text_unless_it_says_otherwise(engine: Engine) -> None:
    data = {"n": [1]}
    assert types(engine, data, {"with_column": {"name": "m", "sql_expr": "n + 1"}})["m"] == "string"
    kept = {"with_column": {"name": "m", "sql_expr": "n + 1", "type": None}}
    assert types(engine, data, kept)["m"] == "int64"


def test_types_that_cannot_be_say_so(engine: Engine) -> None:
    added = {"with_column": {"name": "m", "type": "date", "sql_expr": "l"}}
    with pytest.raises(TransformError, match=r"the column `m`: list<int64> cannot be cast to date"):
        rows(engine, {"l": [[1]]}, added)


class TestOrder:
    def test_later_columns_read_earlier_ones(self, engine: Engine) -> None:
        columns = [
            {"name": "a", "type": "int", "sql_expr": "a + 1"},
            {"name": "b", "type": "int", "expr": "F.col('a') * 10"},
            {"name": "a", "type": "int", "expr": "pl.col('a') + pl.col('b')"},
            {"name": "c", "type": "int", "expr": "pl.all_horizontal(pl.col('a') > 0)"},
        ]
        assert rows(engine, {"a": [1]}, {"with_columns": columns}) == [(22, 20, 1)]

    def test_replaced_columns_keep_their_place(self, engine: Engine) -> None:
        data = {"a": [1], "b": [2], "c": [3]}
        added = {"with_column": {"name": "b", "type": "long", "sql_expr": "c"}}
        assert rows(engine, data, added) == [(1, 3, 3)]

    def test_an_error_names_the_column(self, engine: Engine) -> None:
        columns = [{"name": "x", "sql_expr": "a"}, {"name": "y", "sql_expr": "bb"}]
        with pytest.raises(
            TransformError, match=r"with_columns x, y.*`y`: there is no column `bb`"
        ):
            rows(engine, {"a": [1]}, {"with_columns": columns})

    def test_sql_wins_over_expr_and_expr_may_be_sql(self, engine: Engine) -> None:
        both = {"with_column": {"name": "r", "type": "int", "expr": "a + 2", "sql_expr": "a + 1"}}
        assert rows(engine, {"a": [1]}, both)[0][-1] == 2
        plain = {"with_column": {"name": "r", "type": "int", "expr": "a + 2"}}
        assert rows(engine, {"a": [1]}, plain)[0][-1] == 3


ROW: dict[str, list[Any]] = {
    "s": ["2024-01-02"],
    "d": [date(2024, 1, 2)],
    "z": [datetime(2024, 1, 2, 3, tzinfo=UTC)],
    "t": [datetime(2024, 1, 2, 3)],
    "n": [5],
    "b": ["yes"],
    "st": [{"x": "2024-05-06", "y": 1}],
    "l": [[1, 2, 3]],
    "none": [None],
}

# fmt: off
SQL: list[tuple[str, Any]] = [
    ("d >= '2024-01-01'", True), ("z > '2024-01-02 02:59:59'", True), ("t = '2024-01-02T03:00:00'", True),
    ("d BETWEEN '2024-01-01' AND '2024-01-31'", True), ("d IN ('2024-01-01', '2024-01-02')", True), ("d NOT IN ('2024-01-02')", False),
    ("n > '4'", True), ("n = '5'", True), ("'2024-01-03' > d", True), ("d <=> '2024-01-02'", True),
    ("CAST(s AS DATE) = d", True), ("CAST(s AS DATE) > '2024-01-01' AND n = 5", True), ("to_date(s) IS NULL", False),
    ("TRY_CAST('x' AS DATE) IS NULL", True), ("year(to_date(s))", 2024), ("month(s)", 1), ("CAST(st.x AS DATE)", date(2024, 5, 6)),
    ("CAST(b AS BOOLEAN)", True), ("NOT CAST(b AS BOOLEAN) OR n IS NULL", False), ("date_trunc('month', CAST(s AS TIMESTAMP))", datetime(2024, 1, 1, tzinfo=UTC)),
    ("to_timestamp(s) < current_timestamp()", True), ("current_timestamp()", MOMENT), ("current_date()", MOMENT.date()),
    ("datediff(current_date(), d)", 151), ("date_add(to_date(s), 3)", date(2024, 1, 5)), ("date_format(to_date(s), 'yyyy/MM')", "2024/01"),
    ("CASE WHEN to_date(s) = d THEN 'same' ELSE 'other' END", "same"), ("CASE to_date(s) WHEN d THEN 1 END", 1),
    ("coalesce(to_date(none), d)", date(2024, 1, 2)),
    pytest.param("max(CAST(s AS DATE)) = '2024-01-02'", True, marks=pytest.mark.lacks("spark", "OVER clause")),
    pytest.param("count(DISTINCT CAST(s AS DATE))", 1, marks=pytest.mark.lacks("spark", "OVER clause")),
    ("st.y + 1", 2), ("l[0]", 1), ("size(l)", 3), ("n <=> NULL", False), ("CAST(CAST(s AS DATE) AS STRING)", "2024-01-02"),
    ("CAST(d AS TIMESTAMP)", datetime(2024, 1, 2, tzinfo=UTC)), ("s LIKE '2024%'", True), ("s IN ('a', '2024-01-02')", True),
]
# fmt: on


@pytest.mark.parametrize(("expression", "expected"), SQL)
def test_sql_expressions(engine: Engine, expression: str, expected: Any) -> None:
    assert column(engine, ROW, expression, is_sql=True) == [expected]


def test_a_text_that_is_no_date_is_an_error_not_a_silent_null(engine: Engine) -> None:
    with pytest.raises(TransformError, match=r"`'soon'` is no date"):
        column(engine, ROW, "d > 'soon'", is_sql=True)


# fmt: off
METHODS: list[tuple[str, Any]] = [
    ("F.col('n').isNull()", False), ("F.col('none').isNotNull()", False), ("F.col('n').between(5, 6)", True), ("F.col('n').isin(1, 5)", True),
    ("F.col('n').isin([1, 2])", False), ("F.col('s').like('2024%')", True), ("F.col('s').rlike('^20')", True), ("F.col('s').ilike('%JAN%')", False),
    ("F.col('s').startswith('2024')", True), ("F.col('s').endswith('02')", True), ("F.col('s').contains('-01-')", True), ("F.col('s').substr(1, 4)", "2024"),
    ("F.col('n').cast('string')", "5"), ("F.col('s').cast('date')", date(2024, 1, 2)), ("F.col('n').astype('double')", 5.0), ("F.col('s').try_cast('int')", None),
    ("F.col('st').getField('y')", 1), ("F.col('st')['y']", 1), ("F.col('l').getItem(1)", 2), ("F.col('l')[9]", None), ("F.col('none').eqNullSafe(None)", True),
    ("F.col('n').bitwiseAND(4)", 4), ("F.col('n').bitwiseOR(2)", 7), ("F.col('n').bitwiseXOR(1)", 4), ("F.col('st').dropFields('x')", {"y": 1}),
    ("F.col('st').withField('q', F.lit(3))", {"x": "2024-05-06", "y": 1, "q": 3}), ("F.col('n').alias('q')", 5), ("F.col('n').name('q')", 5),
    ("F.col('n') + F.col('n') * 2", 15), ("-F.col('n') % 3", -2), ("(F.col('n') > 1) & ~F.col('none').isNull()", False), ("10 / F.col('n')", 2.0),
    ("col('n') + 1", 6), ("lit(3)", 3), ("expr('n * 2')", 10), ("sql_expr('n * 2')", 10), ("col('st.y')", 1), ("col('n').is_null()", False), ("col('n').isNull()", False),
    ("pl.col('n').cast(pl.String)", "5"), ("pl.col('s').cast(pl.Date)", date(2024, 1, 2)), ("pl.col('st').struct.field('y')", 1), ("pl.sql_expr('n + 1')", 6),
    ("pl.when(pl.col('n') > 3).then(pl.lit('hi')).otherwise(pl.lit('lo'))", "hi"), ("pl.col.n.abs() * 2", 10), ("pl.format('{}-{}', 's', 'n')", "2024-01-02-5"),
    ("pl.col('l').list.sum()", 6), ("pl.selectors.by_name('n')", 5), ("pl.concat_str(['s', 's'], separator='/')", "2024-01-02/2024-01-02"),
    ("pl.struct(['n']).struct.field('n')", 5), ("pl.duration(days=1)", None), ("nw.col('s').str.to_date('%Y-%m-%d')", date(2024, 1, 2)), ("nw.lit('x')", "x"),
]
# fmt: on


@pytest.mark.parametrize(("expression", "expected"), METHODS)
def test_methods_of_columns(engine: Engine, expression: str, expected: Any) -> None:
    (found,) = column(engine, ROW, expression)
    assert expected is None or found == expected, found
    if expected is None and "duration" not in expression:
        assert found is None


def test_nulls_among_the_items_of_isin_make_no_false(engine: Engine) -> None:
    found = column(engine, {"n": [1, 2, None]}, "F.col('n').isin([1, None])")
    assert found == [True, None, None]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("nw.col('v').first(order_by='n')", 10),
        ("nw.col('v').last(order_by='v')", 20),
        ("(nw.col('v') + 1).last(order_by=['n'])", None),
        ("nw.col('g').mode(keep='any')", "b"),
    ],
)
def test_options_that_narwhals_alone_has(engine: Engine, expression: str, expected: Any) -> None:
    data = {"n": [3, 1, 2], "v": [None, 10, 20], "g": ["b", "a", "b"]}
    assert column(engine, data, expression) == [expected] * 3


class TestQueries:
    def run(self, engine: Engine, sql: str, dialect: str = "spark") -> list[tuple[Any, ...]]:
        frames = {
            "nodes.rates-eu": {"cur": ["EUR", "USD"], "rate": [1.0, 0.9]},
            "sources.days": {"day": ["2024-01-01", "bad"]},
        }
        data = {
            "cur": ["USD", "EUR", "USD"],
            "amount": [10, 20, 30],
            "at": ["2024-01-01T10:00:00Z", "2024-01-02", None],
        }
        return rows(engine, data, {"sql_expr": sql}, dialect=dialect, frames=frames)

    def test_frames_by_their_names(self, engine: Engine) -> None:
        sql = (
            "SELECT r.cur, SUM(amount * rate) AS total FROM {df} JOIN {nodes.rates-eu} r "
            "ON {df}.cur = r.cur GROUP BY r.cur ORDER BY r.cur"
        )
        assert self.run(engine, sql) == [("EUR", 20.0), ("USD", 36.0)]

    def test_subqueries_and_unions(self, engine: Engine) -> None:
        sql = (
            "WITH big AS (SELECT * FROM {df} WHERE amount > 15) "
            "SELECT cur FROM big UNION ALL SELECT day FROM {sources.days} ORDER BY cur"
        )
        assert self.run(engine, sql) == [("2024-01-01",), ("EUR",), ("USD",), ("bad",)]

    def test_mixed_spellings_of_a_time_are_all_read(self, engine: Engine) -> None:
        found = self.run(engine, "SELECT CAST(at AS TIMESTAMP) AS t FROM {df} ORDER BY amount")
        assert found == [
            (datetime(2024, 1, 1, 10, tzinfo=UTC),),
            (datetime(2024, 1, 2, tzinfo=UTC),),
            (None,),
        ]

    def test_times_without_a_zone_in_other_dialects(self, engine: Engine) -> None:
        found = self.run(
            engine, "SELECT CAST(at AS TIMESTAMP) AS t FROM {df} ORDER BY amount", "duckdb"
        )
        assert found == [(datetime(2024, 1, 1, 10),), (datetime(2024, 1, 2),), (None,)]

    def test_star_brings_the_frame_s_own_columns_only(self, engine: Engine) -> None:
        found = self.run(
            engine,
            "SELECT *, CAST(at AS DATE) AS d FROM {df} WHERE CAST(at AS DATE) > '2024-01-01'",
        )
        assert found == [("EUR", 20, "2024-01-02", date(2024, 1, 2))]

    def test_casts_of_a_joined_table(self, engine: Engine) -> None:
        sql = (
            "SELECT a.amount, CAST(b.day AS DATE) AS d FROM {df} a "
            "JOIN {sources.days} b ON CAST(a.at AS DATE) = CAST(b.day AS DATE)"
        )
        assert self.run(engine, sql) == [(10, date(2024, 1, 1))]

    def test_unnamed_casts_keep_the_column_s_name(self, engine: Engine) -> None:
        sql = {"sql_expr": "SELECT CAST(v AS DATE) FROM {df}"}
        assert types(engine, {"v": ["2024-01-01"]}, sql) == {"v": "date"}

    def test_the_present_is_the_logical_time(self, engine: Engine) -> None:
        sql = {"sql_expr": "SELECT current_timestamp() AS t, current_date() AS d FROM {df}"}
        assert rows(engine, {"v": [1]}, sql) == [(MOMENT, MOMENT.date())]

    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("SELECT nope FROM {df}", "there is no column `nope`"),
            ("SELECT * FROM {nodes.nope}", r"`\{nodes.nope\}`, which is not there"),
            ("SELECT * FROM some.table", "`some.table`, which is not there"),
            ("DROP TABLE x", "SQL"),
            pytest.param(
                "SELECT xxhash64(cur) FROM {df}",
                "xxhash64",
                marks=pytest.mark.lacks("spark", "DID NOT RAISE"),
            ),
        ],
    )
    def test_errors(self, engine: Engine, sql: str, message: str) -> None:
        with pytest.raises(TransformError, match=message):
            self.run(engine, sql)


QUERIES = [
    "SELECT k, SUM(n) AS s, COUNT(*) AS c, MIN(x) AS m FROM {df} GROUP BY k ORDER BY k NULLS FIRST",
    "SELECT n, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n) AS r FROM {df} ORDER BY n",
    "SELECT n, CASE WHEN x > 1 THEN 'hi' WHEN x IS NULL THEN '?' ELSE 'lo' END AS w FROM {df} ORDER BY n",
    "SELECT DISTINCT k FROM {df} WHERE n BETWEEN 2 AND 4 ORDER BY k NULLS LAST",
    "SELECT n FROM {df} WHERE n IN (SELECT MAX(n) FROM {df})",
    "SELECT COALESCE(k, '-') AS k2, AVG(x) AS a FROM {df} GROUP BY COALESCE(k, '-') HAVING COUNT(*) > 1 ORDER BY 1",
]  # fmt: skip


@pytest.mark.parametrize("sql", QUERIES)
def test_queries_give_what_duckdb_gives(engine: Engine, sql: str) -> None:
    data = {"k": ["a", "b", "a", None, None], "n": [1, 2, 3, 4, 5], "x": [0.5, 2.0, None, 1.0, 3.0]}
    found = rows(engine, data, {"sql_expr": sql}, dialect="duckdb")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE df (k VARCHAR, n BIGINT, x DOUBLE)")
    connection.executemany(
        "INSERT INTO df VALUES (?, ?, ?)", list(zip(*data.values(), strict=True))
    )
    assert found == connection.execute(sql.replace("{df}", "df")).fetchall()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1)))))
def test_dates_survive_their_text(days: list[date | None]) -> None:
    engine = open_engine("polars")
    texts = [None if day is None else day.isoformat() for day in days]
    found = with_type(engine, [*texts, "x"], "date")[1]
    assert found == [*days, None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1),
    st.sampled_from(["T", " "]),
)
def test_times_survive_their_text(times: list[datetime], separator: str) -> None:
    engine = open_engine("polars")
    found = with_type(engine, [moment.isoformat(separator) for moment in times], "timestamp")[1]
    assert found == [moment.replace(tzinfo=UTC) for moment in times]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=1))
def test_any_text_casts_to_any_type_without_an_error(texts: list[str]) -> None:
    engine = open_engine("polars")
    for kind in ("int", "double", "boolean", "date", "timestamp", "time", "decimal(10,2)"):
        assert len(with_type(engine, texts, kind)[1]) == len(texts)


def test_steps_of_sql_and_columns_mix(engine: Engine) -> None:
    found = rows(
        engine,
        {"n": [1, 2, 3]},
        {"sql_expr": "SELECT n, n * 2 AS m FROM {df}"},
        {"with_column": {"name": "o", "type": "long", "expr": "F.col('m') + 1"}},
        step("filter", "o > 3"),
    )
    assert found == [(2, 4, 5), (3, 6, 7)]

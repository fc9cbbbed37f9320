"""Queries: what they read, what they give, how they are rendered, and what they may not be."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.sql import Query, Reference, parse_query

DF = Reference("df")


def table(name: str) -> Reference:
    return Reference("table", name)


def node(name: str) -> Reference:
    return Reference("nodes", name)


def refused(text: str, dialect: str = "spark") -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse_query(text, dialect)
    return caught.value


def rendered(query: Query, dialect: str) -> str:
    return query.render(dialect, {r: f"t{i}" for i, r in enumerate(query.references)})


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("SELECT 1", set()),
        ("SELECT * FROM {df}", {DF}),
        ("SELECT * FROM { df }", {DF}),
        (
            "SELECT * FROM {nodes.slv_price} JOIN {sources.fx} USING (k)",
            {node("slv_price"), Reference("sources", "fx")},
        ),
        ("SELECT * FROM {nodes.my-node.v2}", {node("my-node.v2")}),
        ("SELECT * FROM {df} a, {df} b", {DF}),
        ("SELECT * FROM cat.sch.tab", {table("cat.sch.tab")}),
        ("SELECT * FROM `my table`", {table("my table")}),
        ("WITH t AS (SELECT * FROM {df}) SELECT * FROM t", {DF}),
        ("WITH t AS (SELECT * FROM t) SELECT * FROM T", {table("t")}),
        ("WITH a AS (SELECT * FROM {df}), b AS (SELECT * FROM a) SELECT * FROM b", {DF}),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a, b", {table("b")}),
        ("SELECT * FROM (WITH t AS (SELECT 1 AS x) SELECT * FROM t) s JOIN t", {table("t")}),
        ("SELECT * FROM {df} UNION ALL SELECT * FROM {nodes.x}", {DF, node("x")}),
        ("SELECT * FROM {df} WHERE a IN (SELECT b FROM {nodes.x})", {DF, node("x")}),
        ("SELECT '{df}', \"{nodes.x}\" -- {nope}\n FROM /* {df} */ t", {table("t")}),
        ("SELECT /*+ BROADCAST(u) */ * FROM {df} JOIN {nodes.u} u ON true", {DF, node("u")}),
    ],
)
def test_references(text: str, references: set[Reference]) -> None:
    query = parse_query(text, "spark")
    assert set(query.references) == references
    assert len(query.references) == len(references)


@pytest.mark.parametrize(
    ("text", "names", "passes_through"),
    [
        ("SELECT a, b AS c FROM {df}", ("a", "c"), False),
        ("SELECT *, a + 1 AS b FROM {df}", ("b",), True),
        ("SELECT t.*, u.x FROM {df} t, {nodes.u} u", ("x",), True),
        ("SELECT data.close, t.data.open o FROM {df} t", ("close", "o"), False),
        ("SELECT count(*), sum(a) FROM {df}", ("count(1)", "sum(a)"), False),
        (
            "SELECT a + 1, upper(b), 1, 'x', a > b FROM {df}",
            ("(a + 1)", "upper(b)", "1", "x", "(a > b)"),
            False,
        ),
        ("SELECT CAST(a AS INT), count(DISTINCT a) FROM {df}", ("a", "count(DISTINCT a)"), False),
        ("SELECT explode(xs) FROM {df}", ("col",), False),
        ("SELECT a FROM {df} UNION SELECT b FROM {df}", ("a",), False),
        ("(SELECT a FROM {df})", ("a",), False),
        ("WITH t AS (SELECT z FROM {df}) SELECT z AS y FROM t", ("y",), False),
    ],
)
def test_projection(text: str, names: tuple[str, ...], passes_through: bool) -> None:
    query = parse_query(text, "spark")
    assert query.output_names == names
    assert query.passes_through is passes_through


FRAMES = {
    "t0": pl.DataFrame({"k": [1, 2, 3], "v": [10.0, 20.0, None], "g": ["a", "b", "a"]}),
    "t1": pl.DataFrame({"k": [2, 3, 3], "w": ["x", "y", "z"]}),
}

SAME_EVERYWHERE = [
    "SELECT k, v * 2 AS d FROM {df}",
    "SELECT {df}.k, w FROM {df} JOIN {nodes.u} ON {df}.k = {nodes.u}.k",
    "SELECT df.k, u.w FROM {df} LEFT JOIN {nodes.u} ON df.k = u.k",
    "SELECT a.k, b.w FROM {df} a, {nodes.u} b WHERE a.k = b.k",
    "SELECT g, sum(v) AS s, count(*) AS n FROM {df} GROUP BY g HAVING count(*) > 1",
    "SELECT k, row_number() OVER (PARTITION BY g ORDER BY k DESC) AS r FROM {df}",
    "SELECT k, lag(v, 1) OVER (ORDER BY k) AS p FROM {df}",
    "SELECT k, sum(v) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS r FROM {df}",
    "WITH t AS (SELECT k FROM {df} WHERE v > 10) SELECT t.k, w FROM t JOIN {nodes.u} u ON t.k = u.k",
    "SELECT k FROM {df} UNION SELECT k FROM {nodes.u}",
    "SELECT k FROM {df} UNION ALL SELECT k FROM {nodes.u}",
    "SELECT k FROM {df} INTERSECT SELECT k FROM {nodes.u}",
    "SELECT k FROM {df} EXCEPT SELECT k FROM {nodes.u}",
    "SELECT k FROM {df} x WHERE EXISTS (SELECT 1 FROM {nodes.u} y WHERE y.k = x.k)",
    "SELECT k FROM {df} WHERE k IN (SELECT k FROM {nodes.u})",
    "SELECT k, CASE WHEN v > 10 THEN 'high' WHEN v IS NULL THEN 'none' ELSE 'low' END AS c FROM {df}",
    "SELECT DISTINCT g FROM {df}",
    "SELECT k FROM {df} ORDER BY v",
    "SELECT g, max(v) AS m FROM (SELECT * FROM {df} WHERE k < 3) s GROUP BY g",
    "SELECT k FROM {df} x LEFT ANTI JOIN {nodes.u} y ON x.k = y.k",
    "SELECT k FROM {df} x LEFT SEMI JOIN {nodes.u} y ON x.k = y.k",
    "SELECT g, avg(v) FILTER (WHERE k > 1) AS m FROM {df} GROUP BY g",
    "SELECT k FROM {df} QUALIFY row_number() OVER (PARTITION BY g ORDER BY k) = 1",
    "SELECT * FROM {df} LIMIT 0",
    "SELECT `k` AS `a b` FROM {df} WHERE `g` == 'a'",
]


@pytest.mark.parametrize("text", SAME_EVERYWHERE)
def test_polars_and_duckdb_give_the_same(text: str) -> None:
    query = parse_query(text, "spark")
    names = {DF: "t0", node("u"): "t1"}
    got = pl.SQLContext(FRAMES).execute(query.render("polars", names)).collect()
    connection = duckdb.connect()
    for name, frame in FRAMES.items():
        connection.register(name, frame.to_arrow())
    cursor = connection.execute(query.render("duckdb", names))
    assert got.columns == [column[0] for column in cursor.description]
    key = [str(row) for row in got.rows()], [str(row) for row in cursor.fetchall()]
    assert sorted(key[0]) == sorted(key[1])


def test_rendering_quotes_hostile_names() -> None:
    query = parse_query("SELECT `a``; DROP TABLE x` FROM {df}", "spark")
    name = 'evil"; DROP TABLE t; --'
    sql = query.render("polars", {DF: name})
    frame = pl.DataFrame({"a`; DROP TABLE x": [1]})
    got = pl.SQLContext({name: frame}).execute(sql).collect()
    assert got.rows() == [(1,)]
    assert query.render("spark", {DF: "a`b"}).count("`a``b`") == 1


def test_strings_stay_what_they_are() -> None:
    query = parse_query(r"SELECT 'it\'s {df}' AS a, '100%' AS b, 'a\\d' AS c", "spark")
    got = pl.SQLContext().execute(query.render("polars", {})).collect()
    assert got.rows() == [("it's {df}", "100%", "a\\d")]


def test_a_missing_table_is_named() -> None:
    with pytest.raises(ExpressionError, match="`x`"):
        parse_query("SELECT * FROM {nodes.x}", "spark").render("polars", {})


def test_tables_of_one_name_stay_apart() -> None:
    text = "SELECT {nodes.a}.k, {sources.a}.w FROM {nodes.a} JOIN {sources.a} ON {nodes.a}.k = {sources.a}.k"
    query = parse_query(text, "spark")
    names = {node("a"): "t0", Reference("sources", "a"): "t1"}
    got = pl.SQLContext(FRAMES).execute(query.render("polars", names)).collect()
    assert sorted(got.rows()) == [(2, "x"), (3, "y"), (3, "z")]


def test_a_table_by_its_full_name_before_a_column() -> None:
    query = parse_query("SELECT main.s.t.k, t.v FROM main.s.t WHERE s.t.k = 1", "spark")
    got = pl.SQLContext(FRAMES).execute(query.render("polars", {table("main.s.t"): "t0"})).collect()
    assert got.rows() == [(1, 10.0)]


def test_a_placeholder_before_a_column_must_be_a_table_of_the_query() -> None:
    query = parse_query("SELECT {nodes.b}.k FROM {df}", "spark")
    with pytest.raises(ExpressionError, match=r"nodes\.b"):
        query.render("polars", {DF: "t0"})


def test_rendering_leaves_the_query_as_it_was() -> None:
    query = parse_query("SELECT count(*) FROM {df}", "spark")
    first = rendered(query, "polars")
    assert rendered(query, "polars") == first
    assert query.references == (DF,)


def test_spark_text_stays_spark() -> None:
    query = parse_query("SELECT date_add(d, 1) AS x, `y` FROM {df} t", "spark")
    assert rendered(query, "spark") == "SELECT DATE_ADD(`d`, 1) AS `x`, `y` FROM `t0` AS `t`"


HOSTILE = [
    "",
    ";",
    "DROP TABLE x",
    "SELECT 1; DROP TABLE x",
    "SELECT 1; SELECT 2",
    "INSERT INTO x SELECT 1",
    "UPDATE x SET a = 1",
    "DELETE FROM x",
    "MERGE INTO x USING y ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "ALTER TABLE x ADD COLUMN y INT",
    "TRUNCATE TABLE x",
    "GRANT ALL ON x TO y",
    "SET spark.x = 1",
    "USE x",
    "CALL system.x()",
    "EXPLAIN SELECT 1",
    "DESCRIBE x",
    "SHOW TABLES",
    "CACHE TABLE x",
    "REFRESH TABLE x",
    "ADD JAR 'x.jar'",
    "COPY x TO 'y'",
    "ATTACH 'x.db'",
    "PRAGMA version",
    "INSTALL httpfs",
    "LOAD httpfs",
    "VALUES (1)",
    "TABLE x",
    "BEGIN",
    "SELECT * INTO x FROM y",
    "WITH x AS (DELETE FROM y RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x",
    "SELECT TRANSFORM(a) USING 'sh' FROM {df}",
    "SELECT * FROM csv.`/etc/passwd`",
    "SELECT * FROM parquet.`s3://bucket/x`",
    "SELECT * FROM json.`data.json`",
    "SELECT * FROM `../x`",
    "SELECT * FROM read_csv('x')",
    "SELECT * FROM read_files('/x')",
    "SELECT * FROM range(10)",
    "SELECT * FROM {df}, LATERAL read_csv('x')",
    "SELECT secret('scope', 'key')",
    "SELECT java_method('java.lang.Runtime', 'exec')",
    "SELECT reflect('a', 'b')",
    "SELECT ai_query('a', 'b')",
    "SELECT :name",
    "SELECT ? FROM {df}",
    "SELECT * FROM {df} FOR UPDATE",
    "SELECT * FROM {nodez.x}",
    "SELECT * FROM {}",
    "SELECT * FROM {nodes.}",
    "SELECT * FROM {nodes.a`; DROP TABLE x}",
    "SELECT * FROM {df; DROP TABLE x}",
    "SELECT a,, FROM {df}",
    "SELECT 'a FROM {df}",
    "SELECT * FROM",
    "hello world",
    "\x00SELECT 1",
    "SELECT \ue000 FROM x",
    "SELECT " + "(" * 5000,
    "SELECT " + "NOT " * 5000 + "a",
    "SELECT " + "-" * 3 + " 1 FROM (" * 200,
    "SELECT " + "CASE WHEN a THEN " * 300,
    "SELECT " + "a," * 60_000 + "a",
    "SELECT a.b.c.d.e FROM a.b.c.d",
]


@pytest.mark.parametrize("dialect", ["spark", "polars", "duckdb"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_queries_are_refused(
    text: str, dialect: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = refused(text, dialect)
    assert error.message
    assert error.offset is None or 0 <= error.offset <= len(text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM 'x.csv'",
        "SELECT * FROM read_parquet('x')",
        "SELECT getenv('HOME')",
        "FROM read_json('x')",
    ],
)
def test_files_of_duckdb_are_refused(text: str) -> None:
    assert "source" in (refused(text, "duckdb").hint or "")


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("SELECT * FROM {nodez.x}", "`{nodez.x}` names no table", 14),
        ("SELECT a FROM {df} WHERE a >", "cannot be read near `>`", 27),
        ("SELECT * FROM {nodes.a} JOIN {df} ON )", "cannot be read near `)`", 37),
        ("SELECT a\nFROM {df}\nWHERE (", "cannot be read near `(`", 25),
    ],
)
def test_errors_point_at_the_place(text: str, message: str, offset: int) -> None:
    error = refused(text)
    assert message in error.message
    assert error.offset == offset


def test_misspelt_placeholders_are_explained() -> None:
    assert refused("SELECT * FROM {node.x}").hint == "did you mean `{nodes.name}`?"


def test_unknown_dialect() -> None:
    error = refused("SELECT 1", "sparc")
    assert error.message == "there is no SQL dialect `sparc`"
    assert error.hint == "did you mean `spark`?"


def test_one_semicolon_at_the_end_is_fine() -> None:
    assert parse_query("SELECT a FROM {df};\n", "spark").output_names == ("a",)

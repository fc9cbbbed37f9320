"""Which strings are expressions, literals or mistakes, and what shape SQL may have.

The verdicts are written by hand from the rule: an expression parses as Python and holds a call
rooted at `pl`, `F`, `nw`, `col`, `lit`, `expr` or `sql_expr`; then every part must be allowed.
Anything else is a literal.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.config.writer import dump_yaml
from laktory_dagster.errors import DeclarationError, ExpressionError
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.expressions.sql import parse_query, parse_sql_expression
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings

EXPRESSIONS = [
    "pl.col('a')",
    "  pl.col('a')  ",
    "\n  pl.col('a')\n",
    "(pl.col('a'))",
    "((pl.col('a')) + (1))",
    "pl . col ('a') . sum ()",
    "pl.col('a')  # the first",
    "pl.col('''a''')",
    "pl.col('a' 'b')",
    "pl.col(r'a\\d')",
    "pl.col(u'a')",
    "-pl.col('a')",
    "~pl.col('a')",
    "1 + pl.col('a')",
    "'x' + pl.col('a')",
    "2 ** pl.col('a') // 3 % 4",
    "(pl.col('a') > 1) & (pl.col('b') != 2) | (pl.col('c') ^ pl.col('d'))",
    "pl.col('a')[0]",
    "pl.col('a')[1:3]",
    "[pl.col('a'), 'b', 3, None]",
    "('a', pl.col('b'))",
    "{'a': pl.col('b'), 'c': [pl.lit(1)]}",
    "pl.lit(None)",
    "pl.lit(True)",
    "pl.lit(-1.5e3)",
    "pl.lit(0x10 + 0o17 + 0b1 + 1_000)",
    "pl.lit(2 ** 64)",
    "pl.len()",
    "pl.all().sum()",
    "pl.selectors.numeric()",
    "pl.col(pl.Float64)",
    "pl.col('a').cast(pl.Datetime('us', 'UTC'))",
    "pl.List(pl.Int8)",
    "pl.when(pl.col('a') > 0).then(1).otherwise(pl.lit('x'))",
    "pl.col('a').replace({1: 2, 'b': None})",
    "pl.col('a').is_in([1, 2])",
    "pl.struct(x=pl.col('a'), y=1)",
    "nw.col('a')",
    "nw.when(nw.col('a') > 0).then(1)",
    "nw.col('a').cast(nw.dtypes.Int64)",
    "F.col('a')",
    "F.when(F.col('a') > 0, 1).otherwise(2)",
    "F.col('a').cast(T.DecimalType(10, 2))",
    "F.expr('a + 1')",
    "F.laktory.roundp('a', p=1)",
    "col('a')",
    "col.a.sum()",
    "lit(1)",
    "expr('a + 1')",
    "sql_expr('a')",
    "pl.expr.laktory.current_timestamp()",
]
LITERALS = [
    "a",
    "a b",
    "price (EUR)",
    "f(x)",
    "count(col)",
    "recol('a')",
    "my_lit(1)",
    "PL.col('a')",
    "f.col('a')",
    "plcol('a')",
    "x.pl.col('a')",
    "self.col('a')",
    "pl.col",
    "pl.col.a",
    "pl.col['a']",
    "F.score",
    "F.col.a",
    "col.a",
    "nw.col.a",
    "pl.Float64",
    "T.StringType()",
    "lit",
    "lit (of the moon",
    "the col(a) of b",
    "x = pl.col('a')",
    "import pl; pl.col('a')",
    "yield pl.col('a')",
    "return pl.col('a')",
    "del pl.col('a')",
    "a: pl.col('a')",
    "SELECT lit FROM t",
    "2024-01-01",
    "{df}",
    "{nodes.x",
    "",
    " ",
    "\t",
    "'pl.col(1)'",
    '"pl.col(1)"',
    "# pl.col('a')",
    "eval('1')",
    "os.system('x')",
    "lambda x: x",
    "[x for x in y]",
    "🎉(1)",
]
MISTAKES = [
    ("pl.col(a)", "`a` cannot be used"),
    ("col (a)", "`a` cannot be used"),
    ("symbol(col('x'))", "`symbol` cannot be used"),
    ("os.system(lit(1))", "`os` cannot be used"),
    ("[pl.col('a'), x]", "`x` cannot be used"),
    ("{'a': pl.col('b'), 'c': open('x')}", "`open` cannot be used"),
    ("pl.col('a') + (lambda: 1)()", "what is called here has no name"),
    ("(lambda x: x)(pl.col('a'))", "what is called here has no name"),
    ("pl.col('a').map_elements(len)", "is not allowed in a pipeline file"),
    ("pl.col('a').map_batches(1)", "is not allowed in a pipeline file"),
    ("pl.col('a').pipe(1)", "is not allowed in a pipeline file"),
    ("pl.read_parquet('x')", "is not allowed in a pipeline file"),
    ("F.udf('a')", "is not allowed in a pipeline file"),
    ("nw.from_native(1)", "does not exist"),
    ("pl.col('a').__class__()", "names may not begin with `_`"),
    ("pl.col(__name__)", "`__name__` cannot be used"),
    ("pl.col('a')._x", "names may not begin with `_`"),
    ("pl.col('a').sum(_y=1)", "names may not begin with `_`"),
    ("[pl.col(c) for c in 'ab']", "a comprehension is code"),
    ("{pl.col(c) for c in 'ab'}", "a comprehension is code"),
    ("pl.col([c for c in 'ab'])", "a comprehension is code"),
    ("pl.col(*['a'])", "`*` is not allowed"),
    ("pl.struct(**{'a': 1})", "`**` is not allowed"),
    ("pl.col(f'{1}')", "f-strings are not allowed"),
    ("pl.lit(x := 1)", "`:=` is not allowed"),
    ("pl.col('a') if 1 else 2", "`if ... else` does not work"),
    ("pl.col('a') and 1", "`and` and `or` do not work"),
    ("not pl.col('a')", "`not` does not work"),
    ("1 < pl.col('a') < 3", "a chain of comparisons"),
    ("pl.col('a') in [1]", "`in` does not work"),
    ("pl.col('a') is None", "`is` does not work"),
    ("await pl.col('a')", "`Await` is not allowed"),
    ("pl.col('a') << 1", "this operator is not allowed"),
    ("pl.col('a') @ 2", "this operator is not allowed"),
    ("{'a', pl.col('b')}", "`Set` is not allowed"),
    ("pl.col(b'a')", "is no value that a column can have"),
    ("pl.lit(1j)", "is no value that a column can have"),
    ("pl.lit(2 ** 65)", "the power is too large"),
    ("pl.lit(18446744073709551616)", "the number is too large"),
    ("pl.col('a') ** (9 ** 999)", "the power is too large"),
    ("'%s' % pl.col('a')", "text and lists may only be added"),
    ("[1] * 9 + pl.col('a')", "text and lists may only be added"),
    ("pl.col('a').str[0]", "`.str` is not called"),
    ("pl.col('a').sum", "`.sum` is not called"),
    ("pl.col('a')['b':pl.col('c')]", "only a plain value or a slice"),
    ("pl.col('a').replace({pl.lit(1): 2})", "the keys of a mapping must be plain values"),
    ("pl.Col('a')", "`pl.Col` does not exist"),
    ("F.score()", "`F.score` does not exist"),
    ("pl('a') + pl.lit(1)", "`pl` is not a function"),
    ("pl.Int64 + pl.lit(1)", "a data type cannot be calculated with"),
    ("F.col('a').cast(T.Bogus())", "`T` cannot be used"),
    ("pl.col('a'); import os", "cannot be read"),
    ("pl.col('a').sum(", "cannot be read"),
    ("pl.col('a' 1)", "cannot be read"),
    ("expr('a; b')", "several statements"),
    ("expr('(SELECT 1)')", "a query inside an expression"),
    ("${{ 1 }}", "runs Python code"),
    ("a ${{ vars.x }} b", "runs Python code"),
]  # fmt: skip


def planned(text: str) -> None:
    """Plan a pipeline with the text among a step's arguments. Raises DeclarationError."""
    step = {"func_name": "select", "func_args": [text], "func_kwargs": {"x": [text]}}
    node = {"name": "n", "source": {"path": "x"}, "transformer": {"nodes": [step]}}
    load_plan(dump_yaml({"name": "p", "nodes": [node]}), settings=Settings())


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression(text: str) -> None:
    found = parse_argument(text)
    assert found is not None
    assert found.roots
    planned(text)


@pytest.mark.parametrize("text", LITERALS)
def test_a_literal(text: str) -> None:
    assert parse_argument(text) is None


@pytest.mark.parametrize(("text", "message"), [row for row in MISTAKES if "${{" not in row[0]])
def test_a_mistake_is_told_wherever_the_text_stands(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_argument(text)
    assert message in caught.value.message
    with pytest.raises(DeclarationError) as told:
        planned(text)
    assert [item.dotted_path() for item in told.value.diagnostics] == [
        "nodes[0].transformer.nodes[0].func_args[0]",
        "nodes[0].transformer.nodes[0].func_kwargs.x[0]",
    ]
    assert all(message in item.message for item in told.value.diagnostics)


@pytest.mark.parametrize("text", ["${{ 1 }}", "a ${{ vars.x }} b"])
def test_a_python_template_is_refused_before_anything_reads_it(text: str) -> None:
    with pytest.raises(ExpressionError, match="runs Python code"):
        parse_argument(text)
    with pytest.raises(DeclarationError, match="is not evaluated"):
        planned(text)


ALLOWED = ["pl.col('b')", "pl.lit(1)", "'x'", "3", "[1, 'a']", "-2.5", "pl.col('c') * 2", "None"]
FORBIDDEN = [
    "open('x')", "__import__('os')", "(lambda: 1)", "[x for x in 'a']", "x", "f'{1}'", "(y := 1)",
    "pl.col('b').map_elements(1)", "pl.col('b').__class__", "9 ** 9 ** 9", "b'x'", "not pl.lit(1)",
    "pl.read_csv('x')", "1 if 2 else 3", "{1, 2}", "1 < 2 < 3", "pl.col('b').pipe(1)",
]  # fmt: skip
HOLES = st.recursive(
    st.just("@"),
    lambda inner: st.one_of(
        inner.map(lambda hole: f"pl.when(pl.col('a') > 1).then({hole}).otherwise(0)"),
        inner.map(lambda hole: f"pl.struct(pl.lit(0), k={hole})"),
        inner.map(lambda hole: f"pl.concat_list([pl.col('a'), ({hole})])"),
        inner.map(lambda hole: f"pl.col('a').is_in([1, {hole}])"),
        inner.map(lambda hole: f"pl.coalesce(({hole}), 1)"),
        inner.map(lambda hole: f"pl.col('a').fill_null({hole}).alias('z')"),
        inner.map(lambda hole: f"[pl.col('a'), {{'k': ({hole})}}]"),
    ),
    max_leaves=4,
).filter(lambda text: text != "@")


@settings(max_examples=80, deadline=None)
@given(HOLES, st.sampled_from(ALLOWED), st.sampled_from(FORBIDDEN))
def test_one_forbidden_part_anywhere_spoils_the_whole(
    text: str, allowed: str, forbidden: str
) -> None:
    assert parse_argument(text.replace("@", allowed)) is not None
    with pytest.raises(ExpressionError):
        parse_argument(text.replace("@", forbidden))


def test_a_forced_literal_is_what_it_says() -> None:
    text = """
        name: p
        nodes:
          - name: n
            source: {data: [{a: null, b: x}, {a: y, b: z}]}
            transformer:
              nodes:
                - func_name: with_columns
                  func_kwargs:
                    c: "pl.col('b')"
                - func_name: fillna
                  func_args: [{value: "pl.col('b')"}]
    """
    first = models.Pipeline.model_validate_yaml(text)
    for pipeline in (first, models.Pipeline.model_validate_json(first.model_dump_json())):
        with pipeline:
            pipeline.execute()
            rows = pipeline.nodes[0].output_df.collect().rows(named=True)
        assert rows == [
            {"a": "pl.col('b')", "b": "x", "c": "x"},
            {"a": "y", "b": "z", "c": "z"},
        ]


@pytest.mark.parametrize(
    ("fits", "exceeds", "message"),
    [
        (f"pl.lit('{'x' * 9_990}')", f"pl.lit('{'x' * 9_991}')", "10,001 characters"),
        ("pl.col('a')" + ".abs()" * 198, "pl.col('a')" + ".abs()" * 200, "nested more than 200"),
        ("pl.lit(" + "-" * 100 + "1)", "pl.lit(" + "-" * 300 + "1)", "nested more than 200"),
        (f"pl.lit({2**64 - 1})", f"pl.lit({2**64})", "the number is too large"),
        ("pl.lit(2 ** 64)", "pl.lit(2 ** 65)", "the power is too large"),
        ("pl.lit(65536 ** 2)", "pl.lit(65537 ** 2)", "the power is too large"),
    ],
)
def test_the_size_of_an_expression_is_capped(fits: str, exceeds: str, message: str) -> None:
    assert parse_argument(fits) is not None
    with pytest.raises(ExpressionError) as caught:
        parse_argument(exceeds)
    assert message in caught.value.message
    assert parse_argument("not an expression " + "x" * 20_000) is None


# A query, and the frames that it reads.
QUERIES = [
    ("SELECT * FROM {df}", "df"),
    ("select * from {df};", "df"),
    ("SELECT * FROM {df};\n-- the end", "df"),
    ("SELECT * FROM {df}; /* the end */ ;", "df"),
    ("-- first\nSELECT * FROM {df} -- last", "df"),
    ("/* first */ SELECT * FROM {df}", "df"),
    ("(SELECT * FROM {df})", "df"),
    ("((SELECT * FROM {df}))", "df"),
    ("FROM {df} SELECT a", "df"),
    ("SELECT * FROM { nodes.x }", "nodes.x"),
    ("SELECT * FROM {nodes.x.y-z}", "nodes.x.y-z"),
    ("SELECT * FROM {sources.x}, {nodes.x}", "sources.x nodes.x"),
    ("SELECT {df}.a, {nodes.b}.c FROM {df} CROSS JOIN {nodes.b}", "df nodes.b"),
    ("WITH a AS (SELECT * FROM {nodes.b}), c AS (SELECT * FROM a) SELECT * FROM c", "nodes.b"),
    ("WITH a AS (WITH b AS (SELECT * FROM {df}) SELECT * FROM b) SELECT * FROM a", "df"),
    ("SELECT a FROM {df} UNION SELECT a FROM {nodes.b} UNION ALL SELECT a FROM {nodes.c}", "df nodes.b nodes.c"),
    ("SELECT a FROM {df} EXCEPT (SELECT a FROM {nodes.b} INTERSECT SELECT a FROM {nodes.c})", "df nodes.b nodes.c"),
    ("(SELECT a FROM {df}) UNION ALL (SELECT a FROM {nodes.b}) ORDER BY a LIMIT 3", "df nodes.b"),
    ("SELECT (SELECT max(a) FROM {nodes.b}) AS m FROM {df}", "nodes.b df"),
    ("SELECT * FROM {df} WHERE EXISTS (SELECT 1 FROM {nodes.b} b WHERE b.a = a)", "df nodes.b"),
    ("SELECT * FROM (VALUES (1), (2)) AS t(a)", ""),
    ("SELECT 'it''s {nodes.b}; SELECT' AS a FROM {df}", "df"),
    ("SELECT a FROM {df} GROUP BY a HAVING count(*) > 1 QUALIFY rank() OVER (ORDER BY a) = 1", "df"),
    ("SELECT * FROM {df} LATERAL VIEW explode(xs) t AS x", "df"),
    ("SELECT * EXCEPT (a) FROM {df}", "df"),
]  # fmt: skip
NO_QUERIES = [
    ("SELECT 1 AS a; SELECT 2 AS a", "several statements"),
    ("; SELECT 1 AS a", "several statements"),
    ("SELECT 1 AS a; DROP TABLE x; -- end", "several statements"),
    ("SELECT", "selects nothing"),
    ("SELECT FROM {df}", "selects nothing"),
    ("-- nothing", "0 statements"),
    ("", "0 statements"),
    ("a > 1", "`A` is not allowed"),
    ("VALUES (1)", "`VALUES` is not allowed"),
    ("TABLE {df}", "`TABLE` is not allowed"),
    ("EXPLAIN SELECT 1", "`EXPLAIN` is not allowed"),
    ("INSERT INTO {df} SELECT 1", "`INSERT` is not allowed"),
    ("CREATE TABLE x AS SELECT 1", "`CREATE` is not allowed"),
    ("WITH x AS (DELETE FROM y) SELECT * FROM x", ""),
    ("SELECT * FROM {df.x}", "`{df.x}` names no table"),
    ("SELECT * FROM {Nodes.x}", "`{Nodes.x}` names no table"),
    ("SELECT * FROM {sources}", "`{sources}` names no table"),
    ("SELECT * FROM {x}", "`{x}` names no table"),
    ("SELECT {a: 1} AS b FROM {df}", "`{a: 1}` names no table"),
    ("SELECT * FROM {df} WHERE", "cannot be read"),
    ("SELECT a b c FROM {df}", "cannot be read"),
    ("SELECT a, FROM {df}", "something is missing before `FROM`"),
    ("SELECT 'a FROM {df}", "cannot be read"),
    ("SELECT * FROM {df} WHERE a = :x", "`:x` has no value here"),
    ("SELECT * FROM a.b.c.d", "by its name"),
    ("SELECT * FROM `in/x.csv`", "is no name of a table"),
    ("SELECT * INTO x FROM {df}", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "frames"), QUERIES)
def test_one_query_of_any_shape(text: str, frames: str) -> None:
    query = parse_query(text, "spark")
    found = {f"{item.kind}.{item.name}".removesuffix(".") for item in query.references}
    assert found == set(frames.split())


@pytest.mark.parametrize(("text", "message"), NO_QUERIES)
def test_anything_but_one_query_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_query(text, "spark")
    assert message in caught.value.message


# A scalar expression, the columns that it reads, its name, whether it needs all rows.
SCALARS = [
    ("a", "a", "a", False),
    ("a -- why", "a", "a", False),
    ("/* why */ a", "a", "a", False),
    ("a;", "a", "a", False),
    ("(a)", "a", None, False),
    ("a AS b", "a", "b", False),
    ("data.close", "data", "close", False),
    ("data['close']", "data", None, False),
    ("`a b` || `c.d`", "a b|c.d", None, False),
    ("cast(a as decimal(10, 2))", "a", None, False),
    ("a::int", "a", None, False),
    ("a IN (1, 2) AND b LIKE 'x%'", "a|b", None, False),
    ("CASE WHEN a > 1 THEN b ELSE c END", "a|b|c", None, False),
    ("count(*)", "", None, True),
    ("count(*) > 1 AND max(a) < 5", "a", None, True),
    ("sum(a) OVER (PARTITION BY b ORDER BY c)", "a|b|c", None, False),
    ("'{nodes.x}'", "", None, False),
    ("date '2024-01-01' + interval 1 day", "", None, False),
    ("transform(xs, x -> x + 1)", "xs", None, False),
    ("NULL", "", None, False),
]
NO_SCALARS = [
    ("", "the expression is empty"),
    ("  \n", "the expression is empty"),
    ("*", "`*` is no value"),
    ("t.*", "`*` is no value"),
    ("a, b", "2 were given"),
    ("a; b", "several statements"),
    ("a FROM t", "goes on after it"),
    ("a WHERE b", "goes on after it"),
    ("a ORDER BY b", "goes on after it"),
    ("a LIMIT 1", "goes on after it"),
    ("a UNION SELECT b", "goes on after it"),
    ("DISTINCT a", "goes on after it"),
    ("SELECT a", "cannot be read"),
    ("(SELECT 1)", "a query inside an expression"),
    ("a IN (SELECT b FROM t)", "a query inside an expression"),
    ("a IN (SELECT b FROM {df})", "an expression names columns"),
    ("{df}.a", "an expression names columns"),
    ("a >", "cannot be read"),
    ("a b c", "cannot be read"),
    ("a = ?", "has no value here"),
    ("read_csv('x')", "is not allowed in SQL"),
]


@pytest.mark.parametrize(("text", "columns", "name", "is_aggregate"), SCALARS)
def test_one_value_of_any_shape(
    text: str, columns: str, name: str | None, is_aggregate: bool
) -> None:
    found = parse_sql_expression(text, "spark")
    assert found.columns == set(filter(None, columns.split("|")))
    assert (found.output_name, found.is_aggregate) == (name, is_aggregate)


@pytest.mark.parametrize(("text", "message"), NO_SCALARS)
def test_anything_but_one_value_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_sql_expression(text, "spark")
    assert message in caught.value.message


def test_the_size_of_sql_is_capped() -> None:
    select = "SELECT a FROM {df} -- "
    assert parse_query(select + "x" * (99_990 - len(select)), "spark").output_names == ("a",)
    with pytest.raises(ExpressionError, match="characters"):
        parse_query(select + "x" * 100_001, "spark")
    for text in ("(" * 101 + "a" + ")" * 101, "abs(" * 101 + "a" + ")" * 101):
        with pytest.raises(ExpressionError, match="nested more than 100 deep"):
            parse_sql_expression(text, "spark")
    cases = " ".join(f"WHEN a = {i} THEN {i}" for i in range(1_001))
    with pytest.raises(ExpressionError, match="more than 1,000 branches"):
        parse_sql_expression(f"CASE {cases} END", "spark")

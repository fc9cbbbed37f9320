"""Which strings are expressions, what they read, and how their results are named."""

from __future__ import annotations

import subprocess
import sys
import time

import polars as pl
import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import Expression, parse_argument, parse_data_type


def parsed(text: str) -> Expression:
    expression = parse_argument(text)
    assert expression is not None
    return expression


LITERALS = [
    "symbol",
    "",
    "col.a",
    "F.score",
    "pl.Int64",
    "nw.col",
    "a(b)",
    "foo('x')",
    "Total (EUR)",
    "see pl. for more (or not)",
    "collect(x)",
    "__import__('os').system('x')",
    "1 + 1",
    "(1, 2)",
    "price > 0",
    "colour(red)",
    "x.col('a')",
    "os.path.join('a', 'b')",
    "the pl.col(a) of it",
    "{'a': 1}",
    "\x00",
    "a\nb",
    "pl .",
    'pl("a")',
    "F()",
]


@pytest.mark.parametrize("text", LITERALS)
def test_literals(text: str) -> None:
    assert parse_argument(text) is None


READS = [
    ('pl.col("a")', {"pl"}, {"a"}),
    ("pl.col('a', 'b')", {"pl"}, {"a", "b"}),
    ('pl.col(["a", "b"])', {"pl"}, {"a", "b"}),
    ("pl.col.close.mean()", {"pl"}, {"close"}),
    ("col.close.mean()", {"col"}, {"close"}),
    ('pl.col("a.b").sum()', {"pl"}, {"a.b"}),
    ('F.col("data.close")', {"F"}, {"data"}),
    ('F.col("`data.close`")', {"F"}, {"data.close"}),
    ('col("data.close") + lit(1)', {"col", "lit"}, {"data"}),
    ('F.sum("x")', {"F"}, {"x"}),
    ('F.count("*")', {"F"}, set()),
    ('F.coalesce("x", F.col("y"))', {"F"}, {"x", "y"}),
    ('F.when(F.col("a") > 1, "text").otherwise(F.col("b"))', {"F"}, {"a", "b"}),
    ('pl.sum("a", "b")', {"pl"}, {"a", "b"}),
    ('pl.len().over("g")', {"pl"}, {"g"}),
    ('pl.col("a").sum().over("g", order_by="t")', {"pl"}, {"a", "g", "t"}),
    ('pl.col("a").sort_by("b", "c")', {"pl"}, {"a", "b", "c"}),
    ('pl.col("a").fill_null("x")', {"pl"}, {"a"}),
    ('pl.col("a").str.contains("x")', {"pl"}, {"a"}),
    ('pl.col("a").replace("x", "y")', {"pl"}, {"a"}),
    ('pl.when(pl.col("a") > 0).then("b").otherwise(pl.lit("c"))', {"pl"}, {"a", "b"}),
    ('pl.concat_str(["a", "b"], separator="-")', {"pl"}, {"a", "b"}),
    ('pl.concat_str("a", "b", separator="-")', {"pl"}, {"a", "b"}),
    ('pl.struct("a", x="b")', {"pl"}, {"a", "b"}),
    ('pl.max_horizontal("a", pl.col("b"))', {"pl"}, {"a", "b"}),
    ('pl.datetime("y", "m", 1)', {"pl"}, {"y", "m"}),
    ('pl.lit("a")', {"pl"}, set()),
    ('nw.col("a").mean().over("g")', {"nw"}, {"a", "g"}),
    ('nw.max("x1") <= 10', {"nw"}, {"x1"}),
    ('nw.concat_str("a", nw.lit("b"))', {"nw"}, {"a"}),
    ('[pl.col("a"), nw.col("b")]', {"pl", "nw"}, {"a", "b"}),
    ('{"x": pl.col("a")}', {"pl"}, {"a"}),
    ('expr("a + b.c")', {"expr"}, {"a", "b"}),
    ('F.expr("upper(a)")', {"F"}, {"a"}),
    ('pl.sql_expr("a + b")', {"pl"}, {"a", "b"}),
    ('F.laktory.roundp("x", p=2)', {"F"}, {"x"}),
    ('pl.col("a").list.eval(pl.element() + 1)', {"pl"}, {"a"}),
    ('pl.col("a").cast(pl.List(pl.Int64))', {"pl"}, {"a"}),
    ('pl.col("é").sum() + pl.col("ß")', {"pl"}, {"é", "ß"}),
]


@pytest.mark.parametrize(("text", "roots", "columns"), READS)
def test_roots_and_columns(text: str, roots: set[str], columns: set[str]) -> None:
    expression = parsed(text)
    assert expression.roots == roots
    assert expression.columns == columns


@pytest.mark.parametrize(
    "text",
    [text for text, roots, columns in READS if roots == {"pl"} and len(columns) == 1],
)
def test_polars_agrees_on_the_columns(text: str) -> None:
    built = eval(text, {"pl": pl})
    expression = built["x"] if isinstance(built, dict) else built
    assert set(expression.meta.root_names()) == parsed(text).columns


@pytest.mark.parametrize(
    "text",
    [
        'pl.col("*")',
        "pl.all()",
        "nw.all().sum()",
        'pl.exclude("a")',
        'pl.col("^a.*$")',
        "pl.col(pl.Int64)",
        "pl.selectors.numeric() * 2",
        "pl.selectors.starts_with('a')",
        "nw.selectors.string()",
        'F.col("*")',
        "pl.nth(1)",
    ],
)
def test_columns_that_cannot_be_known(text: str) -> None:
    assert parsed(text).columns is None


NAMED = [
    'pl.col("a")',
    'pl.col("a").sum().alias("x")',
    '(pl.col("a") + pl.col("b")).alias("x")',
    'pl.col("a") + pl.col("b")',
    'pl.col("b") > 1',
    '1 < pl.col("b")',
    '-pl.col("a")',
    "pl.col.close.mean()",
    'pl.sum("b")',
    "pl.len()",
    "pl.lit(1)",
    'pl.when(pl.col("a") > 1).then("b").otherwise(3)',
    'pl.when(pl.col("a") > 1).then(3).otherwise(pl.col("b"))',
    'pl.when(pl.col("a") > 1).then(pl.col("b")).when(pl.col("c")).then(1)',
    'pl.coalesce("b", "a")',
    'pl.concat_str("b", pl.col("a"))',
    'pl.struct("b", "a")',
    'pl.max_horizontal("b", "a")',
    'pl.col("a").struct.field("x")',
    'pl.col("a").str.to_uppercase()',
    'pl.col("a").cast(pl.Int64).over("g")',
    'pl.col("a").alias("x").sum()',
]


@pytest.mark.parametrize("text", NAMED)
def test_polars_agrees_on_the_name(text: str) -> None:
    assert parsed(text).output_name == eval(text, {"pl": pl}).meta.output_name()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('pl.col("a", "b")', ("a", "b")),
        ('pl.sum("a", "b")', ("a", "b")),
        ('[pl.col("a"), pl.col("b").alias("c")]', ("a", "c")),
        ('F.col("data.close")', ("close",)),
        ('F.col("data.close").cast("double")', ("close",)),
        ('F.col("a").alias("x")', ("x",)),
        ('F.sum("a")', None),
        ('F.col("a") + 1', None),
        ('F.upper("a").alias("x")', ("x",)),
        ("pl.selectors.numeric()", None),
        ('pl.col("a").name.suffix("_x")', None),
        ('[pl.col("a"), pl.all()]', None),
        ('expr("a + 1")', None),
        ('col("a")', ("a",)),
        ('col("a").isNull()', None),
        ('nw.col("a").mean()', ("a",)),
        ('nw.col("a").mean().alias("m")', ("m",)),
    ],
)
def test_output_names(text: str, names: tuple[str, ...] | None) -> None:
    expression = parsed(text)
    assert expression.output_names == names
    assert expression.output_name == (names[0] if names and len(names) == 1 else None)


def test_newlines_are_free() -> None:
    assert parsed('\n  pl.col("a")\n    .sum()  # total\n    .alias("b")\n').output_name == "b"


def test_patterns_need_no_double_backslash(recwarn: pytest.WarningsRecorder) -> None:
    assert parsed(r'pl.col("a").str.contains("\d+")').columns == {"a"}
    assert not recwarn.list


def test_equal_texts_are_equal_expressions() -> None:
    assert parsed('pl.col("a")') == parsed('pl.col("a")')
    assert parsed('pl.col("a")') != parsed('pl.col("b")')
    assert len({parsed('pl.col("a")'), parsed('pl.col("a")')}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "pl.Float64",
        "pl.List(pl.Int64)",
        'pl.Datetime("us", "UTC")',
        'pl.Struct({"a": pl.Int64, "b": pl.String})',
        'pl.Struct([pl.Field("a", pl.Int64)])',
        "pl.Decimal(10, 2)",
        "nw.Int64",
        'pl.Enum(["a", "b"])',
    ],
)
def test_data_types(text: str) -> None:
    kind = parse_data_type(text)
    assert kind is not None
    assert kind.columns == frozenset()


@pytest.mark.parametrize("text", ["string", "double", "", "pl", "pl.col('a')", "List[int]"])
def test_no_data_types(text: str) -> None:
    assert parse_data_type(text) is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [("pl.Int46", "did you mean `pl.Int64`?"), ("nw.Strng", "did you mean `nw.String`?")],
)
def test_misspelt_data_types(text: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_data_type(text)
    assert caught.value.hint == hint


def test_a_plain_word_costs_next_to_nothing() -> None:
    start = time.perf_counter()
    for _ in range(20_000):
        parse_argument("symbol")
    assert (time.perf_counter() - start) / 20_000 < 2e-6


def test_importing_brings_no_library() -> None:
    code = (
        "import sys, laktory_dagster.expressions.python\n"
        "print([m for m in ('sqlglot', 'polars', 'narwhals', 'pyspark') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"

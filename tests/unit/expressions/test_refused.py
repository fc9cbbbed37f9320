"""What an expression may not hold, and what the error says instead."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.grammar import MAX_DEPTH
from laktory_dagster.expressions.python import MAX_LENGTH, parse_argument


def refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse_argument(text)
    return caught.value


HOSTILE = [
    'pl.col("a").__class__()',
    "pl.__builtins__",
    'pl.__builtins__["eval"]("1") + pl.col("a")',
    'pl.col("a")._pyexpr.x()',
    "pl._plr.x(1)",
    'pl.col("a").map_elements(lambda x: x)',
    'pl.col("a").map_batches(pl.col)',
    'pl.col("a").pipe(print)',
    'pl.col("a").inspect()',
    'pl.col("a").meta.serialize()',
    'pl.col("a").meta.write_json("x")',
    'pl.read_csv("/etc/passwd")',
    'pl.scan_parquet("s3://x")',
    'pl.DataFrame({"a": [1]}).write_csv("x")',
    'pl.LazyFrame({"a": [1]})',
    'pl.sql("select 1")',
    "pl.Config.set_tbl_rows(1)",
    "pl.plugins.register_plugin_function(1)",
    'pl.api.register_expr_namespace("x")',
    'pl.io.os.system("x")',
    'pl.os.system("x")',
    "pl.thread_pool_size()",
    "pl.collect_all([])",
    'pl.Expr.deserialize(b"x")',
    'F.udf("a")',
    'F.pandas_udf("a")',
    'F.reflect("java.lang.Runtime", "exec")',
    'F.java_method("a", "b")',
    'F.call_udf("x")',
    'F.sys.modules.get("os")',
    'nw.from_native("a")',
    'nw.read_csv("a")',
    'nw.col("a").map_batches(1)',
    'print(pl.col("a"))',
    'open("x", "w").write(pl.col("a"))',
    '__import__(pl.col("os"))',
    'getattr(pl, "col")("a") + pl.lit(1)',
    '(lambda: pl.col("a"))()',
    'lambda: pl.col("a")',
    '[pl.col(x) for x in "ab"]',
    '{pl.col("a")}',
    '{x: pl.col("a") for x in "a"}',
    '(pl.col(x) for x in "a")',
    'pl.col(f"{1}")',
    '(x := pl.col("a"))',
    'pl.col(*["a"])',
    'pl.struct(**{"a": 1})',
    'pl.col("a") if True else pl.col("b")',
    'await_(pl.col("a"))',
    'pl.col("a")[pl.col("b")]',
    'pl.col("a")[0:9**9]',
    '"{}".format(pl.col("a"))',
    '"a".join(pl.col("b"))',
    '"%999999999d" % pl.col("a")',
    '[0] * 10**9 + pl.col("a")',
    '"a" * 999999999 + pl.col("a")',
    "pl.lit(9**9**9)",
    "pl.lit(9**99)",
    "pl.lit((9**9)**9)",
    "pl.lit(1 << 9999999)",
    "pl.lit(" + "9" * 60 + ")",
    "pl.lit(1j)",
    "pl.lit(...)",
    'pl.lit(b"x")',
    'pl.col("a") @ pl.col("b")',
    'pl.col("a") and pl.col("b")',
    'not pl.col("a")',
    'pl.col("a") is None',
    'pl.col("a") in [1]',
    '0 < pl.col("a") < 5',
    "pl.col(a)",
    "pl.col(pl)",
    "pl.col",
    "pl.col()",
    'pl.col("a").sum',
    'pl.col("a").str',
    "pl.Int64 + pl.lit(1)",
    'pl.List(pl.col("a"))',
    'pl.Datetime("us").x()',
    '(1).bit_length(pl.col("a"))',
    'pl.col("a").sum(1, 2)',
    'pl.col("a").alias()',
    'pl.col("a").alias(nmae="x")',
    'pl.col("a").sum(_x=1)',
    "pl.int_range(0, 10**9, eager=True)",
    'expr("a; DROP TABLE x")',
    'expr("(SELECT 1)")',
    'expr(pl.col("a"))',
    "F.expr(\"java_method('a', 'b')\")",
    'col("a").laktory.sql_expr("read_csv(1)")',
    'pl.col("a").foreach(1)',
    'pl.col("a").register_plugin("x")',
    'pl.col("a"',
    "pl.col('a').sum(",
    "F.col(",
    "${{ pl.col('a') }}",
    "${{ 1 }}",
    "\n" + "-" * 9_000 + 'pl.col("a")',
    'pl.col("' + "a" * MAX_LENGTH + '")',
    'pl.col("a")' + ".abs()" * (MAX_DEPTH + 1),
    "(" * 250 + 'pl.col("a")' + ".abs())" * 250,
    "pl.col(" + "[" * 250 + '"a"' + "]" * 250 + ")",
]


@pytest.mark.parametrize("text", [t for t in HOSTILE if t not in ("pl.__builtins__", "pl.col")])
def test_hostile_strings_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("something was evaluated")

    monkeypatch.setattr("builtins.eval", fail)
    monkeypatch.setattr("builtins.exec", fail)
    error = refused(text)
    assert error.message
    assert error.offset is None or 0 <= error.offset <= len(text)


def test_attributes_without_a_call_stay_text() -> None:
    assert parse_argument("pl.__builtins__") is None
    assert parse_argument("pl.col") is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('pl.col("a").sumn()', "`.sumn` does not exist", "did you mean `.sum`?"),
        ('pl.coll("a")', "`pl.coll` does not exist", "did you mean `pl.col`?"),
        ('pl.col("a").str.upercase()', "does not exist", "did you mean `.str.to_uppercase`?"),
        ('F.uper("a")', "`F.uper` does not exist", "did you mean `F.upper`?"),
        ('nw.col("a").maen()', "`.maen` does not exist", "did you mean `.mean`?"),
        ('pl.col("a") and pl.col("b")', "`and` and `or`", "write `&` and `|`, with parentheses"),
        ('not pl.col("a")', "`not`", "write `~`"),
        ('pl.col("a") in [1]', "`in`", "write `.is_in([...])`"),
        ('pl.col("a") is None', "`is`", "write `.is_null()`"),
        (
            "pl.col(a)",
            "`a` cannot be used",
            "if the text itself is meant, write `{value: ...}` around it",
        ),
        ("${{ x }}", "runs Python code", "${vars.name}"),
        ('pl.col("a").map_elements(1)', "not allowed in a pipeline file", "func_name"),
        ("pl.col('a'", "cannot be read", "{value: ...}"),
    ],
)
def test_errors_say_how_to_mend(text: str, message: str, hint: str) -> None:
    error = refused(text)
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('pl.col("a").sumn()', "sumn"),
        ('pl.col("é").sum() + pl.col("a").sumn()', "sumn"),
        ('pl.col("a") + x', "x"),
        ('[\n  pl.col("a"),\n  pl.colu("b"),\n]', "colu"),
        ('pl.lit(1) + print("x")', "print"),
    ],
)
def test_errors_point_at_the_place(text: str, part: str) -> None:
    error = refused(text)
    assert error.offset is not None
    assert text[error.offset :].startswith(part)


def test_no_module_of_the_package_evaluates() -> None:
    import laktory_dagster.expressions

    folder = Path(laktory_dagster.expressions.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path

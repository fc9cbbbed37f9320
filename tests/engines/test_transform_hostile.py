"""Whatever a pipeline file holds: an error of ours, or rows; never anything run or reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import ExpressionError, TransformError
from tests.engines.transforming import rows, step

DATA: dict[str, list[Any]] = {"a": [1, 2], "b": ["x", None]}

HOSTILE = [
    "pl.col('a').map_elements(lambda x: open('{path}', 'w'))",
    "pl.col('a').map_batches(print)",
    "pl.col('a').pipe(print)",
    "pl.read_csv('/etc/passwd')",
    "pl.scan_csv('{path}')",
    "pl.DataFrame({{'a': [1]}}).write_csv('{path}')",
    "pl.col('a').__class__.__mro__",
    "pl.__dict__['os']",
    "pl.io.csv.functions.os.system('touch {path}')",
    "pl.col('a').meta.serialize()",
    "pl.SQLContext().execute('select 1')",
    "pl.Config.set_fmt_float('full')",
    "pl.plugins.register_plugin_function(plugin_path='{path}')",
    "pl.col('a').register_plugin('{path}')",
    "pl.using_string_cache()",
    "F.udf(lambda x: x)('a')",
    "F.reflect('java.lang.Runtime', 'getRuntime')",
    "F.java_method('x')",
    "F.call_function('f', 'a')",
    "nw.col('a').map_batches(str)",
    "nw.from_native(pl)",
    "col('a').__init_subclass__()",
    "expr(\"read_csv('/etc/passwd')\")",
    "sql_expr('SELECT 1; DROP TABLE x')",
    "pl.col('a')[().__class__]",
    "__import__('os').system('touch {path}') or pl.col('a')",
    "[pl.col(x) for x in 'ab']",
    "pl.lit(10 ** 10 ** 10)",
    "pl.lit('a' * 10 ** 9)",
    "pl.lit(1 << 10 ** 6)",
    "pl.sql_expr(\"(SELECT 1 FROM read_parquet('{path}'))\")",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["argument", "column", "filter"])
def test_hostile_texts_do_nothing(engine: Engine, tmp_path: Path, text: str, place: str) -> None:
    target = tmp_path / "made"
    text = text.format(path=target)
    steps = {
        "argument": step("with_columns", x=text),
        "column": {"with_column": {"name": "x", "expr": text}},
        "filter": step("filter", text),
    }
    with pytest.raises((TransformError, ExpressionError)):
        rows(engine, DATA, steps[place])
    assert not target.exists()


@pytest.mark.parametrize(
    "name",
    [
        "sink_csv", "sink_parquet", "write_csv", "pipe", "map_batches", "serialize", "explain",
        "show_graph", "__class__", "_ldf", "lazy.__class__", "collect_schema", "sql", "inspect", "profile",
        "to_pandas", "createOrReplaceTempView", "foreach", "toPandas", "laktory.__class__", "laktory.nope", "",
    ],
)  # fmt: skip
def test_only_listed_methods_are_called(engine: Engine, name: str) -> None:
    with pytest.raises(TransformError):
        rows(engine, DATA, step(name))


_WORDS = st.sampled_from(
    ["pl", "F", "nw", "col", "lit", "expr", "a", "b", "(", ")", ".", ",", "'", '"', "[", "]", "+", "*", "==", "sum", "alias", "when", "then", "otherwise", "cast", "__class__", "lambda", "str", "over", "String", "1", "-", "~", "{", "}", ":", " ", "SELECT", "FROM", "is", "null", "and", "\n", "é"]
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(_WORDS, max_size=15).map("".join),
    st.lists(_WORDS, max_size=15).map(lambda words: "pl.col('a')." + "".join(words)),
    st.lists(_WORDS, max_size=15).map(lambda words: "F." + "".join(words)),
)


@settings(max_examples=400, deadline=None)
@given(_TEXTS)
def test_any_text_is_compiled_or_refused_with_our_error(text: str) -> None:
    try:
        compile_condition(text, "spark")
    except ExpressionError:
        return


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["select", "filter", "with_columns", "orderBy", "groupBy", "join"]), _TEXTS)
def test_any_argument_gives_rows_or_our_error(name: str, text: str) -> None:
    engine = open_engine("polars")
    problem = None
    try:
        engine.transform(engine.from_native(DATA), _request(name, text))
    except TransformError as error:
        problem = error
    assert problem is None or problem.message.startswith("step 1")


def _request(name: str, text: str) -> Any:
    from laktory_dagster.engines.base import TransformRequest
    from laktory_dagster.models.transformer import MethodStep

    return TransformRequest([MethodStep(func_name=name, func_args=(text,))], "spark")

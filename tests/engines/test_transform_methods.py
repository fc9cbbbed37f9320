"""Portable frame methods mean what they mean on Spark; the engine's own what they mean there."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import narwhals as nw
import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.portable import CANONICAL, PORTABLE
from tests.engines.transforming import MOMENT, chained, rows, sorted_rows, step, types

NAN = float("nan")
DATA: dict[str, list[Any]] = {
    "k": ["a", "b", "a", None],
    "n": [1, 2, 3, 2],
    "x": [1.5, None, 0.5, 4.0],
}
OTHER: dict[str, list[Any]] = {"k": ["a", "b", "b", "c"], "name": ["A", "B", "B2", "C"]}
FRAMES = {"nodes.other": OTHER, "sources.more": {"n": [9], "k": ["z"]}}

# fmt: off
# Steps that keep an order worth checking end in a sort; others are compared as sets of rows.
PORTABLE_CASES: list[tuple[str, list[Any], list[tuple[Any, ...]]]] = [
    ("select", [step("select", "n", "k")], [(1, "a"), (2, "b"), (3, "a"), (2, None)]),
    ("select", [step("select", ["n"], twice="F.col('n') * 2")], [(1, 2), (2, 4), (3, 6), (2, 4)]),
    ("select_expr", [step("select_expr", "n + 1 as m", "k")], [(2, "a"), (3, "b"), (4, "a"), (3, None)]),
    ("selectExpr", [step("selectExpr", "*", "n * 2 AS m"), step("select", "m")], [(2,), (4,), (6,), (4,)]),
    ("with_column", [step("with_column", "m", "F.col('n') + 1"), step("select", "m")], [(2,), (3,), (4,), (3,)]),
    ("withColumn", [step("withColumn", colName="n", col="F.lit(0)"), step("select", "k", "n")], [("a", 0), ("b", 0), ("a", 0), (None, 0)]),
    ("with_columns", [step("with_columns", m="F.col('n') + 1"), step("select", "m")], [(2,), (3,), (4,), (3,)]),
    ("withColumns", [step("withColumns", {"m": "F.col('n')", "o": "F.lit('x')"}), step("select", "m", "o")], [(1, "x"), (2, "x"), (3, "x"), (2, "x")]),
    ("with_column_renamed", [step("with_column_renamed", "n", "m"), step("select", "m")], [(1,), (2,), (3,), (2,)]),
    ("withColumnRenamed", [step("withColumnRenamed", "nope", "m"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("with_columns_renamed", [step("with_columns_renamed", {"n": "m"}), step("select", "m")], [(1,), (2,), (3,), (2,)]),
    ("withColumnsRenamed", [step("withColumnsRenamed", {"n": "m", "nope": "o"}), step("select", "m")], [(1,), (2,), (3,), (2,)]),
    ("rename", [step("rename", {"n": "m"}), step("select", "m")], [(1,), (2,), (3,), (2,)]),
    ("drop", [step("drop", "x", "nope", "k")], [(1,), (2,), (3,), (2,)]),
    ("to_df", [step("select", "n"), step("to_df", "m"), step("select", "m")], [(1,), (2,), (3,), (2,)]),
    ("toDF", [step("select", "n", "k"), step("toDF", "a", "b"), step("select", "b")], [("a",), ("b",), ("a",), (None,)]),
    ("filter", [step("filter", "n > 1 AND k IS NOT NULL"), step("select", "n")], [(2,), (3,)]),
    ("where", [step("where", "F.col('k') == 'a'"), step("select", "n")], [(1,), (3,)]),
    ("drop_duplicates", [step("drop_duplicates", subset=["k"])], [("a", 1, 1.5), ("b", 2, None), (None, 2, 4.0)]),
    ("dropDuplicates", [step("dropDuplicates", ["n"]), step("select", "n", "k")], [(1, "a"), (2, "b"), (3, "a")]),
    ("distinct", [step("select", "n"), step("distinct")], [(1,), (2,), (3,)]),
    ("order_by", [step("order_by", "n", "k"), step("limit", 2), step("select", "n", "k")], [(1, "a"), (2, None)]),
    ("orderBy", [step("orderBy", "k", ascending=False), step("limit", 1), step("select", "k")], [("b",)]),
    ("sort", [step("sort", "k", "n", ascending=[True, False]), step("limit", 2), step("select", "k", "n")], [(None, 2), ("a", 3)]),
    ("limit", [step("orderBy", "n"), step("limit", 1), step("select", "n")], [(1,)]),
    ("head", [step("orderBy", "n"), step("head"), step("select", "n")], [(1,)]),
    ("offset", [step("orderBy", "n"), step("offset", 3), step("select", "n")], [(3,)]),
    ("sample", [step("sample", 1.0), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("dropna", [step("dropna"), step("select", "n")], [(1,), (3,)]),
    ("dropna", [step("dropna", how="all", subset=["k", "x"]), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("dropna", [step("dropna", thresh=3), step("select", "n")], [(1,), (3,)]),
    ("fillna", [step("fillna", 0), step("select", "k", "x")], [("a", 1.5), ("b", 0.0), ("a", 0.5), (None, 4.0)]),
    ("fillna", [step("fillna", {"k": "?"}), step("select", "k", "x")], [("a", 1.5), ("b", None), ("a", 0.5), ("?", 4.0)]),
    ("fillna", [step("fillna", value="?", subset="k"), step("select", "k")], [("a",), ("b",), ("a",), ("?",)]),
    ("replace", [step("replace", 2, 20, subset=["n"]), step("select", "n")], [(1,), (20,), (3,), (20,)]),
    ("replace", [step("replace", {"a": "A"}), step("select", "k")], [("A",), ("b",), ("A",), (None,)]),
    ("group_by", [step("group_by", "k"), step("agg", "F.sum('n').alias('s')")], [("a", 4), ("b", 2), (None, 2)]),
    ("groupBy", [step("groupBy", "k", "F.col('n') > 1"), step("count")], [("a", False, 1), ("a", True, 1), ("b", True, 1), (None, True, 1)]),
    ("groupby", [step("groupby"), step("agg", {"n": "max", "x": "min"})], [(3, 0.5)]),
    ("agg", [step("agg", "F.sum('n')", "F.count('*')")], [(8, 4)]),
    ("count", [step("groupBy", "k"), step("count")], [("a", 2), ("b", 1), (None, 1)]),
    ("sum", [step("groupBy", "k"), step("sum", "n")], [("a", 4), ("b", 2), (None, 2)]),
    ("avg", [step("groupBy", "k"), step("avg", "n")], [("a", 2.0), ("b", 2.0), (None, 2.0)]),
    ("mean", [step("groupBy", "k"), step("mean", "n")], [("a", 2.0), ("b", 2.0), (None, 2.0)]),
    ("min", [step("groupBy", "k"), step("min", "n", "x")], [("a", 1, 0.5), ("b", 2, None), (None, 2, 4.0)]),
    ("max", [step("groupBy", "k"), step("max")], [("a", 3, 1.5), ("b", 2, None), (None, 2, 4.0)]),
    ("join", [step("join", "{nodes.other}", on="k"), step("select", "n", "name")], [(1, "A"), (2, "B"), (2, "B2"), (3, "A")]),
    ("join", [step("join", other="{nodes.other}", on=["k"], how="left_outer"), step("select", "n", "name")], [(1, "A"), (2, "B"), (2, "B2"), (3, "A"), (2, None)]),
    ("join", [step("join", "{nodes.other}", "k", "right"), step("select", "k", "n")], [("a", 1), ("a", 3), ("b", 2), ("b", 2), ("c", None)]),
    ("join", [step("join", "{nodes.other}", "k", "full_outer"), step("select", "k", "name")], [("a", "A"), ("a", "A"), ("b", "B"), ("b", "B2"), ("c", "C"), (None, None)]),
    ("join", [step("join", "{nodes.other}", "k", "left_semi"), step("select", "n")], [(1,), (2,), (3,)]),
    ("join", [step("join", "{nodes.other}", "k", "leftanti"), step("select", "n")], [(2,)]),
    ("cross_join", [step("cross_join", "{sources.more}"), step("agg", "F.count('*')")], [(4,)]),
    ("crossJoin", [step("crossJoin", "{nodes.other}"), step("agg", "F.count('*')")], [(16,)]),
    ("union", [step("select", "n", "k"), step("union", "{sources.more}")], [(1, "a"), (2, "b"), (3, "a"), (2, None), (9, "z")]),
    ("unionAll", [step("select", "k"), step("unionAll", "{df}"), step("agg", "F.count('*')")], [(8,)]),
    ("union_all", [step("select", "n", "k"), step("union_all", "{sources.more}"), step("filter", "n = 9")], [(9, "z")]),
    ("union_by_name", [step("select", "k", "n"), step("union_by_name", "{sources.more}"), step("filter", "n = 9")], [("z", 9)]),
    ("unionByName", [step("unionByName", "{sources.more}", allowMissingColumns=True), step("filter", "n = 9")], [("z", 9, None)]),
    ("intersect", [step("select", "k"), step("intersect", "{nodes.keys}")], [("a",), (None,)]),
    ("intersect_all", [step("select", "k"), step("intersect_all", "{nodes.keys}")], [("a",), ("a",), (None,)]),
    ("intersectAll", [step("select", "k"), step("intersectAll", "{nodes.keys}")], [("a",), ("a",), (None,)]),
    ("subtract", [step("select", "n"), step("subtract", "{nodes.ones}")], [(2,), (3,)]),
    ("except_all", [step("select", "n"), step("except_all", "{nodes.ones}")], [(2,), (2,), (3,)]),
    ("exceptAll", [step("select", "n"), step("exceptAll", "{nodes.ones}")], [(2,), (2,), (3,)]),
    ("melt", [step("limit", 1), step("melt", ["k"], ["n", "x"], "what", "amount")], [("a", "n", 1.0), ("a", "x", 1.5)]),
    ("unpivot", [step("limit", 1), step("unpivot", ["k"], ["n", "x"], "what", "amount")], [("a", "n", 1.0), ("a", "x", 1.5)]),
    ("pivot", [step("groupBy", "k"), step("pivot", "n", [1, 3]), step("sum", "x")], [("a", 1.5, 0.5), ("b", None, None), (None, None, None)]),
    ("na.drop", [step("na.drop", "any", None, ["x"]), step("select", "n")], [(1,), (3,), (2,)]),
    ("na.fill", [step("na.fill", {"k": "?"}), step("select", "k")], [("a",), ("b",), ("a",), ("?",)]),
    ("na.replace", [step("na.replace", ["a", "b"], ["A", "B"], "k"), step("select", "k")], [("A",), ("B",), ("A",), (None,)]),
    ("alias", [step("alias", "t"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("cache", [step("cache"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("collect", [step("collect"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("coalesce", [step("coalesce", 1), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("hint", [step("hint", "broadcast"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("persist", [step("persist"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("repartition", [step("repartition", 2, "k"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("unpersist", [step("unpersist"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("with_watermark", [step("with_watermark", "n", "1 hour"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
    ("withWatermark", [step("withWatermark", "n", "1 hour"), step("select", "n")], [(1,), (2,), (3,), (2,)]),
]
# fmt: on


@pytest.mark.parametrize(("name", "steps", "expected"), PORTABLE_CASES)
def test_portable_methods(
    engine: Engine, name: str, steps: list[Any], expected: list[tuple[Any, ...]]
) -> None:
    frames = {**FRAMES, "nodes.keys": {"k": ["a", "a", "a", None, "q"]}, "nodes.ones": {"n": [1]}}
    assert sorted_rows(engine, DATA, *steps, frames=frames) == sorted(expected, key=str), name


def test_every_portable_name_is_tried() -> None:
    tried = {item["func_name"] for _, steps, _ in PORTABLE_CASES for item in steps}
    assert set(PORTABLE) - tried == set()
    assert set(CANONICAL.values()) <= {CANONICAL[name] for name in tried} | {"with_columns_map"}


def test_keys_of_a_join_come_first_and_once(engine: Engine) -> None:
    data = {"n": [1], "k": ["a"], "m": [2]}
    joined = step("join", "{nodes.other}", on="k", how="left")
    assert list(types(engine, data, joined, frames=FRAMES)) == ["k", "n", "m", "name"]


def test_rows_without_a_key_meet_none(engine: Engine) -> None:
    data = {"k": [None, "a"]}
    other = {"nodes.o": {"k": [None, "a"], "v": [1, 2]}}
    found = rows(engine, data, step("join", "{nodes.o}", on="k"), frames=other)
    assert found == [("a", 2)]


def test_not_a_number_is_missing_for_dropna_and_fillna(engine: Engine) -> None:
    data = {"x": [1.0, NAN, None]}
    assert rows(engine, data, step("dropna")) == [(1.0,)]
    assert rows(engine, data, step("fillna", 0.0)) == [(1.0,), (0.0,), (0.0,)]


def test_a_sample_is_the_same_for_the_same_seed(engine: Engine) -> None:
    data = {"n": list(range(2_000))}
    first = rows(engine, data, step("sample", fraction=0.3, seed=7))
    assert first == rows(engine, data, step("sample", False, 0.3, 7))
    assert 500 < len(first) < 700
    assert first != rows(engine, data, step("sample", fraction=0.3, seed=8))
    twice = rows(engine, data, step("sample", True, 1.5, 7))
    assert 2_800 < len(twice) < 3_200


class TestNestedNames:
    data: ClassVar[dict[str, list[Any]]] = {"st": [{"a": 1, "b": {"c": "x"}}], "st.a": [9]}

    def test_a_dotted_name_is_a_field(self, engine: Engine) -> None:
        assert rows(engine, self.data, step("select", "st.b.c")) == [("x",)]

    def test_a_column_of_that_very_name_wins(self, engine: Engine) -> None:
        assert rows(engine, self.data, step("select", "st.a")) == [(9,)]

    def test_back_ticks_name_a_column(self, engine: Engine) -> None:
        assert rows(engine, self.data, step("select", "F.col('`st.a`')", "F.col('st.a')")) == [
            (9, 1)
        ]


class TestOwnMethods:
    @pytest.mark.lacks("spark", "DID NOT RAISE")
    def test_polars_dialect_takes_polars_meaning(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match="nope"):
            rows(engine, DATA, step("drop", "nope"), dialect="polars")
        assert len(rows(engine, {"n": list(range(9))}, step("head"), dialect="polars")) == 5

    @pytest.mark.lacks("spark", r"sum\(n\)")
    def test_group_by_keeps_polars_names(self, engine: Engine) -> None:
        steps = [step("group_by", "k"), step("sum")]
        assert list(types(engine, DATA, *steps, dialect="polars")) == ["k", "n", "x"]

    @pytest.mark.lacks("spark", "`sample` has no argument `n`")
    def test_eager_methods_run_too(self, engine: Engine) -> None:
        found = rows(engine, {"n": [1, 2, 3]}, step("sample", n=2, seed=1), dialect="polars")
        assert len(found) == 2

    def test_cast_reads_times_from_text(self, engine: Engine) -> None:
        data = {"d": ["2024-01-02", "bad"], "n": [1, 2]}
        found = rows(engine, data, step("cast", {"d": "pl.Date", "n": "pl.String"}))
        assert found == [(date(2024, 1, 2), "1"), (None, "2")]

    @pytest.mark.lacks("spark", "pl.Int64")
    def test_cast_by_type(self, engine: Engine) -> None:
        found = types(engine, {"a": [1], "b": [1.0]}, step("cast", {"pl.Int64": "pl.Int32"}))
        assert found == {"a": "int32", "b": "float64"}

    @pytest.mark.lacks("spark", "`with_row_index` needs the argument `order_by`")
    def test_rows_are_numbered_as_they_come(self, engine: Engine) -> None:
        assert rows(engine, {"k": ["b", "a"]}, step("with_row_index")) == [(0, "b"), (1, "a")]

    def test_unique_unpivot_and_explode(self, engine: Engine) -> None:
        data = {"k": ["a", "a"], "l": [[1, 2], [3]]}
        assert rows(engine, data, step("explode", "l")) == [("a", 1), ("a", 2), ("a", 3)]
        assert len(rows(engine, data, step("unique", subset=["k"]))) == 1
        wide = {"k": [1], "a": [2], "b": [3]}
        tall = rows(engine, wide, step("unpivot", ["a", "b"], index="k"))
        assert sorted(tall) == [(1, "a", 2), (1, "b", 3)]

    def test_narwhals_arguments_that_polars_has_not(self, engine: Engine) -> None:
        numbered = rows(engine, {"n": [3, 1, 2]}, step("with_row_index", name="i", order_by="n"))
        assert sorted(numbered) == [(0, 1), (1, 2), (2, 3)]
        grouped = [step("group_by", "k", drop_null_keys=True), step("agg", "nw.len()")]
        assert sorted_rows(engine, DATA, *grouped) == [("a", 2), ("b", 1)]

    @pytest.mark.lacks("spark", "there is no function `group_by_dynamic`")
    def test_a_group_may_span_a_dynamic_window(self, engine: Engine) -> None:
        data = {"d": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 2, 1)], "n": [1, 2, 4]}
        steps = [step("group_by_dynamic", "d", every="1mo"), step("agg", "pl.col('n').sum()")]
        assert rows(engine, data, *steps) == [(date(2024, 1, 1), 3), (date(2024, 2, 1), 4)]


NARWHALS = [
    "nw.col('n').cum_sum().over(order_by='n')",
    "nw.col('n').sum().over('k')",
    "nw.col('x').fill_null(0.0).round(1)",
    "nw.col('k').str.to_uppercase()",
    "nw.col('k').str.contains('a')",
    "nw.col('k').str.len_chars()",
    "nw.when(nw.col('n') > 1).then(nw.lit('big')).otherwise(nw.lit('small'))",
    "nw.concat_str(nw.col('k'), nw.lit('-'), nw.col('k'))",
    "nw.coalesce(nw.col('x'), nw.col('n').cast(nw.Float64))",
    "nw.max_horizontal('n', 'x')",
    "nw.all_horizontal(nw.col('n') > 1, nw.col('x') > 1, ignore_nulls=True)",
    "nw.any_horizontal(nw.col('n') > 1, nw.col('x') > 1, ignore_nulls=False)",
    "nw.col('n').is_between(1, 2)",
    "nw.col('n').is_in([1, 3])",
    "nw.col('n').rank('dense')",
    "nw.col('n').clip(2, 3)",
    "nw.col('x').is_null()",
    "nw.col('n').max() - nw.col('n').min()",
    "nw.col('n').cast(nw.String)",
    "(nw.col('n') ** 2) % 5",
    "nw.len()",
]


@pytest.mark.parametrize("expression", NARWHALS)
def test_narwhals_expressions_give_what_narwhals_gives(engine: Engine, expression: str) -> None:
    native = nw.from_native(pl.DataFrame(DATA).lazy())
    # The texts are those above; evaluating them is how narwhals itself is asked.
    wanted = native.with_columns(result=eval(expression, {"nw": nw})).collect()
    found = rows(engine, DATA, step("with_columns", result=expression))
    # Windows bring rows into another order on some engines.
    assert sorted(found, key=str) == sorted(wanted.rows(), key=str)


class TestProjectFunctions:
    def test_a_function_gets_frame_arguments_and_context(self, engine: Engine) -> None:
        def tag(frame: Any, text: str, *, other: Any, laktory_context: Any) -> Any:
            matched = nw.from_native(frame).join(nw.from_native(other), on="k", how="semi")
            return matched.with_columns(nw.lit(f"{text} {laktory_context}").alias("t"))

        found = rows(
            engine, DATA, step("tag", "in", other="{nodes.other}"),
            functions={"tag": tag}, frames=FRAMES, context="node",
        )  # fmt: skip
        assert [row[-1] for row in found] == ["in node"] * 3

    def test_a_function_may_hide_a_method(self, engine: Engine) -> None:
        def limit(frame: Any, number: int) -> Any:
            return nw.from_native(frame).filter(nw.col("n") > number)

        found = rows(engine, DATA, step("limit", 2), functions={"limit": limit})
        assert found == [("a", 3, 0.5)]

    def test_narwhals_frames_for_those_that_ask(self, engine: Engine) -> None:
        def first(frame: nw.LazyFrame[Any]) -> Any:
            return frame.filter(nw.col("n") == 1).select("n")

        asked = {**step("first"), "dataframe_api": "NARWHALS"}
        assert rows(engine, DATA, asked, functions={"first": first}) == [(1,)]

    def test_a_frame_in_memory_is_taken(self, engine: Engine) -> None:
        def first(frame: Any) -> Any:
            return nw.from_native(frame).head(1).collect()

        found = rows(engine, DATA, step("f"), functions={"f": first})
        assert found == [("a", 1, 1.5)]

    def test_its_errors_say_in_which_step(self, engine: Engine) -> None:
        steps = [step("limit", 3), step("broken", 1)]
        with pytest.raises(TransformError, match=r"step 2 \(broken\): ZeroDivisionError: division"):
            rows(engine, DATA, *steps, functions={"broken": lambda _, n: n / 0})

    def test_nothing_is_no_frame(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match=r"step 1 \(nothing\)"):
            rows(engine, DATA, step("nothing"), functions={"nothing": lambda _: None})


class TestArguments:
    def test_a_forced_literal_is_no_expression(self, engine: Engine) -> None:
        text = "F.col('n')"
        found = rows(engine, {"n": [1]}, step("withColumn", "t", "F.lit('x')"))
        assert found == [(1, "x")]
        seen: list[Any] = []

        def look(frame: Any, value: Any) -> Any:
            seen.append(value)
            return frame

        rows(engine, DATA, step("look", {"value": text}), functions={"look": look})
        assert seen == [text]

    def test_sources_are_read(self, engine: Engine) -> None:
        asked: list[Any] = []

        def read(source: Any) -> Any:
            asked.append(source.node_name)
            return engine.from_native(OTHER)

        joined = step("join", {"node_name": "other"}, on="k", how="left_semi")
        assert len(rows(engine, DATA, joined, read=read)) == 3
        assert asked == ["other"]

    def test_the_present_is_the_logical_time(self, engine: Engine) -> None:
        steps = [step("limit", 1), step("withColumn", "t", "F.current_timestamp()")]
        assert rows(engine, {"n": [1]}, *steps) == [(1, MOMENT)]
        assert rows(engine, {"n": [1]}, step("selectExpr", "current_timestamp()")) == [(MOMENT,)]
        assert rows(engine, {"n": [1]}, step("selectExpr", "current_date()")) == [(MOMENT.date(),)]

    def test_the_frame_stays_lazy(self, engine: Engine) -> None:
        frame = chained(engine, DATA, step("filter", "n > 1"), step("orderBy", "n"))
        assert not isinstance(frame, pl.DataFrame)
        assert hasattr(frame, "explain")


@pytest.mark.lacks("polars", "`F.xxhash64` has no equal on Polars")
def test_functions_of_spark(engine: Engine) -> None:
    assert len(rows(engine, DATA, step("select", "F.xxhash64('n')"))) == 4


# fmt: off
FAILURES = [
    ([step("selct", "n")], r"step 1 \(selct\): there is no function `selct`", "did you mean `select`"),
    ([step("limit", 1), step("select", "kk")], r"step 2 \(select\): there is no column `kk`", None),
    ([step("filter", "nn > 1")], "there is no column `nn`", None),
    ([step("filter", "volum > 1")], "there is no column `volum`", "did you mean `volume`"),
    ([step("groupBy", "k")], r"step 1 \(groupBy\): rows are in groups", "`agg`"),
    ([step("groupBy", "k"), step("filter", "n > 1")], r"step 2 \(filter\): groups have no `filter`", None),
    ([step("groupBy", "k"), step("agg", {"n": "summ"})], "there is no aggregate `summ`", "did you mean `sum`"),
    ([step("join", "{nodes.othr}", on="k")], r"`\{nodes.othr\}` is not there", "nodes.other"),
    ([step("join", "{nodes.other}", on="q")], "there is no column `q`", None),
    ([step("join", "{nodes.other}", on="k", how="sideways")], "`sideways` is no kind of join", None),
    ([step("union", "{nodes.other}")], "have 4 and 2 columns", "allowMissingColumns"),
    ([step("unionByName", "{nodes.other}")], "the columns of the two frames differ: n, name", "fills with null"),
    ([step("drop_duplicates", subset=["kk"])], "there is no column `kk`", None),
    ([step("offset")], "needs the argument `num`", None),
    ([step("withColumn", "a", "F.col('n').cast('intt')")], "`intt` is no type", "did you mean `int`"),
    ([step("toDF", "a")], "there are 4 columns, 1 names are given", None),
    ([step("withColumn", "r", "F.rank()")], r"step 1 \(withColumn\)", None),
    ([step("withColumn", "r", "F.rank().over('k')")], "needs an order", None),
    ([step("filter", "n >")], r"step 1 \(filter\)", None),
]
# fmt: on


@pytest.mark.parametrize(("steps", "message", "hint"), FAILURES)
def test_errors_name_the_step_the_cause_and_the_remedy(
    engine: Engine, steps: list[Any], message: str, hint: str | None
) -> None:
    data = {**DATA, "volume": [1, 2, 3, 4]}
    with pytest.raises(TransformError, match=message) as caught:
        rows(engine, data, *steps, frames=FRAMES)
    if hint is not None:
        assert hint in f"{caught.value.hint} {caught.value.expected}"
    assert "\n" not in caught.value.message

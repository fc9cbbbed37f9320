"""Frame methods that a Spark user writes in YAML do what PySpark's own do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TransformError
from tests.engines.spark_rows import rows_of
from tests.engines.transforming import chained, rows, step, types
from tests.sessions import SPARK_KINDS, shared_session

DATA: dict[str, list[Any]] = {
    "k": ["a", "b", "a", None],
    "n": [1, 2, 3, 2],
    "x": [1.5, None, 0.5, 4.0],
}
NAMES: dict[str, list[Any]] = {"k": ["a", "b", "c"], "name": ["A", "B", "C"]}
WHOLE = [("a", 1, 1.5), ("a", 3, 0.5), ("b", 2, None), (None, 2, 4.0)]


@pytest.fixture(params=SPARK_KINDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    found = open_engine("spark", spark=shared_session(request.param))
    yield found
    found.close()


# fmt: off
# What PySpark's documentation says of each, worked out by hand on `DATA`; rows sorted by their text.
CASES: dict[str, tuple[list[dict[str, Any]], list[str], list[tuple[Any, ...]]]] = {
    "pivot of named values": (
        [step("groupBy", "k"), step("pivot", "n", [1, 2]), step("sum", "x")],
        ["k", "1", "2"], [("a", 1.5, None), ("b", None, None), (None, None, 4.0)],
    ),
    "pivot of all values": (
        [step("groupBy", "k"), step("pivot", "n"), step("agg", "F.count('n')")],
        ["k", "1", "2", "3"], [("a", 1, None, 1), ("b", None, 1, None), (None, None, 1, None)],
    ),
    "rollup": (
        [step("rollup", "k"), step("agg", "F.sum('n').alias('s')", "F.grouping('k').alias('g')")],
        ["k", "s", "g"], [("a", 4, 0), ("b", 2, 0), (None, 2, 0), (None, 8, 1)],
    ),
    "cube": (
        [step("cube", "k"), step("count")],
        ["k", "count"], [("a", 2), ("b", 1), (None, 1), (None, 4)],
    ),
    "grouping sets": (
        [step("groupingSets", [["k"], []], "k"), step("count")],
        ["k", "count"], [("a", 2), ("b", 1), (None, 1), (None, 4)],
    ),
    "summary": (
        [step("summary", "count", "max")],
        ["summary", "k", "n", "x"], [("count", "3", "4", "3"), ("max", "b", "3", "4.0")],
    ),
    "crosstab": (
        [step("filter", "k IS NOT NULL"), step("crosstab", "k", "n")],
        ["k_n", "1", "2", "3"], [("a", 1, 0, 1), ("b", 0, 1, 0)],
    ),
    "na.fill": ([step("na.fill", 0.0), step("select", "x")], ["x"], [(0.0,), (0.5,), (1.5,), (4.0,)]),
    "na.fill by column": (
        [step("na.fill", {"k": "?"}), step("select", "k")], ["k"], [("?",), ("a",), ("a",), ("b",)],
    ),
    "na.drop": ([step("na.drop", subset=["k"])], ["k", "n", "x"], WHOLE[:3]),
    "na.drop with a threshold": ([step("na.drop", thresh=3)], ["k", "n", "x"], WHOLE[:2]),
    "na.replace": (
        [step("na.replace", ["a", "b"], ["A", "B"], "k"), step("select", "k")],
        ["k"], [("A",), ("A",), ("B",), (None,)],
    ),
    "to a declared schema": (
        [step("to", "n double, k string")], ["n", "k"], [(1.0, "a"), (2.0, "b"), (2.0, None), (3.0, "a")],
    ),
    "to, by mapping": (
        [step("to", schema={"x": "double", "n": "long"})],
        ["x", "n"], [(0.5, 3), (1.5, 1), (4.0, 2), (None, 2)],
    ),
    "unpivot": (
        [step("filter", "n = 1"), step("unpivot", ["k"], ["n", "x"], "what", "amount")],
        ["k", "what", "amount"], [("a", "n", 1.0), ("a", "x", 1.5)],
    ),
    "withMetadata": ([step("withMetadata", "n", {"comment": "number"})], ["k", "n", "x"], WHOLE),
    "drop by expression": (
        [step("drop", "F.col('n')"), step("drop", "x", "nope")], ["k"], [("a",), ("a",), ("b",), (None,)],
    ),
    "repartitionByRange": ([step("repartitionByRange", 2, "n")], ["k", "n", "x"], WHOLE),
    "sampleBy": (
        [step("sampleBy", "k", {"a": 1.0}, 7), step("select", "k")], ["k"], [("a",), ("a",)],
    ),
    "a join by columns keeps one key": (
        [step("join", "{nodes.names}", ["k"], "left"), step("select", "k", "name")],
        ["k", "name"], [("a", "A"), ("a", "A"), ("b", "B"), (None, None)],
    ),
    "an alias names the frame": (
        [step("alias", "left"), step("select", "left.k", "F.col('left.n')")],
        ["k", "n"], [("a", 1), ("a", 3), ("b", 2), (None, 2)],
    ),
    "a hint before a join": (
        [step("hint", "broadcast"), step("join", "{nodes.names}", "k"), step("select", "n")],
        ["n"], [(1,), (2,), (3,)],
    ),
    "aggregates by name, in any case": (
        [step("agg", {"n": "SUM", "x": "kurtosis", "k": "approx_count_distinct"}),
         step("select", "sum(n)", "approx_count_distinct(k)")],
        ["sum(n)", "approx_count_distinct(k)"], [(8, 2)],
    ),
    "the other names of aggregates": (
        [step("agg", {"n": "mean", "*": "count", "x": "size"})],
        ["avg(n)", "count(1)", "count(x)"], [(2.0, 4, 3)],
    ),
    "a deviation by its short name": (
        [step("filter", "k = 'a'"), step("agg", {"n": "std", "x": "average"})],
        ["stddev(n)", "avg(x)"], [(1.4142135623730951, 1.0)],
    ),
    "aggregates of a text": ([step("agg", "sum(n) AS s", "max(k)")], ["s", "max(k)"], [(8, "b")]),
    "unique rows only": ([step("unique", ["k"], keep="none")], ["k", "n", "x"], WHOLE[2:]),
    "the last by an order": (
        [step("unique", ["k"], keep="last", order_by="n")], ["k", "n", "x"], WHOLE[1:],
    ),
    "the first by an order": (
        [step("unique", "k", keep="first", order_by=["n"])], ["k", "n", "x"], [WHOLE[0], *WHOLE[2:]],
    ),
    "a temporary column does not stay": (
        [step("unique", keep="none"), step("limit", 0)], ["k", "n", "x"], [],
    ),
    "where by an expression": (
        [step("where", "(F.col('n') > F.lit(1)) & F.col('x').isNotNull()")], ["k", "n", "x"],
        [WHOLE[1], WHOLE[3]],
    ),
    "transpose": (
        [step("filter", "x = 1.5"), step("select", "k", "n"), step("transpose")], ["key", "a"], [("n", 1)],
    ),
}
# fmt: on


def test_each_method_gives_what_pysparks_gives(engine: Engine) -> None:
    frames = {"nodes.names": NAMES}
    data = engine.from_native(DATA)
    found = {
        name: chained(engine, data, *steps, frames=frames) for name, (steps, _, _) in CASES.items()
    }
    given = rows_of(found)
    columns = {name: frame.columns for name, frame in found.items()}
    assert columns == {name: names for name, (_, names, _) in CASES.items()}
    assert given == {name: sorted(wanted, key=str) for name, (_, _, wanted) in CASES.items()}


@pytest.mark.parametrize(
    ("keys", "options", "expected"),
    [
        (["n"], {"descending": True}, [3, 2, 2, 1]),
        (["n"], {"ascending": False}, [3, 2, 2, 1]),
        (["F.col('n').desc()"], {}, [3, 2, 2, 1]),
        (["k", "n"], {"descending": [False, True], "nulls_last": True}, [3, 1, 2, 2]),
        (["x"], {"nulls_last": True}, [3, 1, 2, 2]),
        (["F.asc_nulls_last('k')", "F.desc('n')"], {}, [3, 1, 2, 2]),
    ],
)  # fmt: skip
def test_sorting_in_the_words_of_either_library(
    engine: Engine, keys: list[str], options: dict[str, Any], expected: list[int]
) -> None:
    found = rows(engine, DATA, step("sort", *keys, **options), step("select", "n"))
    assert [number for (number,) in found] == expected


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize(
    ("steps", "partitions"),
    [
        ([step("repartition", 3)], 3),
        ([step("repartition", 2, "k")], 2),
        ([step("repartition", 4), step("coalesce", 1)], 1),
    ],
)
def test_the_number_of_partitions_is_what_the_step_says(
    steps: list[dict[str, Any]], partitions: int
) -> None:
    engine = open_engine("spark", spark=shared_session())
    assert chained(engine, DATA, *steps).rdd.getNumPartitions() == partitions


def test_a_map_is_made_and_read_as_in_pyspark(engine: Engine) -> None:
    made = step("withColumn", "m", "F.create_map(F.lit('one'), F.col('n'), F.lit('two'), F.lit(2))")
    parsed = step("withColumn", "p", "F.str_to_map(F.lit('a:1,b:2'), F.lit(','), F.lit(':'))")
    taken = step(
        "select", "F.col('m')['one']", "F.map_keys('m')", "F.col('p').getItem('b')", "F.size('m')"
    )
    assert types(engine, DATA, made)["m"] == "map<string, int64>"
    assert rows(engine, {"n": [7]}, made, parsed, taken) == [(7, ["one", "two"], "2", 2)]


@pytest.mark.parametrize(
    ("given", "message", "rest"),
    [
        (step("sum", "n"), "step 1 (sum): `sum` is for groups", "groupBy"),
        (step("pivot", "n"), "step 1 (pivot): `pivot` is for groups", "groupBy"),
        (step("count"), "step 1 (count): this gives int, which is no frame", ""),
        (step("tail", 1), "step 1 (tail): `tail` has no equal on Spark", "SQL"),
        (step("gather_every", 2), "`gather_every` has no equal on Spark", "SQL"),
        (step("join_asof", "{df}", on="n"), "`join_asof` has no equal on Spark", "SQL"),
        (step("unique", "k", keep="last"), "no last one", "order_by"),
        (step("to", "n nothing"), "the schema `n nothing` cannot be read", "a INT, b STRING"),
        (step("na.fill", {"nope": 1}), "there is no column `nope`", "k, n, x"),
        (step("dropDuplicates", ["nope"]), "there is no column `nope`", "k, n, x"),
        (step("agg", {"n": "summ"}), "there is no aggregate `summ`", "did you mean `sum`"),
        (step("agg", {"nope": "sum"}), "there is no column `nope`", "k, n, x"),
        (step("select", "n", "n"), "the query gives the column `n` twice", "another name"),
        (step("toDF", "a"), "there are 3 columns, 1 names are given", ""),
        (step("orderBy", "k", ascending=[True, False]), "there are 1 columns to sort by, 2", ""),
        (step("join", "{nodes.names}", "n"), "there is no column `n`", "k, name"),
        (step("join", "{nodes.names}", "k", "sideways"), "`sideways` is no kind of join", "inner"),
        (step("union", "{nodes.names}"), "the frames of a union have 3 and 2 columns", "unionByName"),
        (step("unionByName", "{nodes.names}"), "the columns of the two frames differ: n, name, x", "null"),
        (step("subtract", "{nodes.names}"), "the first input has 3 columns", ""),
        (step("show"), "there is no function `show`", "a method of Spark frames"),
        (step("createOrReplaceTempView", "v"), "no function `createOrReplaceTempView`", "udfs"),
        (step("withColumn", "m"), "`withColumn` needs the argument `col`", ""),
        (step("sample"), "`sample` needs the argument `fraction`", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message_with_its_step(
    engine: Engine, given: dict[str, Any], message: str, rest: str
) -> None:
    with pytest.raises(TransformError) as raised:
        chained(engine, DATA, given, frames={"nodes.names": NAMES})
    text = str(raised.value)
    assert message in text
    assert rest in text
    assert "SQLSTATE" not in text
    assert "py4j" not in text


@pytest.mark.parametrize(
    "given",
    [
        step("sort", "nope"), step("sort", "F.col('nope').desc()"), step("orderBy", "k", "nope"),
        step("filter", "nope > 1"), step("filter", "F.col('nope') > 1"), step("repartition", 2, "nope"),
        step("dropna", subset=["nope"]), step("fillna", 0, ["nope"]),
    ],
)  # fmt: skip
def test_a_column_that_is_not_there_is_named_with_its_step_before_any_row_is_read(
    engine: Engine, given: dict[str, Any]
) -> None:
    """Where the columns stay the same a client of Connect does not ask its server by itself."""
    with pytest.raises(TransformError, match=r"step 1 .*: there is no column `nope`") as raised:
        chained(engine, DATA, given)
    assert "k, n, x" in str(raised.value)


def test_what_needs_state_between_batches_is_refused_with_what_to_do(engine: Engine) -> None:
    with pytest.raises(TransformError, match=r"step 1 .*WithinWatermark") as raised:
        chained(engine, DATA, step("dropDuplicatesWithinWatermark", ["k"]))
    assert "drop" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("map<string, int>", [("1", 7)]),
        ("map<int, string>", [(1, "7")]),
        ("map<date, int>", []),
    ],
)
def test_a_map_is_cast_with_its_keys_and_what_has_none_is_left_out(
    engine: Engine, kind: str, expected: list[tuple[Any, Any]]
) -> None:
    """A key that is null is an error to Spark."""
    made = {"with_column": {"name": "m", "type": kind, "sql_expr": "map(CAST(n AS STRING), 7)"}}
    shown = {"with_column": {"name": "e", "type": None, "sql_expr": "map_entries(m)"}}
    frame = chained(engine, {"n": [1]}, made, shown)
    (row,) = engine.head(frame, 2)
    assert [tuple(entry.values()) for entry in row["e"]] == expected

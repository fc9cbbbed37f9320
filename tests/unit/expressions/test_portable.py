"""The table of portable names: consistent, and true to the libraries it stands for."""

from __future__ import annotations

import pytest

from laktory_dagster.expressions.catalog import frame_methods
from laktory_dagster.expressions.portable import CANONICAL, HINTS, LAKTORY, PORTABLE

SPARK = frame_methods("spark")


def test_every_spelling_has_a_canonical_name() -> None:
    assert set(PORTABLE) <= set(CANONICAL)
    assert set(CANONICAL.values()) - {"with_columns_map"} <= set(PORTABLE)
    assert all(CANONICAL[name] == name for name in CANONICAL.values())
    assert set(CANONICAL.values()) >= HINTS


@pytest.mark.parametrize("spelling", sorted(set(PORTABLE) & set(SPARK)))
def test_a_name_of_spark_takes_what_spark_takes(spelling: str) -> None:
    ours, theirs = PORTABLE[spelling], SPARK[spelling]
    for count in range(4):
        if theirs.problem(count, ()) is None and spelling not in {
            "agg",
            "fillna",
            "replace",
            "withColumns",
        }:
            assert ours.problem(count, ()) is None, count
    for name in theirs.optional:
        if name in ours.optional:
            assert ours.problem(len(ours.required), [name]) is None


@pytest.mark.parametrize(
    ("camel", "canonical"),
    [
        ("dropDuplicates", "drop_duplicates"),
        ("withColumn", "with_column"),
        ("withColumns", "with_columns_map"),
        ("withColumnRenamed", "with_column_renamed"),
        ("groupBy", "group_by"),
        ("orderBy", "order_by"),
        ("sort", "order_by"),
        ("where", "filter"),
        ("unionAll", "union"),
        ("unionByName", "union_by_name"),
        ("selectExpr", "select_expr"),
        ("crossJoin", "cross_join"),
        ("exceptAll", "except_all"),
        ("toDF", "to_df"),
    ],
)
def test_spellings_of_spark(camel: str, canonical: str) -> None:
    assert CANONICAL[camel] == canonical
    assert camel in PORTABLE


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "problem"),
    [
        ("withColumn", 2, (), None),
        ("withColumn", 1, (), "needs the argument `col`"),
        ("with_column", 0, ("colName", "col"), None),
        ("orderBy", 3, ("ascending",), None),
        ("orderBy", 1, ("desc",), "has no argument `desc`"),
        ("join", 1, ("on", "how"), None),
        ("join", 0, ("on",), "needs the argument `other`"),
        ("limit", 2, (), "takes at most 1 positional"),
        ("distinct", 1, (), "takes at most 0 positional"),
        ("unionByName", 1, ("allowMissingColumns",), None),
        ("agg", 2, ("total",), None),
    ],
)
def test_signatures(name: str, args: int, kwargs: tuple[str, ...], problem: str | None) -> None:
    found = PORTABLE[name].problem(args, kwargs)
    assert (found is None) == (problem is None)
    assert problem is None or problem in (found or "")


def test_the_namespace_of_the_reference() -> None:
    assert {name.removeprefix("laktory.") for name in LAKTORY} == {
        "display", "groupby_and_agg", "has_column", "schema_flat", "show_string", "signature",
        "smart_join", "union", "watermark", "window_filter", "with_row_index",
    }  # fmt: skip
    assert LAKTORY["laktory.smart_join"].problem(0, ["other", "on", "how", "coalesce"]) is None
    assert LAKTORY["laktory.groupby_and_agg"].problem(
        0, ["groupby_columns", "agg_expressions"]
    ) is None  # fmt: skip

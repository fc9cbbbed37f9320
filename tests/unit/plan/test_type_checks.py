"""Types of a declared schema: those that the node's engine reads, and no others."""

from __future__ import annotations

import pytest

from tests.unit.plan.declaring import node_with, plan_from, problems_of

BOTH = ["bigint", "Int64", "decimal(10, 2)", "array<string>", "struct<a: int>", "timestamp", "void"]
OF_SPARK = ["variant", "interval day to second"]


def declared(kind: str, engine: str) -> str:
    source = f"{{path: a.csv, format: CSV, schema_definition: {{a: '{kind}'}}}}"
    return node_with(source=source, dataframe_type=engine)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
def test_types_of_both_engines(kind: str, engine: str) -> None:
    assert not plan_from(declared(kind, engine)).warnings


@pytest.mark.parametrize("kind", OF_SPARK)
def test_types_that_only_spark_has(kind: str) -> None:
    assert not plan_from(declared(kind, "SPARK")).warnings
    (problem,) = problems_of(declared(kind, "POLARS"))
    assert problem.message == f"there is no type `{kind}`"


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
def test_a_type_of_neither_is_named_with_what_it_may_mean(engine: str) -> None:
    (problem,) = problems_of(declared("bigit", engine))
    assert problem.message == "there is no type `bigit`"
    assert problem.hint == "did you mean `bigint`?"

"""How a batch fits a stored table is the same decision on both engines, type by type."""

from __future__ import annotations

from itertools import product

import pytest

from laktory_dagster.engines.polars import columns as of_polars
from laktory_dagster.engines.polars import schemas as polars_schemas
from laktory_dagster.engines.spark import columns as of_spark
from laktory_dagster.engines.spark import schemas as spark_schemas
from laktory_dagster.errors import SchemaChangedError

KINDS = ("int8", "int16", "int32", "int64", "float32", "float64", "string", "bool", "date",
         "decimal(9,2)", "timestamp[us]", "timestamp[us, UTC]", "list<int32>", "list<int64>")  # fmt: skip
INTEGERS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
FLOATS = {"float32": 24, "float64": 53}


def on_polars(batch: dict[str, str], stored: dict[str, str], rule: str) -> dict[str, str] | None:
    parsed = [{n: polars_schemas.parse_type(k) for n, k in one.items()} for one in (batch, stored)]
    try:
        fit = of_polars.fit_schema(*parsed, rule, "t")
    except SchemaChangedError:
        return None
    return {name: polars_schemas.portable(kind) for name, kind in fit.table.items()}


def on_spark(batch: dict[str, str], stored: dict[str, str], rule: str) -> dict[str, str] | None:
    parsed = [{n: spark_schemas.parse_type(k) for n, k in one.items()} for one in (batch, stored)]
    try:
        fit = of_spark.fit_schema(*parsed, rule, "t")
    except SchemaChangedError:
        return None
    return {name: spark_schemas.portable(kind) for name, kind in fit.table.items()}


def lossless(have: str, want: str) -> bool:
    """Return whether each value of a type is one of the other, or checked to be one of it."""
    if have in INTEGERS and want in INTEGERS:
        return INTEGERS[have] <= INTEGERS[want]
    if have in INTEGERS and want in FLOATS:
        return True
    return have == want or (have, want) == ("float32", "float64")


@pytest.mark.parametrize("rule", ["freeze", "add", "widen"])
def test_both_engines_decide_alike_on_every_pair_of_types(rule: str) -> None:
    for have, want in product(KINDS, KINDS):
        batch, stored = {"a": have}, {"a": want}
        assert on_polars(batch, stored, rule) == on_spark(batch, stored, rule), (have, want)


@pytest.mark.parametrize("rule", ["freeze", "add"])
def test_a_stored_type_stays_and_takes_only_what_loses_nothing(rule: str) -> None:
    """Integers that a float cannot tell apart are refused by their values, not by their type."""
    for have, want in product(KINDS, KINDS):
        expected = {"a": want} if lossless(have, want) else None
        assert on_spark({"a": have}, {"a": want}, rule) == expected, (have, want)


def test_widening_takes_wider_numbers_only() -> None:
    numbers = {*INTEGERS, *FLOATS}
    for have, want in product(KINDS, KINDS):
        found = on_spark({"a": have}, {"a": want}, "widen")
        assert (found is not None) == (have == want or {have, want} <= numbers), (have, want)


@pytest.mark.parametrize(
    ("rule", "batch", "expected"),
    [
        ("freeze", {"a": "int64", "b": "string"}, {"a": "int64", "b": "string"}),
        ("freeze", {"b": "string", "a": "int64"}, {"a": "int64", "b": "string"}),
        ("freeze", {"a": "int64"}, None),
        ("freeze", {"a": "int64", "b": "string", "c": "date"}, None),
        ("add", {"a": "int64", "c": "date"}, {"a": "int64", "b": "string", "c": "date"}),
        ("add", {"a": "float64", "b": "string"}, None),
        ("widen", {"a": "float64", "c": "date"}, {"a": "float64", "b": "string", "c": "date"}),
        ("widen", {"a": "string", "b": "string"}, None),
    ],
)
def test_columns_of_a_table_keep_their_places(
    rule: str, batch: dict[str, str], expected: dict[str, str] | None
) -> None:
    stored = {"a": "int64", "b": "string"}
    for fit in (on_polars, on_spark):
        found = fit(batch, stored, rule)
        assert (found and list(found.items())) == (expected and list(expected.items()))


@pytest.mark.parametrize(
    ("batch", "stored", "rule", "parts"),
    [
        ({"a": "int64", "c": "date"}, {"a": "int64"}, "freeze", ["+ c: date is new", "schema_evolution: add"]),
        ({"a": "int64"}, {"a": "int64", "b": "string"}, "freeze", ["- b: string is missing", "schema_evolution: add"]),
        ({"a": "int64"}, {"a": "int32"}, "add", ["~ a: stored as int32, now int64", "schema_evolution: widen"]),
        ({"a": "string"}, {"a": "int32"}, "widen", ["~ a: stored as int32, now string", "mode: OVERWRITE"]),
        ({"a": "string", "c": "date"}, {"a": "int32", "b": "bool"}, "freeze",
         ["+ c: date is new", "- b: bool is missing", "~ a: stored as int32, now string"]),
    ],
)  # fmt: skip
def test_a_difference_is_told_column_by_column(
    batch: dict[str, str], stored: dict[str, str], rule: str, parts: list[str]
) -> None:
    for module, schemas in ((of_polars, polars_schemas), (of_spark, spark_schemas)):
        parsed = [{n: schemas.parse_type(k) for n, k in one.items()} for one in (batch, stored)]
        with pytest.raises(SchemaChangedError) as raised:
            module.fit_schema(*parsed, rule, "prices")
        text = str(raised.value)
        assert text.startswith("prices: ")
        assert [part for part in parts if part not in text] == []


def test_the_limit_of_integers_that_become_floats() -> None:
    stored = {"a": spark_schemas.parse_type("double"), "b": spark_schemas.parse_type("float")}
    batch = {"a": spark_schemas.parse_type("bigint"), "b": spark_schemas.parse_type("int")}
    fit = of_spark.fit_schema(batch, stored, "freeze", "t")
    assert fit.inexact == {"a": 2**53, "b": 2**24}
    small = {"a": spark_schemas.parse_type("int"), "b": spark_schemas.parse_type("smallint")}
    assert of_spark.fit_schema(small, stored, "freeze", "t").inexact == {}

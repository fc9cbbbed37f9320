"""Types and schemas as users and receipts write them mean the same on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.polars import schemas as of_polars
from laktory_dagster.engines.spark import schemas as of_spark
from laktory_dagster.errors import SettingsError

SIZES = {"uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "decimal(20,0)"}
"""Spark has no unsigned integers: the least type that holds them."""


def on_polars(text: str) -> str:
    return of_polars.portable(of_polars.parse_type(text))


def on_spark(text: str) -> str:
    return of_spark.portable(of_spark.parse_type(text))


def columns_on_polars(definition: Any) -> dict[str, str]:
    schema = of_polars.parse_schema(definition)
    return {name: of_polars.portable(dtype) for name, dtype in schema.items()}


def columns_on_spark(definition: Any) -> dict[str, str]:
    schema = of_spark.parse_schema(definition)
    return {field.name: of_spark.portable(field.dataType) for field in schema.fields}


TYPE = pytest.mark.parametrize("read", [on_polars, on_spark])
SCHEMA = pytest.mark.parametrize("read", [columns_on_polars, columns_on_spark])
Read = Callable[[Any], Any]


@TYPE
@pytest.mark.parametrize(
    ("text", "portable"),
    [
        ("string", "string"), ("STR", "string"), ("Text", "string"), ("varchar", "string"), ("varchar(9)", "string"),
        ("char", "string"), ("char(2)", "string"), ("byte", "int8"), ("tinyint", "int8"), ("short", "int16"),
        ("int", "int32"), ("INTEGER", "int32"), ("Int64", "int64"), ("long", "int64"), (" bigint ", "int64"),
        ("real", "float32"), ("float", "float32"), ("double", "float64"), ("boolean", "bool"), ("bool", "bool"),
        ("date", "date"), ("binary", "binary"), ("void", "null"),
        ("timestamp", "timestamp[us, UTC]"), ("datetime", "timestamp[us, UTC]"),
        ("timestamp_ltz", "timestamp[us, UTC]"), ("TIMESTAMP[us, UTC]", "timestamp[us, UTC]"),
        ("timestamp_ntz", "timestamp[us]"), ("timestamp[us]", "timestamp[us]"),
        ("Datetime[us, UTC]", "timestamp[us, UTC]"), ("struct<a LIST<INT>>", "struct<a: list<int32>>"),
        ("duration", "duration[us]"), ("duration[us]", "duration[us]"),
        ("decimal", "decimal(10,0)"), ("numeric", "decimal(10,0)"), ("decimal(5)", "decimal(5,0)"),
        ("DECIMAL( 7 , 3 )", "decimal(7,3)"), ("numeric(38,18)", "decimal(38,18)"),
        ("array<int>", "list<int32>"), ("ARRAY<ARRAY<STRING>>", "list<list<string>>"), ("list<float64>", "list<float64>"),
        ("array<decimal(4,1)>", "list<decimal(4,1)>"),
        ("struct<a: int, b: array<string>>", "struct<a: int32, b: list<string>>"),
        ("STRUCT<a INT, b STRING>", "struct<a: int32, b: string>"),
        ("struct<a: struct<b: timestamp[us]>>", "struct<a: struct<b: timestamp[us]>>"),
        ("array<struct<at: timestamp_ntz>>", "list<struct<at: timestamp[us]>>"),
    ],
)  # fmt: skip
def test_a_type_by_any_of_its_names(read: Read, text: str, portable: str) -> None:
    assert read(text) == portable


@TYPE
@pytest.mark.parametrize(
    "text", ["struct<a b: int64>", "struct<a.b: string, c-d: list<float64>>", "list<struct<ü: bool>>"]
)  # fmt: skip
def test_fields_may_have_any_letters_as_columns_of_json_do(read: Read, text: str) -> None:
    """Receipts hold such types, and what a node stored as text is read by them."""
    assert read(text) == text


@TYPE
def test_marks_of_types_in_the_name_of_a_field_stand_in_back_ticks(read: Read) -> None:
    assert read("struct<`a,b<`: int, `d``e`: string>") == "struct<a,b<: int32, d`e: string>"


@pytest.mark.parametrize(("text", "wider"), SIZES.items())
def test_unsigned_integers_fit_into_their_types_on_both(text: str, wider: str) -> None:
    assert (on_polars(text), on_spark(text)) == (text, wider)


@pytest.mark.parametrize("text", ["ms", "ns"])
def test_the_unit_of_times_is_kept_where_the_engine_has_it(text: str) -> None:
    assert on_polars(f"timestamp[{text}, Asia/Tokyo]") == f"timestamp[{text}, Asia/Tokyo]"
    assert on_spark(f"timestamp[{text}, Asia/Tokyo]") == "timestamp[us, UTC]"


@TYPE
@pytest.mark.parametrize(
    ("text", "hint"),
    [("strng", "did you mean `string`"), ("bigit", "did you mean `bigint`"), ("decimall", "decimal"),
     ("array<strng>", "string"), ("struct<a: intt>", "int")],
)  # fmt: skip
def test_a_type_that_is_none_is_named_with_what_it_may_mean(
    read: Read, text: str, hint: str
) -> None:
    with pytest.raises(SettingsError, match=r"is no type of (Polars|Spark)") as raised:
        read(text)
    assert hint in str(raised.value)


@TYPE
@pytest.mark.parametrize(
    "text", ["", "array<", "array<>", "a<b", "struct<>", "array<int, int>", "(", "map<int>", "1"]
)
def test_a_broken_type_is_an_error_of_ours(read: Read, text: str) -> None:
    with pytest.raises(SettingsError):
        read(text)


def test_a_map_is_none_of_polars() -> None:
    assert on_spark("map<string, array<int>>") == "map<string, list<int32>>"
    with pytest.raises(SettingsError, match="is no type of Polars"):
        on_polars("map<string, int>")


@pytest.mark.parametrize(
    ("text", "portable"),
    [("variant", "variant"), ("interval day to second", "duration[us]"), ("INT128", "decimal(38,0)")],
)  # fmt: skip
def test_types_of_spark_that_validate_lets_through(text: str, portable: str) -> None:
    assert on_spark(text) == portable


A_AND_B = {"a": "int32", "b": "list<string>"}


@SCHEMA
@pytest.mark.parametrize(
    "declared",
    [
        "a INT, b ARRAY<STRING>",
        "`a` int, `b` array<string>",
        "a: INT, b: ARRAY<STRING>",
        {"a": "int", "b": "array<string>"},
        [{"name": "a", "type": "int"}, {"name": "b", "type": "list<string>"}],
        ({"name": "a", "type": "integer"}, {"name": "b", "type": {"type": "array", "elementType": "string"}}),
        {"type": "struct", "fields": [
            {"name": "a", "type": "integer", "nullable": True, "metadata": {}},
            {"name": "b", "type": {"type": "array", "elementType": "string", "containsNull": True}},
        ]},
    ],
)  # fmt: skip
def test_a_schema_in_every_form(read: Read, declared: Any) -> None:
    assert list(read(declared).items()) == list(A_AND_B.items())


@SCHEMA
def test_a_column_without_a_type_is_text(read: Read) -> None:
    assert read([{"name": "a"}]) == {"a": "string"}


@SCHEMA
def test_types_of_one_text_are_those_of_types(read: Read) -> None:
    text = "a DECIMAL(6,2), `b c` STRUCT<d: TIMESTAMP_NTZ, e: DOUBLE>, f VARCHAR(3), g TIMESTAMP"
    assert read(text) == {
        "a": "decimal(6,2)",
        "b c": "struct<d: timestamp[us], e: float64>",
        "f": "string",
        "g": "timestamp[us, UTC]",
    }


@SCHEMA
@pytest.mark.parametrize(
    "declared",
    ["a INT, a STRING", "a INT, b INT, a INT", [{"name": "a", "type": "int"}, {"name": "a", "type": "string"}]],
)  # fmt: skip
def test_a_column_that_is_declared_twice_is_refused(read: Read, declared: Any) -> None:
    """The last one won, without a word."""
    with pytest.raises(SettingsError, match="the schema declares the column `a` twice"):
        read(declared)


@SCHEMA
@pytest.mark.parametrize("declared", ["", "a", "a INT b INT", "SELECT 1", "a strng", 7, {"a": 3}])
def test_what_is_no_schema_is_refused(read: Read, declared: Any) -> None:
    with pytest.raises(SettingsError):
        read(declared)


PLAIN = ("string", "int8", "int32", "int64", "float32", "float64", "bool", "date", "binary")
TYPES = some.recursive(
    some.sampled_from([*PLAIN, "timestamp[us]", "timestamp[us, UTC]", "decimal(9,2)", "duration[us]"]),
    lambda inner: inner.map(lambda kind: f"list<{kind}>")
    | some.lists(inner, min_size=1, max_size=3).map(
        lambda kinds: f"struct<{', '.join(f'f {i}: {kind}' for i, kind in enumerate(kinds))}>"
    ),
    max_leaves=5,
)  # fmt: skip


@given(TYPES)
@settings(max_examples=80, deadline=None)
def test_a_portable_name_is_read_back_by_both_engines(text: str) -> None:
    """What one engine wrote into a receipt the other reads by it."""
    assert on_polars(text) == text
    assert on_spark(text) == text


def test_the_type_itself_and_not_its_name_only_comes_back() -> None:
    assert of_polars.parse_type("list<struct<a b: int8>>") == pl.List(pl.Struct({"a b": pl.Int8}))

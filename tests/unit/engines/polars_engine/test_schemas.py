"""Types as texts name them, and schemas in each form that a source may declare."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.polars.schemas import parse_schema, parse_type, portable
from laktory_dagster.errors import SettingsError

MOMENT = pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("string", pl.String()),
        ("TEXT", pl.String()),
        (" varchar ", pl.String()),
        ("Utf8", pl.String()),
        ("tinyint", pl.Int8()),
        ("smallint", pl.Int16()),
        ("INT", pl.Int32()),
        ("integer", pl.Int32()),
        ("long", pl.Int64()),
        ("BIGINT", pl.Int64()),
        ("float", pl.Float32()),
        ("double", pl.Float64()),
        ("Boolean", pl.Boolean()),
        ("date", pl.Date()),
        ("time", pl.Time()),
        ("binary", pl.Binary()),
        ("void", pl.Null()),
        ("timestamp", MOMENT),
        ("datetime", MOMENT),
        ("timestamp_ntz", pl.Datetime("us")),
        ("timestamp[ms]", pl.Datetime("ms")),
        ("timestamp[ns, Europe/Berlin]", pl.Datetime("ns", "Europe/Berlin")),
        ("duration[us]", pl.Duration("us")),
        ("decimal", pl.Decimal(10, 0)),
        ("decimal(10,2)", pl.Decimal(10, 2)),
        ("DECIMAL(12)", pl.Decimal(12, 0)),
        ("array<int>", pl.List(pl.Int32())),
        ("list<int>", pl.List(pl.Int32())),
        ("ARRAY<ARRAY<STRING>>", pl.List(pl.List(pl.String()))),
        ("struct<a: int, b: string>", pl.Struct({"a": pl.Int32(), "b": pl.String()})),
        ("STRUCT<a INT>", pl.Struct({"a": pl.Int32()})),
        ("array<struct<a: timestamp>>", pl.List(pl.Struct({"a": MOMENT}))),
        ("array<timestamp_ntz>", pl.List(pl.Datetime("us"))),
        ("struct<p: decimal(5,1)>", pl.Struct({"p": pl.Decimal(5, 1)})),
        ("strng", None),
        ("array<timestamp[us, UTC]>", pl.List(MOMENT)),
        ("struct<a: timestamp[us, UTC], b: list<uint64>>", pl.Struct({"a": MOMENT, "b": pl.List(pl.UInt64())})),
        ("struct<`a b`: int>", pl.Struct({"a b": pl.Int32()})),
        ("varchar(10)", pl.String()),
        ("decimal(39,2)", None),
        ("decimal(5,9)", None),
        ("decimal(x)", None),
        ("struct<int>", None),
        ("array", None),
        ("array<", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_text_names_a_type_or_is_refused(text: str, kind: pl.DataType | None) -> None:
    if kind is not None:
        assert parse_type(text) == kind
        return
    with pytest.raises(SettingsError, match="is no type") as caught:
        parse_type(text)
    assert "array<int>" in str(caught.value)


def test_a_type_that_is_nearly_right_has_a_suggestion() -> None:
    with pytest.raises(SettingsError, match="did you mean `string`"):
        parse_type("strng")


KINDS = some.recursive(
    some.sampled_from(
        [pl.String(), pl.Int8(), pl.UInt64(), pl.Float32(), pl.Boolean(), pl.Date(), pl.Time(),
         pl.Binary(), MOMENT, pl.Datetime("ns"), pl.Datetime("ms", "Asia/Tokyo"),
         pl.Decimal(10, 2), pl.Decimal(38, 0)]
    ),
    lambda inner: some.one_of(
        inner.map(pl.List),
        some.dictionaries(some.sampled_from(["a", "b_1", "C"]), inner, min_size=1).map(pl.Struct),
    ),
    max_leaves=4,
)  # fmt: skip


@given(KINDS)
@settings(max_examples=60, deadline=None)
def test_the_portable_spelling_gives_the_type_back(kind: pl.DataType) -> None:
    """Receipts keep types as these texts, and text files are read by them."""
    assert parse_type(portable(kind)) == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pl.Categorical(), "string"),
        (pl.Enum(["a"]), "string"),
        (pl.Array(pl.Int64, 3), "list<int64>"),
        (pl.Duration("ms"), "duration[ms]"),
        (MOMENT, "timestamp[us, UTC]"),
    ],
)
def test_types_of_polars_alone_have_the_spelling_of_what_they_hold(
    kind: pl.DataType, text: str
) -> None:
    assert portable(kind) == text


WANTED = pl.Schema({"id": pl.Int64(), "tags": pl.List(pl.String()), "at": MOMENT})
ARRAY = {"type": "array", "elementType": "string", "containsNull": True}
FIELDS = [
    {"name": "id", "type": "long", "nullable": True, "metadata": {}},
    {"name": "tags", "type": ARRAY},
    {"name": "at", "type": "timestamp"},
]


@pytest.mark.parametrize(
    "declared",
    [
        "id BIGINT, tags ARRAY<STRING>, at TIMESTAMP",
        "id: bigint, tags: array<string>, at: timestamp",
        {"id": "long", "tags": "array<string>", "at": "timestamp"},
        [{"name": n, "type": t} for n, t in (("id", "int64"), ("tags", ARRAY), ("at", "datetime"))],
        {"type": "struct", "fields": FIELDS},
        FIELDS,
    ],
    ids=["sql", "sql with colons", "mapping", "list", "json of Spark", "fields of Spark"],
)
def test_one_schema_in_every_form(declared: Any) -> None:
    assert parse_schema(declared) == WANTED
    assert parse_schema(declared).names() == WANTED.names()


def test_a_column_without_a_type_in_a_list_is_text() -> None:
    assert parse_schema([{"name": "a"}]) == {"a": pl.String()}
    assert parse_schema({"fields": "int"}) == {"fields": pl.Int32()}


def test_a_struct_in_the_json_of_spark() -> None:
    inner = {"type": "struct", "fields": [{"name": "x", "type": "integer"}]}
    fields = [{"name": "a", "type": inner}, {"name": "b", "type": {**ARRAY, "elementType": inner}}]

    found = parse_schema({"type": "struct", "fields": fields})

    assert found == {
        "a": pl.Struct({"x": pl.Int32()}),
        "b": pl.List(pl.Struct({"x": pl.Int32()})),
    }


@pytest.mark.parametrize("name", ["select", "date", "Größe", "a_1"])
def test_a_column_may_be_called_as_words_of_sql_are(name: str) -> None:
    assert parse_schema(f"`{name}` INT, b STRING").names() == [name, "b"]


@pytest.mark.parametrize(
    "declared",
    [
        "a INT, a STRING",
        "s STRUCT<a: INT, a: STRING>",
        [{"name": "a", "type": "int"}, {"name": "a", "type": "string"}],
        {"fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "string"}]},
    ],
)
def test_a_column_that_is_declared_twice_is_refused(declared: Any) -> None:
    """The last one alone would count, and nobody would know."""
    with pytest.raises(SettingsError, match="declares the column `a` twice"):
        parse_schema(declared)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("", "cannot be read"),
        ("a", "cannot be read"),
        ("a INT b STRING", "cannot be read"),
        ("a NOTHING", "cannot be read"),
        ("a ARRAY", "is no type"),
        ("a STRUCT", "is no type"),
        ("a DECIMAL(99,2)", "is no type"),
        ({"a": 5}, "`5` is no type"),
        (7, "a schema is a mapping"),
    ],
)
def test_a_schema_that_is_none_is_refused(declared: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_schema(declared)

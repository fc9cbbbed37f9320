"""One schema of several files in Polars' types: by the rule, whatever the order of the files."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.polars.drift import common_type, unify
from laktory_dagster.engines.polars.schemas import parse_schema, portable
from laktory_dagster.errors import ReadError


def merged(rule: str, *texts: str, **more: Any) -> dict[str, str]:
    files = [(f"file{number}", parse_schema(text)) for number, text in enumerate(texts)]
    schema, _ = unify(files, rule, **more)
    return {name: portable(dtype) for name, dtype in schema.items()}


@pytest.mark.parametrize(
    ("one", "other", "kept", "widened"),
    [
        (pl.Int32(), pl.Int64(), None, pl.Int64()), (pl.Int8(), pl.Int8(), pl.Int8(), pl.Int8()),
        (pl.Null(), pl.Date(), pl.Date(), pl.Date()), (pl.Int64(), pl.Float32(), None, pl.Float64()),
        (pl.Float32(), pl.Float64(), None, pl.Float64()), (pl.UInt8(), pl.Int8(), None, pl.Int64()),
        (pl.Decimal(9, 2), pl.Int64(), None, pl.Float64()), (pl.Int64(), pl.String(), None, None),
        (pl.List(pl.Null()), pl.List(pl.Int64()), pl.List(pl.Int64()), pl.List(pl.Int64())),
        (pl.List(pl.Int32()), pl.List(pl.Float64()), None, pl.List(pl.Float64())),
        (pl.List(pl.Int32()), pl.Int32(), None, None), (pl.Boolean(), pl.Int8(), None, None),
        (pl.Struct({"a": pl.Int32()}), pl.Struct({"a": pl.String()}), None, None),
        (pl.Struct({"a": pl.Null()}), pl.Struct({"a": pl.String()}), pl.Struct({"a": pl.String()}),
         pl.Struct({"a": pl.String()})),
    ],
)  # fmt: skip
def test_the_type_of_both(
    one: pl.DataType, other: pl.DataType, kept: pl.DataType | None, widened: pl.DataType | None
) -> None:
    assert common_type(one, other, numbers=False) == kept == common_type(other, one, numbers=False)
    assert common_type(one, other, numbers=True) == widened == common_type(other, one, numbers=True)


def test_structs_have_the_fields_of_both_in_the_order_in_which_they_come() -> None:
    one, other = (
        pl.Struct({"a": pl.Int8(), "b": pl.Null()}),
        pl.Struct({"c": pl.Date(), "b": pl.String()}),
    )
    found = common_type(one, other, numbers=False)
    assert found == pl.Struct({"a": pl.Int8(), "b": pl.String(), "c": pl.Date()})


@pytest.mark.parametrize("texts", list(permutations(["a INT", "a BIGINT", "a DOUBLE"])))
def test_the_widest_does_not_depend_on_the_order(texts: tuple[str, ...]) -> None:
    assert merged("widen", *texts) == {"a": "float64"}


@pytest.mark.parametrize(
    ("rule", "more", "message"),
    [
        ("freeze", {}, "file1 lacks `a` and adds `b`, compared with file0"),
        ("freeze", {"is_excel": True}, "file1 lacks `a` and adds `b`, compared with file0"),
        ("freeze", {"is_json": True}, None),
        ("add", {}, None),
    ],
)
def test_whether_files_may_have_other_columns(
    rule: str, more: dict[str, bool], message: str | None
) -> None:
    if message is None:
        assert merged(rule, "a INT", "b DATE", **more) == {"a": "int32", "b": "date"}
        return
    with pytest.raises(ReadError, match=message):
        merged(rule, "a INT", "b DATE", **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "the column `a` is int32 in file0 and float64 in file1"),
        ({"is_json": True}, None),
        ({"is_excel": True}, None),
    ],
)
def test_text_and_sheets_have_no_kinds_of_numbers(
    more: dict[str, bool], message: str | None
) -> None:
    if message is None:
        assert merged("freeze", "a INT", "a DOUBLE", **more) == {"a": "float64"}
        return
    with pytest.raises(ReadError, match=message) as raised:
        merged("freeze", "a INT", "a DOUBLE", **more)
    assert "schema_evolution: widen" in str(raised.value)


def test_a_third_file_is_compared_with_the_one_that_had_the_column_first() -> None:
    with pytest.raises(ReadError, match="`b` is date in file1 and bool in file2"):
        merged("add", "a INT", "b DATE", "b BOOLEAN")


def test_equal_files_are_read_as_they_are() -> None:
    schema = parse_schema("a INT, b STRING")
    assert unify([("x", schema), ("y", schema)], "freeze") == (schema, True)
    assert unify([("x", schema)], "freeze") == (schema, True)

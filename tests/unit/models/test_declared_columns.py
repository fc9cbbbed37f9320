"""The columns of a schema in the forms of both eras: what each of them means, and what is no form.

Today's schema writes types as Narwhals names them, in parts where they have parts. What the texts
must mean is what Polars and Spark call those types; whether the engines read them, a run says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.models import FileSource, Pipeline
from tests.unit.project.marked import check_carets, found_in, places_of, unmarked


def stored(schema: Any) -> Any:
    return FileSource(path="a.csv", format="CSV", schema=schema).schema_definition


@pytest.mark.parametrize(
    "schema",
    [
        {"a": "int", "b": "string"},
        "a INT, b STRING",
        [{"name": "a", "type": "int"}],
        {"type": "struct", "fields": [{"name": "a", "type": "integer", "nullable": True}]},
        {},
        None,
    ],
)
def test_other_forms_stay_as_they_are_written(schema: Any) -> None:
    assert stored(schema) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"columns": [{"name": "a", "dtype": "Int64"}, {"name": "b", "dtype": "String"}]},
        {"columns": {"a": "Int64", "b": {"name": "String"}}},
        {"columns": [{"name": "a", "dtype": {"name": "Int64"}}, {"name": "b", "type": "String"}]},
        [{"name": "a", "dtype": "Int64"}, {"name": "b", "dtype": "String"}],
    ],
)
def test_columns_of_today_become_a_mapping(schema: Any) -> None:
    assert {name: kind.lower() for name, kind in stored(schema).items()} == {
        "a": "int64",
        "b": "string",
    }


def test_the_order_of_the_columns_is_kept() -> None:
    columns = [{"name": name, "dtype": "Int8"} for name in "zayb"]
    assert "".join(stored({"columns": columns})) == "zayb"


PARTS: list[tuple[Any, pl.DataType]] = [
    ("Int8", pl.Int8()),
    ("UInt16", pl.UInt16()),
    ("Float32", pl.Float32()),
    ("Boolean", pl.Boolean()),
    ("Date", pl.Date()),
    ("Time", pl.Time()),
    ("Binary", pl.Binary()),
    ("Categorical", pl.String()),
    ("Enum", pl.String()),
    ("Datetime", pl.Datetime("us", "UTC")),
    ("Duration", pl.Duration("us")),
    ({"name": "Int32"}, pl.Int32()),
    ({"name": "Categorical"}, pl.String()),
    ({"name": "Enum", "categories": ["x"]}, pl.String()),
    ({"name": "Datetime"}, pl.Datetime("us", "UTC")),
    ({"name": "Datetime", "time_unit": "ms"}, pl.Datetime("ms", "UTC")),
    ({"name": "Datetime", "time_zone": None}, pl.Datetime("us")),
    ({"name": "Datetime", "time_zone": "Europe/Berlin"}, pl.Datetime("us", "Europe/Berlin")),
    ({"name": "Timestamp", "time_unit": None}, pl.Datetime("us", "UTC")),
    ({"name": "Duration"}, pl.Duration("us")),
    ({"name": "Duration", "time_unit": "ns"}, pl.Duration("ns")),
    ({"name": "List", "inner": "Int64"}, pl.List(pl.Int64)),
    ({"name": "List", "inner": {"name": "Float32"}}, pl.List(pl.Float32)),
    ({"name": "List"}, pl.List(pl.String)),
    ({"name": "Array", "inner": "Utf8", "shape": 3}, pl.List(pl.String)),
    ({"name": "List", "inner": {"name": "List", "inner": "Bool"}}, pl.List(pl.List(pl.Boolean))),
    (
        {"name": "List", "inner": {"name": "Datetime", "time_zone": None}},
        pl.List(pl.Datetime("us")),
    ),
    (
        {"name": "Struct", "fields": [{"name": "x", "dtype": "Int16"}, {"name": "y", "dtype": "Str"}]},
        pl.Struct({"x": pl.Int16, "y": pl.String}),
    ),
    (
        {"name": "Struct", "fields": {"x": "Float64", "y": {"name": "List", "inner": "Int8"}}},
        pl.Struct({"x": pl.Float64, "y": pl.List(pl.Int8)}),
    ),
    ({"dtype": {"dtype": "Int64"}}, pl.Int64()),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "meant"), PARTS)
def test_a_type_in_parts_is_the_type_that_a_run_gives(
    tmp_path: Path, dtype: Any, meant: pl.DataType
) -> None:
    (tmp_path / "a.json").write_text('{"c": null}\n', encoding="utf-8")
    source = {
        "path": str(tmp_path / "a.json"),
        "schema": {"columns": [{"name": "c", "dtype": dtype}]},
    }
    pipeline = Pipeline(name="p", nodes=[{"name": "n", "source": source}])
    pipeline.execute()
    assert pipeline.nodes[0].output_df.collect_schema() == {"c": meant}


@pytest.mark.parametrize(
    "columns",
    [
        [{"dtype": "Int64"}],
        [{"name": "a", "dtype": "Int64"}, {"dtype": "Int64"}],
        [{"name": 3, "dtype": "Int64"}],
        ["a"],
        [None],
        [{"name": "a", "dtype": {"inner": "Int64"}}],
        [{"name": "a", "dtype": {"name": "Struct", "fields": [{"dtype": "Int8"}]}}],
    ],
)
def test_a_column_or_a_type_without_its_name(columns: Any) -> None:
    with pytest.raises(ValueError, match="a column of a schema needs a `name` and a `dtype`"):
        stored({"columns": columns})


@pytest.mark.parametrize("columns", [3, "a INT", None])
def test_columns_that_are_no_columns_are_left_for_the_type_check(columns: Any) -> None:
    """A column may be called `columns`: then this is a mapping from column to type."""
    assert stored({"columns": columns}) == {"columns": columns}


# What is proved, source or sink with its mark, message.
WRONG_TYPES = [
    ("an unknown type", "schema: {a: int, b: ⟦strng}", "there is no type `strng`"),
    ("a number", "schema: {a: ⟦3}", "there is no type `3`"),
    ("nothing", "schema: {a: ⟦null}", "there is no type `None`"),
    ("a list", "schema: {a: ⟦[int]}", "there is no type `['int']`"),
    ("an engine's spelling", "schema: {a: ⟦pl.Int64}", "there is no type `pl.Int64`"),
    (
        "in a list",
        "schema: [{name: a, type: int}, {name: b, type: ⟦inte}]",
        "there is no type `inte`",
    ),
    ("a list of names", "schema: [⟦a]", "a column of a schema needs a name"),
    (
        "Spark's JSON",
        "schema: {type: struct, fields: [{name: a, type: ⟦nope, nullable: true}]}",
        "there is no type `nope`",
    ),
    (
        "inside of Spark's JSON",
        "schema: {type: struct, fields: [{name: a, type: {type: array, elementType: ⟦nope}}]}",
        "there is no type `nope`",
    ),
    (
        "a struct in a column",
        "schema: {a: {type: struct, fields: [{name: f, type: int}, ⟦{type: int}]}}",
        "a column of a schema needs a name",
    ),
    ("under today's other name", "schema_definition: {a: ⟦nope}", "there is no type `nope`"),
    ("in today's form", "schema: {columns: {a: ⟦nope}}", "there is no type `nope`"),
]


@pytest.mark.parametrize(
    "place", ["source: {path: a.csv, format: CSV,\n %s}", "sink: {path: o,\n %s}"]
)
@pytest.mark.parametrize(
    ("schema", "message"), [row[1:] for row in WRONG_TYPES], ids=[row[0] for row in WRONG_TYPES]
)
def test_a_wrong_type_is_found_before_anything_runs(place: str, schema: str, message: str) -> None:
    first = "" if "source" in place else "source: {path: x}, "
    text, marks = unmarked(f"name: p\nnodes: [{{name: n, {first}{place % schema}}}]\n")
    found = found_in(text)
    assert [problem.message for problem in found] == [message]
    if "columns" not in schema:
        assert places_of(found) == marks
    check_carets(found, text)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("strng", "string"), ("itn", "int"), ("pl.Int64", "int64"), ("duble", "double")],
)
def test_a_type_that_is_almost_one_is_named(wrong: str, hint: str) -> None:
    (found,) = found_in(
        f"name: p\nnodes: [{{name: n, source: {{path: x, schema: {{a: {wrong}}}}}}}]\n"
    )
    assert f"`{hint}`" in (found.hint or "")


@pytest.mark.parametrize(
    "kind",
    [
        "int", "BIGINT", "Int128", "void", "'decimal(10, 2)'", "'timestamp[us, UTC]'", "'duration[ms]'",
        "'array<int>'", "'map<string, int>'", "'struct<a: int, b: array<string>>'", "'varchar(3)'",
        "{type: array, elementType: string, containsNull: true}",
        "{type: struct, fields: [{name: f, type: {type: array, elementType: long}}]}",
    ],
)  # fmt: skip
def test_the_types_of_all_engines_pass(kind: str) -> None:
    from laktory_dagster.project import load_plan

    load_plan(f"name: p\nnodes: [{{name: n, source: {{path: x, schema: {{a: {kind}}}}}}}]\n")

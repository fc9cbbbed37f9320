"""Types and columns of declared schemas that a run would refuse, in every form of a schema."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.errors import Diagnostic
from tests.unit.plan.declaring import node_with, plan_from, problems_of, with_step

PLACE = ("nodes", 0, "sources", 0, "schema_definition")


def reading(schema: str, engine: str = "POLARS") -> str:
    source = f"{{path: a.csv, format: CSV, schema: {schema}}}"
    return node_with(source=source, dataframe_type=engine)


def problem_of(schema: str, engine: str = "POLARS") -> Diagnostic:
    (found,) = problems_of(reading(schema, engine))
    return found


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
@pytest.mark.parametrize(
    "text",
    [
        "id INT",
        "id INT, name STRING",
        "id: int, name: string",
        "`my id` BIGINT NOT NULL COMMENT 'a, b', at TIMESTAMP_NTZ",
        "d DECIMAL(38, 18), v VARCHAR(10), c CHAR(3)",
        "tags ARRAY<STRING>, at STRUCT<day: DATE, n: ARRAY<STRUCT<x: DOUBLE>>>",
        "a byte, b short, c long, d float, e boolean, f binary, g date",
        "a list<int>, b ARRAY<LIST<STRING>>, c NUMERIC(10, 2)",
    ],
)
def test_a_schema_in_one_text(text: str, engine: str) -> None:
    quoted = text.replace("'", "''")
    assert not plan_from(reading(f"'{quoted}'", engine)).warnings


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the schema `` cannot be read"),
        ("id", "the schema `id` cannot be read"),
        ("id INTT", "the schema `id INTT` cannot be read"),
        ("id INT name STRING", "the schema `id INT name STRING` cannot be read"),
        ("id INT; DROP TABLE t", "the schema `id INT; DROP TABLE t` cannot be read"),
        ("id JSON", "there is no type `json` (column `id`)"),
        ("id STRUCT<n: UUID>", "there is no type `uuid` (column `id`)"),
        ("d DECIMAL(39, 2)", "there is no type `decimal(39, 2)` (column `d`)"),
        ("d DECIMAL(4, 5)", "there is no type `decimal(4, 5)` (column `d`)"),
        ("id INT, id STRING", "the schema declares the column `id` twice"),
    ],
)
def test_a_schema_in_one_text_that_a_run_would_refuse(text: str, message: str, engine: str) -> None:
    found = problem_of(f"'{text}'", engine)
    assert found.message == message
    assert found.path == PLACE


def test_a_text_around_all_columns_says_to_leave_it_out() -> None:
    found = problem_of("'STRUCT<id: INT>'")
    assert found.hint == "write the columns alone, without `struct<...>` around them"


def test_what_cannot_be_read_is_shown_in_part() -> None:
    found = problem_of(f"'{'x' * 500}'")
    assert found.message == f"the schema `{'x' * 80}` cannot be read"
    assert found.expected == "columns with their types, such as `a INT, b STRING`"


def test_the_schema_of_a_sink_is_read_in_the_same_way() -> None:
    (found,) = problems_of(node_with(sink="{path: out, schema: 'a INTT'}"))
    assert found.message == "the schema `a INTT` cannot be read"
    assert found.path == ("nodes", 0, "sinks", 0, "schema_definition")


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
@pytest.mark.parametrize(
    "kind",
    [
        "array<array<int>>",
        "ARRAY < string >",
        "struct<a: int, b: array<double>>",
        "struct<a int, b string>",
        "struct<`a: b, c`: int>",
        "struct<at: timestamp[us, Europe/Berlin]>",
        "list<decimal(10,2)>",
        "timestamp[ns]",
        "timestamp[ms, UTC]",
        "duration[us]",
        "decimal(38,38)",
        "decimal(1)",
        "varchar(8)",
        "decimal",
        "char",
        "timestamp_ltz",
    ],
)
def test_types_of_several_parts(kind: str, engine: str) -> None:
    assert not plan_from(reading(f"{{a: '{kind}'}}", engine)).warnings


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
@pytest.mark.parametrize(
    "kind",
    [
        "array<foo>",
        "array<>",
        "array<int, string>",
        "array<array<itn>>",
        "array<int",
        "struct<a>",
        "struct<a: itn>",
        "struct<a: int,>",
        "map<string>",
        "map<string, itn>",
        "timestamp[xs]",
        "timestamp[us, Mars/Phobos]",
        "int[us]",
        "decimal(39)",
        "decimal(2,3)",
        "decimal(a)",
        "foo(3)",
        "int int",
    ],
)
def test_types_whose_parts_are_none(kind: str, engine: str) -> None:
    found = problem_of(f"{{a: '{kind}'}}", engine)
    assert found.message == f"there is no type `{kind}`"
    assert found.path == (*PLACE, "a")
    assert found.expected is not None
    assert "decimal(10,2)" in found.expected


@pytest.mark.parametrize("kind", ["array<foo>", "decimal(2,3)", "struct<a: itn>"])
def test_the_type_of_a_column_is_checked_inside_too(kind: str) -> None:
    (found,) = problems_of(with_step(f"{{with_column: {{name: x, type: '{kind}', sql_expr: a}}}}"))
    assert found.message == f"there is no type `{kind}`"
    assert found.path[-2:] == ("with_column", "type")


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ("[{name: id, type: int}, {name: id, type: string}]", PLACE),
        (
            "{type: struct, fields: [{name: id, type: int}, {name: n, type: int}, {name: id}]}",
            PLACE,
        ),
        (
            "{at: {type: struct, fields: [{name: id, type: int}, {name: id, type: int}]}}",
            (*PLACE, "at"),
        ),
        ("[{name: id, dtype: int}, {name: id, dtype: string}]", PLACE),
        ("{columns: [{name: id, dtype: int}, {name: id, dtype: int}]}", PLACE),
    ],
)
def test_a_column_that_is_declared_twice(schema: str, place: tuple[Any, ...]) -> None:
    """Neither declaration may win silently: the types of the two may differ."""
    found = problem_of(schema)
    assert found.message == "the schema declares the column `id` twice"
    assert found.path == place


@pytest.mark.parametrize(
    "schema",
    [
        "{a: {type: array, elementType: int, containsNull: true}}",
        "{a: {type: array, elementType: {type: array, elementType: date}}}",
        "{a: {type: struct, fields: [{name: x, type: int, nullable: true, metadata: {}}]}}",
        "{a: {x: int, y: {z: string}}}",
        "{fields: string, type: int}",
        "{fields: {x: 'array<numeric(10, 2)>'}, n: dec}",
        "{type: struct, fields: [{name: a, type: {type: array, elementType: int}}]}",
    ],
)
@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
def test_types_as_spark_writes_them_in_json(schema: str, engine: str) -> None:
    assert not plan_from(reading(schema, engine)).warnings


def test_maps_are_types_of_spark() -> None:
    for schema in (
        "{a: {type: map, keyType: string, valueType: {type: array, elementType: int}}}",
        "{a: 'map<string, array<int>>'}",
        "'a MAP<STRING, INT>'",
    ):
        assert not plan_from(reading(schema, "SPARK")).warnings


@pytest.mark.parametrize(
    ("schema", "message", "place"),
    [
        ("{a: {type: array, elementType: itn}}", "there is no type `itn`", ("a", "elementType")),
        ("{a: {type: array}}", "there is no type `array`", ("a", "type")),
        ("{a: {type: struct}}", "there is no type `struct`", ("a", "type")),
        ("{a: {x: itn}}", "there is no type `itn`", ("a", "x")),
        (
            "{a: {type: map, keyType: string, valueType: itn}}",
            "there is no type `itn`",
            ("a", "valueType"),
        ),
        ("{a: {type: map, keyType: itn, valueType: int}}", "there is no type `itn`", ("a", "keyType")),
        ("[{name: a, type: int}, {name: b, type: itn}]", "there is no type `itn`", (1, "type")),
        ("[{name: a, type: int}, {type: int}]", "a column of a schema needs a name", (1,)),
        ("[a]", "a column of a schema needs a name", (0,)),
        (
            "{type: struct, fields: [{name: a}, {name: b, type: itn}]}",
            "there is no type `itn`",
            ("fields", 1, "type"),
        ),
    ],
)  # fmt: skip
def test_where_a_type_is_wrong(schema: str, message: str, place: tuple[Any, ...]) -> None:
    found = problem_of(schema, "SPARK")
    assert found.message == message
    assert found.path == (*PLACE, *place)

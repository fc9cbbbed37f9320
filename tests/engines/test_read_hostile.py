"""Reading files with hostile names, contents and folders: no row is lost, doubled or made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import ReadError
from tests.engines.test_read_files import WRITERS, read, rows_of, write

MARK = b"\xef\xbb\xbf"
Row = dict[str, Any]


def unsorted(engine: Engine, path: Path, form: str, **options: Any) -> list[Row]:
    return list(engine.head(read(engine, path, form, **options).frame, 99))


@pytest.mark.parametrize("form", ["CSV", "JSON", "JSONL", "PARQUET", "IPC", "AVRO"])
@pytest.mark.parametrize("name", ["x*", "x?", "x[12]"])
def test_a_name_with_marks_of_patterns_is_the_name_of_one_file(
    engine: Engine, tmp_path: Path, form: str, name: str
) -> None:
    """As a pattern it would also name `x1`, of which the rows came twice."""
    extension = WRITERS[form][0]
    write(form, [{"id": 1}], tmp_path / f"{name}.{extension}")
    write(form, [{"id": 2}], tmp_path / f"x1.{extension}")

    assert rows_of(engine, read(engine, tmp_path, form)) == [{"id": 1}, {"id": 2}]


@pytest.mark.lacks("spark", "Spark takes the marks in its path for a pattern")
@pytest.mark.parametrize("path", ["a[1]", "a[1]/x.csv"])
def test_a_folder_with_brackets_in_its_name(engine: Engine, tmp_path: Path, path: str) -> None:
    write("CSV", [{"id": 1}], tmp_path / "a[1]" / "x.csv")

    assert rows_of(engine, read(engine, tmp_path / path, "CSV")) == [{"id": 1}]


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv"])
def test_a_pattern_leaves_hidden_files_out_as_a_folder_does(
    engine: Engine, tmp_path: Path, pattern: str
) -> None:
    write("CSV", [{"id": 1}], tmp_path / "x.csv")
    write("CSV", [{"id": 2}], tmp_path / "_x.csv")
    write("CSV", [{"id": 3}], tmp_path / "_staged" / "x.csv")

    assert rows_of(engine, read(engine, tmp_path / pattern, "CSV")) == [{"id": 1}]


@pytest.mark.parametrize("pattern", ["x*.csv", "x?1.csv", "x[_]1.csv", "in*/x_1.csv"])
def test_a_name_is_hidden_by_how_it_starts_alone(
    engine: Engine, tmp_path: Path, pattern: str
) -> None:
    folder = "in_day" if "/" in pattern else "."
    write("CSV", [{"id": 1}], tmp_path / folder / "x_1.csv")

    assert rows_of(engine, read(engine, tmp_path / pattern, "CSV")) == [{"id": 1}]


def test_a_pattern_may_start_inside_of_a_hidden_folder(engine: Engine, tmp_path: Path) -> None:
    write("CSV", [{"id": 1}], tmp_path / "_landing" / "x.csv")

    assert rows_of(engine, read(engine, tmp_path / "_landing" / "*.csv", "CSV")) == [{"id": 1}]


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
@pytest.mark.parametrize("more", [{}, {"schema": "id BIGINT"}], ids=["found", "declared"])
def test_lines_of_json_behind_a_byte_order_mark(
    engine: Engine, tmp_path: Path, form: str, more: Row
) -> None:
    (tmp_path / "1.json").write_bytes(MARK + b'{"id": 1}\n{"id": 2}\n')
    (tmp_path / "2.json").write_bytes(b'{"id": 3}\n')

    found = rows_of(engine, read(engine, tmp_path, form, **more))

    assert found == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_an_empty_array_has_no_row(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("[]")
    (tmp_path / "2.json").write_text(json.dumps([{"id": 1}]))

    assert unsorted(open_engine("polars"), tmp_path, "JSON") == [{"id": 1}]


def test_an_empty_array_of_declared_columns_has_no_row(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("[]")

    result = read(open_engine("polars"), tmp_path / "1.json", "JSON", schema="id INT, b STRING")

    assert (result.columns, result.frame.collect().height) == (("id", "b"), 0)


def test_empty_documents_are_rows_of_nulls(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("[{}, {}]")
    (tmp_path / "2.json").write_text(json.dumps([{"id": 1}]))

    found = unsorted(open_engine("polars"), tmp_path, "JSON")

    assert found == [{"id": None}, {"id": None}, {"id": 1}]


@pytest.mark.parametrize("form", ["CSV", "JSON", "JSONL", "PARQUET"])
def test_a_file_without_any_declared_column_keeps_its_number_of_rows(
    engine: Engine, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"x.{WRITERS[form][0]}"
    write(form, [{"other": 1}, {"other": 2}, {"other": 3}], path)

    assert unsorted(engine, path, form, schema="id INT") == [{"id": None}] * 3


@pytest.mark.parametrize(
    ("values", "types"),
    [
        (["1", "-20"], pl.Int64),
        (["1", "99999999999999999999"], pl.String),
        (["2024-01-01", "2024-02-29"], pl.Date),
        (["2024-01-01", "2024-02-30"], pl.String),
        (["1", "01x"], pl.String),
        (["1", "__HIVE_DEFAULT_PARTITION__"], pl.Int64),
        (["a%2Fb", "c d"], pl.String),
    ],
)
def test_values_of_folders_have_a_type_that_holds_all(
    tmp_path: Path, values: list[str], types: Any
) -> None:
    for value in values:
        write("CSV", [{"id": 1}], tmp_path / f"k={value}" / "x.csv")

    frame = read(open_engine("polars"), tmp_path, "CSV").frame.collect()

    assert (frame.schema["k"], frame.height) == (types, 2)
    assert frame["k"].null_count() == values.count("__HIVE_DEFAULT_PARTITION__")


def test_the_declared_type_of_a_partition_counts(tmp_path: Path) -> None:
    write("CSV", [{"id": 1}], tmp_path / "k=7" / "x.csv")

    found = unsorted(open_engine("polars"), tmp_path, "CSV", schema="id INT, k STRING")

    assert found == [{"id": 1, "k": "7"}]


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("a;b\n1;2\n", {"sep": ";"}, [{"a": 1, "b": 2}]),
        ("a;b\n1;2\n", {"delimiter": ";"}, [{"a": 1, "b": 2}]),
        ("a,b\n1,'x,y'\n", {"quote": "'"}, [{"a": 1, "b": "x,y"}]),
        ("a,b\n1,NA\n", {"nullValue": "NA"}, [{"a": 1, "b": None}]),
        ("a,b\n#x\n1,2\n", {"comment": "#"}, [{"a": 1, "b": 2}]),
        ("a,b\n1,2\n", {"header": "true", "multiLine": True}, [{"a": 1, "b": 2}]),
        ("a,b\n1,2\n", {"inferSchema": True}, [{"a": 1, "b": 2}]),
    ],
)
def test_options_of_csv_by_the_names_of_spark(
    engine: Engine, tmp_path: Path, text: str, options: Row, rows: list[Row]
) -> None:
    (tmp_path / "x.csv").write_text(text)

    assert unsorted(engine, tmp_path / "x.csv", "CSV", read_options=options) == rows


def test_columns_of_csv_are_text_where_nothing_is_inferred(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n007\n")
    options = {"read_options": {"inferSchema": "false"}}

    assert unsorted(open_engine("polars"), tmp_path / "x.csv", "CSV", **options) == [{"a": "007"}]


@pytest.mark.parametrize("form", ["CSV", "JSONL", "PARQUET"])
def test_an_option_that_polars_lacks_is_named(tmp_path: Path, form: str) -> None:
    write(form, [{"id": 1}], tmp_path / "x")

    with pytest.raises(ReadError, match=f"reader of {form} has no option `nonsense`"):
        read(open_engine("polars"), tmp_path / "x", form, read_options={"nonsense": 1})


class TestSelects:
    """The option `selects`."""

    @pytest.mark.parametrize("selects", [["1 AS one"], ["1 AS one", "'x' AS text"]])
    def test_constants_alone_come_once_for_each_row(
        self, engine: Engine, tmp_path: Path, selects: list[str]
    ) -> None:
        write("CSV", [{"id": 1}, {"id": 2}, {"id": 3}], tmp_path / "x.csv")

        found = unsorted(engine, tmp_path / "x.csv", "CSV", selects=selects)

        assert found == [{"one": 1, "text": "x"} if len(selects) > 1 else {"one": 1}] * 3

    def test_fields_of_fields_by_new_names(self, engine: Engine, tmp_path: Path) -> None:
        write("JSONL", [{"a": {"b": {"c": 1}}}], tmp_path / "x.jsonl")

        found = unsorted(engine, tmp_path / "x.jsonl", "JSONL", selects={"a.b.c": "deep"})

        assert found == [{"deep": 1}]

    @pytest.mark.parametrize(("name", "said"), [("a.prise", "no `prise`"), ("a.price.x", "no `x`")])
    def test_a_missing_field_is_named(self, tmp_path: Path, name: str, said: str) -> None:
        write("JSONL", [{"a": {"price": 1}}], tmp_path / "x.jsonl")

        with pytest.raises(ReadError, match=f"`{name}`, and there is {said}"):
            read(open_engine("polars"), tmp_path / "x.jsonl", "JSONL", selects=[name])
